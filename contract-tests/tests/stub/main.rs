//! `store stub`, which consumers are developed against: `cargo test --test stub`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod examples;
mod faults;
mod input;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use contract_tests::{
    engine::{
        checks::{self, Outcome},
        deployment::{Address, Deployment, SERVICES, variable},
        session::Session,
    },
    harness::{
        development::token, folders::new_folder, process::signal, programs::ending_with_test, waiting,
    },
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// A running stub. It is stopped when this is dropped.
struct Stub {
    process: Child,
    /// The services that it has printed, with their URLs.
    services: Vec<(String, String)>,
    /// Where it makes its folder.
    folder: TempDir,
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = ending_with_test(Path::new(PROGRAM));
    command.arg("stub").args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
    command.env("TMPDIR", folder.path()).env("STORE_LISTEN", "none").env("BODY_TIMEOUT", "300ms");
    for service in SERVICES.iter() {
        command.env(variable(service, "LISTEN"), "127.0.0.1:0");
    }
    command
}

impl Stub {
    fn start(arguments: &[&str]) -> Self {
        let folder = new_folder();
        let mut process = command(&folder, arguments).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut stub = Self { process, services: Vec::new(), folder };
        let read = move || {
            let mut services = Vec::new();
            for line in output.lines().map_while(Result::ok) {
                services.extend(line.split_once(" URL  ").map(|(name, url)| (trimmed(name), trimmed(url))));
                if line.starts_with("Ctrl-C") {
                    return Some(services);
                }
            }
            None
        };
        stub.services = waiting::within("a stub to start", read).unwrap().expect("a stub that starts");
        stub
    }

    /// A session with a stub of all services.
    fn session(&self) -> Session {
        let address = |(service, url): &(String, String)| Address { url: url.clone(), token: token(service) };
        Session::new(Deployment::new(self.services.iter().map(address)))
    }

    fn url(&self, service: &str) -> &str {
        &self.services.iter().find(|(name, _)| name == service).unwrap().1
    }

    /// What is in the folder in which it has made its own.
    fn folders(&self) -> Vec<PathBuf> {
        self.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    fn stop(&mut self, name: &str) -> ExitStatus {
        signal(name, self.process.id());
        let mut status = None;
        let has_ended = || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        };
        if let Err(sentence) = waiting::until("the end of a stub", has_ended) {
            let _ = self.process.kill();
            panic!("{sentence}");
        }
        status.unwrap()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        // Asked to stop, it stops its services, and removes its folder.
        let has_ended = |process: &mut Child| !matches!(process.try_wait(), Ok(None));
        if !has_ended(&mut self.process) {
            let _ = Command::new("kill").args(["-s", "INT", &self.process.id().to_string()]).status();
            if waiting::until("the end of a stub", || has_ended(&mut self.process)).is_err() {
                let _ = self.process.kill();
            }
        }
    }
}

fn trimmed(text: &str) -> String {
    text.trim().to_owned()
}

#[test]
fn a_stub_passes_the_replay_of_a_store() {
    let stub = Stub::start(&[]);
    let session = stub.session();
    let mut failures = Vec::new();
    let mut count = 0;
    for verdict in checks::all(&session.deployment).iter().flat_map(|check| check.run(&session)) {
        match verdict.outcome {
            Outcome::Passed => count += 1,
            Outcome::Failed(failure) => failures.push(format!("{}: {failure}", verdict.name)),
            Outcome::NotReached => failures.push(format!("{} is not reached", verdict.name)),
            Outcome::NotJudged(why) => failures.push(format!("{}: {why}", verdict.name)),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 500, "only {count} checks");
}

#[test]
fn a_stub_leaves_nothing_behind() {
    for name in ["INT", "TERM"] {
        let mut stub = Stub::start(&["products"]);
        let [folder] = &stub.folders()[..] else { panic!("{:?}", stub.folders()) };
        assert!(folder.join("products.db").exists());
        assert!(stub.stop(name).success());
        assert!(stub.folders().is_empty(), "{:?}", stub.folders());
    }
}

#[test]
fn a_stub_of_one_service_has_those_that_it_calls() {
    let names = |stub: &Stub| stub.services.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&Stub::start(&["products"])), ["products"]);
    assert_eq!(names(&Stub::start(&["orders"])), ["products", "orders"]);
}
