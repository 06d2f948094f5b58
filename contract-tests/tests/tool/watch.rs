//! `contract watch`.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use contract_tests::harness::process::signal;

use super::{
    files::Files,
    service::{Flaw, KEY, Service},
};

#[test]
fn what_callers_are_told_is_judged() {
    let (files, service) = (Files::new(), Service::start(Flaw::Silent));
    let mut watching = Command::new(env!("CARGO_BIN_EXE_contract"))
        .args(["watch", "notes.yaml", "--server", &service.url, "--token", KEY])
        .current_dir(files.folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(watching.stdout.take().unwrap());
    let url = loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended before it watched");
        if let Some(url) = line.trim_end().strip_prefix("notes is watched at ") {
            break url.to_owned();
        }
    };
    let client = reqwest::blocking::Client::new();
    let send = |method, path: &str, body: &'static str| {
        let method = reqwest::Method::from_bytes(method).unwrap();
        client.request(method, format!("{url}{path}")).header("X-Api-Key", KEY).body(body).send().unwrap()
    };
    assert_eq!(send(b"GET", "/notes", "").status(), 200);
    assert_eq!(send(b"GET", "/notes/7", "").status(), 404);
    assert_eq!(send(b"POST", "/notes", r#"{"text":"Buy milk"}"#).status(), 201);
    assert_eq!(send(b"GET", "/nothing", "").status(), 404);
    signal("INT", watching.id());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(watching.wait().unwrap().code(), Some(1), "{rest}");
    for says in [
        "WRONG POST /notes\nexpected:   a body that fits its schema (\"text\" is a required property",
        "NOT DOCUMENTED GET /nothing: 404",
        "notes get_notes           200                                      1  seen",
        "4 requests, 2 not as documented",
    ] {
        assert!(rest.contains(says), "{says} is not in:\n{rest}");
    }
}
