//! The console: what can be said on the command line, and what is made of it.

mod menu;
mod show;
mod store;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{Args, CommandFactory, Parser, Subcommand};

use self::store::{Failure, Store};

/// Console of the store: products, orders and payments.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    version,
    after_help = "Examples:\n  client products create --name Computer --price 200 --stock 20\n  client orders create \
                  --product 1 --quantity 3\n  client payments create --order 1 --amount 600 --method fake-card\n  client \
                  products list --json"
)]
struct Console {
    #[command(flatten)]
    addresses: Addresses,

    /// Print JSON, as the service answered it
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

/// Where the services are, and the tokens that they ask for.
#[derive(Args, Clone, Debug)]
struct Addresses {
    /// Where products is
    #[arg(
        long,
        env = "PRODUCTS_URL",
        default_value = "http://127.0.0.1:5001",
        value_name = "URL",
        global = true
    )]
    products_url: String,
    /// Where orders is
    #[arg(
        long,
        env = "ORDERS_URL",
        default_value = "http://127.0.0.1:5002",
        value_name = "URL",
        global = true
    )]
    orders_url: String,
    /// Where payments is
    #[arg(
        long,
        env = "PAYMENTS_URL",
        default_value = "http://127.0.0.1:5003",
        value_name = "URL",
        global = true
    )]
    payments_url: String,
    /// The token of products
    #[arg(
        long,
        env = "PRODUCTS_TOKEN",
        default_value = "SECRET_PRODUCTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    products_token: String,
    /// The token of orders
    #[arg(
        long,
        env = "ORDERS_TOKEN",
        default_value = "SECRET_ORDERS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    orders_token: String,
    /// The token of payments
    #[arg(
        long,
        env = "PAYMENTS_TOKEN",
        default_value = "SECRET_PAYMENTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true
    )]
    payments_token: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What the store sells
    #[command(subcommand)]
    Products(Products),
    /// What customers have ordered
    #[command(subcommand)]
    Orders(Orders),
    /// What customers have paid
    #[command(subcommand)]
    Payments(Payments),
}

#[derive(Debug, Subcommand)]
enum Products {
    /// List all products
    List,
    /// Show a product
    Show {
        /// Its id
        id: u64,
    },
    /// Create a product
    Create {
        #[command(flatten)]
        product: NewProduct,
        #[command(flatten)]
        key: Key,
    },
    /// Replace a product
    Replace {
        /// Its id
        id: u64,
        #[command(flatten)]
        product: NewProduct,
    },
}

#[derive(Args, Debug)]
struct NewProduct {
    /// What it is called
    #[arg(long)]
    name: String,
    /// What one of it costs
    #[arg(long)]
    price: f64,
    /// How many there are
    #[arg(long)]
    stock: u64,
}

#[derive(Debug, Subcommand)]
enum Orders {
    /// Create an order
    Create {
        /// The id of the product
        #[arg(long)]
        product: u64,
        /// How many of it
        #[arg(long)]
        quantity: u64,
        #[command(flatten)]
        key: Key,
    },
    /// Show an order
    Show {
        /// Its id
        id: u64,
    },
}

#[derive(Debug, Subcommand)]
enum Payments {
    /// Create a payment
    Create {
        /// The id of the order
        #[arg(long)]
        order: u64,
        /// How much is paid
        #[arg(long)]
        amount: f64,
        /// How it is paid
        #[arg(long)]
        method: String,
        #[command(flatten)]
        key: Key,
    },
    /// Show a payment
    Show {
        /// Its id
        id: u64,
    },
}

#[derive(Args, Debug)]
struct Key {
    /// The Idempotency-Key, so that the command can be repeated and creates once; without it, a new one
    #[arg(long)]
    key: Option<String>,
}

/// Does what the command line says.
pub(super) async fn run() -> ExitCode {
    let console = Console::parse();
    let outcome = match Store::connect(&console.addresses) {
        Ok(store) => act(&store, console.command, console.json).await,
        Err(failure) => Err(failure),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

async fn act(store: &Store, command: Option<Command>, json: bool) -> Result<(), Failure> {
    let answer = match command {
        None if io::stdin().is_terminal() => return menu::run(store).await,
        None => {
            let _ = Console::command().print_help();
            return Ok(());
        }
        Some(Command::Products(Products::List)) => store.list_products().await,
        Some(Command::Products(Products::Show { id })) => store.product(id).await,
        Some(Command::Products(Products::Create { product: NewProduct { name, price, stock }, key })) => {
            store.create_product(&name, price, stock, key.key).await
        }
        Some(Command::Products(Products::Replace { id, product: NewProduct { name, price, stock } })) => {
            store.replace_product(id, &name, price, stock).await
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
    show::print(&answer, json);
    Ok(())
}
