//! The program: `cargo run -p orders`.

use std::process::ExitCode;

fn main() -> ExitCode {
    orders::main(std::env::args_os())
}
