//! `contract watch`.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use contract_tests::{engine::exchange, harness::process::signal};

use super::{
    files::Files,
    service::{Flaw, KEY, Service},
};

/// How long a caller waits.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A watcher, which is ended with the test.
pub(crate) struct Watching {
    child: Child,
    output: BufReader<ChildStdout>,
    pub(crate) url: String,
}

impl Watching {
    pub(crate) fn start(files: &Files, arguments: &[&str]) -> Self {
        Self::start_with(files, arguments, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_with(files: &Files, arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_contract"))
            .args(["watch", "notes.yaml"])
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(files.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut watching = Self { child, output, url: String::new() };
        while watching.url.is_empty() {
            let mut line = String::new();
            assert!(watching.output.read_line(&mut line).unwrap() > 0, "it ended before it watched");
            if let Some(url) = line.trim_end().strip_prefix("notes is watched at ") {
                watching.url = url.to_owned();
            }
        }
        watching
    }

    /// Stops it as Ctrl-C does. Returns how it ended, and what else it said.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        signal("INT", self.child.id());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It has ended already, unless the test failed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_can_be_stopped_as_soon_as_it_tells_where_it_is() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    for _ in 0..10 {
        let (code, rest) = Watching::start(&files, &["--server", &service.url]).stop();
        assert_eq!(code, Some(0), "{rest}");
    }
}

#[test]
fn a_service_that_never_answers_is_waited_for_as_long_as_it_was_said() {
    let files = Files::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let watching = Watching::start(&files, &["--server", &server, "--timeout", "1"]);
    // Longer than the second that was said, and shorter than the 20 of a watcher that was told nothing.
    let client = exchange::http_client(std::time::Duration::from_secs(15));
    let answer = client.get(format!("{}/notes", watching.url)).send().unwrap();
    assert_eq!(answer.status(), 502);
    let (code, rest) = watching.stop();
    assert_eq!(code, Some(1), "{rest}");
}

#[test]
fn what_callers_are_told_is_judged() {
    let (files, service) = (Files::new(), Service::start(Flaw::Silent));
    let watching = Watching::start(&files, &["--server", &service.url, "--token", KEY]);
    let url = watching.url.clone();
    let client = exchange::http_client(exchange::PATIENCE);
    let send = |method, path: &str, body: &'static str| {
        let method = reqwest::Method::from_bytes(method).unwrap();
        client.request(method, format!("{url}{path}")).header("X-Api-Key", KEY).body(body).send().unwrap()
    };
    assert_eq!(send(b"GET", "/notes", "").status(), 200);
    assert_eq!(send(b"GET", "/notes/7", "").status(), 404);
    assert_eq!(send(b"POST", "/notes", r#"{"text":"Buy milk"}"#).status(), 201);
    assert_eq!(send(b"GET", "/nothing", "").status(), 404);
    let (code, rest) = watching.stop();
    assert_eq!(code, Some(1), "{rest}");
    for says in [
        "WRONG POST /notes\nexpected:   a body that fits its schema (\"text\" is a required property",
        "NOT DOCUMENTED GET /nothing: 404",
        "notes get_notes           200                                      1  seen",
        "4 requests, 2 not as documented",
    ] {
        assert!(rest.contains(says), "{says} is not in:\n{rest}");
    }
}
