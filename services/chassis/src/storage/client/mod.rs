//! The client's side of a PostgreSQL, as a query has it: a connection, its errors, and values in columns.

mod list;
mod connection;
mod settled;
mod error;
mod column;
mod tls;

pub use self::{connection::Connection, error::Error, list::List};
pub(super) use self::{error::describe, settled::Settled, tls::Tls};
