//! The program `products`.

use std::process::Command;

#[test]
fn the_program_is_the_service() {
    let output = Command::new(env!("CARGO_BIN_EXE_products")).arg("--openapi").output().unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout, products::document().json());
}
