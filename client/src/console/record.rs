//! Resources as records: fields with their names, in the order of the documents.

use client::{
    orders::types::Order,
    payments::types::Payment,
    products::types::{Product, Reservation},
};
use serde_json::{Map, Number, Value};

/// Fields in order.
pub(super) type Record = Map<String, Value>;

/// The fields of a product.
pub(super) const PRODUCT: &[&str] = &["id", "name", "price", "stock"];

pub(super) fn product(Product { id, name, price, stock, .. }: Product) -> Record {
    record([
        ("id", id.get().into()),
        ("name", name.as_str().into()),
        ("price", number(price)),
        ("stock", stock.into()),
    ])
}

/// A product with a field for its entity tag, which the service sends in a header.
pub(super) fn with_etag(mut product: Record, etag: Option<String>) -> Record {
    product.insert("etag".to_owned(), etag.into());
    product
}

pub(super) fn reservation(Reservation { product_id, key, quantity, status, .. }: Reservation) -> Record {
    record([
        ("product_id", product_id.get().into()),
        ("key", key.as_str().into()),
        ("quantity", quantity.into()),
        ("status", status.to_string().into()),
    ])
}

pub(super) fn order(Order { id, product_id, quantity, status, .. }: Order) -> Record {
    record([
        ("id", id.get().into()),
        ("product_id", product_id.get().into()),
        ("quantity", quantity.get().into()),
        ("status", status.to_string().into()),
    ])
}

pub(super) fn payment(Payment { id, order_id, amount, method, status, .. }: Payment) -> Record {
    record([
        ("id", id.get().into()),
        ("order_id", order_id.get().into()),
        ("amount", number(amount)),
        ("method", method.as_str().into()),
        ("status", status.to_string().into()),
    ])
}

pub(super) fn record<const N: usize>(fields: [(&str, Value); N]) -> Record {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Writes `200` rather than `200.0`, as the services do.
fn number(value: f64) -> Value {
    match value.fract() == 0.0 && value.abs() < 1e15 {
        true => Value::from(value as i64),
        false => Number::from_f64(value).map_or(Value::Null, Value::Number),
    }
}
