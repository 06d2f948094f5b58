//! The console: `cargo run -p client`.
//!
//! With a command, it runs the command; without one, it shows a menu. Exit codes: 0 success, 1 the service responded with an error,
//! 2 usage error, 3 the service cannot be reached, 130 interrupted.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    client::console::run().await
}
