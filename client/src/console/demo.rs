//! A purchase through all three services, step by step, with what they refuse.

use clap::builder::styling::{AnsiColor, Style};
use uuid::Uuid;

use super::{
    arguments::{Addresses, NewProduct},
    failure::{Failure, Kind},
    record::Record,
    show,
    store::Store,
};

const TITLE: Style = AnsiColor::Cyan.on_default().bold();
const PLAIN: Style = Style::new();
const REQUEST: Style = Style::new().dimmed();

/// No order has this id: it is the highest that there may be.
const UNKNOWN: u64 = 9_007_199_254_740_991;

/// Walks through a purchase. It leaves a product, an order and two payments.
pub(super) async fn run(store: &Store, addresses: &Addresses) -> Result<(), Failure> {
    let mut guide = Guide { step: 0 };

    guide.explain(
        "A product comes into the store",
        "products keeps what is sold. It gives the product its id and has it on the disk before it answers.",
        r#"products: POST /products {"name": "Demo computer", "price": 200, "stock": 5}"#,
    )?;
    let computer = NewProduct { name: "Demo computer".into(), price: 200.0, stock: 5 };
    let product = guide.shows(store.create_product(&computer, None).await)?;

    guide.explain(
        "Somebody orders three of it",
        "orders does not know the product: it asks products, over HTTP and with products' token, whether it is there and has the stock. An order changes no stock.",
        &format!(r#"orders: POST /orders {{"product_id": {product}, "quantity": 3}}"#),
    )?;
    let order = guide.shows(store.create_order(product, 3, None).await)?;

    guide.explain(
        "Somebody orders more than there is",
        "An order is taken if and only if its quantity is not above the stock. There are 5.",
        &format!(r#"orders: POST /orders {{"product_id": {product}, "quantity": 6}}"#),
    )?;
    guide.refuses("Not enough stock", store.create_order(product, 6, None).await)?;

    guide.explain(
        "Somebody orders what there is not",
        "Whether products says that there is no such product or says nothing at all, orders answers the same: it cannot vouch for it.",
        &format!(r#"orders: POST /orders {{"product_id": {UNKNOWN}, "quantity": 1}}"#),
    )?;
    guide.refuses("Product not found or unavailable", store.create_order(UNKNOWN, 1, None).await)?;

    guide.explain(
        "The order is paid",
        "payments asks orders for the order in the same way.",
        &format!(r#"payments: POST /payments {{"order_id": {order}, "amount": 600, "method": "fake-card"}}"#),
    )?;
    let payment = guide.shows(store.create_payment(order, 600.0, "fake-card", None).await)?;

    guide.explain(
        "Somebody pays for an order that there is not",
        "No order, no payment.",
        &format!(
            r#"payments: POST /payments {{"order_id": {UNKNOWN}, "amount": 600, "method": "fake-card"}}"#
        ),
    )?;
    let paid = store.create_payment(UNKNOWN, 600.0, "fake-card", None).await;
    guide.refuses("Order not found or unavailable", paid)?;

    let key = Uuid::now_v7().to_string();
    guide.explain(
        "A request is sent twice",
        "Whoever got no answer may send a create again with the same Idempotency-Key: the first answer comes again, and nothing is created twice.",
        &format!("payments: POST /payments, twice, Idempotency-Key: {key}"),
    )?;
    guide.shows(store.create_payment(order, 600.0, "fake-card", Some(key.clone())).await)?;
    guide.shows(store.create_payment(order, 600.0, "fake-card", Some(key)).await)?;

    guide.explain(
        "Somebody has the wrong token",
        "Each service has a token of its own, and looks at nothing before it has seen it.",
        &format!("payments: GET /payments/{payment}, Authorization: Bearer wrong"),
    )?;
    let stranger = Store::connect(&Addresses { payments_token: "wrong".into(), ..addresses.clone() })?;
    guide.refuses("Unauthorized", stranger.payment(payment).await)?;

    show::out("\n")?;
    show::say(
        PLAIN,
        &format!(
            "That was all. The store has one more product ({product}), one more order ({order}) and two more payments."
        ),
    )
}

/// Explains what happens, and counts the steps.
struct Guide {
    step: u32,
}

impl Guide {
    fn explain(&mut self, title: &str, why: &str, request: &str) -> Result<(), Failure> {
        self.step += 1;
        show::out("\n")?;
        show::say(TITLE, &format!("{}. {title}", self.step))?;
        show::say(PLAIN, why)?;
        show::say(REQUEST, &format!("> {request}"))
    }

    /// Shows what was done, and tells its id.
    fn shows(&self, answer: Result<Record, Failure>) -> Result<u64, Failure> {
        let record = answer?;
        show::one(&record, false)?;
        Ok(record["id"].as_u64().unwrap_or_default())
    }

    /// Shows the refusal that was to be.
    fn refuses(&self, text: &str, answer: Result<Record, Failure>) -> Result<(), Failure> {
        match answer {
            Err(failure) if failure.refusal.as_deref() == Some(text) => show::out(&show::told(&failure)),
            Err(other) => Err(other),
            Ok(_) => Err(Failure::new(
                Kind::Refused,
                format!("This was to be refused with `{text}`, and was not."),
                "The store does not keep its contract; `cargo test -p contract-tests` says where.",
            )),
        }
    }
}
