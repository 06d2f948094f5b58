//! The prompts of the menu: keys, checks and widths.

use contract_tests::harness::{
    ending,
    upstream::{FakeUpstream, FaultMode},
};

use crate::{
    Console,
    customer::{BACKSPACE, CONTROL_C, CONTROL_D, CONTROL_U, Customer, ENTER, ESCAPE, LINE_HELP},
};

const HELP: &str = "└  Arrows or typing choose, Enter continues, Esc leaves";

pub(crate) fn the_menu_checks_input_with_every_key(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Create a product");
    customer.enters("Name", "");
    customer.terminal.shows("└  must have 1 to 200 characters");
    customer.terminal.types(&"x".repeat(200));
    customer.terminal.shows(&"x".repeat(76));
    customer.terminal.types("y");
    customer.terminal.shows("└  must have 1 to 200 characters");
    customer.terminal.types(BACKSPACE);
    customer.enters("Name", "");
    customer.terminal.shows("◆  Price");
    customer.terminal.types("-");
    customer.terminal.ends_with(&["▲  Price", "│  -", "└  must be a number from 0 to 1000000000000"]);
    customer.terminal.types(CONTROL_U);
    customer.terminal.types("19,99");
    customer.terminal.ends_with(&["▲  Price", "│  19,99", "└  must be a number: write 19.99"]);
    customer.terminal.types(CONTROL_U);
    customer.terminal.types("5");
    customer.terminal.ends_with(&["◆  Price", "│  5", LINE_HELP]);
    customer.terminal.types(ENTER);
    customer.enters("Stock", "1.5");
    let message = "└  must be a whole number from 0 to 9007199254740991";
    customer.terminal.ends_with(&["▲  Stock", "│  1.5", message]);
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn escape_returns_to_the_menu_and_leaves_it(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Create a product");
    customer.enters("Name", "Computer");
    customer.terminal.shows("◆  Price");
    customer.terminal.types(ESCAPE);
    customer.terminal.shows("Back in the menu. Nothing was sent.");
    customer.is_at_the_menu();
    customer.terminal.ends_with(&[HELP]);
    customer.terminal.types(ESCAPE);
    customer.terminal.ends_with(&["└  Goodbye."]);
    assert_eq!(customer.terminal.ends(), 0);
    assert!(customer.terminal.has_cursor());
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn control_d_leaves_from_anywhere(console: &Console) {
    for mut customer in [at_the_menu(console), at_a_prompt(console)] {
        customer.terminal.types(CONTROL_D);
        customer.terminal.ends_with(&["└  Goodbye."]);
        assert_eq!(customer.terminal.ends(), 0);
    }
}

pub(crate) fn control_c_leaves_with_130_from_anywhere(console: &Console) {
    for mut customer in [at_the_menu(console), at_a_prompt(console)] {
        customer.terminal.types(CONTROL_C);
        assert_eq!(customer.terminal.ends(), 130);
        assert!(customer.terminal.has_cursor());
    }
    let silent = FakeUpstream::start("[]", FaultMode::SaysNothing);
    let mut customer = Customer::start(console, 80, &[("PAYMENTS_URL", &silent.url())]);
    customer.chooses("Show a payment");
    customer.enters("Payment id", "1");
    customer.terminal.shows("Waiting for payments");
    customer.terminal.types(CONTROL_C);
    assert_eq!(customer.terminal.ends(), 130);
}

fn at_the_menu(console: &Console) -> Customer {
    Customer::start(console, 80, &[])
}

fn at_a_prompt(console: &Console) -> Customer {
    let mut customer = at_the_menu(console);
    customer.chooses("Create a product");
    customer.terminal.shows("◆  Name");
    customer
}

pub(crate) fn the_menu_fits_a_narrow_terminal(console: &Console) {
    let mut create = console.command("products create --price 1 --stock 1 --name");
    assert!(ending::output(create.arg("広い椅子 ".repeat(20))).status.success());
    let mut customer = Customer::start(console, 40, &[]);
    customer.chooses("Show a product");
    customer.terminal.shows("● 1  広い椅子 広い椅子 広い椅子 広い…");
    customer.terminal.types(ENTER);
    customer.terminal.shows("│  Show a product");
    customer.chooses("Show an order");
    customer.enters("Order id", "0");
    customer.terminal.ends_with(&[
        "▲  Order id",
        "│  0",
        "└  must be a whole number from 1 to",
        "   9007199254740991",
    ]);
    customer.terminal.types(&format!("{CONTROL_U}9"));
    customer.enters("Order id", "");
    customer.terminal.shows("orders says: Order not found.\nThere is no order with this id.");
    assert!(!customer.terminal.has_broken_lines(), "{}", customer.terminal.screen());
    customer.leaves();
}

pub(crate) fn the_menu_works_without_colours(console: &Console) {
    let is_coloured = |raw: &str| ["[36m", "[32m", "[2m", "[7m"].iter().any(|style| raw.contains(style));
    let mut customer = Customer::start(console, 80, &[]);
    assert!(is_coloured(&customer.terminal.raw()));
    customer.terminal.types(ESCAPE);
    customer.terminal.ends();

    let mut customer = Customer::start(console, 80, &[("NO_COLOR", "1")]);
    customer.chooses("Show an order");
    customer.terminal.shows("◆  Order id");
    customer.terminal.types("12");
    customer.terminal.shows("│  12|");
    assert!(!is_coloured(&customer.terminal.raw()), "{:?}", customer.terminal.raw());
}
