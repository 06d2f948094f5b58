//! Services behind `https://`.

use std::process::Command;

use contract_tests::{
    engine::exchange::http_client,
    harness::{
        ending::{LONG, output_within},
        tls::TlsFrontEnd,
    },
};

use super::{
    files::{Files, Ran},
    service::{Flaw, KEY, Service},
    watch::{RESPONSE_TIMEOUT, Watching},
};

/// A service behind a front end that speaks TLS.
fn start() -> (Files, Service, TlsFrontEnd) {
    let service = Service::start(Flaw::None);
    let front_end = TlsFrontEnd::start(service.url.trim_start_matches("http://"));
    (Files::new(), service, front_end)
}

/// Runs the tool with `server`, and with what it trusts.
fn run(files: &Files, arguments: &[&str], server: &str, trusts: Option<&TlsFrontEnd>) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
    command.args(arguments).args(["--server", server, "--token", KEY]).current_dir(files.folder.path());
    if let Some(front_end) = trusts {
        command.env("SSL_CERT_FILE", front_end.certificate());
    }
    Ran::from(output_within(LONG, &mut command))
}

#[test]
fn a_service_is_judged_and_proved_over_tls() {
    let (files, service, front_end) = start();
    // A body that never ends and one in chunks are sent by hand.
    files.write("contract.yaml", "responses: { too_large: 422 }\n");
    let counted = |out: &str| out.lines().last().unwrap_or_default().to_owned();
    let plain = run(&files, &["replay", "good.arazzo.yaml"], &service.url, None).expect(0, ", 0 failed");
    let encrypted = run(&files, &["replay", "good.arazzo.yaml"], &front_end.url, Some(&front_end));
    let encrypted = encrypted.expect(0, ", 0 failed");
    assert_eq!(counted(&plain.out), counted(&encrypted.out));
    run(&files, &["replay", "good.arazzo.yaml", "--list"], &service.url, None)
        .expect(0, "with_a_chunked_body_that_is_too_large");
    let prove = ["prove", "good.arazzo.yaml", "--workflows-only", "--fault", "create_note: "];
    run(&files, &prove, &front_end.url, Some(&front_end)).expect(1, "faults noticed");
}

#[test]
fn callers_are_watched_before_a_service_that_speaks_tls() {
    let (files, _service, front_end) = start();
    let trust = [("SSL_CERT_FILE", front_end.certificate().display().to_string())];
    let watching = Watching::start_with(&files, &["--server", &front_end.url], &trust);
    let get = http_client(RESPONSE_TIMEOUT).get(format!("{}/notes", watching.url));
    assert_eq!(get.header("X-Api-Key", KEY).send().unwrap().status(), 200);
    assert_eq!(watching.stop().0, Some(0));
}

#[test]
fn a_certificate_that_is_not_trusted_is_said_before_anything_is_asked() {
    let (files, service, front_end) = start();
    let other = TlsFrontEnd::start("127.0.0.1:1");
    for (command, trusts) in [("replay", None), ("prove", Some(&other)), ("watch", None)] {
        let ran = run(&files, &[command, "notes.yaml"], &front_end.url, trusts);
        let ran = ran.expect(2, "SSL_CERT_FILE can name the certificates that are to be trusted");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    let https = service.url.replace("http:", "https:");
    run(&files, &["replay", "notes.yaml"], &https, None).expect(2, "the server does not speak TLS");
}

#[test]
fn without_any_certificate_a_plain_address_can_be_asked() {
    let (files, service, _front_end) = start();
    let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
    command.args(["replay", "good.arazzo.yaml", "life", "--server", &service.url, "--token", KEY]);
    command.current_dir(files.folder.path()).env("SSL_CERT_FILE", "/dev/null");
    Ran::from(output_within(LONG, command.env("SSL_CERT_DIR", files.folder.path()))).expect(0, "4 passed");
}
