//! The menu, with somebody at it.

use crate::{Console, fails, terminal::Terminal};

const ENTER: &str = "\r";
const DOWN: &str = "\u{1b}[B";
const RIGHT: &str = "\u{1b}[C";
const BACKSPACE: &str = "\u{7f}";
const ESCAPE: &str = "\u{1b}";
const CONTROL_C: &str = "\u{3}";

/// The menu, when it waits for a choice.
const MENU: [&str; 8] = [
    "◆  What is it to be?",
    "│  ● Create a product",
    "│  ○ List products",
    "│  ○ Create an order",
    "│  ○ Show an order",
    "│  ○ Create a payment",
    "│  ○ Leave",
    "└",
];

/// Somebody at the menu.
struct Customer {
    terminal: Terminal,
}

impl Customer {
    fn come(console: &Console, width: u16, variables: &[(&str, &str)]) -> Self {
        let customer = Self { terminal: Terminal::start(console, width, "", variables) };
        customer.terminal.ends_with(&MENU);
        customer
    }

    /// Chooses what stands `below` the first choice.
    fn chooses(&mut self, below: usize) {
        self.terminal.ends_with(&MENU);
        self.terminal.types(&DOWN.repeat(below));
        self.terminal.types(ENTER);
    }

    fn answers(&mut self, question: &str, answer: &str) {
        self.terminal.shows(&format!("◆  {question}"));
        self.terminal.types(answer);
        self.terminal.types(ENTER);
    }

    fn leaves(mut self) {
        self.chooses(5);
        self.terminal.ends_with(&["└  Goodbye."]);
        assert_eq!(self.terminal.ends(), 0);
        assert!(self.terminal.has_cursor());
    }
}

pub(crate) fn a_purchase_is_made_at_the_menu(console: &Console) {
    let mut customer = Customer::come(console, 80, &[]);
    customer.chooses(0);
    customer.answers("What is it called?", "Câmp stool 🪑");
    customer.answers("What does one cost?", "24.5");
    customer.answers("How many are there?", "7");
    customer.terminal.shows(
        "id  name           price  stock\n───────────────────────────────\n 1  Câmp stool 🪑   24.5      7",
    );
    customer.chooses(1);
    customer.terminal.shows("│  List products");
    customer.chooses(2);
    customer.answers("Which product? Its id", "1");
    customer.answers("How many of it?", "8");
    customer.terminal.shows("orders says: Not enough stock.\nThere is less of the product than was ordered.");
    customer.chooses(2);
    customer.answers("Which product? Its id", "1");
    customer.answers("How many of it?", "7");
    customer.terminal.shows(" 1           1         7  PENDING");
    customer.chooses(3);
    customer.answers("Which order? Its id", "1");
    customer.chooses(4);
    customer.answers("Which order is paid? Its id", "1");
    customer.answers("How much is paid?", "171.5");
    customer.answers("How is it paid?", "cash");
    customer.terminal.shows(" 1         1   171.5  cash    SUCCESS");
    customer.leaves();
    assert_eq!(
        console.does("products show 1"),
        "id  name           price  stock\n 1  Câmp stool 🪑   24.5      7\n"
    );
}

pub(crate) fn what_is_typed_is_checked_as_it_is_typed(console: &Console) {
    let mut customer = Customer::come(console, 80, &[]);
    customer.chooses(0);
    customer.answers("What is it called?", "");
    customer.terminal.shows("└  must be a text of 1 to 200 characters");
    customer.terminal.types(&"x".repeat(200));
    customer.terminal.shows(&"x".repeat(77));
    customer.terminal.types("y");
    customer.terminal.shows("└  must be a text of 1 to 200 characters");
    customer.terminal.types(BACKSPACE);
    customer.answers("What is it called?", "");
    customer.terminal.shows("◆  What does one cost?");
    customer.terminal.types("-");
    customer.terminal.ends_with(&[
        "▲  What does one cost?",
        "│  -",
        "└  must be a number from 0 to 1000000000000",
    ]);
    customer.terminal.types(BACKSPACE);
    customer.terminal.types("5");
    customer.terminal.ends_with(&["◆  What does one cost?", "│  5", "└"]);
    customer.terminal.types(ENTER);
    customer.answers("How many are there?", "1.5");
    let told = "└  must be a whole number from 0 to 9007199254740991";
    customer.terminal.ends_with(&["▲  How many are there?", "│  1.5", told]);
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn escape_leads_back_and_out(console: &Console) {
    leads_back_and_out(console, ESCAPE);
}

pub(crate) fn control_c_leads_back_and_out(console: &Console) {
    leads_back_and_out(console, CONTROL_C);
}

fn leads_back_and_out(console: &Console, key: &str) {
    let mut customer = Customer::come(console, 80, &[]);
    customer.chooses(0);
    customer.answers("What is it called?", "Computer");
    customer.terminal.shows("◆  What does one cost?");
    customer.terminal.types(key);
    customer.terminal.shows("●  Nothing was sent.");
    customer.terminal.ends_with(&MENU);
    customer.terminal.types(key);
    customer.terminal.ends_with(&["│", "└  Goodbye."]);
    assert_eq!(customer.terminal.ends(), 0);
    assert!(customer.terminal.has_cursor());
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn a_service_that_is_down_does_not_end_the_menu(console: &Console) {
    let mut customer = Customer::come(console, 80, &[("ORDERS_URL", "http://127.0.0.1:1")]);
    customer.chooses(3);
    customer.answers("Which order? Its id", "1");
    customer.terminal.shows("orders cannot be reached at http://127.0.0.1:1.");
    customer.chooses(1);
    customer.terminal.shows("There are none.");
    customer.leaves();
}

pub(crate) fn a_long_list_is_shown_by_the_screen(console: &Console) {
    console.does("seed --products 50");
    let mut customer = Customer::come(console, 80, &[]);
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
    let mut customer = Customer::come(console, 40, &[]);
    customer.chooses(2);
    customer.answers("Which product? Its id", "0");
    customer.terminal.ends_with(&[
        "▲  Which product? Its id",
        "│  0",
        "└  must be a whole number from 1 to",
        "   9007199254740991",
    ]);
    customer.terminal.types(&format!("{BACKSPACE}9"));
    customer.answers("Which product? Its id", "");
    customer.answers("How many of it?", "1");
    customer
        .terminal
        .shows("orders says: Product not found or\nunavailable.\nThere is no product with this id,\nor products did not answer.");
    assert!(!customer.terminal.has_broken_lines(), "{}", customer.terminal.screen());
    customer.leaves();
}

pub(crate) fn the_menu_needs_no_colours(console: &Console) {
    let is_coloured = |raw: &str| ["[36m", "[32m", "[2m", "[7m"].iter().any(|style| raw.contains(style));
    let mut customer = Customer::come(console, 80, &[]);
    assert!(is_coloured(&customer.terminal.raw()));
    customer.terminal.types(ESCAPE);
    customer.terminal.ends();

    let mut customer = Customer::come(console, 80, &[("NO_COLOR", "1")]);
    customer.chooses(3);
    customer.terminal.shows("◆  Which order? Its id");
    customer.terminal.types("12");
    customer.terminal.ends_with(&["│  12|", "└"]);
    assert!(!is_coloured(&customer.terminal.raw()), "{:?}", customer.terminal.raw());
}

pub(crate) fn without_a_terminal_there_is_no_menu(console: &Console) {
    let mut command = console.command("--json");
    command.stdin(std::process::Stdio::null());
    fails(command, 2, "There is no command.");
}
