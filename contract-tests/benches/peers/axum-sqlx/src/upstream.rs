//! The service that is called before an order or a payment is created.

use std::{env, time::Duration};

use reqwest::Client;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{token, variable};

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) struct Upstream {
    client: Client,
    url: String,
    token: String,
}

#[derive(Deserialize)]
struct Product {
    id: i64,
    stock: i64,
}

#[derive(Deserialize)]
struct Order {
    id: i64,
}

impl Upstream {
    /// The service that the one called `name` asks.
    pub(crate) fn of(name: &str) -> reqwest::Result<Self> {
        let asked = if name == "payments" { "orders" } else { "products" };
        let client = Client::builder().timeout(TIMEOUT).build()?;
        let url = env::var(variable(asked, "URL")).unwrap_or_default();
        Ok(Self { client, url, token: token(asked) })
    }

    /// The stock of a product, or none if it cannot be had.
    pub(crate) async fn stock(&self, id: i64) -> Option<i64> {
        let product: Product = self.get(format!("{}/products/{id}", self.url)).await?;
        (product.id == id && product.stock >= 0).then_some(product.stock)
    }

    /// Whether there is such an order.
    pub(crate) async fn has_order(&self, id: i64) -> bool {
        let order: Option<Order> = self.get(format!("{}/orders/{id}", self.url)).await;
        order.is_some_and(|order| order.id == id)
    }

    async fn get<T: DeserializeOwned>(&self, url: String) -> Option<T> {
        let response = self.client.get(url).bearer_auth(&self.token).send().await.ok()?;
        response.error_for_status().ok()?.json().await.ok()
    }
}
