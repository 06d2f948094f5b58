//! Routes, handlers and their responses.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{FromRequest, Path, Request, State, rejection::JsonRejection},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Number, json};
use sqlx::FromRow;

use crate::Service;

const MISSING: ApiError = ApiError(StatusCode::BAD_REQUEST, "Missing fields");
const INVALID: ApiError = ApiError(StatusCode::BAD_REQUEST, "Invalid fields");
const NO_PRODUCT: ApiError = ApiError(StatusCode::NOT_FOUND, "Product not found");
const NO_ORDER: ApiError = ApiError(StatusCode::NOT_FOUND, "Order not found");
const NO_PAYMENT: ApiError = ApiError(StatusCode::NOT_FOUND, "Payment not found");

pub(crate) fn router(name: &str, service: Arc<Service>) -> Router {
    let routes = match name {
        "products" => Router::new()
            .route("/products", get(list_products).post(create_product))
            .route("/products/{id}", get(get_product).put(replace_product)),
        "orders" => Router::new().route("/orders", post(create_order)).route("/orders/{id}", get(get_order)),
        _ => Router::new().route("/payments", post(create_payment)).route("/payments/{id}", get(get_payment)),
    };
    routes.layer(middleware::from_fn_with_state(service.clone(), authorize)).with_state(service)
}

/// An error response: its status and its text.
pub(crate) struct ApiError(StatusCode, &'static str);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        eprintln!("{error}");
        Self(StatusCode::INTERNAL_SERVER_ERROR, "Internal error")
    }
}

type Result<T> = std::result::Result<T, ApiError>;

async fn authorize(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = sent
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if token.is_none_or(|(_, token)| token != service.token) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, ApiError(StatusCode::UNAUTHORIZED, "Unauthorized")).into_response();
    }
    next.run(request).await
}

/// A body whose fields are there and have the right types.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        match Json::<Option<T>>::from_request(request, state).await {
            Ok(Json(body)) => body.map(Self).ok_or(MISSING),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(ApiError(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type"))
            }
            Err(_) => Err(INVALID),
        }
    }
}

#[derive(Deserialize)]
struct ProductBody {
    name: Option<String>,
    price: Option<Number>,
    stock: Option<i64>,
}

#[derive(FromRow, Serialize)]
struct Product {
    id: i64,
    name: String,
    #[sqlx(try_from = "String")]
    price: Price,
    stock: i64,
}

/// A number as it was sent. It is stored as text.
#[derive(Serialize)]
struct Price(Number);

impl TryFrom<String> for Price {
    type Error = serde_json::Error;

    fn try_from(text: String) -> serde_json::Result<Self> {
        serde_json::from_str(&text).map(Self)
    }
}

impl ProductBody {
    fn read(self) -> Result<(String, Number, i64)> {
        let (Some(name), Some(price), Some(stock)) = (self.name, self.price, self.stock) else {
            return Err(MISSING);
        };
        if name.is_empty() {
            return Err(MISSING);
        }
        if price.as_f64().is_none_or(|price| price < 0.0) || stock < 0 {
            return Err(INVALID);
        }
        Ok((name, price, stock))
    }
}

async fn list_products(State(service): State<Arc<Service>>) -> Result<Json<Vec<Product>>> {
    let select = "SELECT id, name, price, stock FROM product ORDER BY id";
    Ok(Json(sqlx::query_as(select).fetch_all(service.database.pool()).await?))
}

async fn get_product(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Product>> {
    let select = "SELECT id, name, price, stock FROM product WHERE id = $1";
    let found = sqlx::query_as(select).bind(read_id(&id)).fetch_optional(service.database.pool()).await?;
    found.map(Json).ok_or(NO_PRODUCT)
}

async fn create_product(
    State(service): State<Arc<Service>>,
    Body(body): Body<ProductBody>,
) -> Result<Response> {
    let (name, price, stock) = body.read()?;
    let insert = "INSERT INTO product (name, price, stock) VALUES ($1, $2, $3) RETURNING id";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(&name)
        .bind(price.to_string())
        .bind(stock)
        .fetch_one(service.database.pool())
        .await?;
    let location = [(header::LOCATION, format!("/products/{id}"))];
    Ok((StatusCode::CREATED, location, Json(Product { id, name, price: Price(price), stock }))
        .into_response())
}

async fn replace_product(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Body(body): Body<ProductBody>,
) -> Result<Json<Product>> {
    let (name, price, stock) = body.read()?;
    let update = "UPDATE product SET name = $2, price = $3, stock = $4 WHERE id = $1";
    let id = read_id(&id);
    let updated = sqlx::query(update)
        .bind(id)
        .bind(&name)
        .bind(price.to_string())
        .bind(stock)
        .execute(service.database.pool())
        .await?;
    match updated.rows_affected() {
        0 => Err(NO_PRODUCT),
        _ => Ok(Json(Product { id, name, price: Price(price), stock })),
    }
}

#[derive(Deserialize)]
struct OrderBody {
    product_id: Option<i64>,
    quantity: Option<i64>,
}

#[derive(FromRow, Serialize)]
struct Order {
    id: i64,
    product_id: i64,
    quantity: i64,
    status: String,
}

async fn get_order(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Order>> {
    let select = "SELECT id, product_id, quantity, status FROM purchase_order WHERE id = $1";
    let found = sqlx::query_as(select).bind(read_id(&id)).fetch_optional(service.database.pool()).await?;
    found.map(Json).ok_or(NO_ORDER)
}

async fn create_order(State(service): State<Arc<Service>>, Body(body): Body<OrderBody>) -> Result<Response> {
    let (Some(product_id), Some(quantity)) = (body.product_id, body.quantity) else { return Err(MISSING) };
    if product_id < 1 || quantity < 1 {
        return Err(INVALID);
    }
    let Some(stock) = service.upstream.stock(product_id).await else {
        return Err(ApiError(StatusCode::BAD_REQUEST, "Product not found or unavailable"));
    };
    if quantity > stock {
        return Err(ApiError(StatusCode::BAD_REQUEST, "Not enough stock"));
    }
    let insert =
        "INSERT INTO purchase_order (product_id, quantity, status) VALUES ($1, $2, 'PENDING') RETURNING id";
    let id: i64 =
        sqlx::query_scalar(insert).bind(product_id).bind(quantity).fetch_one(service.database.pool()).await?;
    let location = [(header::LOCATION, format!("/orders/{id}"))];
    let order = Order { id, product_id, quantity, status: "PENDING".into() };
    Ok((StatusCode::CREATED, location, Json(order)).into_response())
}

#[derive(Deserialize)]
struct PaymentBody {
    order_id: Option<i64>,
    amount: Option<Number>,
    method: Option<String>,
}

#[derive(FromRow, Serialize)]
struct Payment {
    id: i64,
    order_id: i64,
    #[sqlx(try_from = "String")]
    amount: Price,
    method: String,
    status: String,
}

async fn get_payment(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Json<Payment>> {
    let select = "SELECT id, order_id, amount, method, status FROM payment WHERE id = $1";
    let found = sqlx::query_as(select).bind(read_id(&id)).fetch_optional(service.database.pool()).await?;
    found.map(Json).ok_or(NO_PAYMENT)
}

async fn create_payment(
    State(service): State<Arc<Service>>,
    Body(body): Body<PaymentBody>,
) -> Result<Response> {
    let (Some(order_id), Some(amount), Some(method)) = (body.order_id, body.amount, body.method) else {
        return Err(MISSING);
    };
    if method.is_empty() {
        return Err(MISSING);
    }
    if order_id < 1 || amount.as_f64().is_none_or(|amount| amount < 0.0) {
        return Err(INVALID);
    }
    if !service.upstream.has_order(order_id).await {
        return Err(ApiError(StatusCode::BAD_REQUEST, "Order not found or unavailable"));
    }
    let insert =
        "INSERT INTO payment (order_id, amount, method, status) VALUES ($1, $2, $3, 'SUCCESS') RETURNING id";
    let id: i64 = sqlx::query_scalar(insert)
        .bind(order_id)
        .bind(amount.to_string())
        .bind(&method)
        .fetch_one(service.database.pool())
        .await?;
    let location = [(header::LOCATION, format!("/payments/{id}"))];
    let payment = Payment { id, order_id, amount: Price(amount), method, status: "SUCCESS".into() };
    Ok((StatusCode::CREATED, location, Json(payment)).into_response())
}

/// The id in a path, or one that nothing has.
fn read_id(text: &str) -> i64 {
    text.parse().unwrap_or(0)
}
