//! The menu in a terminal.

use crate::{Console, fails, terminal::Terminal};

const ENTER: &str = "\r";
const DOWN: &str = "\u{1b}[B";
const RIGHT: &str = "\u{1b}[C";
const BACKSPACE: &str = "\u{7f}";
const ESCAPE: &str = "\u{1b}";
const CONTROL_C: &str = "\u{3}";

/// The menu while it waits for a choice.
const MENU: [&str; 8] = [
    "◆  What would you like to do?",
    "│  ● Create a product",
    "│  ○ List products",
    "│  ○ Create an order",
    "│  ○ Show an order",
    "│  ○ Create a payment",
    "│  ○ Leave",
    "└",
];

/// A customer at the menu.
struct Customer {
    terminal: Terminal,
}

impl Customer {
    fn start(console: &Console, width: u16, variables: &[(&str, &str)]) -> Self {
        let customer = Self { terminal: Terminal::start(console, width, "", variables) };
        customer.terminal.ends_with(&MENU);
        customer
    }

    /// Chooses the item that is `below` lines under the first.
    fn chooses(&mut self, below: usize) {
        self.terminal.ends_with(&MENU);
        self.terminal.types(&DOWN.repeat(below));
        self.terminal.types(ENTER);
    }

    fn enters(&mut self, prompt: &str, text: &str) {
        self.terminal.shows(&format!("◆  {prompt}"));
        self.terminal.types(text);
        self.terminal.types(ENTER);
    }

    fn leaves(mut self) {
        self.chooses(5);
        self.terminal.ends_with(&["└  Goodbye."]);
        assert_eq!(self.terminal.ends(), 0);
        assert!(self.terminal.has_cursor());
    }
}

pub(crate) fn the_menu_leads_through_a_purchase(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses(0);
    customer.enters("Name", "Câmp stool 🪑");
    customer.enters("Price", "24.5");
    customer.enters("Stock", "7");
    customer.terminal.shows(
        "id  name           price  stock\n───────────────────────────────\n 1  Câmp stool 🪑   24.5      7",
    );
    customer.chooses(1);
    customer.terminal.shows("│  List products");
    customer.chooses(2);
    customer.enters("Product id", "1");
    customer.enters("Quantity", "8");
    customer.terminal.shows("orders says: Not enough stock.\nThe order is for more than the stock.");
    customer.chooses(2);
    customer.enters("Product id", "1");
    customer.enters("Quantity", "7");
    customer.terminal.shows(" 1           1         7  PENDING");
    customer.chooses(3);
    customer.enters("Order id", "1");
    customer.chooses(4);
    customer.enters("Order id", "1");
    customer.enters("Amount", "171.5");
    customer.enters("Method", "cash");
    customer.terminal.shows(" 1         1   171.5  cash    SUCCESS");
    customer.leaves();
    assert_eq!(
        console.succeeds("products show 1"),
        "id  name           price  stock\n 1  Câmp stool 🪑   24.5      7\n"
    );
}

pub(crate) fn the_menu_checks_input_with_every_key(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses(0);
    customer.enters("Name", "");
    customer.terminal.shows("└  must have 1 to 200 characters");
    customer.terminal.types(&"x".repeat(200));
    customer.terminal.shows(&"x".repeat(77));
    customer.terminal.types("y");
    customer.terminal.shows("└  must have 1 to 200 characters");
    customer.terminal.types(BACKSPACE);
    customer.enters("Name", "");
    customer.terminal.shows("◆  Price");
    customer.terminal.types("-");
    customer.terminal.ends_with(&["▲  Price", "│  -", "└  must be a number from 0 to 1000000000000"]);
    customer.terminal.types(BACKSPACE);
    customer.terminal.types("5");
    customer.terminal.ends_with(&["◆  Price", "│  5", "└"]);
    customer.terminal.types(ENTER);
    customer.enters("Stock", "1.5");
    let message = "└  must be a whole number from 0 to 9007199254740991";
    customer.terminal.ends_with(&["▲  Stock", "│  1.5", message]);
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn escape_returns_to_the_menu_and_leaves_it(console: &Console) {
    returns_and_leaves(console, ESCAPE);
}

pub(crate) fn control_c_returns_to_the_menu_and_leaves_it(console: &Console) {
    returns_and_leaves(console, CONTROL_C);
}

fn returns_and_leaves(console: &Console, key: &str) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses(0);
    customer.enters("Name", "Computer");
    customer.terminal.shows("◆  Price");
    customer.terminal.types(key);
    customer.terminal.shows("●  Nothing was sent.");
    customer.terminal.ends_with(&MENU);
    customer.terminal.types(key);
    customer.terminal.ends_with(&["│", "└  Goodbye."]);
    assert_eq!(customer.terminal.ends(), 0);
    assert!(customer.terminal.has_cursor());
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn an_unreachable_service_does_not_end_the_menu(console: &Console) {
    let mut customer = Customer::start(console, 80, &[("ORDERS_URL", "http://127.0.0.1:1")]);
    customer.chooses(3);
    customer.enters("Order id", "1");
    customer.terminal.shows("orders cannot be reached at http://127.0.0.1:1.");
    customer.chooses(1);
    customer.terminal.shows("The list is empty.");
    customer.leaves();
}

pub(crate) fn a_long_list_is_shown_a_screen_at_a_time(console: &Console) {
    console.succeeds("seed --products 50");
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses(1);
    customer.terminal.shows("◆  Show more?");
    let screen = customer.terminal.screen();
    assert!(screen.contains("\n32  ") && !screen.contains("\n33  "), "{screen}");
    customer.terminal.types(ENTER);
    customer.terminal.shows("\n50  ");
    customer.chooses(1);
    customer.terminal.shows("◆  Show more?");
    customer.terminal.types(RIGHT);
    customer.terminal.types(ENTER);
    customer.leaves();
}

pub(crate) fn the_menu_fits_a_narrow_terminal(console: &Console) {
    let mut customer = Customer::start(console, 40, &[]);
    customer.chooses(2);
    customer.enters("Product id", "0");
    customer.terminal.ends_with(&[
        "▲  Product id",
        "│  0",
        "└  must be a whole number from 1 to",
        "   9007199254740991",
    ]);
    customer.terminal.types(&format!("{BACKSPACE}9"));
    customer.enters("Product id", "");
    customer.enters("Quantity", "1");
    customer
        .terminal
        .shows("orders says: Product not found or\nunavailable.\nThere is no product with this id,\nor products did not respond.");
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
    customer.chooses(3);
    customer.terminal.shows("◆  Order id");
    customer.terminal.types("12");
    customer.terminal.ends_with(&["│  12|", "└"]);
    assert!(!is_coloured(&customer.terminal.raw()), "{:?}", customer.terminal.raw());
}

pub(crate) fn without_a_terminal_there_is_no_menu(console: &Console) {
    let mut command = console.command("--json");
    command.stdin(std::process::Stdio::null());
    fails(command, 2, "No command was given.");
}
