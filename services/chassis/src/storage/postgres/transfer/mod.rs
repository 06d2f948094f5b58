//! A database on a server, as the source or the destination of a copy.

mod ends;
mod rows;

pub(in crate::storage) use self::{
    ends::Found,
    rows::{Rows, Side},
};
