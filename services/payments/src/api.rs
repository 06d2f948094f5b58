//! The API of the payments service: its operations, requests and responses.

use chassis::{
    api::{
        bearer_auth::BearerAuth,
        fields::{Fields, FromFields},
        idempotency::{IdempotencyKey, Keys, WITH_KEY},
        json::Json,
        operation::OperationError,
        parameters::Path,
        responses::Created,
        upstream,
    },
    error::{ANY_OPERATION, ApiError, ErrorMessage, WITH_BODY},
    operations,
    storage::Database,
    values::{Decimal, Id, Text},
};
use client::orders::{self, types::GetOrderErrorMessage};
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use crate::db;

const PAYMENT_NOT_FOUND: ErrorMessage = ErrorMessage::new(StatusCode::NOT_FOUND, "Payment not found");
const ORDER_UNAVAILABLE: ErrorMessage =
    ErrorMessage::new(StatusCode::BAD_REQUEST, "Order not found or unavailable");

/// The payments API.
pub struct Api {
    database: Database,
    keys: Keys,
    orders: orders::Client,
    /// Whether orders exist, by their ids.
    known_orders: upstream::Reads<i64, bool>,
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys, orders: orders::Client) -> Self {
        let known_orders = upstream::Reads::new("orders", ORDER_UNAVAILABLE, client::CALL_TIMEOUT);
        Self { database, keys, orders, known_orders }
    }
}

#[OpenApi(tag = "Tag::Payments")]
impl Api {
    /// Create a payment
    ///
    /// Accepts the payment if the order exists. The order does not change, and can be paid more than once.
    #[oai(path = "/payments", method = "post", operation_id = "create_payment")]
    async fn create_payment(
        &self,
        _auth: BearerAuth,
        payment: Json<NewPayment>,
        /// A key that the caller chooses: up to 255 visible ASCII characters, with or without quotes. The same request with the
        /// same key gets the first response again and creates no second payment.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Payment>, OperationError<CreatePayment>> {
        let prepare = |payment: NewPayment| async move {
            self.check_order(payment.order_id).await?;
            Ok(db::Insert(payment.into()))
        };
        Ok(self.keys.create_once(key, payment.0, prepare, created).await?)
    }

    /// Read a payment
    ///
    /// Returns the payment with this id.
    #[oai(path = "/payments/:id", method = "get", operation_id = "get_payment")]
    async fn get_payment(
        &self,
        _auth: BearerAuth,
        /// The id of the payment.
        id: Path<Id>,
    ) -> Result<Json<Payment>, OperationError<GetPayment>> {
        let id = id.0.ok_or(PAYMENT_NOT_FOUND)?;
        let payment = self.database.read_in_group(db::Get(id)).await?;
        Ok(Json(payment.ok_or(PAYMENT_NOT_FOUND)?.into()))
    }
}

fn created(payment: db::Payment) -> Created<Payment> {
    let location = format!("/payments/{}", payment.id.get());
    Created::new(&payment.into(), location)
}

impl Api {
    /// Checks with the orders service that the order exists.
    async fn check_order(&self, order_id: Id) -> Result<(), ApiError> {
        let orders = self.orders.clone();
        let is_there = self.known_orders.get(order_id.get(), move |headers, deadline| {
            client::on_behalf_of(headers, deadline, has_order(orders, order_id))
        });
        if is_there.await? { Ok(()) } else { Err(ORDER_UNAVAILABLE.into()) }
    }
}

/// Whether the orders service has the order.
async fn has_order(orders: orders::Client, order_id: Id) -> Result<bool, String> {
    let id = order_id.get() as u64;
    let order = match orders.get_order().id(id).send().await {
        Ok(response) => response.into_inner(),
        Err(client::Error::ErrorResponse(error)) if error.error == GetOrderErrorMessage::OrderNotFound => {
            return Ok(false);
        }
        Err(error) => return Err(format!("order {id}: {}", client::cause(&error))),
    };
    if order.id.get() != id {
        return Err(format!("order {id}: the response has another id"));
    }
    // The generated types do not check the ranges of numbers.
    let is_in_range = |number: u64| i64::try_from(number).ok().and_then(Id::new).is_some();
    if !is_in_range(order.product_id.get()) || !is_in_range(order.quantity.get()) {
        return Err(format!("order {id}: the response has numbers out of range"));
    }
    Ok(true)
}

#[derive(Tags)]
enum Tag {
    /// Payments for orders.
    Payments,
}

/// A payment to create.
#[derive(Debug, Object, Serialize)]
pub struct NewPayment {
    /// The id of the order in the orders service.
    order_id: Id,
    /// The amount to pay.
    amount: Decimal,
    /// The payment method.
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
    /// The id that the service assigned.
    id: Id,
    /// The id of the order in the orders service.
    order_id: Id,
    /// The amount paid.
    amount: Decimal,
    /// The payment method.
    method: Text,
    status: PaymentStatus,
}

impl From<db::Payment> for Payment {
    fn from(db::Payment { id, content: db::Content { order_id, amount, method } }: db::Payment) -> Self {
        Self { id, order_id, amount, method, status: PaymentStatus::Success }
    }
}

/// The status of a payment. Only successful payments are stored.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum PaymentStatus {
    Success,
}

operations! {
    CreatePayment: [WITH_BODY, &[ORDER_UNAVAILABLE], WITH_KEY, ANY_OPERATION];
    GetPayment: [&[PAYMENT_NOT_FOUND], ANY_OPERATION];
}
