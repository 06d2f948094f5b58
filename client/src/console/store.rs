//! The store as the console sees it: calls of the generated clients, with failures in words.

use std::{fmt, time::Duration};

use client::{Error, InvalidConnection, ResponseValue, orders, payments, products};
use serde::Serialize;
use uuid::Uuid;

use super::{
    arguments::{Addresses, NewProduct},
    failure::{Failure, Kind},
    record::{self, Record},
};

/// How many products are asked for at a time.
const PAGE: u64 = 1000;

/// How often a create is sent before the console gives up. It has a key, so it is done once.
const TRIES: u32 = 3;

/// Who asks to be left alone for longer is not asked again.
const MOST_PATIENT: Duration = Duration::from_secs(10);

/// The three services.
pub(super) struct Store {
    pub(super) products: Service<products::Client>,
    pub(super) orders: Service<orders::Client>,
    pub(super) payments: Service<payments::Client>,
}

/// A service, and how it is reached.
pub(super) struct Service<C> {
    pub(super) name: &'static str,
    pub(super) url: String,
    pub(super) client: C,
}

type Answer = Result<Record, Failure>;

impl Store {
    pub(super) fn connect(addresses: &Addresses) -> Result<Self, Failure> {
        let Addresses { products_url, orders_url, payments_url, .. } = addresses;
        let Addresses { products_token, orders_token, payments_token, .. } = addresses;
        Ok(Self {
            products: Service::new(
                "products",
                products_url,
                client::products(products_url, products_token.expose()),
            )?,
            orders: Service::new("orders", orders_url, client::orders(orders_url, orders_token.expose()))?,
            payments: Service::new(
                "payments",
                payments_url,
                client::payments(payments_url, payments_token.expose()),
            )?,
        })
    }

    /// Up to `limit` products whose id is greater than `after`, a page at a time.
    pub(super) fn products(&self, limit: Option<u64>, after: Option<u64>) -> Pages<'_> {
        Pages { store: self, left: limit.unwrap_or(u64::MAX), after, is_at_end: false }
    }

    pub(super) async fn product(&self, id: u64) -> Answer {
        let Service { client, .. } = &self.products;
        self.products.call(|| client.get_product().id(id).send()).await.map(record::product)
    }

    pub(super) async fn create_product(&self, product: &NewProduct, key: Option<String>) -> Answer {
        let key = key.unwrap_or_else(new_key);
        self.create_product_patiently(product, &key, TRIES).await
    }

    /// Creates a product, and sends it up to `tries` times.
    pub(super) async fn create_product_patiently(
        &self,
        product: &NewProduct,
        key: &str,
        tries: u32,
    ) -> Answer {
        let Service { client, .. } = &self.products;
        let create = || client.create_product().idempotency_key(key).body(body(product)).send();
        self.products.create(create, tries).await.map(record::product)
    }

    pub(super) async fn replace_product(&self, id: u64, product: &NewProduct) -> Answer {
        let Service { client, .. } = &self.products;
        let replace = || client.replace_product().id(id).body(body(product)).send();
        self.products.call(replace).await.map(record::product)
    }

    pub(super) async fn create_order(&self, product: u64, quantity: u64, key: Option<String>) -> Answer {
        let Service { client, .. } = &self.orders;
        let key = key.unwrap_or_else(new_key);
        let order = orders::types::NewOrder::builder().product_id(product).quantity(quantity);
        let create = || client.create_order().idempotency_key(&*key).body(order.clone()).send();
        self.orders.create(create, TRIES).await.map(record::order)
    }

    pub(super) async fn order(&self, id: u64) -> Answer {
        let Service { client, .. } = &self.orders;
        self.orders.call(|| client.get_order().id(id).send()).await.map(record::order)
    }

    pub(super) async fn create_payment(
        &self,
        order: u64,
        amount: f64,
        method: &str,
        key: Option<String>,
    ) -> Answer {
        let Service { client, .. } = &self.payments;
        let key = key.unwrap_or_else(new_key);
        let payment = payments::types::NewPayment::builder().order_id(order).amount(amount).method(method);
        let create = || client.create_payment().idempotency_key(&*key).body(payment.clone()).send();
        self.payments.create(create, TRIES).await.map(record::payment)
    }

    pub(super) async fn payment(&self, id: u64) -> Answer {
        let Service { client, .. } = &self.payments;
        self.payments.call(|| client.get_payment().id(id).send()).await.map(record::payment)
    }
}

/// Products, a page at a time.
pub(super) struct Pages<'a> {
    store: &'a Store,
    left: u64,
    after: Option<u64>,
    is_at_end: bool,
}

impl Pages<'_> {
    /// The next page of up to `size` products, none if there are no more.
    pub(super) async fn next(&mut self, size: u64) -> Result<Option<Vec<Record>>, Failure> {
        let size = size.min(self.left).min(PAGE);
        if self.is_at_end || size == 0 {
            return Ok(None);
        }
        let Service { client, .. } = &self.store.products;
        let list = || {
            let request = client.list_products().limit(size);
            match self.after {
                Some(after) => request.after(after).send(),
                None => request.send(),
            }
        };
        let page = self.store.products.call(list).await?;
        self.left -= page.len() as u64;
        self.is_at_end = (page.len() as u64) < size;
        self.after = page.last().map(|last| last.id.get()).or(self.after);
        Ok(Some(page.into_iter().map(record::product).collect())
            .filter(|page: &Vec<Record>| !page.is_empty()))
    }
}

impl<C> Service<C> {
    fn new(name: &'static str, url: &str, client: Result<C, InvalidConnection>) -> Result<Self, Failure> {
        let client = client.map_err(|error| {
            let setting = name.to_uppercase();
            let advice =
                format!("It comes from {setting}_URL and {setting}_TOKEN, or from the flags of these names.");
            Failure::new(Kind::Wrong, format!("{error}."), advice)
        })?;
        Ok(Self { name, url: url.into(), client })
    }

    /// What is answered, or why not.
    pub(super) async fn call<T, E: Serialize + fmt::Debug>(
        &self,
        send: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
    ) -> Result<T, Failure> {
        let (trace_id, answer) = client::traced(send()).await;
        answer
            .map(ResponseValue::into_inner)
            .map_err(|error| Failure::of_call(self.name, &self.url, &trace_id, error))
    }

    /// The same for what has an idempotency key: it is sent again while the failure is one that may pass.
    async fn create<T, E: Serialize + fmt::Debug>(
        &self,
        send: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
        tries: u32,
    ) -> Result<T, Failure> {
        let mut pause = Duration::from_millis(50);
        for _ in 1..tries {
            match self.call(&send).await {
                Err(failure) if failure.is_passing && failure.retry_after <= MOST_PATIENT => {
                    tokio::time::sleep(pause.max(failure.retry_after)).await;
                }
                answer => return answer,
            }
            pause *= 2;
        }
        self.call(send).await
    }
}

fn body(product: &NewProduct) -> products::types::builder::NewProduct {
    products::types::NewProduct::builder().name(&*product.name).price(product.price).stock(product.stock)
}

fn new_key() -> String {
    Uuid::now_v7().to_string()
}
