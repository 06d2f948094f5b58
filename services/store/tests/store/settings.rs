//! Variables that are set to nothing, or to what cannot be read.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

use crate::{command, folder, refuses, run, signal};

/// Every variable that `arguments` has, as its help lists them.
fn variables(arguments: &[&str]) -> Vec<String> {
    let help = String::from_utf8(run(|_, _| {}, &[arguments, &["--help"]].concat()).stdout).unwrap();
    let listed = help.split("[env: ").skip(1);
    listed.map(|rest| rest.split(['=', ']']).next().unwrap().to_owned()).collect()
}

const PROGRAMS: [&[&str]; 4] = [&[], &["products"], &["orders"], &["payments"]];

/// What the libraries read by themselves.
const OTHER_VARIABLES: [&str; 12] = [
    "RUST_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
];

#[test]
fn a_variable_that_is_set_but_empty_is_as_unset() {
    for arguments in PROGRAMS {
        let variables = variables(arguments);
        assert!(variables.len() > 12, "{variables:?}");
        let empty = |command: &mut Command| {
            for variable in variables.iter().map(String::as_str).chain(OTHER_VARIABLES) {
                // Those that are listened at are this test's, and an empty token is refused.
                if !variable.ends_with("_TOKEN") && !variable.ends_with("_LISTEN") {
                    command.env(variable, "");
                }
            }
        };
        let folder = folder();
        let mut command = command(folder.path(), arguments);
        empty(&mut command);
        // The folder is as unset, too: it is below the current one.
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
fn an_empty_listen_variable_is_as_unset() {
    for (service, address) in [("products", "127.0.0.1:5001"), ("orders", "127.0.0.1:5002")] {
        let empty = |_: &Path, command: &mut Command| {
            command.env(format!("{}_LISTEN", service.to_uppercase()), "");
        };
        let help = run(empty, &[service, "--help"]);
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains(address));
        // It goes as far as its token.
        let refused = |folder: &Path, command: &mut Command| {
            empty(folder, command);
            command.env(format!("{}_TOKEN", service.to_uppercase()), "");
        };
        refuses(run(refused, &[service]), "_TOKEN is empty: set it to the token");
    }
}

#[test]
fn a_variable_that_cannot_be_read_is_named() {
    for arguments in PROGRAMS {
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
        ("LOG_FORMAT", "xml", "it is one of text, json"),
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
    // What was said on the command line is told as a flag.
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
fn a_variable_that_is_no_text_is_named_and_a_token_is_not_shown() {
    for variable in ["ORDERS_TOKEN", "PRODUCTS_URL", "MAX_REQUESTS", "RUST_LOG"] {
        let no_text = OsStr::from_bytes(b"secret\xff");
        let output = run(
            |_, command| {
                command.env(variable, no_text);
            },
            &["orders"],
        );
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!variable.ends_with("TOKEN") || !log.contains("secret"), "{log}");
        refuses(output, variable);
    }
}
