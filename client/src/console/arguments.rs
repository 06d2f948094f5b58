//! The command line.

use clap::{Args, ColorChoice, Parser, Subcommand};
use clap_complete::Shell;

use super::{addresses::Addresses, limits, reservations::Reservations};

/// Examples and exit codes, which every help of the console has.
macro_rules! examples {
    () => {
        "Examples:
  client                     show the menu
  client demo                walk through a purchase
  client check               check all services
  client products create --name Computer --price 200 --stock 20
  client orders create --product 1 --quantity 3
  client payments create --order 1 --amount 600 --method fake-card
  client products list --json

Exit codes: 0 success, 1 the service responded with an error, 2 usage error, 3 the service cannot be reached, 130 interrupted."
    };
}

/// Console of the store: products, orders and payments.
///
/// Without a command, it shows a menu on a terminal.
/// On a terminal, it prints tables; elsewhere, a header and tab-separated lines, in which `-` is a field without a value.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    bin_name = "client",
    version,
    after_help = examples!(),
    after_long_help = concat!(examples!(), "

Error codes, the `code` of an error with --json:
  usage        unknown_command, missing_command, unknown_argument, missing_argument, invalid_value, argument_conflict
  settings     invalid_setting
  services     unreachable, no_response, timed_out, undocumented_response, not_ready, contract_broken
  output       output_failed, interrupted
  the message of a response in lower case, as in not_enough_stock or product_not_found")
)]
pub(super) struct Arguments {
    /// Print JSON, errors too
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
    /// The same seed creates the same products. Each request has its own idempotency key, so after an interruption, the same
    /// command continues and creates nothing twice. The services keep keys for a day.
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
        /// Print a long list on a terminal at once, instead of through $PAGER (`less` by default)
        #[arg(long)]
        no_pager: bool,
    },
    /// Show a product
    #[command(after_help = "Examples:
  client products show 1
  client products show 1 --etag     for `client products replace --if-match`")]
    Show {
        /// The id
        #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
        /// Show its ETag as well, which changes with the product
        #[arg(long)]
        etag: bool,
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
    ///
    /// Without --if-match, --stock overwrites the stock, even if some was sold since you read the product.
    #[command(after_help = "Examples:
  client products replace 1 --name Computer --price 180.5 --stock 15
  etag=$(client products show 1 --etag --json | jq -r .etag)
  client products replace 1 --name Computer --price 180.5 --stock 15 --if-match \"$etag\"")]
    Replace {
        /// The id
        #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
        id: u64,
        #[command(flatten)]
        product: NewProduct,
        /// Replace only if the product still has this ETag, which `client products show --etag` shows
        #[arg(long, value_name = "ETAG", value_parser = limits::if_match)]
        if_match: Option<String>,
    },
    /// Reserve stock of a product, and release it
    #[command(subcommand)]
    Reservations(Reservations),
}

/// The fields of a new product.
#[derive(Args, Debug)]
pub(super) struct NewProduct {
    /// The name of the product
    #[arg(long, value_parser = |text: &str| limits::NAME.text(text))]
    pub(super) name: String,
    /// The price of one item
    #[arg(long, value_parser = |text: &str| limits::PRICE.number(text), allow_negative_numbers = true)]
    pub(super) price: f64,
    /// The number of items in stock
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
        /// The number of items
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
    #[arg(long, value_name = "N", value_parser = |text: &str| limits::whole_number(text, 1..))]
    pub(super) products: u64,
    /// Another seed creates other products
    #[arg(long, value_name = "NUMBER", default_value_t = Self::default().seed, value_parser = |text: &str| limits::whole_number(text, 0..))]
    pub(super) seed: u64,
    /// The number of requests in flight at once
    #[arg(long, value_name = "N", default_value_t = Self::default().concurrency, value_parser = |text: &str| limits::whole_number(text, 1..=256))]
    pub(super) concurrency: u64,
}

impl Default for Seed {
    fn default() -> Self {
        Self { products: 0, seed: 1, concurrency: 32 }
    }
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
