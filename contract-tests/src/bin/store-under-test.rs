//! The store, built with the tests that start it: cargo builds no program of another package for them.

use std::process::ExitCode;

fn main() -> ExitCode {
    store::main(std::env::args_os())
}
