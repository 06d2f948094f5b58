//! The API of the orders service: its operations, requests and responses.

use chassis::{
    api::{
        bearer_auth::BearerAuth,
        fields::{Fields, FromFields},
        idempotency::{IdempotencyKey, Keys, WITH_KEY},
        json::Json,
        operation::OperationError,
        parameters::Path,
        responses::Created,
    },
    error::{ANY_OPERATION, ErrorMessage, WITH_BODY},
    operations,
    storage::Database,
    values::{Id, Quantity},
};
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use crate::{
    db,
    errors::{NOT_ENOUGH_STOCK, PRODUCT_UNAVAILABLE},
    live::LiveIntent,
    products::Products,
    reserve::Reserve,
    settle::Settler,
    stock::Decision,
};

const ORDER_NOT_FOUND: ErrorMessage = ErrorMessage::new(StatusCode::NOT_FOUND, "Order not found");

/// The orders API.
pub struct Api {
    database: Database,
    keys: Keys,
    stock: Stock,
    settler: Settler,
}

/// What an order does with the stock of its product.
pub(crate) enum Stock {
    /// It has to be there, and stays.
    Check(Products),
    /// It is taken.
    Reserve(Reserve),
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys, stock: Stock, settler: Settler) -> Self {
        Self { database, keys, stock, settler }
    }

    /// Settles the orders that failed halfway, in the background.
    pub(crate) fn settle(&self) -> impl Future<Output = ()> + Send + use<> {
        self.settler.clone().run(matches!(self.stock, Stock::Reserve(_)))
    }
}

#[OpenApi(tag = "Tag::Orders")]
impl Api {
    /// Create an order
    ///
    /// Accepts the order if the product exists and its stock covers the quantity. By default, the stock does not change.
    #[oai(path = "/orders", method = "post", operation_id = "create_order")]
    async fn create_order(
        &self,
        _auth: BearerAuth,
        order: Json<NewOrder>,
        /// A key that the caller chooses: up to 255 visible ASCII characters, with or without quotes. The same request with the
        /// same key gets the first response again and creates no second order.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Created<Order>, OperationError<CreateOrder>> {
        let prepare = |order| async move {
            let content = db::Content::from(order);
            match &self.stock {
                Stock::Reserve(reserve) => Ok(db::Insert::Reserved(reserve.take(content).await?)),
                Stock::Check(products) => match products.check(&content).await? {
                    Decision::Accepted => Ok(db::Insert::Checked(content)),
                    Decision::NotEnough => Err(NOT_ENOUGH_STOCK.into()),
                },
            }
        };
        Ok(self.keys.create_once(key, order.0, prepare, created).await?)
    }

    /// Read an order
    ///
    /// Returns the order with this id.
    #[oai(path = "/orders/:id", method = "get", operation_id = "get_order")]
    async fn get_order(
        &self,
        _auth: BearerAuth,
        /// The id of the order.
        id: Path<Id>,
    ) -> Result<Json<Order>, OperationError<GetOrder>> {
        let id = id.0.ok_or(ORDER_NOT_FOUND)?;
        let order = self.database.read_in_group(db::Get(id)).await?;
        Ok(Json(order.ok_or(ORDER_NOT_FOUND)?.into()))
    }
}

fn created((order, intent): (db::Order, Option<LiveIntent>)) -> Created<Order> {
    if let Some(intent) = intent {
        intent.end();
    }
    let location = format!("/orders/{}", order.id.get());
    Created::new(&order.into(), location)
}

#[derive(Tags)]
enum Tag {
    /// Orders of products.
    Orders,
}

/// An order to create.
#[derive(Debug, Object, Serialize)]
pub struct NewOrder {
    /// The id of the product in the products service.
    product_id: Id,
    /// The number of items.
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
    /// The id that the service assigned.
    id: Id,
    /// The id of the product in the products service.
    product_id: Id,
    /// The number of items.
    quantity: Quantity,
    status: OrderStatus,
}

impl From<db::Order> for Order {
    fn from(db::Order { id, content: db::Content { product_id, quantity } }: db::Order) -> Self {
        Self { id, product_id, quantity, status: OrderStatus::Pending }
    }
}

/// The status of an order. An accepted order stays pending.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum OrderStatus {
    Pending,
}

operations! {
    CreateOrder: [WITH_BODY, &[PRODUCT_UNAVAILABLE, NOT_ENOUGH_STOCK], WITH_KEY, ANY_OPERATION];
    GetOrder: [&[ORDER_NOT_FOUND], ANY_OPERATION];
}
