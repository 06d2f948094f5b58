//! Every SQL statement of the orders service.

mod schema;
pub(crate) mod intents;
mod orders;

pub(crate) use self::orders::{Content, Order, get, insert};
pub use self::schema::SCHEMA;
