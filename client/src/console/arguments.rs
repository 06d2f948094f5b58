//! What can be said on the command line.

use std::fmt;

use clap::{Args, ColorChoice, Parser, Subcommand};
use clap_complete::Shell;

use super::limits;

/// Console of the store: products, orders and payments.
///
/// Without a command, on a terminal, it offers a menu.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    bin_name = "client",
    version,
    after_help = "Examples:
  client                     a menu
  client demo                a purchase, step by step
  client check               what is up
  client products create --name Computer --price 200 --stock 20
  client orders create --product 1 --quantity 3
  client payments create --order 1 --amount 600 --method fake-card
  client products list --json

Exit codes: 0 it was done, 1 the service refused, 2 the command is wrong, 3 the service cannot be reached."
)]
pub(super) struct Arguments {
    /// Print JSON, for machines
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// Whether to print in colours; NO_COLOR=1 is `never` too
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,

    #[command(flatten)]
    pub(super) addresses: Addresses,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// Where the services are, and the tokens that they ask for.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Where the services are")]
pub(super) struct Addresses {
    /// Where products is
    #[arg(
        long,
        env,
        default_value = "http://127.0.0.1:5001",
        value_name = "URL",
        global = true,
        hide_short_help = true
    )]
    pub(super) products_url: String,
    /// Where orders is
    #[arg(
        long,
        env,
        default_value = "http://127.0.0.1:5002",
        value_name = "URL",
        global = true,
        hide_short_help = true
    )]
    pub(super) orders_url: String,
    /// Where payments is
    #[arg(
        long,
        env,
        default_value = "http://127.0.0.1:5003",
        value_name = "URL",
        global = true,
        hide_short_help = true
    )]
    pub(super) payments_url: String,
    /// The token of products
    #[arg(
        long,
        env,
        default_value = "SECRET_PRODUCTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true,
        hide_short_help = true
    )]
    pub(super) products_token: Secret,
    /// The token of orders
    #[arg(
        long,
        env,
        default_value = "SECRET_ORDERS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true,
        hide_short_help = true
    )]
    pub(super) orders_token: Secret,
    /// The token of payments
    #[arg(
        long,
        env,
        default_value = "SECRET_PAYMENTS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        global = true,
        hide_short_help = true
    )]
    pub(super) payments_token: Secret,
}

/// A token, which is never shown.
#[derive(Clone)]
pub(super) struct Secret(String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Secret {
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// What the store sells
    #[command(subcommand)]
    Products(Products),
    /// What customers have ordered
    #[command(subcommand)]
    Orders(Orders),
    /// What customers have paid
    #[command(subcommand)]
    Payments(Payments),
    /// Walk through a purchase and explain each step
    ///
    /// It creates a product, an order and two payments, and provokes what the services refuse.
    #[command(after_help = "Example:\n  client demo")]
    Demo,
    /// Fill the store with products
    ///
    /// The same seed makes the same products. Each is sent with an idempotency key of its own: after an interruption the
    /// same command goes on, and within the day for which services keep keys it creates nothing twice.
    #[command(after_help = "Examples:
  client seed --products 10000
  client seed --products 10000 --seed 7     10000 others")]
    Seed(Seed),
    /// Tell what is up, which version, and how fast it answers
    ///
    /// Exit codes: 0 all is up, 1 a token is wrong, 3 a service is not up.
    #[command(after_help = "Examples:
  client check
  client check --json
  client check --orders-url http://127.0.0.1:6002")]
    Check,
    /// Print what makes a shell complete this command
    #[command(after_help = "Examples:
  client completions bash > ~/.local/share/bash-completion/completions/client
  client completions fish > ~/.config/fish/completions/client.fish")]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  client products list
  client products create --name Computer --price 200 --stock 20")]
pub(super) enum Products {
    /// List products, by ascending id
    #[command(after_help = "Examples:
  client products list
  client products list --limit 20 --after 100
  client products list --json | jq -c '.[] | select(.stock == 0)'")]
    List {
        /// How many at most; without it, all
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
        /// Only those whose id is greater than this
        #[arg(long, value_name = "ID", value_parser = |text: &str| limits::PRODUCT_ID.integer(text))]
        after: Option<u64>,
    },
    /// Show a product
    #[command(after_help = "Example:\n  client products show 1")]
    Show {
        /// Its id
        #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
    },
    /// Create a product
    #[command(after_help = "Example:\n  client products create --name Computer --price 200 --stock 20")]
    Create {
        #[command(flatten)]
        product: NewProduct,
        #[command(flatten)]
        key: Key,
    },
    /// Replace a product, the whole of it
    #[command(after_help = "Example:\n  client products replace 1 --name Computer --price 180.5 --stock 15")]
    Replace {
        /// Its id
        #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
        #[command(flatten)]
        product: NewProduct,
    },
}

/// A product that is to be.
#[derive(Args, Debug)]
pub(super) struct NewProduct {
    /// What it is called
    #[arg(long, value_parser = |text: &str| limits::NAME.text(text))]
    pub(super) name: String,
    /// What one of it costs
    #[arg(long, value_parser = |text: &str| limits::PRICE.number(text), allow_negative_numbers = true)]
    pub(super) price: f64,
    /// How many there are
    #[arg(long, value_parser = |text: &str| limits::STOCK.integer(text), allow_negative_numbers = true)]
    pub(super) stock: u64,
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  client orders create --product 1 --quantity 3
  client orders show 1")]
pub(super) enum Orders {
    /// Create an order
    #[command(after_help = "Examples:
  client orders create --product 1 --quantity 3
  client orders create --product 1 --quantity 3 --key monday-1     once, however often it is repeated")]
    Create {
        /// The id of the product
        #[arg(long, value_name = "ID", value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        product: u64,
        /// How many of it
        #[arg(long, value_parser = |text: &str| limits::QUANTITY.integer(text), allow_negative_numbers = true)]
        quantity: u64,
        #[command(flatten)]
        key: Key,
    },
    /// Show an order
    #[command(after_help = "Example:\n  client orders show 1")]
    Show {
        /// Its id
        #[arg(value_parser = |text: &str| limits::ORDER_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
    },
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  client payments create --order 1 --amount 600 --method fake-card
  client payments show 1")]
pub(super) enum Payments {
    /// Create a payment
    #[command(after_help = "Example:\n  client payments create --order 1 --amount 600 --method fake-card")]
    Create {
        /// The id of the order
        #[arg(long, value_name = "ID", value_parser = |text: &str| limits::ORDER_ID.integer(text), allow_negative_numbers = true)]
        order: u64,
        /// How much is paid
        #[arg(long, value_parser = |text: &str| limits::AMOUNT.number(text), allow_negative_numbers = true)]
        amount: f64,
        /// How it is paid
        #[arg(long, value_parser = |text: &str| limits::METHOD.text(text))]
        method: String,
        #[command(flatten)]
        key: Key,
    },
    /// Show a payment
    #[command(after_help = "Example:\n  client payments show 1")]
    Show {
        /// Its id
        #[arg(value_parser = |text: &str| limits::PAYMENT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
    },
}

#[derive(Args, Debug)]
pub(super) struct Key {
    /// The Idempotency-Key, so that the command can be repeated and creates once; without it, a new one
    #[arg(long, value_parser = limits::key)]
    pub(super) key: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Seed {
    /// How many products
    #[arg(long, value_name = "N")]
    pub(super) products: u64,
    /// Which products: another number, others
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(super) seed: u64,
    /// How many requests are under way at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) concurrency: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_do_not_show_a_token() {
        let tokens = ["--products-token=4711", "--orders-token=4711", "--payments-token=4711"];
        let shown = format!("{:?}", Arguments::parse_from(["client"].into_iter().chain(tokens)));
        assert!(shown.contains("_token") && !shown.contains("4711"), "{shown}");
    }
}
