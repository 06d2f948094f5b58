//! The wire: what the payments service can be asked, what it answers, and what it refuses with.

use chassis::{
    answers::Created,
    fields::{Fields, FromFields},
    idempotency::{Claim, IdempotencyKey, Keys, WITH_KEY},
    json::Json,
    parameter::Path,
    refusal::{ANY_OPERATION, Operation, OperationError, Refusal, WITH_BODY},
    server::Deadline,
    sqlite::Database,
    token::Caller,
    trace,
    value::{Decimal, Id, Text},
};
use client::orders;
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use crate::db;

const PAYMENT_NOT_FOUND: Refusal = Refusal::new(StatusCode::NOT_FOUND, "Payment not found");
const ORDER_UNAVAILABLE: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "Order not found or unavailable");

/// What the payments service does.
pub struct Api {
    database: Database,
    keys: Keys,
    orders: orders::Client,
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys, orders: orders::Client) -> Self {
        Self { database, keys, orders }
    }
}

#[OpenApi(tag = "Tag::Payments")]
impl Api {
    /// Create a payment
    ///
    /// The payment is accepted if the order is there. The order stays as it is, and can be paid again.
    #[oai(path = "/payments", method = "post", operation_id = "create_payment")]
    async fn create_payment(
        &self,
        _caller: Caller,
        deadline: Deadline,
        payment: Json<NewPayment>,
        /// Names the request, so that it creates one payment however often it is sent. Visible ASCII.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Payment>, OperationError<CreatePayment>> {
        let work = match self.keys.claim(key, &payment.0)? {
            Claim::Answered(answer) => return Ok(answer),
            Claim::New(work) => work,
        };
        let content = db::Content::from(payment.0);
        let ask = |headers| client::on_behalf_of(headers, deadline.0, self.find_order(content.order_id));
        let found = trace::neighbour("orders", ask).await?;
        let is_there = found.map_err(|cause| {
            let order_id = content.order_id.get();
            tracing::warn!(order_id, cause, "order not available");
            ORDER_UNAVAILABLE
        })?;
        if !is_there {
            tracing::info!(order_id = content.order_id.get(), "order not found");
            return Err(ORDER_UNAVAILABLE.into());
        }
        let insert = move |connection: &_| db::insert(connection, content);
        Ok(work.create(&self.database, insert, created).await?)
    }

    /// Read a payment
    ///
    /// The payment with this id.
    #[oai(path = "/payments/:id", method = "get", operation_id = "get_payment")]
    async fn get_payment(
        &self,
        _caller: Caller,
        /// The id of the payment.
        id: Path<Id>,
    ) -> Result<Json<Payment>, OperationError<GetPayment>> {
        let id = id.0.ok_or(PAYMENT_NOT_FOUND)?;
        let payment = self.database.read(|connection| db::get(connection, id))?;
        Ok(Json(payment.ok_or(PAYMENT_NOT_FOUND)?.into()))
    }
}

fn created(payment: db::Payment) -> Created<Payment> {
    let location = format!("/payments/{}", payment.id.get());
    Created::new(&payment.into(), location)
}

impl Api {
    /// Whether the orders service has the order, or in words why it does not say.
    async fn find_order(&self, order_id: Id) -> Result<bool, String> {
        let asked = order_id.get() as u64;
        let order = match self.orders.get_order().id(asked).send().await {
            Ok(answer) => answer.into_inner(),
            Err(client::Error::ErrorResponse(refusal)) if refusal.status() == StatusCode::NOT_FOUND => {
                return Ok(false);
            }
            Err(error) => return Err(client::cause(&error)),
        };
        if order.id.get() != asked {
            return Err(format!("asked for order {asked}, got another"));
        }
        // The generated types leave out the ranges of numbers.
        let is_in_range = |number: u64| i64::try_from(number).ok().and_then(Id::new).is_some();
        if !is_in_range(order.product_id.get()) || !is_in_range(order.quantity.get()) {
            return Err(format!("order {asked} with numbers out of range"));
        }
        Ok(true)
    }
}

#[derive(Tags)]
enum Tag {
    /// What customers have paid.
    Payments,
}

/// A payment that is to be.
#[derive(Debug, Object, Serialize)]
pub struct NewPayment {
    /// The id of the order, as the orders service knows it.
    order_id: Id,
    /// How much is paid.
    amount: Decimal,
    /// How it is paid.
    method: Text,
}

impl FromFields for NewPayment {
    const EXAMPLE: &'static str = r#"{"order_id": 1, "amount": 200, "method": "fake-card"}"#;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (order_id, amount, method) =
            (fields.read("order_id"), fields.read("amount"), fields.read("method"));
        Some(Self { order_id: order_id?, amount: amount?, method: method? })
    }
}

impl From<NewPayment> for db::Content {
    fn from(NewPayment { order_id, amount, method }: NewPayment) -> Self {
        Self { order_id, amount, method }
    }
}

/// A payment.
#[derive(Debug, Object, Serialize)]
pub struct Payment {
    /// What the service knows it by.
    id: Id,
    /// The id of the order, as the orders service knows it.
    order_id: Id,
    /// How much was paid.
    amount: Decimal,
    /// How it was paid.
    method: Text,
    status: PaymentStatus,
}

impl From<db::Payment> for Payment {
    fn from(db::Payment { id, content: db::Content { order_id, amount, method } }: db::Payment) -> Self {
        Self { id, order_id, amount, method, status: PaymentStatus::Success }
    }
}

/// How a payment went: those that did not go well are not kept.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PaymentStatus {
    Success,
}

struct CreatePayment;

impl Operation for CreatePayment {
    const NAME: &'static str = "CreatePayment";
    const REFUSALS: &'static [&'static [Refusal]] =
        &[WITH_BODY, &[ORDER_UNAVAILABLE], WITH_KEY, ANY_OPERATION];
}

struct GetPayment;

impl Operation for GetPayment {
    const NAME: &'static str = "GetPayment";
    const REFUSALS: &'static [&'static [Refusal]] = &[&[PAYMENT_NOT_FOUND], ANY_OPERATION];
}
