//! The values that requests and responses are made of: each knows its range, reads itself strictly from JSON, and puts the
//! same range into the document, so that a limit is written once.

mod array;
mod optional;
pub mod text_enum;
mod text;
mod key;
mod decimal;
mod boolean;
mod integer;
mod openapi;
mod number;
mod value;

pub use self::{
    array::Array,
    decimal::Decimal,
    integer::{Count, Id, Integer, Limit, MAX_SAFE_INTEGER, Quantity},
    key::Key,
    text::Text,
    value::{Parameter, Parsed, Problems, Value},
};
