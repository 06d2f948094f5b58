//! A purchase through all three services, step by step, with their errors.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
};

use clap::builder::styling::{AnsiColor, Style};
use client::{
    orders::types::CreateOrderErrorMessage,
    payments::types::{CreatePaymentErrorMessage, GetPaymentErrorMessage},
};
use uuid::Uuid;

use super::{
    addresses::Addresses,
    arguments::NewProduct,
    code::Code,
    failure::Failure,
    record::Record,
    show,
    store::Store,
    token::{Secret, Token},
};

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const PLAIN: Style = Style::new();
const REQUEST: Style = Style::new().dimmed();

/// The highest possible id, which no product and no order has.
const UNKNOWN: u64 = 9_007_199_254_740_991;

/// Walks through a purchase. It leaves two products, two or three orders, and two payments.
pub(super) async fn run(store: &Store, addresses: &Addresses) -> Result<(), Failure> {
    let guide = Guide::default();
    let outcome = tokio::select! {
        outcome = walk(&guide, store, addresses) => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted("")),
    };
    outcome.map_err(|failure| match failure.code {
        Code::OutputClosed => failure,
        _ => Failure {
            advice: format!("{} {}", failure.advice, guide.rest()).trim_start().to_owned(),
            ..failure
        },
    })
}

async fn walk(guide: &Guide, store: &Store, addresses: &Addresses) -> Result<(), Failure> {
    guide.explain(
        "Create a product",
        "The products service assigns the id, and responds after the product is on disk.",
        r#"products: POST /products {"name": "Demo computer", "price": 200, "stock": 5}"#,
    )?;
    let computer = NewProduct { name: "Demo computer".into(), price: 200.0, stock: 5 };
    let product = guide.shows("product", store.create_product(&computer, None).await)?;

    guide.explain(
        "Order three items",
        "The orders service does not store products: it asks the products service over HTTP, with that service's token, for the product and its stock. Whether an order takes its items off the stock is a setting of orders, ORDERS_STOCK: step 4 finds out.",
        &format!(r#"orders: POST /orders {{"product_id": {product}, "quantity": 3}}"#),
    )?;
    let order = guide.shows("order", store.create_order(product, 3, None).await)?;

    guide.explain(
        "Order more than the stock",
        "An order is accepted if and only if its quantity is at most the stock. There were never 6 items.",
        &format!(r#"orders: POST /orders {{"product_id": {product}, "quantity": 6}}"#),
    )?;
    guide.fails(CreateOrderErrorMessage::NotEnoughStock, store.create_order(product, 6, None).await)?;

    fight_over_the_last_piece(guide, store).await?;

    guide.explain(
        "Order an unknown product",
        "The response is the same if the product does not exist and if the products service does not respond.",
        &format!(r#"orders: POST /orders {{"product_id": {UNKNOWN}, "quantity": 1}}"#),
    )?;
    guide.fails(
        CreateOrderErrorMessage::ProductNotFoundOrUnavailable,
        store.create_order(UNKNOWN, 1, None).await,
    )?;

    guide.explain(
        "Pay for the order",
        "The payments service asks the orders service for the order in the same way.",
        &format!(r#"payments: POST /payments {{"order_id": {order}, "amount": 600, "method": "fake-card"}}"#),
    )?;
    let payment = guide.shows("payment", store.create_payment(order, 600.0, "fake-card", None).await)?;

    guide.explain(
        "Pay for an unknown order",
        "Without an order there is no payment.",
        &format!(
            r#"payments: POST /payments {{"order_id": {UNKNOWN}, "amount": 600, "method": "fake-card"}}"#
        ),
    )?;
    let paid = store.create_payment(UNKNOWN, 600.0, "fake-card", None).await;
    guide.fails(CreatePaymentErrorMessage::OrderNotFoundOrUnavailable, paid)?;

    let key = Uuid::now_v7().to_string();
    guide.explain(
        "Send a request twice",
        "A caller without a response can send a create again with the same Idempotency-Key: it gets the first response again, and nothing is created twice.",
        &format!("payments: POST /payments, twice, Idempotency-Key: {key}"),
    )?;
    guide.shows("payment", store.create_payment(order, 600.0, "fake-card", Some(key.clone())).await)?;
    guide.shows("payment", store.create_payment(order, 600.0, "fake-card", Some(key)).await)?;

    guide.explain(
        "Use a wrong token",
        "Each service has its own token, and checks it first.",
        &format!("payments: GET /payments/{payment}, Authorization: Bearer wrong"),
    )?;
    let mut addresses = addresses.clone();
    addresses.payments.token = Token::Value(Secret::new("wrong"));
    let unauthenticated = Store::connect(&addresses)?;
    guide.fails(GetPaymentErrorMessage::Unauthorized, unauthenticated.payment(payment).await)?;

    show::out("\n")?;
    show::say(PLAIN, &format!("The demo is over. It created {}.", guide.created()))
}

/// Two orders for one item. The outcome shows whether orders reserves the stock.
async fn fight_over_the_last_piece(guide: &Guide, store: &Store) -> Result<(), Failure> {
    guide.explain(
        "Order the last item twice",
        "There is one item of this product, and two orders want it at the same time.",
        r#"products: POST /products {"name": "Demo chair", "price": 50, "stock": 1}"#,
    )?;
    let chair = NewProduct { name: "Demo chair".into(), price: 50.0, stock: 1 };
    let product = guide.shows("product", store.create_product(&chair, None).await)?;

    guide.sends(&format!(
        r#"orders: POST /orders {{"product_id": {product}, "quantity": 1}}, twice at the same time"#
    ))?;
    let order = || store.create_order(product, 1, None);
    let mut outcomes: [_; 2] = tokio::join!(order(), order()).into();
    outcomes.sort_by_key(Result::is_err);
    let accepted = outcomes.iter().flatten().count();
    for outcome in outcomes {
        match outcome {
            Ok(order) => drop(guide.shows("order", Ok(order))?),
            refused => guide.fails(CreateOrderErrorMessage::NotEnoughStock, refused)?,
        }
    }
    let verdict = match accepted {
        2 => {
            "Both were accepted: orders checks the stock and leaves it as it is (ORDERS_STOCK=check, the default), so the last item is sold twice. With ORDERS_STOCK=reserve, one of the two is refused."
        }
        1 => {
            "One was accepted: orders takes its items off the stock (ORDERS_STOCK=reserve), so the last item is sold once. With ORDERS_STOCK=check, the default, both are accepted."
        }
        _ => "Neither was accepted: another caller has taken the last item.",
    };
    show::say(PLAIN, verdict)
}

/// Explains and counts the steps, and remembers what they created.
#[derive(Default)]
struct Guide {
    step: Cell<u32>,
    created: RefCell<Vec<String>>,
}

impl Guide {
    fn explain(&self, title: &str, why: &str, request: &str) -> Result<(), Failure> {
        self.step.update(|step| step + 1);
        show::out("\n")?;
        show::say(TITLE, &format!("{}. {title}", self.step.get()))?;
        show::say(PLAIN, why)?;
        self.sends(request)
    }

    fn sends(&self, request: &str) -> Result<(), Failure> {
        show::say(REQUEST, &format!("> {request}"))
    }

    /// Shows what was created, and returns its id.
    fn shows(&self, what: &str, outcome: Result<Record, Failure>) -> Result<u64, Failure> {
        let record = outcome?;
        let id = record["id"].as_u64().unwrap_or_default();
        let name = format!("{what} {id}");
        let mut created = self.created.borrow_mut();
        if !created.contains(&name) {
            created.push(name);
        }
        show::table(&record)?;
        Ok(id)
    }

    /// The resources created so far.
    fn created(&self) -> String {
        match self.created.borrow().as_slice() {
            [] => "nothing".to_owned(),
            created => created.join(", "),
        }
    }

    /// What a demo that ended early has created.
    fn rest(&self) -> String {
        let (step, created) = (self.step.get(), self.created());
        format!(
            "The demo ended in step {step} and created {created}; the last request of that step may have been carried out as well."
        )
    }

    /// Shows the expected error.
    fn fails(&self, expected: impl Display, outcome: Result<Record, Failure>) -> Result<(), Failure> {
        let expected = expected.to_string();
        match outcome {
            Err(failure) if failure.response.as_deref() == Some(expected.as_str()) => {
                show::out(&show::in_words(&failure))
            }
            Err(other) => Err(other),
            Ok(_) => Err(Failure::new(
                Code::ContractBroken,
                format!("The service should have responded with `{expected}`, and succeeded."),
                "The store breaks its contract: `cargo test --test replay` shows where.",
            )),
        }
    }
}
