//! The wire: what the orders service can be asked, what it answers, and what it refuses with.

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
    value::{Count, Decimal, Id, Quantity},
};
use client::products;
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use crate::{
    db,
    stock::{self, Decision},
};

const ORDER_NOT_FOUND: Refusal = Refusal::new(StatusCode::NOT_FOUND, "Order not found");
const PRODUCT_UNAVAILABLE: Refusal =
    Refusal::new(StatusCode::BAD_REQUEST, "Product not found or unavailable");
const NOT_ENOUGH_STOCK: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "Not enough stock");

/// What the orders service does.
pub struct Api {
    database: Database,
    keys: Keys,
    products: products::Client,
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys, products: products::Client) -> Self {
        Self { database, keys, products }
    }
}

#[OpenApi(tag = "Tag::Orders")]
impl Api {
    /// Create an order
    ///
    /// The order is accepted if the product is there and its stock covers the quantity. The stock stays as it is.
    #[oai(path = "/orders", method = "post", operation_id = "create_order")]
    async fn create_order(
        &self,
        _caller: Caller,
        deadline: Deadline,
        order: Json<NewOrder>,
        /// Names the request, so that it creates one order however often it is sent. Visible ASCII.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Order>, OperationError<CreateOrder>> {
        let work = match self.keys.claim(key, &order.0)? {
            Claim::Answered(answer) => return Ok(answer),
            Claim::New(work) => work,
        };
        let content = db::Content::from(order.0);
        let ask = |headers| client::on_behalf_of(headers, deadline.0, self.stock_of(content.product_id));
        let stock = trace::neighbour("products", ask).await?;
        let stock = stock.map_err(|cause| {
            let product_id = content.product_id.get();
            tracing::warn!(product_id, cause, "product not available");
            PRODUCT_UNAVAILABLE
        })?;
        let stock = stock.ok_or_else(|| {
            tracing::info!(product_id = content.product_id.get(), "product not found");
            PRODUCT_UNAVAILABLE
        })?;
        if stock::decide(content.quantity, stock) == Decision::NotEnough {
            return Err(NOT_ENOUGH_STOCK.into());
        }
        let insert = move |connection: &_| db::insert(connection, content);
        Ok(work.create(&self.database, insert, created).await?)
    }

    /// Read an order
    ///
    /// The order with this id.
    #[oai(path = "/orders/:id", method = "get", operation_id = "get_order")]
    async fn get_order(
        &self,
        _caller: Caller,
        /// The id of the order.
        id: Path<Id>,
    ) -> Result<Json<Order>, OperationError<GetOrder>> {
        let id = id.0.ok_or(ORDER_NOT_FOUND)?;
        let order = self.database.read(|connection| db::get(connection, id))?;
        Ok(Json(order.ok_or(ORDER_NOT_FOUND)?.into()))
    }
}

fn created(order: db::Order) -> Created<Order> {
    let location = format!("/orders/{}", order.id.get());
    Created::new(&order.into(), location)
}

impl Api {
    /// How many of the product there are, as the products service says, or in words why it does not. None if it has no such
    /// product, which is an answer like another.
    async fn stock_of(&self, product_id: Id) -> Result<Option<Count>, String> {
        let asked = product_id.get() as u64;
        let product = match self.products.get_product().id(asked).send().await {
            Ok(answer) => answer.into_inner(),
            Err(client::Error::ErrorResponse(refusal)) if refusal.status() == StatusCode::NOT_FOUND => {
                return Ok(None);
            }
            Err(error) => return Err(client::cause(&error)),
        };
        if product.id.get() != asked {
            return Err(format!("asked for product {asked}, got another"));
        }
        // The generated types leave out the ranges of numbers.
        match (Decimal::new(product.price), Count::new(product.stock)) {
            (Some(_), Some(stock)) => Ok(Some(stock)),
            _ => Err(format!("product {asked} with numbers out of range")),
        }
    }
}

#[derive(Tags)]
enum Tag {
    /// What customers have ordered.
    Orders,
}

/// An order that is to be.
#[derive(Debug, Object, Serialize)]
pub struct NewOrder {
    /// The id of the product, as the products service knows it.
    product_id: Id,
    /// How many of it.
    quantity: Quantity,
}

impl FromFields for NewOrder {
    const EXAMPLE: &'static str = r#"{"product_id": 1, "quantity": 3}"#;

    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (product_id, quantity) = (fields.read("product_id"), fields.read("quantity"));
        Some(Self { product_id: product_id?, quantity: quantity? })
    }
}

impl From<NewOrder> for db::Content {
    fn from(NewOrder { product_id, quantity }: NewOrder) -> Self {
        Self { product_id, quantity }
    }
}

/// An order.
#[derive(Debug, Object, Serialize)]
pub struct Order {
    /// What the service knows it by.
    id: Id,
    /// The id of the product, as the products service knows it.
    product_id: Id,
    /// How many of it.
    quantity: Quantity,
    status: OrderStatus,
}

impl From<db::Order> for Order {
    fn from(db::Order { id, content: db::Content { product_id, quantity } }: db::Order) -> Self {
        Self { id, product_id, quantity, status: OrderStatus::Pending }
    }
}

/// How far an order has come: it was accepted, and nothing follows yet.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum OrderStatus {
    Pending,
}

struct CreateOrder;

impl Operation for CreateOrder {
    const NAME: &'static str = "CreateOrder";
    const REFUSALS: &'static [&'static [Refusal]] =
        &[WITH_BODY, &[PRODUCT_UNAVAILABLE, NOT_ENOUGH_STOCK], WITH_KEY, ANY_OPERATION];
}

struct GetOrder;

impl Operation for GetOrder {
    const NAME: &'static str = "GetOrder";
    const REFUSALS: &'static [&'static [Refusal]] = &[&[ORDER_NOT_FOUND], ANY_OPERATION];
}
