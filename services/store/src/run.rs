//! The store, or a stub: what both run, and where they differ.

use std::{ffi::OsString, net::SocketAddr};

use chassis::settings::StartupError;

use crate::{address, member::Member, settings::Settings, start_page::Entry, stub::Stub};

/// The store or a stub.
#[expect(clippy::large_enum_variant, reason = "a process has one of it")]
pub(crate) enum Run {
    Store(Settings),
    Stub(Stub),
}

impl Run {
    pub(crate) fn settings(&self) -> &Settings {
        match self {
            Self::Store(settings) => settings,
            Self::Stub(stub) => &stub.settings,
        }
    }

    /// The services that run, of all that there are.
    pub(crate) fn members(&self, all: &'static [Member]) -> &'static [Member] {
        match self {
            Self::Store(_) => all,
            Self::Stub(stub) => stub.members,
        }
    }

    /// The variables that one service has and others have not.
    pub(crate) fn environment(&self, member: &Member) -> Vec<(OsString, OsString)> {
        match self {
            Self::Store(_) => Vec::new(),
            Self::Stub(stub) => stub.environment(member),
        }
    }

    /// Where callers find a service that is at `address`, and where other services do.
    pub(crate) fn addresses(
        &mut self,
        member: &Member,
        address: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), StartupError> {
        match self {
            Self::Store(_) => Ok((address, address)),
            Self::Stub(stub) => stub.stand_before(member, address),
        }
    }

    /// Finishes the preparation once all services are ready.
    pub(crate) async fn prepare(&mut self) -> Result<(), StartupError> {
        match self {
            Self::Store(_) => Ok(()),
            Self::Stub(stub) => stub.prepare().await,
        }
    }

    /// The text that is printed when all services are ready.
    pub(crate) fn summary(&self, page_url: Option<&str>, entries: &[Entry]) -> String {
        let mut text = String::from("\n");
        text.extend(page_url.map(|url| format!("{:<10} start here  {url}\n\n", "store")));
        for (entry, described) in entries.iter().zip(&self.settings().services) {
            let (name, token, url) = (entry.name, &entry.token, address::url(entry.address));
            text += &format!("{name:<10} URL         {url}\n{:<10} Swagger UI  {url}/docs\n", "");
            text += &match self {
                Self::Store(_) => {
                    let database = &described.database;
                    format!("{0:<10} token       {token}\n{0:<10} database    {database}\n", "")
                }
                Self::Stub(stub) => stub.lines(name, &url, &entry.token_in_shell()),
            };
            text.push('\n');
        }
        text += &match self {
            Self::Store(_) => "Ctrl-C stops the store.\n".to_owned(),
            Self::Stub(stub) => stub.last_lines(),
        };
        text
    }
}
