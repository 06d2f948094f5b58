//! The client's side of a PostgreSQL, as a query has it: a connection, its errors, and values in columns.

mod connection;
mod error;
mod column;
mod tls;

pub use self::{connection::Connection, error::Error};
pub(super) use self::{error::describe, tls::Tls};
