//! The console: runs the command on the command line and shows the result.

mod command_line;
mod menu;
mod demo;
mod seed;
mod check;
mod prompt;
mod catalogue;
mod store;
mod usage;
mod arguments;
mod reservations;
mod addresses;
mod limits;
mod show;
mod pager;
mod table;
mod escape;
mod waiting;
mod blame;
mod token;
mod failure;
mod fault;
mod code;
mod error_message;
mod service;
mod record;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::CommandFactory;

use self::{
    addresses::Addresses,
    arguments::{Arguments, Command, Orders, Payments, Products},
    code::Code,
    failure::Failure,
    reservations::Reservations,
    show::List,
    store::Store,
};

/// Runs the command of the command line.
pub async fn run() -> ExitCode {
    let arguments = match command_line::read() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let json = arguments.json;
    match execute(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            show::failure(&failure, json);
            failure.exit_code()
        }
    }
}

async fn execute(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { addresses, json, command, .. } = arguments;
    let store = Store::connect(&addresses)?;
    let record = match command {
        None => return run_menu(&store, &addresses).await,
        Some(Command::Demo) if json => {
            let advice = "Run it without --json.";
            return Err(Failure::new(Code::ArgumentConflict, "The demo does not print JSON.", advice));
        }
        Some(Command::Demo) => return demo::run(&store, &addresses).await,
        Some(Command::Seed(seed)) => return seed::run(&store, &seed, json).await,
        Some(Command::Check) => return check::run(&store, json).await,
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "client", &mut script);
            return show::out(&String::from_utf8_lossy(&script));
        }
        Some(Command::Products(Products::List { limit, after, no_pager })) => {
            let list = List::new(record::PRODUCT, json);
            let list = if no_pager { list } else { list.paged() };
            return list_products(&store, limit, after, list).await;
        }
        Some(Command::Products(Products::Show { id, etag: false })) => store.product(id).await,
        Some(Command::Products(Products::Show { id, etag: true })) => {
            store.product_with_etag(id).await.map(|(product, etag)| record::with_etag(product, etag))
        }
        Some(Command::Products(Products::Create { product, key })) => {
            store.create_product(&product, key.key).await
        }
        Some(Command::Products(Products::Replace { id, product, if_match })) => {
            store.replace_product(id, &product, if_match.as_deref()).await
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
async fn run_menu(store: &Store, addresses: &Addresses) -> Result<(), Failure> {
    let is_interactive =
        io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
    let advice = match (is_interactive, waiting::is_dumb()) {
        (true, false) => return menu::run(store, addresses).await,
        (true, true) => {
            "The menu needs a terminal that can move its cursor, and TERM says that this one cannot. `client --help` lists the commands."
        }
        (false, _) => {
            "The menu needs a terminal for its input and output. `client --help` lists the commands."
        }
    };
    Err(Failure::new(Code::MissingCommand, "No command was given.", advice))
}

async fn list_products(
    store: &Store,
    limit: Option<u64>,
    after: Option<u64>,
    mut list: List,
) -> Result<(), Failure> {
    let mut pages = store.products(limit, after);
    while let Some(page) = pages.next(u64::MAX).await? {
        if !list.page(&page)? {
            break;
        }
    }
    list.end()
}
