//! Services that die, and what the store does about it.

use std::{
    fs,
    io::Write,
    net::TcpStream,
    process::{Command, Stdio},
};

use crate::{Store, command, folder, get, signal, wait_until};

const READY: &str = "HTTP/1.1 200 OK";

/// The line about the death of `service`, and the pause before it is started again.
fn died(service: &str, pause: &str) -> String {
    format!("the service died; restarting in {pause} service={service} status=signal: 9 (SIGKILL)")
}

#[test]
fn a_service_that_dies_is_started_again_at_the_same_address() {
    let mut store = Store::start();
    signal("KILL", store.service("orders"));
    store.wait_for(&died("orders", "500ms"));
    store.wait_for(&format!("the service is ready again service=orders url={}", store.urls[1]));
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), READY);
    }
    store.signal("TERM");
    // Nothing is dead that was not started again.
    assert_eq!(store.exit_code(), Some(0), "{}", store.log());
}

#[test]
fn services_that_die_at_once_are_all_started_again() {
    let mut store = Store::start();
    for service in store::services() {
        signal("KILL", store.service(service));
    }
    for service in store::services() {
        store.wait_for(&died(service, "500ms"));
        store.wait_for(&format!("the service is ready again service={service}"));
    }
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), READY);
    }
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0), "{}", store.log());
}

#[test]
fn a_service_that_keeps_dying_stops_the_store_with_a_failure() {
    let mut store = Store::start();
    for pause in ["500ms", "1s", "2s", "4s"] {
        wait_until(|| store.find_service("products").is_some(), &format!("products runs:\n{}", store.log()));
        signal("KILL", store.service("products"));
        store.wait_for(&died("products", pause));
    }
    wait_until(|| store.find_service("products").is_some(), "products runs");
    signal("KILL", store.service("products"));
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
    store.wait_for(
        "the service died 5 times within a minute: stopping the store; see its log service=products",
    );
    for url in &store.urls {
        assert_eq!(get(url, "/livez"), "");
    }
}

#[test]
fn with_restart_never_the_first_death_stops_the_store_with_a_failure() {
    let mut store = Store::start_with(&[("RESTART", "never")]);
    signal("KILL", store.service("payments"));
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
    store.wait_for("the service died, and RESTART is never: stopping the store service=payments");
    for url in &store.urls {
        assert_eq!(get(url, "/livez"), "");
    }
}

#[test]
fn a_stop_during_the_pause_does_not_wait_and_is_a_failure() {
    let mut store = Store::start();
    for pause in ["500ms", "1s", "2s"] {
        wait_until(|| store.find_service("orders").is_some(), "orders runs");
        signal("KILL", store.service("orders"));
        store.wait_for(&died("orders", pause));
    }
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
    for url in &store.urls {
        assert_eq!(get(url, "/livez"), "");
    }
}

#[test]
fn a_service_that_dies_while_it_is_stopped_is_a_failure() {
    let mut store = Store::start();
    // A request without its body keeps products from stopping at once.
    let mut stuck = TcpStream::connect(store.urls[0].trim_start_matches("http://")).unwrap();
    let head = "POST /products HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer SECRET_PRODUCTS_TOKEN\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stuck.write_all(head.as_bytes()).unwrap();
    let products = store.service("products");
    store.signal("TERM");
    store.wait_for("stopping signal=SIGTERM");
    signal("KILL", products);
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
    let died = "the service died while it was being stopped service=products status=signal: 9 (SIGKILL)";
    assert!(store.log().contains(died), "{}", store.log());
}

#[test]
fn a_service_that_somebody_stops_is_not_started_again() {
    let mut store = Store::start();
    signal("TERM", store.service("orders"));
    store.wait_for("the service was stopped, and the others keep running service=orders");
    assert_eq!(get(&store.urls[0], "/readyz"), READY);
    assert_eq!(get(&store.urls[1], "/livez"), "");
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0), "{}", store.log());
}

#[test]
fn a_service_that_is_suspended_is_killed_when_the_store_stops() {
    let mut store = Store::start_with(&[("STOP_DELAY", "0s"), ("DRAIN_TIMEOUT", "0s")]);
    signal("STOP", store.service("orders"));
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
    store.wait_for("the service did not stop in time, and was killed service=orders");
}

#[test]
fn a_service_whose_program_is_gone_stops_the_store_with_a_failure() {
    let folder = folder();
    let program = folder.path().join("store");
    fs::hard_link(env!("CARGO_BIN_EXE_store"), &program).unwrap();
    let original = command(folder.path(), &[]);
    let mut command = Command::new(&program);
    command.envs(original.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut store = Store::spawn(command, folder, log);
    fs::remove_file(&program).unwrap();
    signal("KILL", store.service("orders"));
    store.wait_for("the service cannot be started service=orders error=No such file or directory");
    assert_eq!(store.exit_code(), Some(1), "{}", store.log());
}
