//! Who in this repository calls an operation.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::engine::deployment::folder;

/// Where `operation` of `service` is called with the generated client, as `orders: services/orders/src/products.rs:164`.
pub(super) fn of(service: &str, operation: &str) -> Vec<String> {
    let root = folder().join("..");
    let packages =
        fs::read_dir(root.join("services")).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut consumers = Vec::new();
    for package in packages.chain([root.join("client")]) {
        let mut calls = Vec::new();
        for file in sources(&package.join("src")).into_iter().chain(sources(&package.join("examples"))) {
            let Ok(code) = fs::read_to_string(&file) else { continue };
            if code.contains(&format!("{service}::")) {
                let file = file.strip_prefix(&root).unwrap_or(&file).display();
                calls.extend(lines_of_calls(&code, operation).map(|line| format!("{file}:{line}")));
            }
        }
        if !calls.is_empty() {
            let name = package.file_name().unwrap_or_default().to_string_lossy().into_owned();
            consumers.push(format!("{name}: {}", calls.join(" ")));
        }
    }
    consumers.sort();
    consumers
}

/// The lines, from 1, on which an operation is called.
fn lines_of_calls(code: &str, operation: &str) -> impl Iterator<Item = usize> {
    let call = format!(".{operation}()");
    let is_call = move |line: &str| line.contains(&call) && !line.trim_start().starts_with("//");
    code.lines().enumerate().filter(move |(_, line)| is_call(line)).map(|(index, _)| index + 1)
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
    files.sort();
    files
}
