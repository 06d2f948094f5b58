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

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode, thread};

use chassis::{
    output,
    process::signals::shutdown_signal,
    settings::{Common, Secret, StartupError, command_line},
};
use clap::{ArgMatches, CommandFactory, Parser};
use futures_util::{StreamExt, stream::FuturesUnordered};

use self::child::Child;

const PRODUCTS: &str = "products";
const ORDERS: &str = "orders";
const PAYMENTS: &str = "payments";

/// The store: products, orders and payments, each a process of its own.
///
/// `store products`, `store orders` and `store payments` run one service alone, like the program of that name.
///
/// TERM, INT and QUIT let it finish what was begun and stop; HUP, USR1 and other signals are ignored, and noted.
#[derive(Debug, Parser)]
#[command(name = "store", version)]
struct Settings {
    /// Where products listens
    #[arg(long, env = "PRODUCTS_LISTEN", default_value = "127.0.0.1:5001", value_name = "ADDRESS")]
    products_listen: SocketAddr,

    /// Where orders listens
    #[arg(long, env = "ORDERS_LISTEN", default_value = "127.0.0.1:5002", value_name = "ADDRESS")]
    orders_listen: SocketAddr,

    /// Where payments listens
    #[arg(long, env = "PAYMENTS_LISTEN", default_value = "127.0.0.1:5003", value_name = "ADDRESS")]
    payments_listen: SocketAddr,

    /// The token of products
    #[arg(
        long,
        env = "PRODUCTS_TOKEN",
        default_value = "SECRET_PRODUCTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    products_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "PRODUCTS_TOKEN_FILE", value_name = "FILE")]
    products_token_file: Option<PathBuf>,

    /// The token of orders
    #[arg(
        long,
        env = "ORDERS_TOKEN",
        default_value = "SECRET_ORDERS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    orders_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "ORDERS_TOKEN_FILE", value_name = "FILE")]
    orders_token_file: Option<PathBuf>,

    /// The token of payments
    #[arg(
        long,
        env = "PAYMENTS_TOKEN",
        default_value = "SECRET_PAYMENTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    payments_token: Secret,

    /// File with that token, which is taken instead
    #[arg(long, env = "PAYMENTS_TOKEN_FILE", value_name = "FILE")]
    payments_token_file: Option<PathBuf>,

    #[command(flatten)]
    common: Common,
}

impl Settings {
    /// A token that everybody knows anyway, or where the secret one was set.
    fn shown_token(&self, service: &str, variable: &str) -> String {
        let (token, file) = match service {
            PRODUCTS => (&self.products_token, &self.products_token_file),
            ORDERS => (&self.orders_token, &self.orders_token_file),
            _ => (&self.payments_token, &self.payments_token_file),
        };
        if let Some(file) = file {
            return format!("as in {}", file.display());
        }
        let command = Self::command();
        let default =
            command.get_arguments().find(|argument| argument.get_env().is_some_and(|env| env == variable));
        match default {
            Some(argument)
                if argument.get_default_values().iter().any(|default| default == token.expose()) =>
            {
                token.expose().to_owned()
            }
            _ => format!("as set in {variable}"),
        }
    }
}

/// Runs the store, or the one service that the first of `arguments` after the program's name is called.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let service = arguments.get(1).and_then(|argument| argument.to_str());
    match service {
        Some(PRODUCTS) => products::main(arguments.into_iter().skip(1)),
        Some(ORDERS) => orders::main(arguments.into_iter().skip(1)),
        Some(PAYMENTS) => payments::main(arguments.into_iter().skip(1)),
        _ => {
            let (settings, matches): (Settings, _) = match command_line::parse(&arguments) {
                Ok(parsed) => parsed,
                Err(code) => return code,
            };
            run(&settings, &matches).unwrap_or_else(|error| {
                output::stderr(format!("store: {error}\n"));
                ExitCode::FAILURE
            })
        }
    }
}

/// A service of the store: its name, the variable that says where it is, the one that sets its token.
const SERVICES: [(&str, &str, &str); 3] = [
    (PRODUCTS, "PRODUCTS_URL", "PRODUCTS_TOKEN"),
    (ORDERS, "ORDERS_URL", "ORDERS_TOKEN"),
    (PAYMENTS, "PAYMENTS_URL", "PAYMENTS_TOKEN"),
];

#[tokio::main(flavor = "current_thread")]
async fn run(settings: &Settings, matches: &ArgMatches) -> Result<ExitCode, StartupError> {
    let mut stop = std::pin::pin!(shutdown_signal(|signal| note(format!("store: {signal} is ignored.\n")))?);
    let mut environment = environment(matches);
    let mut children = Vec::new();
    // One after the other: orders has to know where products is, and payments where orders is.
    for (name, url_variable, _) in SERVICES {
        let mut child = Child::start(name, &environment)?;
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
        environment.push((url_variable.into(), url.into()));
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

/// Every setting, by its variable: so it is handed on to the services.
fn environment(matches: &ArgMatches) -> Vec<(OsString, OsString)> {
    let command = Settings::command();
    let settings = command.get_arguments().filter_map(|argument| {
        let value = matches.get_raw(argument.get_id().as_str())?.next()?;
        Some((argument.get_env()?.to_owned(), value.to_owned()))
    });
    settings.collect()
}

fn print_summary(settings: &Settings, children: &[Child]) {
    let mut text = String::from("\n");
    for (child, (name, _, token_variable)) in children.iter().zip(SERVICES) {
        let token = settings.shown_token(name, token_variable);
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
    fn settings_do_not_show_a_token() {
        let tokens = ["--products-token=4711", "--orders-token=4711", "--payments-token=4711"];
        let shown = format!("{:?}", Settings::parse_from(["store"].into_iter().chain(tokens)));
        assert!(shown.contains("_token") && !shown.contains("4711"), "{shown}");
    }
}
