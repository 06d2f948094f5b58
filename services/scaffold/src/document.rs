//! Writes the document that the types of a service emit to a file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::SystemTime,
};

use serde_json::Value;

/// The document of no operations.
const NOTHING: &str = r#"{
    "openapi": "3.0.0",
    "info": { "title": "", "version": "" },
    "servers": [{ "url": "http://localhost:1" }],
    "paths": {}
}"#;

/// Writes `openapi/<service>.json` from the types of `service`.
///
/// # Errors
/// The service does not compile or does not run, or no client can be generated from its document; the file stays as it is.
pub(crate) fn emit(root: &Path, service: &str) -> Result<String, String> {
    if !root.join("services").join(service).is_dir() {
        return Err(format!("there is no service called {service} in {}", root.join("services").display()));
    }
    let replaced = replace_broken(&root.join("openapi"))?;
    let document = read_emitted(root, service).map_err(|sentence| {
        let broken = replaced.iter().filter_map(|broken| broken.path.file_stem()?.to_str());
        let others: Vec<&str> = broken.filter(|broken| *broken != service).collect();
        match others[..] {
            [] => sentence,
            _ => format!(
                "{sentence}\nThe documents of {} are not JSON: emit those first that {service} calls.",
                others.join(", ")
            ),
        }
    })?;
    drop(replaced);
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

/// What `service` prints as its document.
fn read_emitted(root: &Path, service: &str) -> Result<String, String> {
    // With the features of the whole workspace, for which the libraries are built; and if that fails, without the console of the
    // clients, which needs all documents.
    let mut selected = "--bin";
    let mut built = cargo(root, &["build", "--quiet", selected, service])?;
    if !built.status.success() {
        selected = "--package";
        built = cargo(root, &["build", "--quiet", selected, service])?;
    }
    if !built.status.success() {
        return Err(format!("{service} does not compile:\n{}", String::from_utf8_lossy(&built.stderr)));
    }
    let run = cargo(root, &["run", "--quiet", selected, service, "--", "--openapi"])?;
    if !run.status.success() || run.stdout.is_empty() {
        let said = String::from_utf8_lossy(&run.stderr);
        return Err(format!("{service} compiles, but `{service} --openapi` fails ({}):\n{said}", run.status));
    }
    Ok(String::from_utf8_lossy(&run.stdout).into_owned())
}

/// What a broken document is called while the document of no operations is in its place.
const KEPT: &str = "json.kept";

/// A document that is not JSON, such as after a merge conflict. It is back in its place when this is dropped.
struct Broken {
    path: PathBuf,
}

impl Broken {
    fn put_back(path: &Path) {
        let kept = path.with_extension(KEPT);
        // As a change of now: Cargo would take what it has built of the other document for newer.
        let renamed = fs::File::options().write(true).open(&kept).and_then(|file| {
            file.set_modified(SystemTime::now())?;
            fs::rename(&kept, path)
        });
        if let Err(error) = renamed {
            let (kept, path) = (kept.display(), path.display());
            say(&format!("{path} cannot be put back ({error}): rename {kept} to it"));
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        Self::put_back(&self.path);
    }
}

/// Puts the document of no operations in place of each that is not JSON: none of them could be read for the clients that a service
/// calls others with, even if it does not call that one. If a run before was killed, what it replaced comes back first.
fn replace_broken(folder: &Path) -> Result<Vec<Broken>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let documents = entries.flatten().map(|entry| entry.path());
    let mut broken = Vec::new();
    for path in documents.filter(|path| path.extension().is_some_and(|end| end == "json")) {
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let mut text = fs::read_to_string(&path).map_err(failed)?;
        if text == NOTHING && path.with_extension(KEPT).exists() {
            Broken::put_back(&path);
            text = fs::read_to_string(&path).map_err(failed)?;
        }
        if serde_json::from_str::<Value>(&text).is_err() {
            fs::rename(&path, path.with_extension(KEPT)).map_err(failed)?;
            broken.push(Broken { path: path.clone() });
            fs::write(&path, NOTHING).map_err(failed)?;
        }
    }
    Ok(broken)
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<Output, String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program).args(arguments).current_dir(root).output();
    output.map_err(|error| format!("cargo cannot be run ({error})"))
}

/// Runs `cargo fmt` for a package: how lines break depends on how long the names are.
pub(crate) fn format(root: &Path, package: &str) -> Result<(), String> {
    let formatted = cargo(root, &["fmt", "--package", package])?;
    match formatted.status.success() {
        true => Ok(()),
        false => {
            Err(format!("cargo fmt fails for {package}:\n{}", String::from_utf8_lossy(&formatted.stderr)))
        }
    }
}

/// Prints a message, if somebody reads it.
pub(crate) fn say(message: &str) {
    let _ = writeln!(io::stdout(), "{message}");
}

#[cfg(test)]
mod tests {
    use std::mem;

    use super::*;

    #[test]
    fn a_broken_document_comes_back_even_after_a_kill() {
        const CONFLICT: &str = "<<<<<<< HEAD\n{}\n=======\n";
        let folder = tempfile::tempdir().unwrap();
        let [broken, whole] = ["orders.json", "products.json"].map(|name| folder.path().join(name));
        fs::write(&broken, CONFLICT).unwrap();
        fs::write(&whole, "{}").unwrap();

        let long_ago = SystemTime::UNIX_EPOCH;
        fs::File::options().write(true).open(&broken).unwrap().set_modified(long_ago).unwrap();

        // A process that is killed drops nothing.
        mem::forget(replace_broken(folder.path()));
        assert_eq!(fs::read_to_string(&broken).unwrap(), NOTHING);
        let Ok(replaced) = replace_broken(folder.path()) else { panic!("it cannot be replaced") };
        assert_eq!(replaced.iter().map(|it| &it.path).collect::<Vec<_>>(), [&broken]);
        assert_eq!(fs::read_to_string(&broken).unwrap(), NOTHING);
        drop(replaced);

        assert_eq!(fs::read_to_string(&broken).unwrap(), CONFLICT);
        assert_ne!(
            fs::metadata(&broken).unwrap().modified().unwrap(),
            long_ago,
            "Cargo would not build it again"
        );
        assert_eq!(fs::read_to_string(&whole).unwrap(), "{}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
