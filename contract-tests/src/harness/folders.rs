//! Folders in `target`: for results, and for the files of one test.

use std::{env, fs, path::PathBuf};

use tempfile::TempDir;

/// Where results are left for people: `target/contract`.
pub fn results() -> PathBuf {
    let folder = target().join("contract");
    fs::create_dir_all(&folder).expect("a folder for results");
    folder
}

/// A new folder below `target`, which is removed when it is dropped.
pub fn new_folder() -> TempDir {
    let stores = results().join("stores");
    fs::create_dir_all(&stores).expect("a folder for stores");
    TempDir::new_in(stores).expect("a folder for a store")
}

/// The build's folder: programs of tests and benchmarks are in `target/<profile>/deps`.
///
/// # Panics
/// This program is somewhere else.
pub fn target() -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    program.ancestors().nth(3).expect("a program below target").to_owned()
}
