//! Durations, by their new names and by their old ones, whose values have no units.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Stdio,
};

use crate::{command, end_of, folder, read_until_ready, refuses, run, signal, urls};

/// The variables, their old names, and whether they may be zero.
const DURATIONS: [(&str, &str, bool); 8] = [
    ("HEADER_READ_TIMEOUT", "HEAD_TIMEOUT_MS", false),
    ("IDLE_TIMEOUT", "IDLE_TIMEOUT_MS", false),
    ("BODY_TIMEOUT", "BODY_TIMEOUT_MS", false),
    ("WRITE_TIMEOUT", "WRITE_TIMEOUT_MS", false),
    ("REQUEST_TIMEOUT", "ANSWER_TIMEOUT_MS", false),
    ("KEY_LIFETIME", "KEY_LIFETIME_S", true),
    ("STOP_DELAY", "STOP_DELAY_MS", true),
    ("DRAIN_TIMEOUT", "DRAIN_TIMEOUT_MS", true),
];

/// Checks that a service and the store refuse these variables with this sentence.
#[track_caller]
fn is_refused(variables: &[(&str, &str)], sentence: &str) {
    for arguments in [&["products"][..], &[]] {
        let output = run(
            |_, command| {
                command.envs(variables.iter().copied());
            },
            arguments,
        );
        refuses(output, sentence);
    }
}

/// Starts a store and returns the idle timeout that each of its services announces.
fn announced_idle_timeouts(variables: &[(&str, &str)], arguments: &[&str]) -> Vec<String> {
    let folder = folder();
    let mut process = command(folder.path(), arguments)
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (lines, _rest) = read_until_ready(&mut process);
    let timeout = |url: String| {
        let address = url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /livez HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let header = response.lines().find_map(|line| line.strip_prefix("keep-alive: timeout="));
        header.unwrap_or_else(|| panic!("{response}")).to_owned()
    };
    let timeouts = urls(&lines).map(timeout).collect();
    signal("TERM", process.id());
    assert!(end_of(process).status.success());
    timeouts
}

#[test]
fn durations_reach_every_service_by_either_name() {
    for (variables, arguments, seconds) in [
        (&[("IDLE_TIMEOUT", "7s")][..], &[][..], "7"),
        (&[("IDLE_TIMEOUT_MS", "8000")], &[], "8"),
        (&[("IDLE_TIMEOUT", "9s"), ("IDLE_TIMEOUT_MS", "9000")], &[], "9"),
        (&[("IDLE_TIMEOUT", ""), ("IDLE_TIMEOUT_MS", "")], &["--idle-timeout=1m"], "60"),
        (&[("IDLE_TIMEOUT", "7s")], &["--idle-timeout-ms=7000"], "7"),
        (&[("IDLE_TIMEOUT_MS", "7000")], &["--idle-timeout-ms", "11000"], "11"),
    ] {
        assert_eq!(
            announced_idle_timeouts(variables, arguments),
            vec![seconds; store::services().count()],
            "{variables:?} {arguments:?}"
        );
    }
}

#[test]
fn an_invalid_duration_is_named() {
    for (variable, old, _) in DURATIONS {
        let reason = "time unit needed, for example 10sec or 10ms; a duration looks like 10s, 200ms or 24h";
        is_refused(&[(variable, "10")], &format!("{variable} is `10`, which cannot be used ({reason}): "));
        let sentence = format!(
            "{old} is `10s`, which cannot be used (invalid digit found in string): it is the old name of {variable}, a number of "
        );
        is_refused(&[(old, "10s")], &sentence);
    }
}

#[test]
fn a_timeout_of_zero_is_refused() {
    for (variable, old, may_be_zero) in DURATIONS {
        for (variable, value) in [(variable, "0s"), (old, "0")] {
            if !may_be_zero {
                is_refused(
                    &[(variable, value)],
                    &format!("{variable} is `{value}`, which cannot be used (it is zero): "),
                );
            }
        }
    }
    // The other durations may be zero; the next error is about the token.
    let zeros = DURATIONS.iter().filter(|(_, _, may_be_zero)| *may_be_zero);
    let zeros = zeros.flat_map(|(variable, old, _)| [(*variable, "0s"), (*old, "0")]);
    let variables: Vec<_> = zeros.chain([("PRODUCTS_TOKEN", "")]).collect();
    is_refused(&variables, "PRODUCTS_TOKEN is empty");
}

#[test]
fn different_values_for_the_old_and_the_new_name_are_refused() {
    is_refused(
        &[("REQUEST_TIMEOUT", "10s"), ("ANSWER_TIMEOUT_MS", "5000")],
        "REQUEST_TIMEOUT is 10s, and ANSWER_TIMEOUT_MS, its old name, is 5s: set REQUEST_TIMEOUT only.",
    );
}
