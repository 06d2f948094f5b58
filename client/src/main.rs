//! The console: `cargo run -p client`.
//!
//! With a command it runs it; without, it shows a menu. Exit codes: 0 success, 1 the service responded with an error, 2 usage
//! error, 3 the service cannot be reached.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    client::console::run().await
}
