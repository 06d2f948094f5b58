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
        upstream,
    },
    error::{ANY_OPERATION, ApiError, ErrorMessage, WITH_BODY},
    operations,
    storage::sqlite::Database,
    values::{Count, Decimal, Id, Quantity},
};
use client::products::{self, types::GetProductErrorMessage};
use poem::http::StatusCode;
use poem_openapi::{Enum, Object, OpenApi, Tags};
use serde::Serialize;

use crate::{
    db,
    stock::{self, Decision},
};

const ORDER_NOT_FOUND: ErrorMessage = ErrorMessage::new(StatusCode::NOT_FOUND, "Order not found");
const PRODUCT_UNAVAILABLE: ErrorMessage =
    ErrorMessage::new(StatusCode::BAD_REQUEST, "Product not found or unavailable");
const NOT_ENOUGH_STOCK: ErrorMessage = ErrorMessage::new(StatusCode::BAD_REQUEST, "Not enough stock");

/// The orders API.
pub struct Api {
    database: Database,
    keys: Keys,
    products: products::Client,
    /// The stocks of products, by their ids.
    stocks: upstream::Reads<i64, Option<Count>>,
}

impl Api {
    pub(crate) fn new(database: Database, keys: Keys, products: products::Client) -> Self {
        let stocks = upstream::Reads::new("products", PRODUCT_UNAVAILABLE, client::CALL_TIMEOUT);
        Self { database, keys, products, stocks }
    }
}

#[OpenApi(tag = "Tag::Orders")]
impl Api {
    /// Create an order
    ///
    /// Accepts the order if the product exists and its stock covers the quantity. The stock does not change.
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
            let stock = self.stock_of(content.product_id).await?;
            match stock::decide(content.quantity, stock) {
                Decision::Accepted => Ok(move |connection: &_| db::insert(connection, content)),
                Decision::NotEnough => Err(NOT_ENOUGH_STOCK.into()),
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
        let order = self.database.read(|connection| db::get(connection, id))?;
        Ok(Json(order.ok_or(ORDER_NOT_FOUND)?.into()))
    }
}

fn created(order: db::Order) -> Created<Order> {
    let location = format!("/orders/{}", order.id.get());
    Created::new(&order.into(), location)
}

impl Api {
    /// The stock of a product, according to the products service.
    async fn stock_of(&self, product_id: Id) -> Result<Count, ApiError> {
        let products = self.products.clone();
        let stock = self.stocks.get(product_id.get(), move |headers, deadline| {
            client::on_behalf_of(headers, deadline, find_stock(products, product_id))
        });
        Ok(stock.await?.ok_or(PRODUCT_UNAVAILABLE)?)
    }
}

/// The stock of a product, or none if the products service has no such product.
async fn find_stock(products: products::Client, product_id: Id) -> Result<Option<Count>, String> {
    let id = product_id.get() as u64;
    let product = match products.get_product().id(id).send().await {
        Ok(response) => response.into_inner(),
        Err(client::Error::ErrorResponse(error))
            if error.error == GetProductErrorMessage::ProductNotFound =>
        {
            return Ok(None);
        }
        Err(error) => return Err(format!("product {id}: {}", client::cause(&error))),
    };
    if product.id.get() != id {
        return Err(format!("product {id}: the response has another id"));
    }
    // The generated types do not check the ranges of numbers.
    match (Decimal::new(product.price), Count::new(product.stock)) {
        (Some(_), Some(stock)) => Ok(Some(stock)),
        _ => Err(format!("product {id}: the response has numbers out of range")),
    }
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
