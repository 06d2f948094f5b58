//! `store stub`: a store to develop consumers against. It runs the real services in a temporary folder, filled with the data in the
//! examples of their documents.
//!
//! A caller can ask for any documented response with `Prefer`, which the services themselves honour. A `front` before a service
//! injects its faults; without a fault, there is nothing between a caller and a service.

mod seed;
mod front;
mod faults;

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chassis::{
    output,
    settings::{StartupError, Token, command_line},
};
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, parser::ValueSource};
use tempfile::TempDir;

use self::{
    faults::{Chosen, Faults},
    front::Front,
    seed::Seeded,
};
use crate::{address, member::Member, settings::Settings};

/// The name of the command.
pub(crate) const NAME: &str = "stub";

/// The value of `--fault` that lists all of them.
const LIST: &str = "list";

/// A free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A store that is a stub.
pub(crate) struct Stub {
    /// The services that run: those that were named, and all that start before them.
    pub(crate) members: &'static [Member],
    pub(crate) settings: Settings,
    tokens: Vec<Token>,
    chosen: Chosen,
    /// Where services listen that have a front.
    outside: Vec<SocketAddr>,
    fronts: Vec<Front>,
    /// Whether faults are injected: not before the stub is prepared.
    is_on: Arc<AtomicBool>,
    /// Where the services themselves are.
    services: Vec<SocketAddr>,
    seeded: Vec<Seeded>,
    /// Removed when this is dropped.
    folder: TempDir,
}

/// The command, with the arguments of the store, which is `store`.
pub(crate) fn command(store: Command, members: &'static [Member]) -> Command {
    let services = Arg::new("services")
        .value_name("SERVICE")
        .action(ArgAction::Append)
        .value_parser(PossibleValuesParser::new(members.iter().map(|member| member.info.name)))
        .help_heading(None)
        .help("The services to run; those that they call run as well [default: all]");
    let fault = Arg::new("fault")
        .long("fault")
        .value_name("NAME")
        .action(ArgAction::Append)
        .help_heading("Stub")
        .help(format!("A fault, such as `orders says nothing`; can be repeated; `{LIST}` lists all faults"));
    store
        .name(NAME)
        .about(about())
        .long_about(format!(
            "{}.\n\nThe services start with the data that the examples in their OpenAPI documents show, and pages of any origin \
             may call them. `Prefer: code=404` or `Prefer: example=NAME` in a request selects an example response, without a \
             token.",
            about()
        ))
        .arg(services)
        .arg(fault)
        .mut_arg("data_dir", |argument| argument.hide(true))
        .mut_arg("prefer_examples", |argument| argument.hide(true))
}

/// The purpose of the command, in one line.
pub(crate) fn about() -> &'static str {
    "Run the services for the development of a consumer, in a temporary directory"
}

/// Reads the command line, the first of which is the name of the command, and the variables.
///
/// # Errors
/// There is nothing to run. The text for the user is printed already.
pub(crate) fn parse(
    store: Command,
    members: &'static [Member],
    arguments: &[OsString],
) -> Result<Stub, ExitCode> {
    let command = command(store, members).bin_name(format!("store {NAME}"));
    let stub = command_line::parse(command, arguments, |matches| match asks_for_list(matches) {
        true => Ok(None),
        false => Stub::read(members, matches).map(Some),
    })?;
    stub.ok_or_else(|| {
        output::stdout(faults::list(members));
        ExitCode::SUCCESS
    })
}

fn asks_for_list(matches: &ArgMatches) -> bool {
    matches.get_many::<String>("fault").into_iter().flatten().any(|name| name == LIST)
}

impl Stub {
    fn read(all: &'static [Member], matches: &ArgMatches) -> Result<Self, StartupError> {
        if matches.value_source("data_dir") == Some(ValueSource::CommandLine) {
            return Err(StartupError::new("a stub has a directory of its own: omit --data-dir."));
        }
        // What is on a server would be seeded, and would still be there at the end.
        if let Some(variable) = all.iter().find_map(|member| member.info.server_variable(matches)) {
            return Err(StartupError::new(format!("a stub has databases of its own: unset {variable}.")));
        }
        let named: Vec<&String> = matches.get_many("services").into_iter().flatten().collect();
        let is_named =
            |member: &Member| named.is_empty() || named.iter().any(|name| *name == member.info.name);
        let members = &all[..all.iter().rposition(is_named).map_or(0, |last| last + 1)];
        let names: Vec<&String> = matches.get_many("fault").into_iter().flatten().collect();
        let chosen = Chosen::find(all, members, &names)?;
        let tokens = members
            .iter()
            .map(|member| member.info.token(matches).check(member.info.listen(matches)))
            .collect::<Result<_, _>>()?;
        let folder = tempfile::Builder::new().prefix("store-stub-").tempdir().map_err(|error| {
            StartupError::new(format!(
                "no directory can be created for the databases ({error}): set TMPDIR to a writable directory."
            ))
        })?;
        let mut settings = Settings::read(all, matches)?;
        settings.common.data_dir = folder.path().to_owned();
        let mut set = |variable: &str, value: OsString| settings.environment.push((variable.into(), value));
        set("DATA_DIR", folder.path().into());
        set("PREFER_EXAMPLES", "true".into());
        if settings.common.cors_origins.is_none() {
            set("CORS_ORIGINS", "*".into());
        }
        Ok(Self {
            members,
            settings,
            tokens,
            chosen,
            outside: members.iter().map(|member| member.info.listen(matches)).collect(),
            fronts: Vec::new(),
            is_on: Arc::default(),
            services: Vec::new(),
            seeded: Vec::new(),
            folder,
        })
    }

    /// The variables of a service that has a front where it would listen itself.
    pub(crate) fn environment(&self, member: &Member) -> Vec<(OsString, OsString)> {
        let has_front = self.chosen.before(member.info.name).is_some();
        let listen = || (member.info.listen_variable().into(), ANY_PORT.to_string().into());
        has_front.then(listen).into_iter().collect()
    }

    /// Puts fronts before the next service, which is at `address`. Returns where callers find it, and where other services do.
    ///
    /// # Errors
    /// Another program listens where callers are to find it.
    pub(crate) fn stand_before(
        &mut self,
        member: &Member,
        address: SocketAddr,
    ) -> Result<(SocketAddr, SocketAddr), StartupError> {
        let name = member.info.name;
        let outside = self.outside[self.services.len()];
        self.services.push(address);
        let (before, between) = (self.chosen.before(name), self.chosen.between(name));
        Ok((self.front(member, address, before, outside)?, self.front(member, address, between, ANY_PORT)?))
    }

    /// Puts a front with these faults before a service, and returns its address. Without faults, that is the service's own.
    fn front(
        &mut self,
        member: &Member,
        service: SocketAddr,
        faults: Option<Faults>,
        at: SocketAddr,
    ) -> Result<SocketAddr, StartupError> {
        let Some(faults) = faults else { return Ok(service) };
        let front = Front::start(at, service, faults, self.is_on.clone()).map_err(|error| {
            let variable = member.info.listen_variable();
            StartupError::new(format!(
                "{at} cannot be bound ({error}): stop what uses it, or set {variable} to another address."
            ))
        })?;
        let address = front.address();
        self.fronts.push(front);
        Ok(address)
    }

    /// Creates the resources in the examples of the documents, and injects the faults from now on.
    ///
    /// # Errors
    /// A service does not hold then what its document shows.
    pub(crate) async fn prepare(&mut self) -> Result<(), StartupError> {
        let services = self.members.iter().zip(&self.services).zip(&self.tokens);
        let services = services.map(|((member, address), token)| (member, address::url(*address), token));
        self.seeded = seed::seed(&services.collect::<Vec<_>>()).await?;
        self.is_on.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The lines about a service that callers find at `url`, with its token as a shell expects it.
    pub(crate) fn lines(&self, name: &str, url: &str, token: &str) -> String {
        let mut paths = self.seeded.iter().filter(|seeded| seeded.service == name);
        let Some(Seeded { path, .. }) = paths.next() else { return String::new() };
        let header = format!("Authorization: Bearer {token}");
        format!(
            "{0:<10} header      {header}\n{0:<10} try         curl -H \"{header}\" {url}{path}\n{0:<10} an error    \
             curl -i -H \"Prefer: code=503\" {url}{path}\n",
            ""
        )
    }

    /// The lines after those of all services.
    pub(crate) fn last_lines(&self) -> String {
        let faults = self.chosen.names().map(|name| format!("fault      {name}\n")).collect::<String>();
        let blank = if faults.is_empty() { "" } else { "\n" };
        let folder = self.folder.path().display();
        format!("{faults}{blank}Ctrl-C stops the stub and removes its directory, {folder}.\n")
    }
}
