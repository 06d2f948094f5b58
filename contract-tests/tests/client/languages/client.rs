//! A client of the page, in a folder of its own below `target/languages`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{LazyLock, OnceLock},
};

use contract_tests::{engine::deployment::folder, harness::folders};

use super::page::Section;

/// What stays in a folder from one run to the next, since it comes from afar.
const KEPT: [&str; 3] = ["node_modules", "package-lock.json", "venv"];

/// Package managers give up soon when there is no network.
const SETTINGS: [(&str, &str); 8] = [
    ("npm_config_audit", "false"),
    ("npm_config_fetch_retries", "1"),
    ("npm_config_fetch_timeout", "30000"),
    ("npm_config_fund", "false"),
    ("npm_config_loglevel", "error"),
    ("npm_config_update_notifier", "false"),
    ("PIP_DEFAULT_TIMEOUT", "30"),
    ("PIP_RETRIES", "1"),
];

/// How many seconds a registry or a program may take that says nothing.
const LONGEST: &str = "300";

pub(crate) struct Client {
    section: Section,
    folder: PathBuf,
    installed: OnceLock<Result<(), String>>,
    generated: OnceLock<Result<(), String>>,
}

impl Client {
    /// A client that has nothing yet.
    pub(crate) fn new(section: Section) -> Self {
        let folder = folders::target().join("languages").join(&section.name);
        Self { section, folder, installed: OnceLock::new(), generated: OnceLock::new() }
    }

    /// Writes the files of its section, and installs what they need, once.
    ///
    /// # Errors
    /// A tool is missing, or the registry of its packages cannot be reached.
    pub(crate) fn install(&self) -> Result<(), String> {
        let install = || {
            let no = |error: io::Error| format!("{}: {error}", self.folder.display());
            write(&self.section, &self.folder).map_err(no)?;
            let [install, ..] = self.section.commands();
            succeeded(self.run(install, &[])).map(drop)
        };
        self.installed.get_or_init(install).clone()
    }

    /// Generates the client once.
    pub(crate) fn generate(&self) -> Result<(), String> {
        let [_, generate, _] = self.section.commands();
        self.generated.get_or_init(|| succeeded(self.run(generate, &[])).map(drop)).clone()
    }

    /// Runs the program of the page.
    pub(crate) fn program(&self, variables: &[(String, String)]) -> Output {
        let [.., program] = self.section.commands();
        self.run(program, variables)
    }

    /// Runs `commands` in the folder of the client.
    pub(crate) fn run(&self, commands: &str, variables: &[(String, String)]) -> Output {
        let mut shell = Command::new("timeout");
        shell.args([LONGEST, "bash", "-ec", commands]).current_dir(&self.folder).envs(SETTINGS);
        shell.envs(variables.iter().map(|(name, value)| (name, value))).output().expect("timeout")
    }

    /// Writes `text` to the file at `path`.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).expect("a file is written");
    }

    /// The files of the page.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.section.files()
    }
}

/// Leaves only what is installed and the files of `section` in `to`, beside the documents.
fn write(section: &Section, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let path = entry?.path();
        match path.file_name().is_some_and(|name| KEPT.iter().any(|kept| name == *kept)) {
            true => {}
            false if path.is_dir() => fs::remove_dir_all(path)?,
            false => fs::remove_file(path)?,
        }
    }
    for (path, text) in section.files() {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap_or(to))?;
        fs::write(path, text)?;
    }
    DOCUMENTS.clone().map_err(io::Error::other)
}

/// The documents, beside the folders of all clients: they are copied once, since another client may be generated from them.
static DOCUMENTS: LazyLock<Result<(), String>> = LazyLock::new(|| {
    let copy = || {
        let to = folders::target().join("languages/openapi");
        fs::create_dir_all(&to)?;
        for entry in fs::read_dir(folder())? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok::<_, io::Error>(())
    };
    copy().map_err(|error| error.to_string())
});

/// The output of commands, or the end of what they say is wrong.
pub(crate) fn succeeded(output: Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        // timeout(1) has ended it.
        Some(124) => Err(format!("it took more than {LONGEST} seconds")),
        _ => Err(format!("{}{}", text(&output.stdout), text(&output.stderr))),
    }
}
