//! The command line.

use std::{convert::Infallible, fmt};

use clap::{Arg, ArgMatches, Args, ColorChoice, FromArgMatches, Parser, Subcommand, error::ErrorKind};
use clap_complete::Shell;

use super::{limits, reservations::Reservations, service::Service};

/// Console of the store: products, orders and payments.
///
/// Without a command, it shows a menu on a terminal.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    bin_name = "client",
    version,
    after_help = "Examples:
  client                     show the menu
  client demo                walk through a purchase
  client check               check all services
  client products create --name Computer --price 200 --stock 20
  client orders create --product 1 --quantity 3
  client payments create --order 1 --amount 600 --method fake-card
  client products list --json

Exit codes: 0 success, 1 the service responded with an error, 2 usage error, 3 the service cannot be reached."
)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// When to use colours; NO_COLOR=1 means never
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: ColorChoice,

    #[command(flatten)]
    pub(super) addresses: Addresses,

    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

/// The addresses and tokens of the services.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) products: Address,
    pub(super) orders: Address,
    pub(super) payments: Address,
}

/// The address of a service, and the token that it asks for.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) token: Secret,
}

impl Address {
    fn read(matches: &ArgMatches, service: Service) -> Result<Self, clap::Error> {
        let required = || clap::Error::new(ErrorKind::MissingRequiredArgument);
        let url = matches.get_one::<String>(&url_flag(service)).ok_or_else(required)?;
        let token = matches.get_one::<Secret>(&token_flag(service)).ok_or_else(required)?;
        Ok(Self { url: url.clone(), token: token.clone() })
    }
}

impl FromArgMatches for Addresses {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            products: Address::read(matches, Service::Products)?,
            orders: Address::read(matches, Service::Orders)?,
            payments: Address::read(matches, Service::Payments)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Addresses {
    fn augment_args(command: clap::Command) -> clap::Command {
        let url = |service: Service| {
            Arg::new(url_flag(service))
                .long(url_flag(service))
                .env(service.url_variable())
                .default_value(service.default_url())
                .value_name("URL")
                .help(format!("Address of {service}"))
        };
        let token = |service: Service| {
            Arg::new(token_flag(service))
                .long(token_flag(service))
                .env(service.token_variable())
                .hide_env_values(true)
                .default_value(service.default_token())
                .value_parser(|text: &str| Ok::<_, Infallible>(Secret::new(text)))
                .value_name("TOKEN")
                .help(format!("Token of {service}"))
        };
        let all = Service::ALL.map(url).into_iter().chain(Service::ALL.map(token));
        command.args(
            all.map(|argument| {
                argument.global(true).hide_short_help(true).help_heading("Addresses and tokens")
            }),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn url_flag(service: Service) -> String {
    format!("{service}-url")
}

fn token_flag(service: Service) -> String {
    format!("{service}-token")
}

/// A token. `Debug` hides it.
#[derive(Clone)]
pub(super) struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

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
    /// List, show, create and replace products
    #[command(subcommand)]
    Products(Products),
    /// Create and show orders
    #[command(subcommand)]
    Orders(Orders),
    /// Create and show payments
    #[command(subcommand)]
    Payments(Payments),
    /// Walk through a purchase and explain each step
    ///
    /// The demo creates a product, an order and two payments, and provokes the errors of the services.
    #[command(after_help = "Example:\n  client demo")]
    Demo,
    /// Fill the store with products
    ///
    /// The same seed creates the same products. Each request has an idempotency key of its own, so that the same command
    /// continues after an interruption and creates nothing twice. The services keep keys for a day.
    #[command(after_help = "Examples:
  client seed --products 10000
  client seed --products 10000 --seed 7     10000 other products")]
    Seed(Seed),
    /// Show the state, version and latency of each service
    ///
    /// Exit codes: 0 all services are ready, 1 a token is wrong, 3 a service is not ready.
    #[command(after_help = "Examples:
  client check
  client check --json
  client check --orders-url http://127.0.0.1:6002")]
    Check,
    /// Print a completion script for a shell
    #[command(after_help = "Examples:
  client completions bash > ~/.local/share/bash-completion/completions/client
  client completions fish > ~/.config/fish/completions/client.fish")]
    Completions {
        /// The shell
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
        /// Show at most this many products [default: all]
        #[arg(long, value_parser = |text: &str| limits::whole_number(text, 1..))]
        limit: Option<u64>,
        /// Show only products with a greater id
        #[arg(long, value_name = "ID", value_parser = |text: &str| limits::PRODUCT_ID.integer(text))]
        after: Option<u64>,
    },
    /// Show a product
    #[command(after_help = "Example:\n  client products show 1")]
    Show {
        /// The id
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
    /// Replace all fields of a product
    #[command(after_help = "Example:\n  client products replace 1 --name Computer --price 180.5 --stock 15")]
    Replace {
        /// The id
        #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
        #[command(flatten)]
        product: NewProduct,
    },
    /// Take stock off a product, and give it back
    #[command(subcommand)]
    Reservations(Reservations),
}

/// The fields of a new product.
#[derive(Args, Debug)]
pub(super) struct NewProduct {
    /// The name of the product
    #[arg(long, value_parser = |text: &str| limits::NAME.text(text))]
    pub(super) name: String,
    /// The price of one piece
    #[arg(long, value_parser = |text: &str| limits::PRICE.number(text), allow_negative_numbers = true)]
    pub(super) price: f64,
    /// The number of pieces in stock
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
  client orders create --product 1 --quantity 3 --key monday-1     created once, even if repeated")]
    Create {
        /// The id of the product
        #[arg(long, value_name = "ID", value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        product: u64,
        /// The number of pieces
        #[arg(long, value_parser = |text: &str| limits::QUANTITY.integer(text), allow_negative_numbers = true)]
        quantity: u64,
        #[command(flatten)]
        key: Key,
    },
    /// Show an order
    #[command(after_help = "Example:\n  client orders show 1")]
    Show {
        /// The id
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
        /// The amount to pay
        #[arg(long, value_parser = |text: &str| limits::AMOUNT.number(text), allow_negative_numbers = true)]
        amount: f64,
        /// The method of payment
        #[arg(long, value_parser = |text: &str| limits::METHOD.text(text))]
        method: String,
        #[command(flatten)]
        key: Key,
    },
    /// Show a payment
    #[command(after_help = "Example:\n  client payments show 1")]
    Show {
        /// The id
        #[arg(value_parser = |text: &str| limits::PAYMENT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
    },
}

#[derive(Args, Debug)]
pub(super) struct Key {
    /// Idempotency key: the same command with the same key creates only once [default: a new key]
    #[arg(long, value_parser = limits::key)]
    pub(super) key: Option<String>,
}

#[derive(Args, Debug)]
pub(super) struct Seed {
    /// The number of products
    #[arg(long, value_name = "N", value_parser = |text: &str| limits::whole_number(text, 0..))]
    pub(super) products: u64,
    /// Another seed creates other products
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = |text: &str| limits::whole_number(text, 0..))]
    pub(super) seed: u64,
    /// The number of requests in flight at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = |text: &str| limits::whole_number(text, 1..=256))]
    pub(super) concurrency: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_never_show_a_token() {
        let tokens = ["--products-token=4711", "--orders-token=4711", "--payments-token=4711"];
        let shown = format!("{:?}", Arguments::parse_from(["client"].into_iter().chain(tokens)));
        assert!(shown.contains("token:") && !shown.contains("4711"), "{shown}");
    }
}
