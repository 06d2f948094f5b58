//! `contract watch`.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdout, Stdio},
    time::Duration,
};

use contract_tests::{
    engine::exchange,
    harness::{
        process::{limit_file_size, signal},
        programs::ending_with_test,
        waiting,
    },
};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{
    files::Files,
    scripted::{self, Reply},
    service::{Flaw, KEY, Service},
};

/// How long a caller waits.
pub(crate) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(20);

/// A watcher, which is ended with the test.
pub(crate) struct Watching {
    child: Child,
    /// What it says. None while another thread reads it.
    output: Option<BufReader<ChildStdout>>,
    pub(crate) url: String,
}

impl Watching {
    pub(crate) fn start(files: &Files, arguments: &[&str]) -> Self {
        Self::start_with(files, arguments, &[])
    }

    /// The same, with these variables.
    pub(crate) fn start_with(files: &Files, arguments: &[&str], variables: &[(&str, String)]) -> Self {
        // A file that has grown as far as it may is an error of it, and not its end.
        let mut child = ending_with_test(Path::new("env"))
            .args(["--ignore-signal=XFSZ", env!("CARGO_BIN_EXE_contract"), "watch", "notes.yaml"])
            .args(arguments)
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .current_dir(files.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut watching = Self { child, output: None, url: String::new() };
        let read = move || {
            loop {
                let mut line = String::new();
                assert!(output.read_line(&mut line).unwrap() > 0, "it ended before it watched");
                if let Some(url) = line.trim_end().strip_prefix("notes is watched at ") {
                    return (url.to_owned(), output);
                }
            }
        };
        let (url, output) = waiting::within("a watcher to tell where it is", read).unwrap();
        (watching.url, watching.output) = (url, Some(output));
        watching
    }

    /// Lets its files grow to so many bytes and no further, as a full disk would.
    pub(crate) fn limit_file_size(&self, bytes: usize) {
        limit_file_size(self.child.id(), &bytes.to_string());
    }

    /// Stops it as Ctrl-C does. Returns how it ended, and what else it said.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        signal("INT", self.child.id());
        let mut output = self.output.take().unwrap();
        let read = move || {
            let mut rest = String::new();
            output.read_to_string(&mut rest).map(|_| rest)
        };
        let rest = waiting::within("the end of a watcher", read).unwrap().unwrap();
        let mut status = None;
        let has_ended = || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        };
        waiting::until("the exit of a watcher", has_ended).unwrap();
        (status.unwrap().code(), rest)
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
fn a_service_that_never_responds_gets_the_whole_timeout() {
    let files = Files::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let watching = Watching::start(&files, &["--server", &server, "--timeout", "1"]);
    // Longer than the second that was said, and shorter than the 20 of a watcher that was told nothing.
    let client = exchange::http_client(std::time::Duration::from_secs(15));
    let response = client.get(format!("{}/notes", watching.url)).send().unwrap();
    assert_eq!(response.status(), 502);
    let (code, rest) = watching.stop();
    assert_eq!(code, Some(1), "{rest}");
}

#[test]
fn responses_to_callers_are_judged() {
    let (files, service) = (Files::new(), Service::start(Flaw::Silent));
    let watching = Watching::start(&files, &["--server", &service.url, "--token", KEY]);
    let url = watching.url.clone();
    let client = exchange::http_client(exchange::RESPONSE_TIMEOUT);
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

#[test]
fn a_caller_may_accept_codings_and_a_browser_may_ask_what_a_page_may_do() {
    let files = Files::new();
    let url = scripted::start(|asked| {
        let note = json!({ "id": 1, "text": "Buy milk" });
        match asked.header("accept-encoding") {
            _ if asked.method == "OPTIONS" => Reply::new(204, json!(null)),
            Some(_) => {
                let mut body = GzEncoder::new(Vec::new(), Compression::fast());
                serde_json::to_writer(&mut body, &note).unwrap();
                Reply::bytes(200, body.finish().unwrap()).header("Content-Encoding", "gzip")
            }
            None => Reply::new(200, note),
        }
    });
    let watching = Watching::start(&files, &["--server", &url]);
    let note = format!("{}/notes/1", watching.url);
    let client = exchange::http_client(RESPONSE_TIMEOUT);
    let get = client.get(&note).header("X-Api-Key", KEY).header("Accept-Encoding", "gzip");
    assert_eq!(get.send().unwrap().text().unwrap(), r#"{"id":1,"text":"Buy milk"}"#);
    let options = |watching: &Watching| {
        let url = format!("{}/notes/1", watching.url);
        client.request(reqwest::Method::OPTIONS, url).header("Origin", "http://shop.example")
    };
    let preflight = options(&watching).header("Access-Control-Request-Method", "GET").send().unwrap();
    assert_eq!(preflight.status(), 204);
    let (code, rest) = watching.stop();
    assert_eq!(code, Some(0), "{rest}");
    assert!(rest.contains("2 requests, 0 not as documented"), "{rest}");
    // What no browser sends by itself is judged.
    let watching = Watching::start(&files, &["--server", &url]);
    options(&watching).send().unwrap();
    let (code, rest) = watching.stop();
    assert_eq!(code, Some(1), "{rest}");
    assert!(rest.contains("NOT DOCUMENTED OPTIONS /notes/1: 204"), "{rest}");
}
