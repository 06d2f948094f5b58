//! The console: runs the command of the command line and shows the result.

mod demo;
mod seed;
mod check;
mod menu;
mod catalogue;
mod store;
mod arguments;
mod reservations;
mod limits;
mod show;
mod table;
mod escape;
mod failure;
mod error_message;
mod service;
mod record;

use std::{
    env::{self, VarError::NotUnicode},
    ffi::OsStr,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum, builder::Resettable, error::ErrorKind};

use self::{
    arguments::{Arguments, Command, Orders, Payments, Products},
    failure::{Failure, Kind},
    reservations::Reservations,
    show::List,
    store::Store,
};

/// Runs the command of the command line.
pub async fn run() -> ExitCode {
    let arguments = match read_arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    use_colors(arguments.color);

    let json = arguments.json;
    match execute(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::failure(&failure, json);
            failure.exit_code()
        }
    }
}

/// Reads the command line and the environment. On help, version and usage errors, returns the exit code.
fn read_arguments() -> Result<Arguments, ExitCode> {
    let mut all = Arguments::command().color(color_of_help());
    let is_not_unicode = |variable: &&OsStr| matches!(env::var(variable), Err(NotUnicode(_)));
    let variable = all.get_arguments().filter_map(|argument| argument.get_env()).find(is_not_unicode);
    if let Some(variable) = variable {
        let sentence = format!("{} is not valid UTF-8.", variable.to_string_lossy());
        let failure = Failure::new(Kind::Usage, sentence, "Change or unset the variable.");
        show::failure(&failure, false);
        return Err(failure.exit_code());
    }
    // An empty variable counts as unset, except for a token, where it is an error.
    let command = all.clone().mut_args(|argument| {
        let value = argument.get_env().and_then(env::var_os);
        match value.is_some_and(|value| value.is_empty()) && !argument.is_hide_env_values_set() {
            true => argument.env(Resettable::Reset),
            false => argument,
        }
    });
    let read = command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    read.map_err(|error| {
        // The help lists all variables, the empty ones too.
        let error = match error.kind() {
            ErrorKind::DisplayHelp => all.try_get_matches_from_mut(env::args_os()).err().unwrap_or(error),
            _ => error,
        };
        match error.print().and_then(|()| io::stdout().flush()) {
            Err(unprinted) if !error.use_stderr() && unprinted.kind() != io::ErrorKind::BrokenPipe => {
                ExitCode::FAILURE
            }
            _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
        }
    })
}

/// The value of `--color` for the help, which is printed before the arguments are parsed.
fn color_of_help() -> ColorChoice {
    let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let mut arguments = arguments.skip_while(|argument| !argument.starts_with("--color"));
    let when = match arguments.next().as_deref() {
        Some("--color") => arguments.next(),
        Some(argument) => argument.strip_prefix("--color=").map(ToOwned::to_owned),
        None => None,
    };
    when.and_then(|when| ColorChoice::from_str(&when, false).ok()).unwrap_or(ColorChoice::Auto)
}

/// Sets the same choice for every crate that prints.
fn use_colors(color: ColorChoice) {
    let choice = match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let is_colored = |choice| choice != anstream::ColorChoice::Never;
    console::set_colors_enabled(is_colored(anstream::stderr().current_choice()));
    console::set_colors_enabled_stderr(is_colored(anstream::stderr().current_choice()));
}

async fn execute(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { addresses, json, command, .. } = arguments;
    let store = Store::connect(&addresses)?;
    let record = match command {
        None => return run_menu(&store).await,
        Some(Command::Demo) if json => {
            let advice = "Run it without --json.";
            return Err(Failure::new(Kind::Usage, "The demo does not print JSON.", advice));
        }
        Some(Command::Demo) => return demo::run(&store, &addresses).await,
        Some(Command::Seed(seed)) => return seed::run(&store, &seed, json).await,
        Some(Command::Check) => return check::run(&store, json).await,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "client", &mut script);
            return show::out(&String::from_utf8_lossy(&script));
        }
        Some(Command::Products(Products::List { limit, after })) => {
            return list_products(&store, limit, after, json).await;
        }
        Some(Command::Products(Products::Show { id })) => store.product(id).await,
        Some(Command::Products(Products::Create { product, key })) => {
            store.create_product(&product, key.key).await
        }
        Some(Command::Products(Products::Replace { id, product })) => {
            store.replace_product(id, &product).await
        }
        Some(Command::Products(Products::Reservations(command))) => match &command {
            Reservations::Put { reservation, quantity } => {
                store.make_reservation(reservation, *quantity).await
            }
            Reservations::Show { reservation } => store.reservation(reservation).await,
            Reservations::Release { reservation } => store.release_reservation(reservation).await,
        },
        Some(Command::Orders(Orders::Create { product, quantity, key })) => {
            store.create_order(product, quantity, key.key).await
        }
        Some(Command::Orders(Orders::Show { id })) => store.order(id).await,
        Some(Command::Payments(Payments::Create { order, amount, method, key })) => {
            store.create_payment(order, amount, &method, key.key).await
        }
        Some(Command::Payments(Payments::Show { id })) => store.payment(id).await,
    }?;
    show::one(&record, json)
}

/// Runs the menu, if the console runs on a terminal.
async fn run_menu(store: &Store) -> Result<(), Failure> {
    let is_interactive =
        io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    if is_interactive {
        return menu::run(store).await;
    }
    let advice = "The menu needs a terminal. `client --help` lists the commands.";
    Err(Failure::new(Kind::Usage, "No command was given.", advice))
}

async fn list_products(
    store: &Store,
    limit: Option<u64>,
    after: Option<u64>,
    json: bool,
) -> Result<(), Failure> {
    let mut list = List::new(json);
    let mut pages = store.products(limit, after);
    while let Some(page) = pages.next(u64::MAX).await? {
        list.page(&page)?;
    }
    list.end()
}
