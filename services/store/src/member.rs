//! A service of the store: what it is called, how it is run, and what its database is like.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use chassis::{settings::ServiceInfo, storage::sqlite::Schema};

/// A service of the store.
pub(crate) struct Member {
    pub(crate) info: ServiceInfo,
    pub(crate) schema: &'static Schema,
    pub(crate) main: fn(Vec<OsString>) -> ExitCode,
}

impl Member {
    pub(crate) const fn new(
        info: ServiceInfo,
        schema: &'static Schema,
        main: fn(Vec<OsString>) -> ExitCode,
    ) -> Self {
        Self { info, schema, main }
    }
}

/// The loopback address, if `address` stands for all addresses of this machine.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, address.port())
}
