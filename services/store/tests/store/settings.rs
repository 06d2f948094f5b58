//! Variables that are empty or invalid.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use regex::Regex;

use crate::{command, end_of, folder, read_until_ready, refuses, run, signal, urls};

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

#[test]
fn an_empty_variable_counts_as_unset() {
    for arguments in programs() {
        let arguments = arguments.as_slice();
        let (variables, others) = (variables(arguments), read_by_name());
        assert!(variables.len() > 12, "{variables:?}");
        let empty = |command: &mut Command| {
            for variable in variables.iter().chain(&others) {
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
        let (lines, _rest) = read_until_ready(&mut process);
        let ready = lines.iter().any(|line| line.contains("is ready at") || line.starts_with("Ctrl-C"));
        signal("TERM", process.id());
        let output = end_of(process);
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
        ("ORDERS_URL", "nowhere", "ORDERS_URL is wrong: `nowhere` is not an address"),
        (
            "PAYMENTS_PUBLIC_URL",
            "nowhere",
            "PAYMENTS_PUBLIC_URL is `nowhere`, which cannot be used (relative URL without a base; a URL looks like \
             https://shop.example/api): see --help, or unset it.",
        ),
        (
            "CORS_ORIGINS",
            "http://shop.example/cart",
            "CORS_ORIGINS is `http://shop.example/cart`, which cannot be used (`http://shop.example/cart` has more than \
             a scheme, a host and a port; an origin looks like https://shop.example:8443): see --help, or unset it.",
        ),
        (
            "TRUSTED_PROXIES",
            "localhost",
            "TRUSTED_PROXIES is `localhost`, which cannot be used (`localhost` is not an address or a network such as \
             127.0.0.1 or 10.0.0.0/8): see --help, or unset it.",
        ),
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
    for variable in
        ["ORDERS_TOKEN", "PRODUCTS_URL", "MAX_REQUESTS", "RUST_LOG", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    {
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

/// The help of the store and of each service, at its longest.
fn all_help() -> String {
    let help =
        |arguments: Vec<&'static str>| run(|_, _| {}, &[arguments.as_slice(), &["--help"]].concat()).stdout;
    programs().map(|arguments| String::from_utf8(help(arguments)).unwrap()).collect()
}

/// Every source file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => sources(&path),
            false => Some(path)
                .filter(|path| path.extension().is_some_and(|end| end == "rs"))
                .into_iter()
                .collect(),
        })
        .collect()
}

/// The variables that the code of the services reads other than as settings, by a name or by a constant with the name. Those of
/// OpenTelemetry stand in lists.
fn read_by_name() -> BTreeSet<String> {
    let read = Regex::new(r#"env::var(?:_os)?\((?:"(\w+)"|([A-Z_]+))\)"#).unwrap();
    let of_opentelemetry = Regex::new(r#""(OTEL_[A-Z_]+)""#).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let packages = ["chassis", "store"].into_iter().chain(store::services());
    let mut variables = BTreeSet::new();
    for file in packages.flat_map(|package| sources(&root.join(package).join("src"))) {
        let source = fs::read_to_string(&file).unwrap();
        for found in read.captures_iter(&source) {
            let name = found.get(1).map(|name| name.as_str().to_owned()).unwrap_or_else(|| {
                let constant = format!(r#"const {}: &str = "(\w+)""#, &found[2]);
                Regex::new(&constant).unwrap().captures(&source).expect("a constant in the same file")[1]
                    .to_owned()
            });
            variables.insert(name);
        }
        variables.extend(of_opentelemetry.captures_iter(&source).map(|found| found[1].to_owned()));
    }
    variables
}

#[test]
fn every_variable_that_is_read_is_in_the_help() {
    let help = all_help();
    let read = read_by_name();
    assert!(read.contains("RUST_LOG") && read.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{read:?}");
    for variable in read {
        // The help says once that there are such variables for traces alone.
        let variable = variable.replace("OTLP_TRACES_", "OTLP_");
        assert!(help.contains(&variable), "{variable} is in no help");
    }
}

#[test]
fn the_readme_has_every_variable_and_no_other() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let all: BTreeSet<String> =
        programs().flat_map(|arguments| variables(&arguments)).chain(read_by_name()).collect();
    let is_listed = |variable: &str| all.contains(variable) && readme.contains(&format!("`{variable}`"));
    for variable in &all {
        // The README says once what the variables of all services are called.
        let of = |service: &str| format!("{}_", service.to_uppercase());
        let end = store::services().find_map(|service| variable.strip_prefix(&of(service)));
        let is_of_another =
            end.is_some_and(|end| store::services().any(|service| is_listed(&(of(service) + end))));
        // The other variables of OpenTelemetry are not ours to list.
        let is_known = is_listed(variable) || is_of_another || variable.starts_with("OTEL_");
        assert!(is_known, "{variable} is not in the README");
    }
    let (_, settings) = readme.split_once("## Settings").unwrap();
    let (settings, _) = settings.split_once("\n## ").unwrap();
    let help = all_help();
    for found in Regex::new(r"`([A-Z]+(?:_[A-Z]+)+)`").unwrap().captures_iter(settings) {
        // Only the console and the suite call payments.
        let is_value = found[1].starts_with("SECRET_") || found[1].ends_with("_TIMEOUT_MS");
        let is_known =
            all.contains(&found[1]) || &found[1] == "PAYMENTS_URL" || is_value || help.contains(&found[1]);
        assert!(is_known, "{} is not a variable", &found[1]);
    }
}

#[test]
fn the_store_passes_on_cors_origins_and_public_urls() {
    let folder = folder();
    let mut process = command(
        folder.path(),
        &["--cors-origins=http://shop.example", "--orders-public-url=https://shop.example/orders-api"],
    )
    .env("TRUSTED_PROXIES", "127.0.0.1")
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let (lines, _rest) = read_until_ready(&mut process);
    let responses: Vec<String> = urls(&lines)
        .map(|url| {
            let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
            let fields =
                "Host: x\r\nOrigin: http://shop.example\r\nX-Forwarded-Prefix: /api\r\nConnection: close";
            write!(stream, "GET / HTTP/1.1\r\n{fields}\r\n\r\n").unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).unwrap();
            response
        })
        .collect();
    signal("TERM", process.id());
    assert!(end_of(process).status.success());
    for (response, service) in responses.iter().zip(store::services()) {
        let location = if service == "orders" { "/orders-api/docs" } else { "/api/docs" };
        assert!(response.contains(&format!("\r\nlocation: {location}\r\n")), "{response}");
        assert!(response.contains("\r\naccess-control-allow-origin: http://shop.example\r\n"), "{response}");
    }
    assert_eq!(responses.len(), store::services().count());
}
