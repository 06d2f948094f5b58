//! The store's own log lines.

use std::io::Read;

use crate::{Store, get, refuses, run, signal, wait_until};

#[test]
fn every_line_of_the_store_and_its_services_is_json_if_that_is_set() {
    let mut store = Store::start_with(&[("LOG_FORMAT", "json")]);
    signal("KILL", store.service("orders"));
    store.wait_for("ready again");
    store.signal("USR1");
    store.wait_for("SIGUSR1");
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0));
    let log = store.log();
    for line in log.lines() {
        let line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["service", "timestamp", "level", "message"] {
            assert!(line[field].is_string(), "{line}");
        }
    }
    let of_store = log.lines().filter(|line| line.starts_with(r#"{"service":"store","#)).count();
    assert!(of_store >= 5, "{log}");
}

#[test]
fn a_startup_error_is_json_if_the_log_is() {
    for arguments in [&["products"][..], &[]] {
        let output = run(
            |_, command| {
                command.envs([("LOG_FORMAT", "json"), ("PRODUCTS_TOKEN", "")]);
            },
            arguments,
        );
        let line: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert_eq!(line["error"], "PRODUCTS_TOKEN is empty: set it to the token.");
        refuses(output, "PRODUCTS_TOKEN is empty");
    }
}

#[test]
fn a_level_of_the_log_holds_for_the_store_as_well() {
    let mut store = Store::start_with(&[("RUST_LOG", "error")]);
    signal("KILL", store.service("orders"));
    store.wait_for("the service died; restarting");
    wait_until(|| get(&store.urls[1], "/readyz") == "HTTP/1.1 200 OK", "orders is ready again");
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0));
    let mut rest = String::new();
    store.output.read_to_string(&mut rest).unwrap();
    assert_eq!(store.log().lines().count(), 1, "{}", store.log());
}
