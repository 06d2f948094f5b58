//! Errors in words.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    time::{Duration, Instant},
};

use contract_tests::harness::upstream::{FakeUpstream, FaultMode};
use serde_json::Value;

use crate::{Console, fails};

pub(crate) fn an_error_message_comes_with_advice(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    for (command, message) in [
        (
            "orders create --product 1 --quantity 21",
            "orders says: Not enough stock.\nThe order is for more than the stock. Order fewer,",
        ),
        (
            "orders create --product 9 --quantity 1",
            "orders says: Product not found or unavailable.\nThere is no product with this id, or",
        ),
        ("products show 7", "products says: Product not found.\nThere is no product with this id."),
        ("orders show 7", "orders says: Order not found.\nThere is no order with this id."),
        ("payments show 7", "payments says: Payment not found.\nThere is no payment with this id."),
        (
            "payments create --order 7 --amount 1 --method cash",
            "payments says: Order not found or unavailable.\nThere is no order with this id, or",
        ),
    ] {
        console.fails(command, 1, message);
    }
}

pub(crate) fn invalid_arguments_are_not_sent(console: &Console) {
    for (command, message) in [
        (
            "products create --name Computer --price -1 --stock 20",
            "'-1' for '--price <PRICE>': must be a number",
        ),
        (
            "products create --name Computer --price 1,5 --stock 20",
            "must be a number from 0 to 1000000000000",
        ),
        ("products create --name= --price 1 --stock 1", "must have 1 to 200 characters"),
        (
            "products create --name Mouse --price 1 --stock 1.5",
            "must be a whole number from 0 to 9007199254740991",
        ),
        (
            "products create --name Mouse --price 0.1000000000000000055511151231257827 --stock 1",
            "must have at most 15 digits",
        ),
        (
            "products create --name Mouse --price 1 --stock 1 --key clé",
            "must have 1 to 255 visible ASCII characters",
        ),
        ("products create --name Mouse --price 1", "--stock <STOCK>"),
        ("orders create --product 1 --quantity 0", "must be a whole number from 1 to 9007199254740991"),
        ("orders show 0", "must be a whole number from 1"),
        ("products show abc", "must be a whole number from 1"),
        ("products list --limit 0", "must be a whole number of at least 1"),
        ("seed --products many", "must be a whole number"),
        ("seed --products 1 --seed -1", "unexpected argument"),
        ("seed --products 1 --concurrency 257", "must be a whole number from 1 to 256"),
        ("nonsense", "unrecognized subcommand"),
    ] {
        console.fails(command, 2, message);
    }
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn the_advice_on_a_wrong_token_names_its_variable(console: &Console) {
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", "wrong");
    fails(
        command,
        1,
        "products says: Unauthorized.\nThe service does not accept the token. Set PRODUCTS_TOKEN",
    );
}

pub(crate) fn an_unreachable_service_is_named_with_its_address(console: &Console) {
    for command in ["payments show 1", "payments create --order 1 --amount 1 --method cash"] {
        let mut command = console.command(command);
        command.env("PAYMENTS_URL", "http://127.0.0.1:1");
        let message =
            fails(command, 3, "payments cannot be reached at http://127.0.0.1:1.\nConnecting failed (");
        assert!(message.contains("or set PAYMENTS_URL to its address."), "{message}");
    }
    console.fails("payments show 1 --payments-url nowhere", 2, "`nowhere` is not an address");
}

pub(crate) fn an_error_inside_a_service_names_its_trace(console: &Console) {
    let _locked = console.store.lock("products");
    let create = console.command("products create --name Computer --price 200 --stock 20");
    let message = fails(create, 1, "Look for trace ");
    let (_, id) = message.rsplit_once("Look for trace ").unwrap();
    let (id, _) = id.split_once(" in the logs.").unwrap();
    console.store.services[0].wait_for_log(id);
}

pub(crate) fn an_undocumented_response_is_an_error(console: &Console) {
    for (manner, message) in [
        (FaultMode::AnswersHtml, "does not respond as its document says"),
        (FaultMode::AnswersOtherJson, "does not respond as its document says"),
        (FaultMode::AnswersStatus(418, None), "does not respond as its document says: 418"),
        (FaultMode::BreaksOff, "did not send a complete response"),
    ] {
        let upstream =
            FakeUpstream::start(r#"{"id":1,"product_id":1,"quantity":3,"status":"PENDING"}"#, manner);
        let mut command = console.command("orders show 1");
        command.env("ORDERS_URL", upstream.url());
        let message = fails(command, 3, message);
        assert!(message.contains(&upstream.url()), "{message}");
    }
}

pub(crate) fn errors_are_printed_as_json(console: &Console) {
    let message = fails(console.command("orders show 7 --json"), 1, "");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(
        (&message["error"], &message["exit_code"]),
        (&"Order not found".into(), &1.into()),
        "{message}"
    );
    let message = fails(console.command("orders show 7 --json --orders-url http://127.0.0.1:1"), 3, "");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["error"], "orders cannot be reached at http://127.0.0.1:1.", "{message}");
}

pub(crate) fn control_characters_are_escaped(console: &Console) {
    let mut create = console.command("products create --price 1 --stock 1 --name");
    let created = create.arg("red \u{1b}[31m bell \u{7} turned \u{202e}").output().unwrap();
    let table = String::from_utf8(created.stdout).unwrap();
    assert!(table.contains(r"red \u{1b}[31m bell \u{7} turned \u{202e}"), "{table}");

    let answer = r#"{"error":"Invalid fields","detail":"\u001b]0;hidden\u0007"}"#;
    let upstream = FakeUpstream::start("", FaultMode::AnswersStatus(400, Some(answer)));
    let mut list = console.command("products list");
    list.env("PRODUCTS_URL", upstream.url());
    fails(list, 1, r"A field has an invalid value: \u{1b}]0;hidden\u{7}.");
}

pub(crate) fn an_empty_variable_counts_as_unset_except_for_a_token(console: &Console) {
    let mut command = console.command("products list");
    for variable in ["ORDERS_URL", "PAYMENTS_URL", "NO_COLOR", "RUST_LOG"] {
        command.env(variable, "");
    }
    assert!(command.status().unwrap().success());
    let mut command = console.command("--help");
    command.env("ORDERS_URL", "");
    assert!(String::from_utf8(command.output().unwrap().stdout).unwrap().contains("[env: ORDERS_URL"));

    let mut command = console.command("products list");
    command.env("ORDERS_TOKEN", "");
    let message = fails(command, 2, "the token is empty.");
    assert!(message.contains("ORDERS_TOKEN"), "{message}");
    let mut command = console.command("products list");
    command.env("PRODUCTS_URL", "https://127.0.0.1:1");
    let message = fails(command, 2, "needs TLS");
    assert!(message.contains("PRODUCTS_URL"), "{message}");
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", OsStr::from_bytes(b"secret\xff"));
    let message = fails(command, 2, "PRODUCTS_TOKEN is not valid UTF-8.");
    assert!(!message.contains("secret"), "{message}");
}

pub(crate) fn a_create_is_not_retried_before_retry_after(console: &Console) {
    let product = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;
    for (seconds, times) in [(1, 2), (60, 1)] {
        let upstream = FakeUpstream::start(product, FaultMode::IsFullFor(seconds));
        let mut command = console.command("products create --name Computer --price 200 --stock 20");
        let began = Instant::now();
        let output = command.env("PRODUCTS_URL", upstream.url()).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(upstream.conversations(), times, "{message}");
        assert!(times == 1 || began.elapsed() >= Duration::from_secs(1), "{message}");
    }
}
