//! Infrastructure that every service shares: nothing here knows what a service sells, takes or charges.
//!
//! A service declares its operations in terms of [`api`] and [`values`] and keeps its rows in [`storage`]. [`process::Program`] is
//! its `main`: it reads the [`settings`], opens the database and runs the [`server`].
//!
//! The modules are layers, listed from the top down: each uses only those below it, and so do the files within each.
//! A test of the suite (`layers`) enforces this.

pub mod process;
pub mod server;

pub mod api;
pub mod error;
pub mod storage;
pub mod telemetry;
pub mod context;

pub mod settings;
pub mod values;
pub mod wire;
pub mod output;
