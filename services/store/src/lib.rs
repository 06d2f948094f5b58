//! The store: one program that runs each service in a process of its own.
//!
#![doc = include_str!("../system.svg")]
//!
//! No service depends on the crate of another: [`orders`] knows [`products`] by the client that is generated from the products
//! document. All of them are built on [`chassis`].
//!
//! The store starts its own program once for each service, with the name of the service as the first argument, so that there is
//! only one binary to build. [`main`] runs the whole store or one service; `child` is a service, as the store runs it.

mod child;

use std::{ffi::OsString, process::ExitCode, thread};

use chassis::{
    output,
    process::signals::shutdown_signal,
    settings::{Common, ServiceInfo, StartupError, command_line},
};
use clap::{ArgMatches, Args, Command, parser::ValueSource};
use futures_util::{StreamExt, stream::FuturesUnordered};

use self::child::Child;

/// A service of the store.
struct Member {
    info: ServiceInfo,
    main: fn(Vec<OsString>) -> ExitCode,
}

/// The services, each of which calls only those before it.
const MEMBERS: &[Member] = &[
    Member { info: products::SERVICE, main: |arguments| products::main(arguments) },
    Member { info: orders::SERVICE, main: |arguments| orders::main(arguments) },
    Member { info: payments::SERVICE, main: |arguments| payments::main(arguments) },
];

const SIGNALS: &str = "TERM, INT and QUIT stop it gracefully: in-flight requests finish. HUP, USR1 and other signals are ignored and logged.";

/// The names of the services, in the order in which they start.
pub fn services() -> impl DoubleEndedIterator<Item = &'static str> {
    MEMBERS.iter().map(|member| member.info.name)
}

/// Runs the store with `arguments`, the first of which is the program's name. If the second is the name of a service, runs that
/// service alone.
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
    let about = format!("The store: {}, each in its own process", listed(services().map(ToOwned::to_owned)));
    let command = orders::Own::augment_args(command);
    let programs = listed(services().map(|name| format!("`store {name}`")));
    let long =
        format!("{about}.\n\n{programs} run a single service, like the program of that name.\n\n{SIGNALS}");
    Common::add_to(command).about(about).long_about(long)
}

/// `one, other and last`
fn listed(names: impl DoubleEndedIterator<Item = String>) -> String {
    let mut names = names;
    let last = names.next_back().unwrap_or_default();
    match names.collect::<Vec<_>>().join(", ") {
        others if others.is_empty() => last,
        others => format!("{others} and {last}"),
    }
}

/// The settings of the store.
struct Settings {
    common: Common,
    /// The token of each service, or where it was set.
    tokens: Vec<String>,
    /// The variables for the services.
    environment: Vec<(OsString, OsString)>,
}

impl Settings {
    fn read(matches: &ArgMatches) -> Result<Self, StartupError> {
        Ok(Self {
            common: Common::read(matches)?,
            tokens: MEMBERS.iter().map(|member| member.info.token(matches).describe()).collect(),
            environment: environment(matches),
        })
    }
}

/// The settings that were given, as variables. The services have the same defaults.
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
    // One after the other, since a service needs the URLs of those that it calls.
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

    let mut exits: FuturesUnordered<_> = children.iter_mut().map(Child::wait).collect();
    loop {
        tokio::select! {
            signal = &mut stop => break note_stopping(signal),
            exit = exits.next() => match exit {
                Some((name, status)) => {
                    output::stderr(format!("store: {name} has exited ({status}). The other services keep running.\n"));
                }
                None => return Err(StartupError::new("all services have exited: start the store again.")),
            },
        }
    }
    drop(exits);
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
    output::stdout(text + "Ctrl-C stops the store.\n");
}

fn note_stopping(signal: &str) {
    note(format!("store: stopping ({signal}).\n"));
}

/// Prints to standard error without waiting, since a pipe that is not read would delay the stop.
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
    fn the_help_names_every_service() {
        let names = |names: &[&str]| listed(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(names(&["products"]), "products");
        assert_eq!(names(&["products", "orders", "payments"]), "products, orders and payments");
    }

    #[test]
    fn a_secret_token_is_not_shown() {
        let tokens = ["--products-token=4711", "--orders-token-file=/run/token"];
        let matches = command().get_matches_from(["store"].into_iter().chain(tokens));
        let tokens = Settings::read(&matches).unwrap().tokens;
        assert_eq!(tokens[..3], ["as set in PRODUCTS_TOKEN", "as in /run/token", "SECRET_PAYMENTS_TOKEN"]);
    }
}
