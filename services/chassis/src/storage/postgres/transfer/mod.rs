//! A database on a server that is copied to another, or that another is copied to.

mod ends;
mod rows;

pub(in crate::storage) use self::{
    ends::Found,
    rows::{Rows, Side},
};
