//! A file that is copied to another database, or that another is copied to.

mod ends;
mod rows;

pub(in crate::storage) use self::{
    ends::{Found, find},
    rows::Side,
};
pub(in crate::storage) use super::restore::Place;
