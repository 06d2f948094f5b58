//! The client side of PostgreSQL that a query uses: a connection, its errors, and values in columns.

mod list;
mod connection;
mod settled;
mod error;
mod column;
mod tls;

pub use self::{connection::Connection, error::Error, list::List};
pub(super) use self::{error::describe, settled::Settled, tls::Tls};
