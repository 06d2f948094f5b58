//! The program `payments`.

use std::process::Command;

#[test]
fn the_program_is_the_service() {
    let output = Command::new(env!("CARGO_BIN_EXE_payments")).arg("--openapi").output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, payments::document().json());
}
