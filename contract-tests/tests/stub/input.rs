//! Invalid arguments of a stub, and its error messages.

use contract_tests::{
    engine::deployment::{SERVICES, variable},
    harness::{ending, folders::new_folder},
};

use crate::command;

/// What the program prints on standard output and standard error, and its exit code.
fn run(arguments: &[&str]) -> (String, String, Option<i32>) {
    let folder = new_folder();
    let output = ending::output(&mut command(&folder, arguments));
    assert!(folder.path().read_dir().unwrap().next().is_none(), "nothing is left behind");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn input_that_makes_no_sense_is_explained() {
    for (arguments, sentence) in [
        (
            &["--fault", "orders melts"][..],
            "there is no fault `orders melts`: `store stub --fault list` lists them.",
        ),
        (&["--fault", "orders drips"], "choose `orders drips the head`, `orders drips the body`."),
        (&["products", "--fault", "orders is full"], "add orders to the services."),
        (&["--data-dir", "data"], "a stub has a directory of its own: omit --data-dir."),
        (
            &["--orders-database-url", "postgres://127.0.0.1/orders"],
            "a stub has databases of its own: unset ORDERS_DATABASE_URL.",
        ),
        (&["shops"], format!("[possible values: {}]", SERVICES.join(", ")).as_str()),
        (&["--products-listen", "192.0.2.1:1", "--products-token", "s"], "192.0.2.1:1 cannot be bound"),
        (
            &["--products-listen", "192.0.2.1:1", "--products-token", "s", "--fault", "products is full"],
            "192.0.2.1:1 cannot be bound",
        ),
        (
            &["--products-listen", "0.0.0.0:0", "--fault", "products is full"],
            "set PRODUCTS_TOKEN to a secret",
        ),
    ] {
        let (_, told, code) = run(arguments);
        assert!(told.contains(sentence), "{arguments:?}: {told}");
        assert!(matches!(code, Some(1 | 2)), "{code:?}");
    }
}

#[test]
fn an_empty_database_url_counts_as_unset() {
    let folder = new_folder();
    let mut stub = command(&folder, &["--products-listen", "192.0.2.1:1", "--products-token", "s"]);
    for service in SERVICES.iter() {
        stub.env(variable(service, "DATABASE_URL"), "").env(variable(service, "DATABASE_URL_FILE"), "");
    }
    // It goes on to what really is wrong.
    let told = String::from_utf8(ending::output(&mut stub).stderr).unwrap();
    assert!(told.contains("192.0.2.1:1 cannot be bound"), "{told}");
}

#[test]
fn every_fault_is_listed() {
    let (listed, _, code) = run(&["--fault", "list"]);
    assert_eq!(code, Some(0));
    for name in [
        "products:",
        "  creating a product returns 200",
        "  one more than the stock can be ordered",
        "orders:",
        "payments:",
        "  payments says nothing",
    ] {
        assert!(listed.lines().any(|line| line == name), "{name} is not in\n{listed}");
    }
}
