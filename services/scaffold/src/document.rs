//! Writes the document that the types of a service emit to a file.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    process::Command,
};

/// Writes `openapi/<service>.json` from the types of `service`.
///
/// # Errors
/// The service does not compile, or no client can be generated from its document; the file stays as it is.
pub(crate) fn emit(root: &Path, service: &str) -> Result<String, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["run", "--quiet", "--package", service, "--", "--openapi"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo cannot be run ({error})"))?;
    let document = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() || document.is_empty() {
        return Err(format!("{service} does not compile:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    let parsed = serde_json::from_str(&document)
        .map_err(|error| format!("{service} does not print JSON ({error})"))?;
    if let Some(reason) = scaffold::unreadable(&parsed) {
        return Err(format!("no client can be generated from the document of {service}: {reason}"));
    }
    let file = format!("openapi/{service}.json");
    let before = fs::read_to_string(root.join(&file)).unwrap_or_default();
    let Some(difference) = scaffold::difference(&before, &document) else {
        return Ok(format!("{file} is unchanged."));
    };
    fs::write(root.join(&file), document).map_err(|error| format!("{file} cannot be written ({error})"))?;
    Ok(format!("Wrote {file}:\n{difference}"))
}

/// Prints a message, if somebody reads it.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stdout(), "{message}");
}
