//! The menu: what a customer does at the counter, one thing after the other.

use std::io;

use cliclack::{StringCursor, Theme, ThemeState};
use console::{Emoji, Style, Term};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use tokio::task::block_in_place;

use super::{
    arguments::NewProduct,
    failure::{Failure, Kind},
    limits::{self, Field},
    show::{self, List},
    store::Store,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    CreateProduct,
    ListProducts,
    CreateOrder,
    ShowOrder,
    CreatePayment,
    Leave,
}

const CHOICES: [(Choice, &str, &str); 6] = [
    (Choice::CreateProduct, "Create a product", ""),
    (Choice::ListProducts, "List products", ""),
    (Choice::CreateOrder, "Create an order", ""),
    (Choice::ShowOrder, "Show an order", ""),
    (Choice::CreatePayment, "Create a payment", ""),
    (Choice::Leave, "Leave", ""),
];

const BAR: Emoji<'_, '_> = Emoji("│", "|");
const END: Emoji<'_, '_> = Emoji("└", "—");

/// How many characters stand before what is asked and told.
const MARGIN: u16 = 3;

/// How many lines of a terminal are for something else than a list.
const OTHER_LINES: u16 = 8;

/// Offers the menu until the customer leaves, which Esc, Ctrl-C and the end of the input do as well. In a question these
/// lead back to the menu.
pub(super) async fn run(store: &Store) -> Result<(), Failure> {
    let _quiet = Quiet::new()?;
    cliclack::set_theme(Counter);
    cliclack::intro("The store")?;
    while let Some(choice) = choose()? {
        let outcome = match choice {
            Choice::CreateProduct => create_product(store).await,
            Choice::ListProducts => list_products(store).await,
            Choice::CreateOrder => create_order(store).await,
            Choice::ShowOrder => show_order(store).await,
            Choice::CreatePayment => create_payment(store).await,
            Choice::Leave => break,
        };
        match outcome {
            Err(failure) if failure.kind == Kind::Interrupted => cliclack::log::info("Nothing was sent.")?,
            Err(failure) => show::failure(&failure, false),
            Ok(()) => {}
        }
        show::out("\n")?;
    }
    cliclack::outro("Goodbye.")?;
    Ok(())
}

fn choose() -> Result<Option<Choice>, Failure> {
    unless_left(|| cliclack::select("What is it to be?").items(&CHOICES).interact())
}

/// What somebody answers, if they do not rather leave.
fn unless_left<T>(prompt: impl FnOnce() -> io::Result<T>) -> Result<Option<T>, Failure> {
    match block_in_place(prompt).map_err(Failure::from) {
        Err(failure) if failure.kind == Kind::Interrupted => Ok(None),
        answer => answer.map(Some),
    }
}

async fn create_product(store: &Store) -> Result<(), Failure> {
    let name = ask("What is it called?", &limits::NAME, Field::text)?;
    let price = ask("What does one cost?", &limits::PRICE, Field::number)?;
    let stock = ask("How many are there?", &limits::STOCK, Field::integer)?;
    show::one(&store.create_product(&NewProduct { name, price, stock }, None).await?, false)
}

/// A screen of products at a time.
async fn list_products(store: &Store) -> Result<(), Failure> {
    let height = Term::stdout().size().0.saturating_sub(OTHER_LINES).max(OTHER_LINES);
    let mut list = List::new(false);
    let mut pages = store.products(None, None);
    while let Some(page) = pages.next(height.into()).await? {
        list.page(&page)?;
        let is_full = page.len() == usize::from(height);
        let more = || cliclack::confirm("Show more?").initial_value(true).interact();
        if is_full && unless_left(more)? != Some(true) {
            return Ok(());
        }
    }
    list.end()
}

async fn create_order(store: &Store) -> Result<(), Failure> {
    let product = ask("Which product? Its id", &limits::PRODUCT_ID, Field::integer)?;
    let quantity = ask("How many of it?", &limits::QUANTITY, Field::integer)?;
    show::one(&store.create_order(product, quantity, None).await?, false)
}

async fn show_order(store: &Store) -> Result<(), Failure> {
    let id = ask("Which order? Its id", &limits::ORDER_ID, Field::integer)?;
    show::one(&store.order(id).await?, false)
}

async fn create_payment(store: &Store) -> Result<(), Failure> {
    let order = ask("Which order is paid? Its id", &limits::ORDER_ID, Field::integer)?;
    let amount = ask("How much is paid?", &limits::AMOUNT, Field::number)?;
    let method = ask("How is it paid?", &limits::METHOD, Field::text)?;
    show::one(&store.create_payment(order, amount, &method, None).await?, false)
}

/// Asks for what goes into `field`, and tells with every key what is wrong with it so far.
fn ask<T: 'static>(
    question: &str,
    field: &'static Field,
    parse: fn(&Field, &str) -> Result<T, String>,
) -> Result<T, Failure> {
    let mut input = cliclack::input(question)
        .required(false)
        .placeholder(&cliclack::termwrap(&field.to_string(), MARGIN + 1))
        .validate_interactively(move |text: &String| parse(field, text).map(drop));
    let text: String = block_in_place(|| input.interact())?;
    parse(field, &text).map_err(|reason| Failure::new(Kind::Wrong, reason, ""))
}

/// Keeps the terminal from showing keys that are pressed while nothing is asked, and from taking Ctrl-C for a signal then.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// How the menu looks, where it differs from what the crate does.
struct Counter;

impl Theme for Counter {
    /// Shows where the next letter goes, without colours too.
    fn cursor_with_style(&self, cursor: &StringCursor, text: &Style) -> String {
        let (left, current, right) = cursor.split();
        let current = match console::colors_enabled() {
            true => Style::new().reverse().apply_to(current).to_string(),
            false => format!("|{}", current.trim_end()),
        };
        format!("{}{current}{}", text.apply_to(left), text.apply_to(right))
    }

    /// Leaving is no failure.
    fn format_footer_with_message(&self, state: &ThemeState, message: &str) -> String {
        let (bar, text) = match state {
            ThemeState::Active => (END, message),
            ThemeState::Error(reason) => (END, reason.as_str()),
            ThemeState::Submit | ThemeState::Cancel => (BAR, ""),
        };
        let text = cliclack::termwrap(text, MARGIN).replace('\n', "\n   ");
        let text = format!("{bar}  {text}");
        let lines = text.trim_end().lines().map(|line| format!("{}\n", self.bar_color(state).apply_to(line)));
        lines.collect()
    }
}
