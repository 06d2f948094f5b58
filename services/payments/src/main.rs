//! The program: `cargo run -p payments`.

use std::process::ExitCode;

fn main() -> ExitCode {
    payments::main(std::env::args_os())
}
