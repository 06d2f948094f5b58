//! A new service, from nothing to a passed suite: it is generated into a copy of the repository, built, recorded and replayed, then
//! once more with features that the template lacks:
//! `cargo test -p contract-tests --test scaffold`.
//!
//! The copy and its build are in `target/scaffold`; the build reuses the compiled libraries of this one, so that only the crates of
//! the workspace are compiled. A log next to them has the output of each command. All of it is removed on success.

#![allow(clippy::disallowed_macros, reason = "a test prints what it does")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    collections::BTreeSet,
    env, fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::deployment::{SERVICES, folder, variable},
    harness::folders::target,
};
use libtest_mimic::{Arguments, Failed, Trial};

/// How long all of it may take. It takes eight minutes of a processor, of which a busy machine has little.
const LIMIT: Duration = Duration::from_secs(1800);

/// The new service, and the one that it asks.
const NEW: [&str; 6] = ["new", "shipments", "--port", "5004", "--asks", "orders"];

/// What has to know of a new service, beside its own folder and `openapi`.
const CHANGED: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "client/src/lib.rs",
    "services/store/Cargo.toml",
    "services/store/deploy/prometheus/prometheus.yml",
    "services/store/deploy/systemd/store-backup.service",
    "services/store/src/lib.rs",
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let tracked = tracked();
    if tracked.is_none() {
        println!("ignored: git does not tell which files the repository has");
    }
    let is_unknown = tracked.is_none();
    let trial = Trial::test("scaffold::a_new_service_passes_the_suite", move || {
        passes_the_suite(&tracked.unwrap_or_default())
    });
    libtest_mimic::run(&arguments, vec![trial.with_ignored_flag(is_unknown)]).exit_code()
}

fn passes_the_suite(tracked: &[PathBuf]) -> Result<(), Failed> {
    let began = Instant::now();
    let place = target().join("scaffold");
    let copy = Copy { root: place.join("repository"), target: place.join("target"), began };
    let _ = fs::remove_dir_all(&place);
    for file in tracked {
        let to = copy.root.join(file);
        fs::create_dir_all(to.parent().expect("a folder"))?;
        fs::copy(root().join(file), to)?;
    }
    let count = seed(&target().join("debug"), &copy.target.join("debug"), &crates(tracked))?;
    println!("a copy of {} files, with {count} files of libraries that are built", tracked.len());

    let root = copy.root.to_string_lossy().into_owned();
    copy.cargo("generate", &[&["run", "--package", "scaffold", "--", "--root", &root][..], &NEW].concat())?;
    let is_changed = |file: &&PathBuf| {
        let is_document = file.starts_with("openapi");
        !is_document && fs::read(copy.root.join(file)).ok() != fs::read(self::root().join(file)).ok()
    };
    let changed: Vec<_> = tracked.iter().filter(is_changed).map(|file| file.to_string_lossy()).collect();
    if changed != CHANGED {
        return Err(format!("the new service has changed {}", changed.join(", ")).into());
    }
    let suite = |test: &'static str, filter: &'static str| {
        let test = ["test", "--package", "contract-tests", "--test", test, "--", filter];
        if filter.is_empty() { test[..5].to_vec() } else { test.to_vec() }
    };
    copy.cargo("documents", &suite("documents", ""))?;
    copy.cargo("replay", &suite("replay", ""))?;
    copy.cargo("upstreams", &suite("upstreams", "shipments"))?;
    copy.cargo("deploy", &suite("deploy", "systemd"))?;
    // `store copy` copies all of its tables.
    let store = ["run", "--package", "store", "--"];
    let start = ["shipments", "--shipments-listen", "127.0.0.1:0", "--data-dir", "data", "--stop-with-stdin"];
    copy.cargo("start", &[&store[..], &start].concat())?;
    let move_files = ["copy", "--only", "shipments", "--from", "data", "--to", "copied"];
    copy.cargo("copy", &[&store[..], &move_files].concat())?;
    // A PATCH, an object and an array in bodies, and text/csv beside JSON.
    copy.patch(include_str!("richer.patch"))?;
    copy.cargo("richer-documents", &suite("documents", ""))?;
    let all = ["test", "--package", "contract-tests", "--lib", "--test", "replay", "--test", "fuzz"];
    copy.cargo("richer", &all)?;
    println!("all of it took {:.0?}", began.elapsed());
    Ok(fs::remove_dir_all(&place)?)
}

/// A copy of the repository.
struct Copy {
    root: PathBuf,
    /// Where it is built.
    target: PathBuf,
    /// When the test began.
    began: Instant,
}

impl Copy {
    /// Changes what was generated.
    fn patch(&self, patch: &str) -> Result<(), Failed> {
        let file = self.root.with_file_name("richer.patch");
        fs::write(&file, patch)?;
        // Within a repository, git would look for the files at its root, and leave out what it does not find, without a word.
        let above = self.root.parent().unwrap_or(&self.root).canonicalize()?;
        let output = Command::new("git")
            .arg("apply")
            .arg(&file)
            .current_dir(&self.root)
            .env("GIT_CEILING_DIRECTORIES", above)
            .output()?;
        let api = fs::read_to_string(self.root.join("services/shipments/src/api.rs"))?;
        if output.status.success() && api.contains("change_shipment") {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("tests/scaffold/richer.patch does not fit what the template generates:\n{said}").into())
    }

    /// Runs Cargo in the copy. What it says goes to a log of this name.
    fn cargo(&self, name: &str, arguments: &[&str]) -> Result<(), Failed> {
        let began = Instant::now();
        let log = self.root.with_file_name(format!("{name}.log"));
        let output = fs::File::create(&log)?;
        let mut command = Command::new(env!("CARGO"));
        // What Cargo told this test about its own package is not for another build.
        for (variable, _) in env::vars_os().filter(|(variable, _)| {
            let variable = variable.to_string_lossy();
            variable.starts_with("CARGO_") && variable != "CARGO_HOME"
        }) {
            command.env_remove(variable);
        }
        for service in SERVICES.iter() {
            command.env_remove(variable(service, "URL"));
        }
        let mut process = command
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_NET_OFFLINE", "true")
            .env("UPDATE", if name.ends_with("documents") { "1" } else { "0" })
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()?;
        println!("cargo {}", arguments.join(" "));
        let status = loop {
            if let Some(status) = process.try_wait()? {
                break Some(status);
            }
            if self.began.elapsed() > LIMIT {
                // With everything that it has started.
                let group = format!("-{}", process.id());
                let _ = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
                process.wait()?;
                break None;
            }
            thread::sleep(Duration::from_millis(50));
        };
        let took = began.elapsed();
        match status {
            Some(status) if status.success() => {
                println!("  took {took:.0?}");
                Ok(())
            }
            _ => {
                let said = fs::read_to_string(&log).unwrap_or_default();
                let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with("... ok")).collect();
                let last = lines[lines.len().saturating_sub(60)..].join("\n");
                let ended =
                    status.map_or_else(|| format!("did not end within {LIMIT:?}"), |it| it.to_string());
                Err(format!("cargo {}: {ended}; all is in {}\n{last}", arguments.join(" "), log.display())
                    .into())
            }
        }
    }
}

/// The repository.
fn root() -> PathBuf {
    folder().join("..")
}

/// The files that git has, from the root of the repository.
fn tracked() -> Option<Vec<PathBuf>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let files = text.split_terminator('\0').map(PathBuf::from);
    Some(files.filter(|file| root().join(file).is_file()).collect())
}

/// The names of the workspace's crates, as in the names of files that are built.
fn crates(tracked: &[PathBuf]) -> BTreeSet<String> {
    let manifests = tracked.iter().filter(|file| file.ends_with("Cargo.toml"));
    let names = manifests.filter_map(|file| file.parent()?.file_name());
    names.map(|name| name.to_string_lossy().replace('-', "_")).collect()
}

/// Links what was built of the libraries from `from` to `to`, without the crates of the workspace. Returns how many files.
fn seed(from: &Path, to: &Path, crates: &BTreeSet<String>) -> io::Result<usize> {
    let mut count = 0;
    for part in ["deps", "build", ".fingerprint"] {
        for entry in fs::read_dir(from.join(part)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let package = name.rsplit_once('-').map_or(&*name, |(package, _)| package).replace('-', "_");
            let library = package.strip_prefix("lib").filter(|_| part == "deps");
            // A program or a test in `deps` is not a library.
            if (part == "deps" && library.is_none()) || crates.contains(library.unwrap_or(&package)) {
                continue;
            }
            count += link(&entry.path(), &to.join(part).join(name))?;
        }
    }
    Ok(count)
}

/// Links a file, or every file of a folder.
fn link(from: &Path, to: &Path) -> io::Result<usize> {
    if !from.is_dir() {
        fs::create_dir_all(to.parent().unwrap_or(to))?;
        return fs::hard_link(from, to).map(|()| 1);
    }
    let mut count = 0;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        count += link(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(count)
}
