//! The menu: prompts for a command and its arguments, until the customer leaves.

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

/// The width of the margin before prompts and messages.
const MARGIN: u16 = 3;

/// The lines of a screen that a list leaves free.
const OTHER_LINES: u16 = 8;

/// Shows the menu until the customer leaves. Esc, Ctrl-C and the end of the input also leave; in a prompt they return to the
/// menu.
pub(super) async fn run(store: &Store) -> Result<(), Failure> {
    let _raw_mode = RawMode::new()?;
    cliclack::set_theme(MenuTheme);
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
    unless_cancelled(|| cliclack::select("What would you like to do?").items(&CHOICES).interact())
}

/// The input of a prompt, or none if the customer cancelled it.
fn unless_cancelled<T>(prompt: impl FnOnce() -> io::Result<T>) -> Result<Option<T>, Failure> {
    match block_in_place(prompt).map_err(Failure::from) {
        Err(failure) if failure.kind == Kind::Interrupted => Ok(None),
        result => result.map(Some),
    }
}

async fn create_product(store: &Store) -> Result<(), Failure> {
    let name = ask("Name", &limits::NAME, Field::text)?;
    let price = ask("Price", &limits::PRICE, Field::number)?;
    let stock = ask("Stock", &limits::STOCK, Field::integer)?;
    show::one(&store.create_product(&NewProduct { name, price, stock }, None).await?, false)
}

/// Lists products, a screen at a time.
async fn list_products(store: &Store) -> Result<(), Failure> {
    let height = Term::stdout().size().0.saturating_sub(OTHER_LINES).max(OTHER_LINES);
    let mut list = List::new(false);
    let mut pages = store.products(None, None);
    while let Some(page) = pages.next(height.into()).await? {
        list.page(&page)?;
        let is_full = page.len() == usize::from(height);
        let more = || cliclack::confirm("Show more?").initial_value(true).interact();
        if is_full && unless_cancelled(more)? != Some(true) {
            return Ok(());
        }
    }
    list.end()
}

async fn create_order(store: &Store) -> Result<(), Failure> {
    let product = ask("Product id", &limits::PRODUCT_ID, Field::integer)?;
    let quantity = ask("Quantity", &limits::QUANTITY, Field::integer)?;
    show::one(&store.create_order(product, quantity, None).await?, false)
}

async fn show_order(store: &Store) -> Result<(), Failure> {
    let id = ask("Order id", &limits::ORDER_ID, Field::integer)?;
    show::one(&store.order(id).await?, false)
}

async fn create_payment(store: &Store) -> Result<(), Failure> {
    let order = ask("Order id", &limits::ORDER_ID, Field::integer)?;
    let amount = ask("Amount", &limits::AMOUNT, Field::number)?;
    let method = ask("Method", &limits::METHOD, Field::text)?;
    show::one(&store.create_payment(order, amount, &method, None).await?, false)
}

/// Prompts for a `field`, and checks it with every key.
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
    parse(field, &text).map_err(|reason| Failure::new(Kind::Usage, reason, ""))
}

/// Keeps the terminal from echoing keys between prompts, and from turning Ctrl-C into a signal.
struct RawMode {
    before: Termios,
}

impl RawMode {
    fn new() -> io::Result<Self> {
        let before = termios::tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
    }
}

/// The look of the menu, where it differs from the default.
struct MenuTheme;

impl Theme for MenuTheme {
    /// Shows the cursor, even without colours.
    fn cursor_with_style(&self, cursor: &StringCursor, text: &Style) -> String {
        let (left, current, right) = cursor.split();
        let current = match console::colors_enabled() {
            true => Style::new().reverse().apply_to(current).to_string(),
            false => format!("|{}", current.trim_end()),
        };
        format!("{}{current}{}", text.apply_to(left), text.apply_to(right))
    }

    /// Shows no error when the customer leaves.
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
