//! The harness starts and stops a store, and everything that a test connects to it.

pub mod browser;
pub mod caller;
pub mod metrics;
pub mod nginx;
pub mod server;
pub mod proxy;
pub mod upstream;
pub mod tls;
pub mod store;
pub mod pair;
pub mod postgres;
pub mod process;
pub mod development;
pub mod accepting;
pub mod address;
pub mod folders;
pub mod programs;
pub mod environment;
pub mod machine;
pub mod ending;
pub mod waiting;
