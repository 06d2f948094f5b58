//! Who in this repository calls an operation.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::engine::deployment::folder;

/// The source files that call `operation` of `service` with the generated client, as `orders (services/orders/src/api.rs)`.
pub(super) fn of(service: &str, operation: &str) -> Vec<String> {
    let root = folder().join("..");
    let packages =
        fs::read_dir(root.join("services")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut consumers = Vec::new();
    for package in packages.chain([root.join("client")]) {
        let calls =
            |code: &str| code.contains(&format!(".{operation}()")) && code.contains(&format!("{service}::"));
        let files = sources(&package.join("src"))
            .into_iter()
            .filter(|file| fs::read_to_string(file).is_ok_and(|code| calls(&code)));
        let shown: Vec<String> =
            files.map(|file| file.strip_prefix(&root).unwrap_or(&file).display().to_string()).collect();
        if !shown.is_empty() {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            consumers.push(format!("{name}: {}", shown.join(" ")));
        }
    }
    consumers.sort();
    consumers
}

/// The Rust files below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
