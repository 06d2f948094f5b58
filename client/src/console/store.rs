//! The store as the console sees it: calls of the generated clients, with failures in words.

use std::{fmt, process::ExitCode};

use client::{Error, ResponseValue, orders, payments, products};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::Addresses;

/// How often a create is sent before its service counts as out of reach. It has a key, so it is done once.
const TRIES: usize = 3;

/// How many products are asked for at a time.
const PAGE: i64 = 1000;

/// The three services.
pub(super) struct Store {
    products: Service<products::Client>,
    orders: Service<orders::Client>,
    payments: Service<payments::Client>,
}

struct Service<C> {
    name: &'static str,
    url: String,
    client: C,
}

/// Why something was not done, in words for whoever asked for it.
#[derive(Debug)]
pub(super) struct Failure {
    sentence: String,
    code: u8,
}

impl Failure {
    fn refused(sentence: String) -> Self {
        Self { sentence, code: 1 }
    }

    fn wrong(sentence: String) -> Self {
        Self { sentence, code: 2 }
    }

    fn out_of_reach(sentence: String) -> Self {
        Self { sentence, code: 3 }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}

type Answer = Result<Value, Failure>;

impl Store {
    pub(super) fn connect(addresses: &Addresses) -> Result<Self, Failure> {
        let wrong = |error: client::InvalidConnection| Failure::wrong(format!("{error}."));
        let Addresses { products_url, orders_url, payments_url, .. } = addresses.clone();
        Ok(Self {
            products: Service {
                name: "products",
                client: client::products(&products_url, &addresses.products_token).map_err(wrong)?,
                url: products_url,
            },
            orders: Service {
                name: "orders",
                client: client::orders(&orders_url, &addresses.orders_token).map_err(wrong)?,
                url: orders_url,
            },
            payments: Service {
                name: "payments",
                client: client::payments(&payments_url, &addresses.payments_token).map_err(wrong)?,
                url: payments_url,
            },
        })
    }

    /// All products, a page at a time.
    pub(super) async fn list_products(&self) -> Answer {
        let mut all = Vec::new();
        loop {
            let mut request = self.products.client.list_products().limit(PAGE as u64);
            if let Some(last) = all.last() {
                let last: &products::types::Product = last;
                request = request.after(last.id);
            }
            let page = self.products.answer(request.send().await)?;
            let is_last = page.len() < PAGE as usize;
            all.extend(page);
            if is_last {
                return json(all);
            }
        }
    }

    pub(super) async fn product(&self, id: u64) -> Answer {
        json(self.products.answer(self.products.client.get_product().id(id).send().await)?)
    }

    pub(super) async fn create_product(
        &self,
        name: &str,
        price: f64,
        stock: u64,
        key: Option<String>,
    ) -> Answer {
        let key = key.unwrap_or_else(new_key);
        let product = products::types::NewProduct::builder().name(name).price(price).stock(stock);
        let create =
            || self.products.client.create_product().idempotency_key(&*key).body(product.clone()).send();
        json(self.products.answer(repeatedly(create).await)?)
    }

    pub(super) async fn replace_product(&self, id: u64, name: &str, price: f64, stock: u64) -> Answer {
        let product = products::types::NewProduct::builder().name(name).price(price).stock(stock);
        json(self.products.answer(self.products.client.replace_product().id(id).body(product).send().await)?)
    }

    pub(super) async fn create_order(&self, product: u64, quantity: u64, key: Option<String>) -> Answer {
        let key = key.unwrap_or_else(new_key);
        let order = orders::types::NewOrder::builder().product_id(product).quantity(quantity);
        let create = || self.orders.client.create_order().idempotency_key(&*key).body(order.clone()).send();
        json(self.orders.answer(repeatedly(create).await)?)
    }

    pub(super) async fn order(&self, id: u64) -> Answer {
        json(self.orders.answer(self.orders.client.get_order().id(id).send().await)?)
    }

    pub(super) async fn create_payment(
        &self,
        order: u64,
        amount: f64,
        method: &str,
        key: Option<String>,
    ) -> Answer {
        let key = key.unwrap_or_else(new_key);
        let payment = payments::types::NewPayment::builder().order_id(order).amount(amount).method(method);
        let create =
            || self.payments.client.create_payment().idempotency_key(&*key).body(payment.clone()).send();
        payment_in_order(self.payments.answer(repeatedly(create).await)?)
    }

    pub(super) async fn payment(&self, id: u64) -> Answer {
        payment_in_order(self.payments.answer(self.payments.client.get_payment().id(id).send().await)?)
    }
}

impl<C> Service<C> {
    /// What was answered, or why not, in words.
    fn answer<T, E: Serialize + fmt::Debug>(
        &self,
        answer: Result<ResponseValue<T>, Error<E>>,
    ) -> Result<T, Failure> {
        let Self { name, url, .. } = self;
        answer.map(ResponseValue::into_inner).map_err(|error| match error {
            Error::ErrorResponse(refusal) => {
                let refusal = serde_json::to_value(&*refusal).unwrap_or_default();
                let text = refusal["error"].as_str().unwrap_or_default();
                let hint = refusal["detail"].as_str().map_or_else(|| hint(name, text), ToOwned::to_owned);
                Failure::refused(format!("{name} says: {text}. {hint}").trim_end().to_owned())
            }
            Error::InvalidRequest(reason) => {
                Failure::wrong(format!("That cannot be sent to {name}: {reason}."))
            }
            Error::CommunicationError(_) => Failure::out_of_reach(format!(
                "{name} cannot be reached at {url} ({}). Start it with: cargo run --release -p store",
                client::cause(&error)
            )),
            _ => Failure::out_of_reach(format!(
                "{name} at {url} does not answer as its document says: {}.",
                client::cause(&error)
            )),
        })
    }
}

/// What can be done about a refusal.
fn hint(service: &str, text: &str) -> String {
    match text {
        "Unauthorized" => format!("Set {}_TOKEN to its token.", service.to_uppercase()),
        "Not enough stock" => "Order fewer, or replace the product by one with more stock.".into(),
        "Product not found" | "Product not found or unavailable" => {
            "See `client products list` for what there is.".into()
        }
        "Service unavailable" => "It has more to do than it takes on; try again in a moment.".into(),
        "Idempotency key reused" => "Another request had this key; use a new one.".into(),
        _ => String::new(),
    }
}

/// Sends a create again, with its key, while nobody can be reached.
async fn repeatedly<T, E, F: Future<Output = Result<T, Error<E>>>>(
    create: impl Fn() -> F,
) -> Result<T, Error<E>> {
    let mut answer = create().await;
    for _ in 1..TRIES {
        if !matches!(answer, Err(Error::CommunicationError(_))) {
            break;
        }
        answer = create().await;
    }
    answer
}

fn new_key() -> String {
    Uuid::now_v7().to_string()
}

fn json(answer: impl Serialize) -> Answer {
    let mut json = serde_json::to_value(answer).map_err(|error| Failure::refused(error.to_string()))?;
    write_whole_numbers_as_services_do(&mut json);
    Ok(json)
}

/// A payment with its fields as the service answers them; the generated type has them by their names.
fn payment_in_order(payment: payments::types::Payment) -> Answer {
    let payment = json(payment)?;
    let fields = ["id", "order_id", "amount", "method", "status"]
        .map(|field| (field.to_owned(), payment[field].clone()));
    Ok(Value::Object(fields.into_iter().collect()))
}

/// `200` rather than `200.0`, which is what a price is between the wire and here.
fn write_whole_numbers_as_services_do(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(write_whole_numbers_as_services_do),
        Value::Object(fields) => fields.values_mut().for_each(write_whole_numbers_as_services_do),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).filter(|it| it.fract() == 0.0) {
                *number = (whole as u64).into();
            }
        }
        _ => {}
    }
}
