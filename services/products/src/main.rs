//! The program: `cargo run -p products`.

use std::process::ExitCode;

fn main() -> ExitCode {
    products::main(std::env::args_os())
}
