//! The program: `cargo run -p store`.

use std::process::ExitCode;

fn main() -> ExitCode {
    store::main(std::env::args_os())
}
