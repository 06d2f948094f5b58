//! A store whose terminal is closed stops with all its services, unless `nohup` started it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
};

use contract_tests::{
    engine::{
        deployment::{Address, Deployment, SERVICES, variable},
        exchange::Request,
        session::Session,
    },
    harness::{address::Reserved, folders::new_folder, process::signal, waiting},
};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::{PROGRAM, shared};

/// What the store logs after a hangup.
const HEARD: &str = "the services reread their token files";

/// A store in a terminal of its own. It is killed when this is dropped.
struct InTerminal {
    child: Box<dyn Child + Send + Sync>,
    /// The terminal is closed when this is dropped.
    terminal: Option<Box<dyn MasterPty + Send>>,
    _addresses: Vec<Reserved>,
    session: Session,
}

impl InTerminal {
    /// Runs `command` in `folder`, and waits until all services are ready.
    fn start(command: &[&str], folder: &Path) -> Self {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let addresses: Vec<Reserved> = SERVICES.iter().map(|_| Reserved::new()).collect();
        let mut builder = CommandBuilder::new(command[0]);
        builder.args(&command[1..]);
        builder.cwd(folder);
        builder.env("DATA_DIR", "data");
        for (service, address) in SERVICES.iter().zip(&addresses) {
            builder.env(variable(service, "LISTEN"), address.text());
        }
        let child = pair.slave.spawn_command(builder).unwrap();
        // The probes need no token.
        let at = addresses.iter().map(|address| Address { url: address.url(), token: String::new() });
        let session = Session::new(Deployment::new(at));
        let started = Self { child, terminal: Some(pair.master), _addresses: addresses, session };
        waiting::until("all services to be ready", || started.are_all_ready()).unwrap();
        started
    }

    fn are_all_ready(&self) -> bool {
        let ready = |service: &&str| Request::new(service, "GET", "/readyz");
        SERVICES
            .iter()
            .all(|service| self.session.send(&ready(service)).is_ok_and(|response| response.status == 200))
    }

    /// Waits for the end of the store, and checks that no service is left.
    fn ends_well(&mut self) {
        let has_ended = || self.child.try_wait().unwrap().is_some();
        waiting::until("the end of the store", has_ended).unwrap();
        assert!(self.child.wait().unwrap().success());
        for service in SERVICES.iter() {
            assert!(self.session.send(&Request::new(service, "GET", "/livez")).is_err(), "{service} goes on");
        }
    }
}

impl Drop for InTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_end_of_its_terminal_stops_the_store_and_every_service() {
    let _machine = shared();
    let folder = new_folder();
    let mut store = InTerminal::start(&[PROGRAM], folder.path());
    store.terminal = None;
    store.ends_well();
}

#[test]
fn a_hangup_while_its_terminal_is_there_stops_nothing() {
    let _machine = shared();
    let folder = new_folder();
    let mut store = InTerminal::start(&[PROGRAM], folder.path());
    let id = store.child.process_id().unwrap();
    let output = BufReader::new(store.terminal.as_ref().unwrap().try_clone_reader().unwrap());
    signal("HUP", id);
    let is_heard = move || output.lines().map_while(Result::ok).any(|line| line.contains(HEARD));
    assert!(waiting::within("the hangup", is_heard).unwrap(), "the store has ended");
    assert!(store.are_all_ready());
    signal("TERM", id);
    store.ends_well();
}

#[test]
fn a_store_that_nohup_started_outlives_its_terminal() {
    let _machine = shared();
    let folder = new_folder();
    let mut store = InTerminal::start(&["nohup", PROGRAM], folder.path());
    store.terminal = None;
    let log = || fs::read_to_string(folder.path().join("nohup.out")).unwrap();
    waiting::until("the hangup", || log().contains(HEARD)).unwrap();
    assert!(store.are_all_ready());
    signal("TERM", store.child.process_id().unwrap());
    store.ends_well();
}
