//! The console: `cargo run -p client`.
//!
//! With arguments it does one thing; without, it offers a menu. Exit codes: 0 it was done, 1 the service refused, 2 the
//! command is wrong, 3 the service cannot be reached.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    client::console::run().await
}
