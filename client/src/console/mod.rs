//! The console: what the command line says is done, and what comes of it is shown.

mod arguments;
mod catalogue;
mod check;
mod demo;
mod failure;
mod limits;
mod menu;
mod record;
mod seed;
mod show;
mod store;
mod table;

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
    show::List,
    store::Store,
};

/// Does what the command line says.
pub async fn run() -> ExitCode {
    let arguments = match read_arguments() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    use_colors(arguments.color);

    let json = arguments.json;
    match act(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::failure(&failure, json);
            failure.exit_code()
        }
    }
}

/// What the command line and the environment say, or the exit code if that was not all that was asked for.
fn read_arguments() -> Result<Arguments, ExitCode> {
    let mut all = Arguments::command().color(color_of_help());
    let is_no_text = |variable: &&OsStr| matches!(env::var(variable), Err(NotUnicode(_)));
    let variable = all.get_arguments().filter_map(|argument| argument.get_env()).find(is_no_text);
    if let Some(variable) = variable {
        let sentence = format!("{} is not UTF-8.", variable.to_string_lossy());
        let failure = Failure::new(Kind::Wrong, sentence, "Set it to something else, or to nothing.");
        show::failure(&failure, false);
        return Err(failure.exit_code());
    }
    // A variable that is set but empty is as unset, except a token, which is refused.
    let command = all.clone().mut_args(|argument| {
        let value = argument.get_env().and_then(env::var_os);
        match value.is_some_and(|value| value.is_empty()) && !argument.is_hide_env_values_set() {
            true => argument.env(Resettable::Reset),
            false => argument,
        }
    });
    let read = command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    read.map_err(|error| {
        // The help lists all variables, also those that are as unset.
        let error = match error.kind() {
            ErrorKind::DisplayHelp => all.try_get_matches_from_mut(env::args_os()).err().unwrap_or(error),
            _ => error,
        };
        match error.print().and_then(|()| io::stdout().flush()) {
            Err(unwritten) if !error.use_stderr() && unwritten.kind() != io::ErrorKind::BrokenPipe => {
                ExitCode::FAILURE
            }
            _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
        }
    })
}

/// What `--color` says, for the help, which is printed before the arguments are known.
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

/// Everything that prints here asks the same question, so all get the same answer.
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

async fn act(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { addresses, json, command, .. } = arguments;
    let store = Store::connect(&addresses)?;
    let record = match command {
        None => return offer(&store).await,
        Some(Command::Demo) if json => {
            let advice = "Leave --json away; the other commands have it.";
            return Err(Failure::new(Kind::Wrong, "The demo is for people and has no JSON.", advice));
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

/// The menu, if there is somebody to choose from it.
async fn offer(store: &Store) -> Result<(), Failure> {
    let is_for_people = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    if is_for_people {
        return menu::run(store).await;
    }
    let advice = "The menu needs a terminal; `client --help` lists the commands.";
    Err(Failure::new(Kind::Wrong, "There is no command.", advice))
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
