//! A copy of the repository, and what is run in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use contract_tests::{
    engine::deployment::{SERVICES, folder, variable},
    harness::folders::target,
};
use libtest_mimic::Failed;

/// How long all of it may take. It takes more than ten minutes of a processor, of which a busy machine has little.
const LIMIT: Duration = Duration::from_secs(2400);

/// A copy of the repository.
pub(crate) struct Copy {
    root: PathBuf,
    /// Where it is built.
    target: PathBuf,
    /// The files that git knows, as they were.
    tracked: BTreeMap<PathBuf, Vec<u8>>,
    began: Instant,
}

impl Copy {
    /// Copies what git knows, and links what is built of the libraries.
    pub(crate) fn new(tracked: Vec<PathBuf>) -> Result<Self, Failed> {
        let place = target().join("scaffold");
        let (root, target) = (place.join("repository"), place.join("target"));
        let _ = fs::remove_dir_all(&place);
        let crates = crates(&tracked);
        let read = |file: PathBuf| Ok((file.clone(), fs::read(repository().join(file))?));
        let tracked = tracked.into_iter().map(read).collect::<io::Result<BTreeMap<_, _>>>()?;
        for (file, text) in &tracked {
            let to = root.join(file);
            fs::create_dir_all(to.parent().unwrap_or(&to))?;
            fs::write(to, text)?;
        }
        let copy = Self { root, target, tracked, began: Instant::now() };
        let built = self::target().join("debug");
        let count = seed(&built, &copy.target.join("debug"), &crates)?;
        println!("a copy of {} files, with {count} files of libraries that are built", copy.tracked.len());
        Ok(copy)
    }

    /// Removes it.
    pub(crate) fn remove(self) -> io::Result<()> {
        println!("all of it took {:.0?}", self.began.elapsed());
        fs::remove_dir_all(self.root.parent().unwrap_or(&self.root))
    }

    /// The files that are not as they were in the repository, and those that were not there.
    pub(crate) fn changed(&self) -> Result<BTreeSet<String>, Failed> {
        let mut changed = BTreeSet::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let file = path.strip_prefix(&self.root)?;
                if self.tracked.get(file) != Some(&fs::read(&path)?) {
                    changed.insert(file.to_string_lossy().into_owned());
                }
            }
        }
        let gone = self.tracked.keys().filter(|file| !self.root.join(file).exists());
        changed.extend(gone.map(|file| file.to_string_lossy().into_owned()));
        Ok(changed)
    }

    /// The text of a file.
    pub(crate) fn read(&self, file: &str) -> Result<String, Failed> {
        fs::read_to_string(self.root.join(file)).map_err(|error| format!("{file}: {error}").into())
    }

    /// Gives a file another text.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<(), Failed> {
        fs::write(self.root.join(file), text).map_err(|error| format!("{file}: {error}").into())
    }

    /// Changes what was generated.
    pub(crate) fn patch(&self, patch: &str) -> Result<(), Failed> {
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
        let api = self.read("services/shipments/src/api.rs")?;
        if output.status.success() && api.contains("change_shipment") {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("tests/scaffold/richer.patch does not fit what the template generates:\n{said}").into())
    }

    /// Runs the scaffold, and returns what it says.
    pub(crate) fn scaffold(&self, arguments: &[&str]) -> Result<(bool, String), Failed> {
        let root = self.root.to_string_lossy();
        let all = [&["run", "--quiet", "--bin", "scaffold", "--", "--root", &root][..], arguments].concat();
        let (status, said) = self.run("scaffold", env!("CARGO"), &all)?;
        Ok((status.is_some_and(|status| status.success()), said))
    }

    /// Runs Cargo in the copy. What it says goes to a log of this name.
    pub(crate) fn cargo(&self, name: &str, arguments: &[&str]) -> Result<(), Failed> {
        self.succeeds(name, env!("CARGO"), arguments)
    }

    /// Runs the store's program as the tests build it.
    pub(crate) fn store(&self, name: &str, arguments: &[&str]) -> Result<(), Failed> {
        let program = self.target.join("debug/store-under-test");
        self.succeeds(name, &program.to_string_lossy(), arguments)
    }

    fn succeeds(&self, name: &str, program: &str, arguments: &[&str]) -> Result<(), Failed> {
        match self.run(name, program, arguments)? {
            (Some(status), _) if status.success() => Ok(()),
            (status, said) => {
                let lines: Vec<&str> = said.lines().filter(|line| !line.ends_with("... ok")).collect();
                let last = lines[lines.len().saturating_sub(60)..].join("\n");
                let ended =
                    status.map_or_else(|| format!("did not end within {LIMIT:?}"), |it| it.to_string());
                let log = self.log(name);
                let command = arguments.join(" ");
                Err(format!("{command}: {ended}; all is in {}\n{last}", log.display()).into())
            }
        }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.root.with_file_name(format!("{name}.log"))
    }

    /// Runs a program in the copy. Returns how it ended, unless it took too long, and what it said.
    fn run(
        &self,
        name: &str,
        program: &str,
        arguments: &[&str],
    ) -> Result<(Option<ExitStatus>, String), Failed> {
        let began = Instant::now();
        let output = fs::File::create(self.log(name))?;
        let mut command = Command::new(program);
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
        if name.ends_with("postgres") {
            command.env("STORE_ENGINE", "postgres");
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
        println!("{}", arguments.join(" "));
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
        println!("  took {:.0?}", began.elapsed());
        Ok((status, fs::read_to_string(self.log(name)).unwrap_or_default()))
    }
}

/// The repository.
fn repository() -> PathBuf {
    folder().join("..")
}

/// The files that git has, from the root of the repository.
pub(crate) fn tracked() -> Option<Vec<PathBuf>> {
    let output = Command::new("git").args(["ls-files", "-z"]).current_dir(repository()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
    let files = text.split_terminator('\0').map(PathBuf::from);
    Some(files.filter(|file| repository().join(file).is_file()).collect())
}

/// The names of the workspace's crates, as in the names of files that are built.
fn crates(tracked: &[PathBuf]) -> BTreeSet<String> {
    let manifests = tracked.iter().filter(|file| file.ends_with("Cargo.toml"));
    let names = manifests.filter_map(|file| file.parent()?.file_name());
    names.map(|name| name.to_string_lossy().replace('-', "_")).collect()
}

/// Takes what was built of the libraries from `from` to `to`, without the crates of the workspace. Returns how many files.
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
            count += take(&entry.path(), &to.join(part).join(name), part == "deps")?;
        }
    }
    Ok(count)
}

/// Takes a file, or every file of a folder. What Cargo replaces as a whole is linked, and the rest is copied, since Cargo writes
/// into it, and compares its times.
fn take(from: &Path, to: &Path, is_linked: bool) -> io::Result<usize> {
    if from.is_dir() {
        let entries = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
        return entries.iter().map(|entry| take(&entry.path(), &to.join(entry.file_name()), is_linked)).sum();
    }
    fs::create_dir_all(to.parent().unwrap_or(to))?;
    if is_linked {
        fs::hard_link(from, to)?;
    } else {
        fs::copy(from, to)?;
        let times = fs::FileTimes::new().set_modified(fs::metadata(from)?.modified()?);
        fs::File::open(to)?.set_times(times)?;
    }
    Ok(1)
}
