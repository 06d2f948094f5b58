//! The command line of reservations.

use clap::{Args, Subcommand};

use super::limits;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  client products reservations put 1 basket-7 --quantity 3
  client products reservations release 1 basket-7")]
pub(super) enum Reservations {
    /// Reserve stock of a product; if repeated, it takes the stock only once
    #[command(after_help = "Example:\n  client products reservations put 1 basket-7 --quantity 3")]
    Put {
        #[command(flatten)]
        reservation: Reservation,
        /// The number of items
        #[arg(long, value_parser = |text: &str| limits::QUANTITY.integer(text), allow_negative_numbers = true)]
        quantity: u64,
    },
    /// Show a reservation
    #[command(after_help = "Example:\n  client products reservations show 1 basket-7")]
    Show {
        #[command(flatten)]
        reservation: Reservation,
    },
    /// Release a reservation; if repeated, it gives the stock back only once
    #[command(after_help = "Example:\n  client products reservations release 1 basket-7")]
    Release {
        #[command(flatten)]
        reservation: Reservation,
    },
}

/// The name of a reservation.
#[derive(Args, Debug)]
pub(super) struct Reservation {
    /// The id of the product
    #[arg(value_parser = |text: &str| limits::PRODUCT_ID.integer(text), allow_negative_numbers = true)]
    pub(super) product: u64,
    /// The key of the reservation, chosen when it is created
    #[arg(value_parser = limits::key)]
    pub(super) key: String,
}
