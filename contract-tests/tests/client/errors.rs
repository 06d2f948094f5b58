//! Why something was not done, in words.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    time::{Duration, Instant},
};

use contract_tests::harness::upstream::{FakeUpstream, FaultMode};
use serde_json::Value;

use crate::{Console, fails};

pub(crate) fn a_refusal_is_told_with_what_can_be_done(console: &Console) {
    console.does("products create --name Computer --price 200 --stock 20");
    for (command, told) in [
        (
            "orders create --product 1 --quantity 21",
            "orders says: Not enough stock.\nThere is less of the product than was ordered. Order fewer,",
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
        console.fails(command, 1, told);
    }
}

pub(crate) fn what_the_document_rules_out_is_not_sent(console: &Console) {
    for (command, told) in [
        (
            "products create --name Computer --price -1 --stock 20",
            "'-1' for '--price <PRICE>': must be a number",
        ),
        (
            "products create --name Computer --price 1,5 --stock 20",
            "must be a number from 0 to 1000000000000",
        ),
        ("products create --name= --price 1 --stock 1", "must be a text of 1 to 200 characters"),
        (
            "products create --name Mouse --price 1 --stock 1.5",
            "must be a whole number from 0 to 9007199254740991",
        ),
        (
            "products create --name Mouse --price 0.1000000000000000055511151231257827 --stock 1",
            "has more digits than can be kept: 15 always can",
        ),
        (
            "products create --name Mouse --price 1 --stock 1 --key clé",
            "must be 1 to 255 characters of visible",
        ),
        ("products create --name Mouse --price 1", "--stock <STOCK>"),
        ("orders create --product 1 --quantity 0", "must be a whole number from 1 to 9007199254740991"),
        ("orders show 0", "must be a whole number from 1"),
        ("products show abc", "must be a whole number from 1"),
        ("products list --limit 0", "0 is not in 1.."),
        ("nonsense", "unrecognized subcommand"),
    ] {
        console.fails(command, 2, told);
    }
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn a_wrong_token_is_told_with_the_variable_that_sets_it(console: &Console) {
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", "wrong");
    fails(
        command,
        1,
        "products says: Unauthorized.\nIt does not know the token that was sent. Set PRODUCTS_TOKEN",
    );
}

pub(crate) fn a_service_that_is_down_is_named_with_its_address(console: &Console) {
    for command in ["payments show 1", "payments create --order 1 --amount 1 --method cash"] {
        let mut command = console.command(command);
        command.env("PAYMENTS_URL", "http://127.0.0.1:1");
        let told =
            fails(command, 3, "payments cannot be reached at http://127.0.0.1:1.\nNobody answers there");
        assert!(told.contains("or say where it is with PAYMENTS_URL."), "{told}");
    }
    console.fails("payments show 1 --payments-url nowhere", 2, "`nowhere` is no address");
}

pub(crate) fn what_only_the_log_can_explain_is_told_with_the_id_in_the_log(console: &Console) {
    let _locked = console.store.lock("products");
    let create = console.command("products create --name Computer --price 200 --stock 20");
    let told = fails(create, 1, "The logs know this as trace ");
    let (_, id) = told.rsplit_once("The logs know this as trace ").unwrap();
    console.store.services[0].wait_for_log(id.trim_end().trim_end_matches('.'));
}

pub(crate) fn a_service_that_answers_something_else_is_told(console: &Console) {
    for (manner, told) in [
        (FaultMode::AnswersHtml, "does not answer as its document says"),
        (FaultMode::AnswersOtherJson, "does not answer as its document says"),
        (FaultMode::AnswersStatus(418, None), "does not answer as its document says: 418"),
        (FaultMode::BreaksOff, "gave no whole answer"),
    ] {
        let upstream =
            FakeUpstream::start(r#"{"id":1,"product_id":1,"quantity":3,"status":"PENDING"}"#, manner);
        let mut command = console.command("orders show 1");
        command.env("ORDERS_URL", upstream.url());
        let told = fails(command, 3, told);
        assert!(told.contains(&upstream.url()), "{told}");
    }
}

pub(crate) fn machines_get_errors_as_json(console: &Console) {
    let told = fails(console.command("orders show 7 --json"), 1, "");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["error"], &told["exit_code"]), (&"Order not found".into(), &1.into()), "{told}");
    let told = fails(console.command("orders show 7 --json --orders-url http://127.0.0.1:1"), 3, "");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"], "orders cannot be reached at http://127.0.0.1:1.", "{told}");
}

pub(crate) fn control_characters_are_shown_and_not_obeyed(console: &Console) {
    let mut create = console.command("products create --price 1 --stock 1 --name");
    let created = create.arg("red \u{1b}[31m bell \u{7} turned \u{202e}").output().unwrap();
    let table = String::from_utf8(created.stdout).unwrap();
    assert!(table.contains(r"red \u{1b}[31m bell \u{7} turned \u{202e}"), "{table}");

    let answer = r#"{"error":"Invalid fields","detail":"\u001b]0;hidden\u0007"}"#;
    let liar = FakeUpstream::start("", FaultMode::AnswersStatus(400, Some(answer)));
    let mut list = console.command("products list");
    list.env("PRODUCTS_URL", liar.url());
    fails(list, 1, r"A field has a value that is not taken: \u{1b}]0;hidden\u{7}.");
}

pub(crate) fn a_variable_that_is_set_but_empty_is_as_unset_except_a_token(console: &Console) {
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
    let told = fails(command, 2, "the token is empty.");
    assert!(told.contains("ORDERS_TOKEN"), "{told}");
    let mut command = console.command("products list");
    command.env("PRODUCTS_URL", "https://127.0.0.1:1");
    let told = fails(command, 2, "asks for TLS");
    assert!(told.contains("PRODUCTS_URL"), "{told}");
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", OsStr::from_bytes(b"secret\xff"));
    let told = fails(command, 2, "PRODUCTS_TOKEN is not UTF-8.");
    assert!(!told.contains("secret"), "{told}");
}

pub(crate) fn a_create_is_not_sent_again_before_the_service_says_so(console: &Console) {
    let product = r#"{"id":1,"name":"Computer","price":200,"stock":20}"#;
    for (seconds, times) in [(1, 2), (60, 1)] {
        let upstream = FakeUpstream::start(product, FaultMode::IsFullFor(seconds));
        let mut command = console.command("products create --name Computer --price 200 --stock 20");
        let began = Instant::now();
        let output = command.env("PRODUCTS_URL", upstream.url()).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(upstream.conversations(), times, "{told}");
        assert!(times == 1 || began.elapsed() >= Duration::from_secs(1), "{told}");
    }
}
