//! `contract example`: files to start from.

use std::{fs::File, io::Write, path::Path};

use crate::{arguments::Example, output::say};

const FILES: [(&str, &str); 3] = [
    ("notes.openapi.yaml", include_str!("example/notes.openapi.yaml")),
    ("notes.arazzo.yaml", include_str!("example/notes.arazzo.yaml")),
    ("contract.yaml", include_str!("example/contract.yaml")),
];

pub(crate) fn run(arguments: &Example) -> Result<bool, String> {
    let folder = &arguments.folder;
    let no = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    std::fs::create_dir_all(folder).map_err(|error| no(folder, &error))?;
    if let Some((name, _)) = FILES.iter().find(|(name, _)| folder.join(name).exists()) {
        let path = folder.join(name);
        return Err(format!(
            "{} already exists, and nothing was written: name another folder",
            path.display()
        ));
    }
    for (name, text) in FILES {
        let path = folder.join(name);
        // Somebody else may have written it in the meantime.
        let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| no(&path, &error))?;
        say(&path.display().to_string());
    }
    say("\nNow start your service, change the files to what it promises, and run");
    say(&format!(
        "  contract replay {} --server notes=http://127.0.0.1:8000",
        folder.join(FILES[1].0).display()
    ));
    say(&format!(
        "  contract prove  {} --server notes=http://127.0.0.1:8000",
        folder.join(FILES[1].0).display()
    ));
    Ok(true)
}
