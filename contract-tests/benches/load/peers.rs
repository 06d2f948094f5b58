//! Other implementations of the store, which get the same load.
//!
//! `STORE_BENCH_PEER` lists them, separated by commas: a folder in `benches/peers`, which is built and started, or the URL of a
//! running products service, with orders and payments at the next two ports and the development tokens.

use std::{env, path::Path, process::Command};

use contract_tests::{
    engine::deployment::{Address, Deployment, SERVICES},
    harness::{development::token, store::Store},
};

/// Names the peers.
const PEERS: &str = "STORE_BENCH_PEER";

/// Another implementation of the store.
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) deployment: Deployment,
    /// None if somebody else has started it.
    _store: Option<Store>,
}

impl Peer {
    /// All that are named. Those of a folder keep their rows in files.
    ///
    /// # Panics
    /// One cannot be built, or does not start.
    pub(crate) fn all() -> Vec<Self> {
        let named = env::var(PEERS).unwrap_or_default();
        let names = named.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(|name| if name.contains("://") { Self::at(name) } else { Self::start(name) }).collect()
    }

    fn start(name: &str) -> Self {
        let store = Store::start(&build(name, "sqlite"), &[]);
        Self { name: name.into(), deployment: store.deployment(), _store: Some(store) }
    }

    fn at(url: &str) -> Self {
        let (host, port) = url
            .trim_end_matches('/')
            .rsplit_once(':')
            .unwrap_or_else(|| panic!("{PEERS} has no port: {url}"));
        let port: u16 = port.parse().unwrap_or_else(|_| panic!("{PEERS} has no port: {url}"));
        let deployment = Deployment::new(
            SERVICES
                .iter()
                .zip(port..)
                .map(|(service, port)| Address { url: format!("{host}:{port}"), token: token(service) }),
        );
        Self { name: "other".into(), deployment, _store: None }
    }
}

/// Whether `name` is among the peers.
pub(crate) fn is_named(name: &str) -> bool {
    env::var(PEERS).is_ok_and(|named| named.split(',').any(|one| one.trim() == name))
}

/// Builds the peer called `name` for `engine`, and says what starts a service of it.
///
/// # Panics
/// There is none, or it cannot be built.
pub(crate) fn build(name: &str, engine: &str) -> String {
    let serve = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers").join(name).join("serve");
    assert!(serve.is_file(), "{PEERS} names no folder of benches/peers and no URL: {name}");
    let built = Command::new(&serve).args(["build", engine]).status().expect("a program that can be started");
    assert!(built.success(), "{} cannot be built", serve.display());
    serve.to_string_lossy().into_owned()
}
