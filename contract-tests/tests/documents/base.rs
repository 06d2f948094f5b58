//! The revision of this repository that callers know.

use std::{env, process::Command};

use contract_tests::engine::deployment::folder;

/// The revision to compare with: `CONTRACT_BASE`, or where this branch left main, or on main the commit before. None if there is
/// no history.
///
/// # Errors
/// `CONTRACT_BASE` names no commit, with which nothing would be compared.
pub(crate) fn revision() -> Result<Option<String>, String> {
    if let Some(base) = env::var("CONTRACT_BASE").ok().filter(|base| !base.is_empty()) {
        return commit(&base).map(Some);
    }
    let Some(head) = git(&["rev-parse", "HEAD"]) else { return Ok(None) };
    let main = ["origin/main", "main"].into_iter().find_map(|main| git(&["merge-base", "HEAD", main]));
    Ok(main.filter(|main| *main != head).or_else(|| git(&["rev-parse", "--verify", "--quiet", "HEAD^"])))
}

/// The commit that a branch, a tag or a hash leads to.
pub(crate) fn commit(name: &str) -> Result<String, String> {
    let commit =
        git(&["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{name}^{{commit}}")]);
    commit.ok_or_else(|| {
        format!("CONTRACT_BASE={name}: there is no such commit here; name a branch, a tag or a commit, and fetch it first if this clone is shallow")
    })
}

/// A file as it was then, by its path from the root. None if it was not there.
pub(crate) fn file(revision: &str, path: &str) -> Option<String> {
    git(&["show", &format!("{revision}:{path}")])
}

/// The files that were in a folder then, by their paths from the root.
pub(crate) fn files(revision: &str, folder: &str) -> Vec<String> {
    let listed = git(&["ls-tree", "--full-tree", "--name-only", revision, &format!("{folder}/")]);
    listed.unwrap_or_default().lines().map(str::to_owned).collect()
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(folder()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}
