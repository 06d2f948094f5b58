//! The store program, tested from the outside.

#![allow(clippy::disallowed_macros, reason = "a test may print")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod commands;
mod durations;
mod listen;
mod log;
mod output;
mod settings;
mod supervision;
mod start;
mod start_page;
mod stop;
mod tokens;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Longer than anything takes that happens at all, on a machine that has other work.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A store on free ports. Dropping it kills it, and its services stop.
struct Store {
    process: Child,
    output: BufReader<Box<dyn Read>>,
    urls: Vec<String>,
    folder: TempDir,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store"));
    command
        .args(arguments)
        .env("DATA_DIR", folder.join("data"))
        .env("STORE_LISTEN", "none")
        .stdin(Stdio::null());
    for service in store::services().map(str::to_uppercase) {
        command.env(format!("{service}_LISTEN"), "127.0.0.1:0").env_remove(format!("{service}_TOKEN"));
    }
    command
}

fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

impl Store {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(variables: &[(&str, &str)]) -> Self {
        let folder = folder();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = command(folder.path(), &[]);
        command.envs(variables.iter().copied());
        Self::spawn(command, folder, log)
    }

    fn start_in(folder: TempDir, log: fs::File) -> Self {
        Self::spawn(command(folder.path(), &[]), folder, log)
    }

    fn spawn(mut command: Command, folder: TempDir, log: fs::File) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let (lines, output) = read_until_ready(&mut process);
        let urls: Vec<String> = urls(&lines).collect();
        let log = fs::read_to_string(folder.path().join("log"));
        assert_eq!(urls.len(), store::services().count(), "{log:?}");
        Self { process, output: BufReader::new(Box::new(output)), urls, folder }
    }

    fn signal(&self, name: &str) {
        signal(name, self.process.id());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log contains this line.
    fn wait_for(&self, line: &str) {
        wait_until(|| self.log().contains(line), &format!("{line}\nin {}", self.log()));
    }

    /// Waits until the store has exited by itself, and returns its code.
    fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < TIMEOUT, "it goes on:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The process id of the service called `name`.
    fn service(&self, name: &str) -> u32 {
        self.find_service(name).unwrap_or_else(|| panic!("{name} does not run:\n{}", self.log()))
    }

    /// The process id of the service called `name`, if it runs.
    fn find_service(&self, name: &str) -> Option<u32> {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.id())).ok()?;
        let is_service = |id: &&str| {
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.split('\0').nth(1) == Some(name)
        };
        children.split_whitespace().find(is_service)?.parse().ok()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool, what: &str) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < TIMEOUT, "still not: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The status line of the response to a GET; empty if there is none.
fn get(url: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://");
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut response = String::new();
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut response));
    response.lines().next().unwrap_or_default().to_owned()
}

/// Checks that the program exited with 1 and with one line, which contains `sentence`, apart from those about other services.
#[track_caller]
fn refuses(output: Output, sentence: &str) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert_eq!(log.lines().filter(|line| !line.contains(" INFO st")).count(), 1, "{log}");
    assert!(log.contains(sentence), "{log}");
}

/// What a program has printed when it says that it is ready, or when it has ended, and the rest of it.
#[track_caller]
fn read_until_ready(process: &mut Child) -> (Vec<String>, BufReader<ChildStdout>) {
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let id = process.id();
    within("the program to be ready", id, move || {
        let mut lines = Vec::new();
        for line in output.by_ref().lines().map_while(Result::ok) {
            let is_ready = line.starts_with("Ctrl-C") || line.contains("is ready at");
            lines.push(line);
            if is_ready {
                break;
            }
        }
        (lines, output)
    })
}

/// The addresses of the services, in the summary of a store.
fn urls(lines: &[String]) -> impl Iterator<Item = String> {
    lines.iter().filter_map(|line| Some(line.split_once("URL  ")?.1.trim().to_owned()))
}

/// What `work` returns, or the end of the process for which it waits, and of the test.
#[track_caller]
fn within<T: Send + 'static>(what: &str, process: u32, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    result.recv_timeout(TIMEOUT).unwrap_or_else(|_| {
        signal("KILL", process);
        panic!("waited {TIMEOUT:?} for {what}")
    })
}

/// Runs a command to its end, and returns what it has written.
#[track_caller]
fn output_of(command: &mut Command) -> Output {
    end_of(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// Waits for the end of a program, and returns what it has written to pipes that nobody else reads.
#[track_caller]
fn end_of(process: Child) -> Output {
    within("the end of the program", process.id(), move || process.wait_with_output().unwrap())
}

fn run(prepare: impl FnOnce(&Path, &mut Command), arguments: &[&str]) -> Output {
    let folder = folder();
    let mut command = command(folder.path(), arguments);
    prepare(folder.path(), &mut command);
    output_of(&mut command)
}
