//! The console, built with the tests that start it: cargo builds no program of another package for them.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    client::console::run().await
}
