//! The settings that no other service has.

use clap::{Args, ValueEnum};

/// The settings of orders alone.
#[derive(Args, Clone, Debug)]
pub struct Own {
    /// What an order does with the stock of its product
    #[arg(long, env = "ORDERS_STOCK", default_value = "check", value_name = "MODE")]
    pub(crate) orders_stock: StockMode,
}

/// What an order does with the stock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StockMode {
    /// Only check that there is enough stock
    Check,
    /// Reserve the quantity, which takes it off the stock
    Reserve,
}
