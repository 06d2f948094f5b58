//! The store: one program that runs the three services as three processes.
//!
#![doc = include_str!("../system.svg")]
//!
//! The services are [`products`], [`orders`] and [`payments`]. None of them knows another's crate: what orders knows of a
//! product it has from the products document, by a client that is generated from it. All stand on [`chassis`].
//!
//! A process of a service is this same program with the service's name as its first argument, so that one binary is all
//! that has to be built. [`main`] is either the whole store or one service; `child` is a service seen from the store.

mod child;

use std::{ffi::OsString, process::ExitCode, thread};

use chassis::{
    output,
    process::signals::shutdown_signal,
    settings::{Common, ServiceInfo, StartupError, command_line},
};
use clap::{ArgMatches, Command, parser::ValueSource};
use futures_util::{StreamExt, stream::FuturesUnordered};

use self::child::Child;

/// A service of the store.
struct Member {
    info: ServiceInfo,
    main: fn(Vec<OsString>) -> ExitCode,
}

/// The services, each of which calls only those before it.
const MEMBERS: [Member; 3] = [
    Member { info: products::SERVICE, main: |arguments| products::main(arguments) },
    Member { info: orders::SERVICE, main: |arguments| orders::main(arguments) },
    Member { info: payments::SERVICE, main: |arguments| payments::main(arguments) },
];

const ABOUT: &str = "The store: products, orders and payments, each a process of its own";

const LONG_ABOUT: &str = "The store: products, orders and payments, each a process of its own.

`store products`, `store orders` and `store payments` run one service alone, like the program of that name.

TERM, INT and QUIT let it finish what was begun and stop; HUP, USR1 and other signals are ignored, and noted.";

/// Runs the store, or the one service that the first of `arguments` after the program's name is called.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_named = |member: &&Member| arguments.get(1).is_some_and(|argument| argument == member.info.name);
    if let Some(member) = MEMBERS.iter().find(is_named) {
        return (member.main)(arguments.into_iter().skip(1).collect());
    }
    let settings = match command_line::parse(command(), &arguments, Settings::read) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    run(&settings).unwrap_or_else(|error| {
        output::stderr(format!("store: {error}\n"));
        ExitCode::FAILURE
    })
}

fn command() -> Command {
    let command = Command::new("store")
        .version(env!("CARGO_PKG_VERSION"))
        .args(MEMBERS.iter().flat_map(|member| member.info.own_args()));
    Common::add_to(command).about(ABOUT).long_about(LONG_ABOUT)
}

/// What the store itself needs of its settings.
struct Settings {
    common: Common,
    /// What is told of each service's token.
    tokens: [String; 3],
    /// The variables that its services are started with.
    environment: Vec<(OsString, OsString)>,
}

impl Settings {
    fn read(matches: &ArgMatches) -> Result<Self, StartupError> {
        Ok(Self {
            common: Common::read(matches)?,
            tokens: MEMBERS.map(|member| member.info.token(matches).describe()),
            environment: environment(matches),
        })
    }
}

/// The variables of all settings that were given: a service has the same defaults.
fn environment(matches: &ArgMatches) -> Vec<(OsString, OsString)> {
    let command = command();
    let settings = command.get_arguments().filter_map(|argument| {
        let id = argument.get_id().as_str();
        let value = matches.get_raw(id)?.next()?;
        let is_given = matches.value_source(id) != Some(ValueSource::DefaultValue);
        is_given.then_some((argument.get_env()?.to_owned(), value.to_owned()))
    });
    settings.collect()
}

#[tokio::main(flavor = "current_thread")]
async fn run(settings: &Settings) -> Result<ExitCode, StartupError> {
    let mut stop = std::pin::pin!(shutdown_signal(|signal| note(format!("store: {signal} is ignored.\n")))?);
    let mut environment = settings.environment.clone();
    let mut children = Vec::new();
    // One after the other: orders has to know where products is, and payments where orders is.
    for Member { info, .. } in MEMBERS {
        let mut child = Child::start(info.name, &environment)?;
        let url = tokio::select! {
            url = child.url_when_ready() => url?,
            signal = &mut stop => {
                note_stopping(signal);
                None
            }
        };
        children.push(child);
        let Some(url) = url else {
            stop_all(children).await;
            return Ok(ExitCode::FAILURE);
        };
        environment.push((info.url_variable().into(), url.into()));
    }
    print_summary(settings, &children);

    let mut ends: FuturesUnordered<_> = children.iter_mut().map(Child::end).collect();
    loop {
        tokio::select! {
            signal = &mut stop => break note_stopping(signal),
            end = ends.next() => match end {
                Some((name, status)) => {
                    output::stderr(format!("store: {name} has ended ({status}); what is left goes on.\n"));
                }
                None => return Err(StartupError::new("all three services have ended: start the store again.")),
            },
        }
    }
    drop(ends);
    stop_all(children).await;
    Ok(ExitCode::SUCCESS)
}

fn print_summary(settings: &Settings, children: &[Child]) {
    let mut text = String::from("\n");
    for (child, (member, token)) in children.iter().zip(MEMBERS.iter().zip(&settings.tokens)) {
        let name = member.info.name;
        let database = settings.common.data_dir.join(format!("{name}.db"));
        let lines = [
            format!("{name:<10} URL         {}\n", child.url()),
            format!("{:<10} Swagger UI  {}/docs\n", "", child.url()),
            format!("{:<10} token       {token}\n", ""),
            format!("{:<10} database    {}\n\n", "", database.display()),
        ];
        text.extend(lines);
    }
    output::stdout(text + "Ctrl-C stops all three.\n");
}

fn note_stopping(signal: &str) {
    note(format!("store: stopping ({signal}).\n"));
}

/// Says it on standard error, but does not wait for somebody to take it: that would hold up the stop.
fn note(text: String) {
    let _ = thread::Builder::new().spawn(|| output::stderr(text));
}

async fn stop_all(children: Vec<Child>) {
    futures_util::future::join_all(children.into_iter().map(Child::stop)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_know_the_services_by_the_same_name_and_port() {
        assert_eq!(orders::PRODUCTS, products::SERVICE);
        assert_eq!(payments::ORDERS, orders::SERVICE);
    }

    #[test]
    fn a_secret_token_is_not_described() {
        let tokens = ["--products-token=4711", "--orders-token-file=/run/token"];
        let matches = command().get_matches_from(["store"].into_iter().chain(tokens));
        let tokens = Settings::read(&matches).unwrap().tokens;
        assert_eq!(tokens, ["as set in PRODUCTS_TOKEN", "as in /run/token", "SECRET_PAYMENTS_TOKEN"]);
    }
}
