//! The store: one program that runs each service in a process of its own.
//!
#![doc = include_str!("../system.svg")]
//!
//! No service depends on the crate of another: [`orders`] calls [`products`] through the client that is generated from the products
//! document. All of them are built on [`chassis`].
//!
//! The store starts its own program once for each service, with the name of the service as the first argument, so that there is
//! only one binary to build. [`main`] runs the whole store or one service, with its `settings`. `stub` is a store for the developers
//! of its consumers, and `run` is either of the two. `start_page` links to all services. A `supervisor` keeps a service running,
//! `child` is the process of a service, and `restart` decides when a new one is started. `commands` are for operators.

mod run;
mod stub;
mod settings;
mod commands;
mod start_page;
mod supervisor;
mod child;
mod restart;
mod member;
mod http;
mod address;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    process::ExitCode,
    time::{Duration, Instant},
};

use chassis::{
    output,
    process::signals::{Parent, shutdown_signal},
    settings::{StartupError, command_line},
    telemetry::log,
};
use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use tokio::sync::watch;

use self::{
    member::Member,
    run::Run,
    settings::{Described, Settings},
    start_page::{Content, Entry},
    supervisor::{End, Shared, Supervisor},
};

/// The name of the program, in its own log lines.
const NAME: &str = "store";

/// How long the program waits at its end until its last lines are written.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(100);

/// The services, each of which calls only those before it.
const MEMBERS: &[Member] = &[
    Member::new(products::SERVICE, &products::SCHEMA, products::document, products::main),
    Member::new(orders::SERVICE, &orders::SCHEMA, orders::document, orders::main),
    Member::new(payments::SERVICE, &payments::SCHEMA, payments::document, payments::main),
];

/// The names of the services, in the order in which they start.
pub fn services() -> impl DoubleEndedIterator<Item = &'static str> {
    MEMBERS.iter().map(|member| member.info.name)
}

/// Runs the store with `arguments`, the first of which is the program's name. If the second is the name of a service, runs that
/// service alone, and if it is a command, that command.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_named = |member: &&Member| arguments.get(1).is_some_and(|argument| argument == member.info.name);
    if let Some(member) = MEMBERS.iter().find(is_named) {
        return (member.main)(arguments.into_iter().skip(1).collect());
    }
    if let Some(code) = commands::run(MEMBERS, &arguments) {
        return code;
    }
    let is_stub = arguments.get(1).is_some_and(|argument| argument == stub::NAME);
    let parsed = match is_stub {
        true => stub::parse(settings::arguments(MEMBERS), MEMBERS, &arguments[1..]).map(Run::Stub),
        false => {
            let read = |matches: &_| Settings::read(MEMBERS, matches);
            let command =
                settings::command(MEMBERS).subcommand(stub::command(settings::arguments(MEMBERS), MEMBERS));
            command_line::parse(command, &arguments, read).map(Run::Store)
        }
    };
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    let format = parsed.settings().common.log_format;
    let outcome = log::to_standard_error(NAME, format).and_then(|()| run(parsed));
    log::flush(Instant::now() + FLUSH_TIMEOUT);
    outcome.unwrap_or_else(|error| {
        log::failure(NAME, format, &error);
        ExitCode::FAILURE
    })
}

#[tokio::main(flavor = "current_thread")]
async fn run(mut run: Run) -> Result<ExitCode, StartupError> {
    let settings = run.settings();
    let (request_reload, reload) = watch::channel(());
    let mut stop = std::pin::pin!(shutdown_signal(Parent::None, move || {
        tracing::info!("the services reread their token files");
        let _ = request_reload.send(());
    })?);
    let program = env::current_exe().map_err(|error| {
        StartupError::new(format!("the program of the services cannot be found: {error}"))
    })?;
    let shared = Shared {
        program,
        restart: settings.restart,
        stop_timeout: settings.common.limits.stop_timeout(),
        reload,
    };
    let mut environment = settings.environment.clone();
    // The page leads to all services.
    let bound = match run.members(MEMBERS).len() == MEMBERS.len() {
        true => settings.start_page.bind().await,
        false => Ok(None),
    };
    let page = bound.unwrap_or_else(|sentence| {
        tracing::warn!("{sentence}");
        None
    });
    let page_address = page.as_ref().and_then(|page| page.local_addr().ok());
    let page_url = page_address.map(address::url);
    let is_page_for_all = page_address.is_some_and(address::is_found_elsewhere);
    let (mut services, mut entries) = (Vec::new(), Vec::new());
    // One after the other, since a service needs the URLs of those that it calls.
    for (index, member) in run.members(MEMBERS).iter().enumerate() {
        let settings = run.settings();
        let Described { public_url, token, is_local, .. } = &settings.services[index];
        let (public_url, token) = (public_url.clone(), token.clone());
        let mut own = environment.clone();
        own.extend(run.environment(member));
        // No link is better than one that leads a browser elsewhere to its own machine.
        if settings.common.store_url.is_none() && (*is_local || is_page_for_all) {
            own.extend(page_url.iter().map(|url| ("STORE_URL".into(), url.into())));
        }
        let mut service = Supervisor::new(member.info, shared.clone(), own);
        let address = tokio::select! {
            address = service.start() => address,
            signal = &mut stop => {
                tracing::info!(%signal, "stopping");
                services.push(service);
                return Ok(exit_code(stop_all(services, &BTreeMap::new()).await));
            }
        };
        services.push(service);
        let Ok(Some(address)) = address else {
            stop_all(services, &BTreeMap::new()).await;
            return address.map(|_| ExitCode::FAILURE);
        };
        let (outside, inside) = match run.addresses(member, address) {
            Ok(addresses) => addresses,
            Err(error) => {
                stop_all(services, &BTreeMap::new()).await;
                return Err(error);
            }
        };
        environment.push((member.info.url_variable().into(), address::url(inside).into()));
        entries.push(Entry { name: member.info.name, address: outside, public_url, token });
    }
    let prepared = tokio::select! {
        prepared = run.prepare() => prepared,
        signal = &mut stop => {
            tracing::info!(%signal, "stopping");
            return Ok(exit_code(stop_all(services, &BTreeMap::new()).await));
        }
    };
    if let Err(error) = prepared {
        stop_all(services, &BTreeMap::new()).await;
        return Err(error);
    }
    output::stdout(run.summary(page_url.as_deref(), &entries));
    if let Some(page) = page {
        tokio::spawn(start_page::serve(page, Content(entries)));
    }

    let mut ends = BTreeMap::new();
    let mut running: FuturesUnordered<_> =
        services.iter_mut().map(|service| async { (service.name(), service.run().await) }).collect();
    loop {
        tokio::select! {
            // The signal comes first, so that services that got it as well do not count as stopped by somebody else.
            biased;
            signal = &mut stop => {
                tracing::info!(%signal, "stopping");
                break;
            }
            Some((name, end)) = running.next() => {
                ends.insert(name, end);
                if end == End::Died || running.is_empty() {
                    break;
                }
            }
        }
    }
    drop(running);
    let are_well = stop_all(services, &ends).await;
    tracing::info!("stopped");
    Ok(exit_code(are_well))
}

fn exit_code(are_well: bool) -> ExitCode {
    if are_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Stops all services, some of which have ended already. False if one has died.
async fn stop_all(services: Vec<Supervisor>, ends: &BTreeMap<&str, End>) -> bool {
    let stopping = services.into_iter().map(|service| {
        let end = ends.get(service.name()).copied();
        service.stop(end)
    });
    join_all(stopping).await.into_iter().all(|is_well| is_well)
}
