//! Variables that are empty or invalid.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

use crate::{command, folder, refuses, run, signal};

/// Every variable in the help of the program that `arguments` run.
fn variables(arguments: &[&str]) -> Vec<String> {
    let help = String::from_utf8(run(|_, _| {}, &[arguments, &["--help"]].concat()).stdout).unwrap();
    let listed = help.split("[env: ").skip(1);
    listed.map(|rest| rest.split(['=', ']']).next().unwrap().to_owned()).collect()
}

/// The arguments that run the store, and each service.
fn programs() -> impl Iterator<Item = Vec<&'static str>> {
    [vec![]].into_iter().chain(store::services().map(|service| vec![service]))
}

/// The variables that libraries read.
const OTHER_VARIABLES: [&str; 19] = [
    "RUST_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_SDK_DISABLED",
    "OTEL_TRACES_EXPORTER",
    "OTEL_PROPAGATORS",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
];

#[test]
fn an_empty_variable_counts_as_unset() {
    for arguments in programs() {
        let arguments = arguments.as_slice();
        let variables = variables(arguments);
        assert!(variables.len() > 12, "{variables:?}");
        let empty = |command: &mut Command| {
            for variable in variables.iter().map(String::as_str).chain(OTHER_VARIABLES) {
                // The test needs free ports, and an empty token is refused.
                if !variable.ends_with("_TOKEN") && !variable.ends_with("_LISTEN") {
                    command.env(variable, "");
                }
            }
        };
        let folder = folder();
        let mut command = command(folder.path(), arguments);
        empty(&mut command);
        // DATA_DIR counts as unset as well, so the data goes to a subfolder of the current one.
        let mut process =
            command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ready = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("is ready at") || line.starts_with("Ctrl-C"));
        signal("TERM", process.id());
        let output = process.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(ready && output.status.success(), "{arguments:?}: {log}");
        assert!(folder.path().join("data").is_dir(), "{arguments:?}");

        let listed = |variable: &String| {
            run(|_, command| empty(command), &[arguments, &["--help"]].concat())
                .stdout
                .windows(variable.len())
                .any(|window| window == variable.as_bytes())
        };
        assert!(variables.iter().take(2).all(listed), "{arguments:?}");
    }
}

#[test]
fn an_empty_listen_variable_counts_as_unset() {
    for (service, address) in [("products", "127.0.0.1:5001"), ("orders", "127.0.0.1:5002")] {
        let empty = |_: &Path, command: &mut Command| {
            command.env(format!("{}_LISTEN", service.to_uppercase()), "");
        };
        let help = run(empty, &[service, "--help"]);
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains(address));
        // The address is accepted; the next error is about the token.
        let refused = |folder: &Path, command: &mut Command| {
            empty(folder, command);
            command.env(format!("{}_TOKEN", service.to_uppercase()), "");
        };
        refuses(run(refused, &[service]), "_TOKEN is empty: set it to the token");
    }
}

#[test]
fn an_invalid_variable_is_named() {
    for arguments in programs() {
        let arguments = arguments.as_slice();
        for variable in variables(arguments) {
            let is_text = ["_TOKEN", "_FILE", "_DIR", "_URL"].iter().any(|end| variable.ends_with(end));
            if is_text {
                continue;
            }
            let output = run(
                |_, command| {
                    command.env(&variable, "-x1");
                },
                arguments,
            );
            refuses(output, &format!("{variable} is `-x1`, which cannot be used ("));
        }
    }
    for (variable, value, reason) in [
        ("MAX_REQUESTS", "0", "0 is not in 1..="),
        ("LOG_FORMAT", "xml", "the values are text, json"),
        ("RUST_LOG", "a=b=c", "RUST_LOG is `a=b=c`, which cannot be used ("),
        ("ORDERS_URL", "https://127.0.0.1:1", "ORDERS_URL is wrong: `https://127.0.0.1:1` needs TLS"),
        ("ORDERS_URL", "nowhere", "ORDERS_URL is wrong: `nowhere` is not an address"),
    ] {
        refuses(
            run(
                |_, command| {
                    command.env(variable, value);
                },
                &["payments"],
            ),
            reason,
        );
    }
    // An invalid flag is named as a flag.
    let output = run(
        |_, command| {
            command.env("MAX_REQUESTS", "7");
        },
        &["orders", "--max-requests=x"],
    );
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && log.contains("--max-requests"), "{log}");
}

#[test]
fn a_variable_that_is_not_utf8_is_named_but_a_token_is_not_shown() {
    for variable in ["ORDERS_TOKEN", "PRODUCTS_URL", "MAX_REQUESTS", "RUST_LOG"] {
        let invalid = OsStr::from_bytes(b"secret\xff");
        let output = run(
            |_, command| {
                command.env(variable, invalid);
            },
            &["orders"],
        );
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!variable.ends_with("TOKEN") || !log.contains("secret"), "{log}");
        refuses(output, variable);
    }
}

#[test]
fn a_host_name_is_an_address_to_listen_on() {
    let folder = folder();
    let mut process = command(folder.path(), &["products"])
        .env("PRODUCTS_LISTEN", "localhost:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    signal("TERM", process.id());
    assert!(process.wait().unwrap().success());
    assert!(line.starts_with("products is ready at http://127.0.0.1:"), "{line}");
}

#[test]
fn an_address_without_a_port_is_refused_with_an_example() {
    for address in ["localhost", "127.0.0.1"] {
        let output = run(
            |_, command| {
                command.env("ORDERS_LISTEN", address);
            },
            &[],
        );
        let sentence = format!(
            "ORDERS_LISTEN is `{address}`, which cannot be used (invalid socket address; an address looks like "
        );
        refuses(output, &sentence);
    }
}
