//! What the menu offers.

use crate::{
    Console,
    customer::{BACKSPACE, CONTROL_U, Customer, DOWN, ENTER, LINE_HELP},
    fails,
    terminal::Terminal,
};

pub(crate) fn the_menu_leads_through_a_purchase(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Create a product");
    customer.enters("Name", "Câmp stool 🪑");
    customer.enters("Price", "24.5");
    customer.enters("Stock", "7");
    customer.terminal.shows(
        "id  name           price  stock\n───────────────────────────────\n 1  Câmp stool 🪑   24.5      7",
    );
    customer.chooses("List products");
    customer.terminal.shows("│  List products");
    customer.chooses("Create an order");
    customer.takes_the_first_product();
    customer.enters("Quantity", "7");
    customer.terminal.shows(" 1           1         7  PENDING");
    customer.chooses("Show an order");
    customer.enters("Order id", "");
    customer.chooses("Create a payment");
    customer.enters("Order id", "");
    customer.enters("Amount", "171.5");
    customer.enters("Method", "cash");
    customer.terminal.shows(" 1         1   171.5  cash    SUCCESS");
    customer.chooses("Show a payment");
    customer.enters("Payment id", "1");
    customer.terminal.shows("│  Show a payment");
    customer.chooses("Show a product");
    customer.takes_the_first_product();
    customer.terminal.shows("│  Show a product");
    customer.leaves();
    assert_eq!(console.succeeds("products show 1"), "id\tname\tprice\tstock\n1\tCâmp stool 🪑\t24.5\t7\n");
}

/// A customer who replaces a product whose stock is 20, and has come to the prompt for that.
fn replaces_a_computer(console: &Console) -> Customer {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Replace a product");
    customer.takes_the_first_product();
    customer.enters("Name", " 2");
    customer.enters("Price", &format!("{CONTROL_U}180.5"));
    customer
}

pub(crate) fn the_menu_replaces_a_product_from_its_current_fields(console: &Console) {
    let mut customer = replaces_a_computer(console);
    customer.enters("Stock", "");
    customer.terminal.shows(" 1  Computer 2  180.5     20");
    customer.leaves();
}

/// What was typed is kept, and the stock is not what the prompt began with.
pub(crate) fn a_reservation_during_a_replacement_is_not_lost(console: &Console) {
    let mut customer = replaces_a_computer(console);
    customer.terminal.ends_with(&["◆  Stock", "│  20", LINE_HELP]);
    console.succeeds("products reservations put 1 basket-7 --quantity 3");
    customer.enters("Stock", "");
    customer.terminal.shows(
        "products says: Precondition failed.\nThe product has changed since you began. It is now: Computer, 200, 17 in stock.",
    );
    customer.terminal.shows("What you typed is kept: press Enter to change it.");
    customer.is_at_the_menu();
    assert!(console.succeeds("products show 1").ends_with("\n1\tComputer\t200\t17\n"));

    customer.terminal.types(ENTER);
    customer.takes_the_first_product();
    for (prompt, text) in [("◆  Name", "│  Computer 2"), ("◆  Price", "│  180.5"), ("◆  Stock", "│  17")]
    {
        customer.terminal.ends_with(&[prompt, text, LINE_HELP]);
        customer.terminal.types(ENTER);
    }
    customer.terminal.shows(" 1  Computer 2  180.5     17");
    customer.leaves();
}

pub(crate) fn the_menu_checks_demonstrates_and_fills_the_store(console: &Console) {
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Fill the store with products");
    customer.enters("How many products", &format!("{CONTROL_U}12"));
    customer.terminal.shows("12 products exist: 12 new and 0 old.");
    customer.chooses("Check the services");
    customer.terminal.shows("payments  ready");
    customer.chooses("Walk through a purchase");
    customer.terminal.shows("9. Use a wrong token");
    customer.leaves();
    assert_eq!(console.store.rows("products"), 14);
}

pub(crate) fn a_product_is_found_by_its_name_and_by_its_id(console: &Console) {
    console.succeeds("seed --products 600");
    console.succeeds("products create --name Wanted --price 1 --stock 5");
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Show a product");
    customer.terminal.shows("◆  Product");
    customer.terminal.types("wanted");
    customer.terminal.shows("● Load more, after these 500");
    customer.terminal.types(ENTER);
    customer.terminal.shows("● 601  Wanted, 1, 5 in stock");
    customer.terminal.types(ENTER);
    customer.terminal.shows("601  Wanted      1      5");
    customer.chooses("Create an order");
    customer.terminal.shows("◆  Product");
    customer.terminal.types("601");
    customer.terminal.shows("● the product with id 601");
    customer.terminal.types(ENTER);
    customer.enters("Quantity", "5");
    customer.terminal.shows(" 1         601         5  PENDING");
    customer.leaves();
}

pub(crate) fn typed_input_is_kept_after_an_error(console: &Console) {
    console.succeeds("products create --name Chair --price 5 --stock 1");
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("Create an order");
    customer.terminal.shows("◆  Product");
    customer.terminal.types(DOWN);
    customer.terminal.shows("● 2  Computer");
    customer.terminal.types(ENTER);
    customer.enters("Quantity", "21");
    customer.terminal.shows("orders says: Not enough stock.\nThe order is for more than the stock.");
    customer.terminal.shows("What you typed is kept: press Enter to change it.");
    customer.terminal.shows("│  ● Create an order");
    customer.terminal.types(ENTER);
    customer.terminal.shows("◆  Product\n│  ○ 1  Chair, 5, 1 in stock\n│  ● 2  Computer, 200, 20 in stock");
    customer.terminal.types(ENTER);
    customer.enters("Quantity", &format!("{BACKSPACE}0"));
    customer.terminal.shows(" 1           2        20  PENDING");
    customer.leaves();
}

pub(crate) fn an_unreachable_service_does_not_end_the_menu(console: &Console) {
    let mut customer = Customer::start(console, 80, &[("ORDERS_URL", "http://127.0.0.1:1")]);
    customer.chooses("Show an order");
    customer.enters("Order id", "1");
    customer.terminal.shows("orders cannot be reached at http://127.0.0.1:1.");
    customer.chooses("List products");
    customer.terminal.shows("The list is empty.");
    customer.chooses("Show a product");
    customer.terminal.shows("There are no products yet: create one first.");
    customer.leaves();
}

pub(crate) fn a_long_list_is_shown_a_screen_at_a_time(console: &Console) {
    console.succeeds("seed --products 50");
    let mut customer = Customer::start(console, 80, &[]);
    customer.chooses("List products");
    customer.terminal.shows("◆  There may be more");
    let screen = customer.terminal.screen();
    assert!(screen.contains("\n32  ") && !screen.contains("\n33  "), "{screen}");
    customer.terminal.types(ENTER);
    customer.terminal.shows("\n50  ");
    customer.chooses("List products");
    customer.terminal.shows("◆  There may be more");
    customer.terminal.types(DOWN);
    customer.terminal.shows("● Back to the menu");
    customer.terminal.types(ENTER);
    customer.leaves();
}

pub(crate) fn without_a_terminal_there_is_no_menu(console: &Console) {
    let mut command = console.command("--json");
    command.stdin(std::process::Stdio::null());
    let message = fails(command, 2, "No command was given.");
    assert!(message.contains(r#""code":"missing_command""#), "{message}");

    let mut dumb = Terminal::start(console, 80, "", &[("TERM", "dumb")]);
    assert_eq!(dumb.ends(), 2);
    let screen = dumb.screen();
    assert!(screen.starts_with("No command was given.") && screen.contains("`client --help`"), "{screen}");
}
