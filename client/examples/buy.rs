//! Creates a product, orders it and pays for the order.
//!
//! Run it with `cargo run -p client --example buy` while the store is running.

#![allow(clippy::disallowed_macros, reason = "examples print their results")]

use std::{env, error::Error};

use client::{orders::types::NewOrder, payments::types::NewPayment, products::types::NewProduct};

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let products = client::products(&url("PRODUCTS", 5001), &token("PRODUCTS"))?;
    let orders = client::orders(&url("ORDERS", 5002), &token("ORDERS"))?;
    let payments = client::payments(&url("PAYMENTS", 5003), &token("PAYMENTS"))?;

    let computer = NewProduct::builder().name("Computer").price(200.0).stock(20_u64);
    let computer = products.create_product().body(computer).send().await?;
    println!("product {} is called {} and costs {}", computer.id, computer.name.as_str(), computer.price);

    let order = NewOrder::builder().product_id(computer.id).quantity(3_u64);
    let order = orders.create_order().body(order).send().await?;
    println!("order {} is {}", order.id, order.status);

    let payment = NewPayment::builder().order_id(order.id).amount(600.0).method("fake-card");
    let payment = payments.create_payment().body(payment).send().await?;
    println!("payment {} is {}", payment.id, payment.status);
    Ok(())
}

fn url(service: &str, port: u16) -> String {
    env::var(format!("{service}_URL")).unwrap_or_else(|_| format!("http://127.0.0.1:{port}"))
}

fn token(service: &str) -> String {
    env::var(format!("{service}_TOKEN")).unwrap_or_else(|_| format!("SECRET_{service}_TOKEN"))
}
