//! A database file, as the source or the destination of a copy.

mod ends;
mod rows;

pub(in crate::storage) use self::{
    ends::{Found, find},
    rows::Side,
};
pub(in crate::storage) use super::restore::Place;
