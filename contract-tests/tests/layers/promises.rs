//! `PROMISES.md` names a test for each promise, and the test exists.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;

#[test]
fn the_promises_name_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let promises = fs::read_to_string(root.join("contract-tests/PROMISES.md")).unwrap();
    let rows = promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let mut names = BTreeSet::new();
    for folder in ["contract-tests/tests", "services/store/tests"] {
        collect_tests(&root.join(folder), &mut names);
    }
    let mut count = 0;
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        for name in tests.split('`').skip(1).step_by(2).filter(|name| !name.contains(' ')) {
            let parts: Vec<String> = name.split('…').map(regex::escape).collect();
            let pattern = Regex::new(&format!("^{}$", parts.join(".*"))).unwrap();
            let is_there = names.iter().any(|known| pattern.is_match(known));
            assert!(is_there, "contract-tests/PROMISES.md names `{name}`, which is not a test: {row}");
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// Collects what a test may be called by: the names of files and folders, of functions, and of trials, which are texts without
/// spaces.
fn collect_tests(folder: &Path, names: &mut BTreeSet<String>) {
    let name = Regex::new(r#"\bfn (\w+)|"([\w:{}]+)""#).unwrap();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        names.insert(path.file_stem().unwrap().to_string_lossy().into_owned());
        if path.is_dir() {
            collect_tests(&path, names);
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
        for found in code.flat_map(|line| name.captures_iter(line)) {
            let found = found.get(1).or(found.get(2)).unwrap();
            names.insert(found.as_str().to_owned());
        }
    }
}
