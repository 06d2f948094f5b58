//! A process of a service.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::{address::Reserved, development::token, ending, waiting};
use crate::engine::deployment::{SERVICES, variable};

/// A service that was started for a test.
pub struct Process {
    service: &'static str,
    child: Child,
    /// The service stops when this ends, however the test ends.
    stdin: Option<ChildStdin>,
    address: Reserved,
    url: String,
    log: PathBuf,
    program: String,
    /// Variables, with their values.
    settings: Vec<(String, String)>,
}

impl Process {
    /// Starts a service on a free port and waits until it is ready.
    ///
    /// # Panics
    /// It does not start. The message has its log.
    pub fn start(program: &str, service: &'static str, folder: &Path, settings: &[(String, String)]) -> Self {
        let address = Reserved::new();
        let mut all = vec![
            ("DATA_DIR".to_owned(), folder.to_string_lossy().into_owned()),
            (variable(service, "LISTEN"), address.text()),
            ("BODY_TIMEOUT".into(), "300ms".into()),
        ];
        all.extend_from_slice(settings);
        let log = folder.join(format!("{service}.log"));
        let (mut child, url) = spawn(program, service, &log, &all);
        Self {
            service,
            stdin: child.stdin.take(),
            child,
            address,
            url,
            log,
            program: program.into(),
            settings: all,
        }
    }

    /// Starts it again, at the same address and with the same folder, after it was killed or stopped.
    pub fn start_again(&mut self) {
        (self.child, self.url) = spawn(&self.program, self.service, &self.log, &self.settings);
        self.stdin = self.child.stdin.take();
        assert_eq!(self.url, format!("http://{}", self.address.text()), "the same address");
    }

    /// Which service it is.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its log so far, except for the last few milliseconds.
    ///
    /// # Panics
    /// A token is in it.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let told = SERVICES.iter().map(|service| token(service)).find(|token| log.contains(token.as_str()));
        assert!(told.is_none(), "{} has written a token into its log:\n{log}", self.service);
        log
    }

    /// Waits until it has logged `text`, which is bound to come.
    ///
    /// # Panics
    /// It did not within a minute. The message has its log.
    pub fn wait_for_log(&self, text: &str) {
        let is_there = || self.log().contains(text);
        if let Err(sentence) = waiting::until(&format!("`{text}` in a log"), is_there) {
            panic!("{sentence}:\n{}", self.log());
        }
    }

    /// All that it has logged, after it was let finish.
    pub fn whole_log(&mut self) -> String {
        self.stop();
        self.log()
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it finish what it is at.
    pub fn stop(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        let has_ended = || {
            status = self.child.try_wait().expect("a status");
            status.is_some()
        };
        if let Err(sentence) = waiting::until(&format!("the end of {}", self.service), has_ended) {
            panic!("{sentence}:\n{}", self.log());
        }
        status.expect("a status")
    }

    /// Sends it a signal, such as `TERM`.
    ///
    /// # Panics
    /// It has ended already.
    pub fn signal(&self, name: &str) {
        signal(name, self.id());
    }

    /// See [`limit_file_size`].
    pub fn limit_file_size(&self, bytes: &str) {
        limit_file_size(self.id(), bytes);
    }

    /// How many files and connections it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).expect("a process").count()
    }

    /// How many bytes of memory it holds (proc_pid_statm(5)).
    pub fn resident(&self) -> u64 {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.id())).expect("a process");
        let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).expect("pages");
        pages * 4096
    }

    /// The CPU time that it has used (proc_pid_stat(5)).
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.id())).expect("a process");
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
        Duration::from_millis(ticks * 10)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a service until it has started, if it starts at all.
///
/// # Panics
/// There is no such program.
pub fn run_once(program: &str, service: &str, settings: &[(&str, &str)]) -> Output {
    let mut child = Command::new(program)
        .args([service, "--stop-with-stdin"])
        .env(variable(service, "LISTEN"), "127.0.0.1:0")
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the store's program");
    // Its first line says that it has started.
    let mut output = BufReader::new(child.stdout.take().expect("a piped output"));
    let read = move || {
        let _ = output.read_line(&mut String::new());
        output
    };
    match waiting::within(&format!("{service} to start or to end"), read) {
        Ok(_unread) => ending::of(service, child),
        Err(sentence) => {
            let _ = child.kill();
            panic!("{sentence}:\n{}", String::from_utf8_lossy(&ending::of(service, child).stderr));
        }
    }
}

/// A command of the store, such as `backup`, for the databases in `data`.
pub fn command(program: &str, arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).env("DATA_DIR", data).stdin(Stdio::null());
    command
}

/// The `--help` of a service.
///
/// # Panics
/// There is no such program.
pub fn help(program: &str, service: &str) -> String {
    let output = ending::output(Command::new(program).args([service, "--help"]));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The document of a service, as its types emit it.
///
/// # Panics
/// There is no such program, or no such service.
pub fn document(program: &str, service: &str) -> Value {
    let output = ending::output(Command::new(program).args([service, "--openapi"]));
    assert!(output.status.success(), "{service}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("an OpenAPI document")
}

/// Sends a process a signal, such as `TERM`.
///
/// # Panics
/// It has ended already.
pub fn signal(name: &str, process: u32) {
    let status = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "SIG{name} cannot be sent to {process}");
}

/// Lets the files of a process grow to so many bytes and no further, as a full disk would, or as they will if it is `unlimited`.
///
/// # Panics
/// `prlimit` of util-linux is not there.
pub fn limit_file_size(process: u32, bytes: &str) {
    let limit = format!("--fsize={bytes}:unlimited");
    let status = Command::new("prlimit").args([&limit, "--pid", &process.to_string()]).status();
    assert!(status.is_ok_and(|status| status.success()), "prlimit of util-linux is needed");
}

/// Starts a service and waits until it is ready. Returns its address as well.
fn spawn(program: &str, service: &str, log: &Path, settings: &[(String, String)]) -> (Child, String) {
    let log_file = File::options().create(true).append(true).open(log).expect("a log file");
    let mut child = Command::new(program)
        .args([service, "--stop-with-stdin"])
        .envs(settings.iter().map(|(variable, value)| (variable, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .expect("the store's program");
    let output = BufReader::new(child.stdout.take().expect("a piped output"));
    let prefix = format!("{service} is ready at ");
    let url = waiting::within(&format!("{service} to be ready"), move || {
        output.lines().map_while(Result::ok).find_map(|line| Some(line.strip_prefix(&prefix)?.to_owned()))
    });
    match url.and_then(|url| url.ok_or_else(|| "it has ended".to_owned())) {
        Ok(url) => (child, url),
        Err(reason) => {
            let _ = child.kill();
            panic!("{service} did not start: {reason}\n{}", fs::read_to_string(log).unwrap_or_default());
        }
    }
}
