//! What each choice of the menu does.

use clap::builder::styling::Style;
use console::Term;
use tokio::task::block_in_place;

use super::{
    choice::{Choice, Stop},
    form::Form,
};
use crate::console::{
    addresses::Addresses,
    arguments::{NewProduct, Seed},
    check, demo,
    error_message::ErrorMessage,
    escape::visible,
    limits::{self, Field},
    prompt,
    record::{self, Record},
    seed,
    show::{self, List},
    store::Store,
};

/// The lines of a screen that a list leaves free.
const OTHER_LINES: u16 = 8;

/// The most products that a customer can choose from. Others are chosen by their id.
const MOST_LISTED: usize = 10_000;

/// The number of products that are loaded at once.
const PAGE: u64 = 500;

/// Does what the customer chose.
pub(super) async fn act(
    choice: Choice,
    store: &Store,
    addresses: &Addresses,
    form: &mut Form,
) -> Result<(), Stop> {
    match choice {
        Choice::CreateProduct => {
            let product = product(form, None)?;
            show::table(&store.create_product(&product, None).await?)?;
        }
        Choice::ListProducts => list_products(store).await?,
        Choice::ShowProduct => {
            let id = pick_product(store, form).await?;
            show::table(&store.product(id).await?)?;
        }
        Choice::ReplaceProduct => replace_product(store, form).await?,
        Choice::CreateOrder => {
            let product = pick_product(store, form).await?;
            let quantity = form.ask("Quantity", &limits::QUANTITY, "", Field::integer)?;
            let order = store.create_order(product, quantity, None).await?;
            form.last_order = order["id"].as_u64();
            show::table(&order)?;
        }
        Choice::ShowOrder => {
            let id = ask_order(form)?;
            let order = store.order(id).await?;
            form.last_order = Some(id);
            show::table(&order)?;
        }
        Choice::CreatePayment => {
            let order = ask_order(form)?;
            let amount = form.ask("Amount", &limits::AMOUNT, "", Field::number)?;
            let method = form.ask("Method", &limits::METHOD, "", Field::text)?;
            show::table(&store.create_payment(order, amount, &method, None).await?)?;
        }
        Choice::ShowPayment => {
            let id = form.ask("Payment id", &limits::PAYMENT_ID, "", Field::integer)?;
            show::table(&store.payment(id).await?)?;
        }
        Choice::Check => check::run(store, false).await?,
        Choice::Demo => demo::run(store, addresses).await?,
        Choice::Seed => {
            let parse = |text: &str| limits::whole_number(text, 1..);
            let hint = "must be a whole number of at least 1";
            let products = form.ask_with("How many products", hint, "100", parse)?;
            seed::run(store, &Seed { products, ..Seed::default() }, false).await?;
        }
        Choice::Leave => {}
    }
    Ok(())
}

/// Replaces a product, unless it has changed since it was read, as an order may have taken stock.
async fn replace_product(store: &Store, form: &mut Form) -> Result<(), Stop> {
    let id = pick_product(store, form).await?;
    let (current, etag) = store.product_with_etag(id).await?;
    let product = product(form, Some(&current))?;
    let mut failure = match store.replace_product(id, &product, etag.as_deref()).await {
        Ok(replaced) => return Ok(show::table(&replaced)?),
        Err(failure) => failure,
    };
    if failure.message() == Some(ErrorMessage::PreconditionFailed)
        && let Ok(current) = store.product(id).await
    {
        let current = description(&current);
        failure.advice = format!("The product has changed since you began. It is now: {current}.");
    }
    Err(failure.into())
}

/// Prompts for the fields of a product, beginning with those of `current`.
fn product(form: &mut Form, current: Option<&Record>) -> Result<NewProduct, Stop> {
    let text = |name: &str| match current.map(|current| &current[name]) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(number) => number.to_string(),
        None => String::new(),
    };
    Ok(NewProduct {
        name: form.ask("Name", &limits::NAME, &text("name"), Field::text)?,
        price: form.ask("Price", &limits::PRICE, &text("price"), Field::number)?,
        stock: form.ask("Stock", &limits::STOCK, &text("stock"), Field::integer)?,
    })
}

fn ask_order(form: &mut Form) -> Result<u64, Stop> {
    let last = form.last_order.map(|id| id.to_string()).unwrap_or_default();
    Ok(form.ask("Order id", &limits::ORDER_ID, &last, Field::integer)?)
}

/// Lists products, a screen at a time.
async fn list_products(store: &Store) -> Result<(), Stop> {
    let height = Term::stdout().size().0.saturating_sub(OTHER_LINES).max(OTHER_LINES);
    let mut list = List::new(record::PRODUCT, false);
    let mut pages = store.products(None, None);
    while let Some(page) = pages.next(height.into()).await? {
        list.page(&page)?;
        let items = [(true, "Show more".to_owned()), (false, "Back to the menu".to_owned())];
        let help = "Enter continues, Esc goes back";
        let ask = || prompt::pick("There may be more", help, &items, 0, &mut String::new(), |_| vec![]);
        if page.len() == usize::from(height) && !block_in_place(ask)? {
            return Ok(());
        }
    }
    Ok(list.end()?)
}

/// The choices in a list of products.
#[derive(Clone, Copy)]
enum Pick {
    Product(u64),
    More,
}

/// Lets the customer choose a product, by its name or its id. Products are loaded as they are needed.
async fn pick_product(store: &Store, form: &mut Form) -> Result<u64, Stop> {
    let mut pages = store.products(None, None);
    let mut items: Vec<(Pick, String)> = Vec::new();
    let mut search = String::new();
    let mut start = 0;
    loop {
        let page = pages.next(PAGE).await?.unwrap_or_default();
        let is_last = (page.len() as u64) < PAGE || items.len() >= MOST_LISTED;
        items.extend(page.iter().map(item));
        if items.is_empty() {
            show::say(Style::new(), "There are no products yet: create one first.")?;
            return Err(prompt::Exit::Back.into());
        }
        let drafted = form.draft("Product").and_then(|id| id.parse().ok());
        let is_drafted =
            |(pick, _): &(Pick, String)| matches!(pick, Pick::Product(id) if Some(*id) == drafted);
        let begin = items.iter().position(is_drafted).unwrap_or(start);
        let more = |search: &str| {
            let typed = limits::PRODUCT_ID.integer(search).ok();
            let is_listed =
                |id| items.iter().any(|(pick, _)| matches!(pick, Pick::Product(other) if *other == id));
            let typed = typed.filter(|id| !is_last && !is_listed(*id));
            let typed = typed.map(|id| (Pick::Product(id), format!("the product with id {id}")));
            let more = (!is_last).then(|| (Pick::More, format!("Load more, after these {}", items.len())));
            typed.into_iter().chain(more).collect()
        };
        let help = "Arrows choose, typing searches, Enter continues, Esc goes back";
        let ask = || prompt::pick("Product", help, &items, begin, &mut search, more);
        match block_in_place(ask)? {
            Pick::Product(id) => {
                form.keep("Product", id.to_string());
                return Ok(id);
            }
            Pick::More => start = items.len(),
        }
    }
}

/// A line in the list of products.
fn item(product: &Record) -> (Pick, String) {
    let id = product["id"].as_u64().unwrap_or_default();
    (Pick::Product(id), format!("{id}  {}", description(product)))
}

fn description(product: &Record) -> String {
    let name = visible(product["name"].as_str().unwrap_or_default());
    format!("{name}, {}, {} in stock", product["price"], product["stock"])
}
