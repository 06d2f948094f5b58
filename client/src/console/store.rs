//! The store as the console sees it: calls through the generated clients, with failures explained in words.

use std::time::{Duration, Instant};

use client::{Error, InvalidConnection, ResponseValue, orders, payments, products};
use http::header::ETAG;
use uuid::Uuid;

use super::{
    addresses::{Address, Addresses},
    arguments::NewProduct,
    blame::Asked,
    code::Code,
    error_message::{ErrorBody, ErrorMessage},
    failure::Failure,
    record::{self, Record},
    reservations::Reservation,
    service::Service,
    waiting,
};

/// The size of a page of products.
const PAGE_SIZE: u64 = 1000;

/// How long the console waits for a response: longer than the three seconds that the services allow each other, so that it
/// hears what went wrong.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the console asks who is to blame.
const BLAME_TIMEOUT: Duration = Duration::from_secs(1);

/// How often a create is sent before the console gives up. Its idempotency key keeps it from being done twice.
const TRIES: u32 = 3;

/// A service that takes as long as this to fail is not asked again: each try could take as long.
const SLOW: Duration = client::CALL_TIMEOUT;

/// The longest `Retry-After` that the console waits for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The three services.
pub(super) struct Store {
    pub(super) products: Upstream<products::Client>,
    pub(super) orders: Upstream<orders::Client>,
    pub(super) payments: Upstream<payments::Client>,
}

/// A service, and the client that calls it.
pub(super) struct Upstream<C> {
    pub(super) service: Service,
    pub(super) url: String,
    pub(super) client: C,
}

type Outcome = Result<Record, Failure>;

impl Store {
    pub(super) fn connect(addresses: &Addresses) -> Result<Self, Failure> {
        let Addresses { products, orders, payments } = addresses;
        Ok(Self {
            products: Upstream::new(Service::Products, products, client::products)?,
            orders: Upstream::new(Service::Orders, orders, client::orders)?,
            payments: Upstream::new(Service::Payments, payments, client::payments)?,
        })
    }

    /// Up to `limit` products whose id is greater than `after`, a page at a time.
    pub(super) fn products(&self, limit: Option<u64>, after: Option<u64>) -> Pages<'_> {
        Pages { store: self, left: limit.unwrap_or(u64::MAX), after, is_at_end: false }
    }

    pub(super) async fn product(&self, id: u64) -> Outcome {
        self.product_with_etag(id).await.map(|(product, _)| product)
    }

    /// A product, and the `ETag` of just this content, if the service sends one.
    pub(super) async fn product_with_etag(&self, id: u64) -> Result<(Record, Option<String>), Failure> {
        let Upstream { client, .. } = &self.products;
        let get = || client.get_product().id(id).send();
        let response = self.products.call_within(CALL_TIMEOUT, get).await?;
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).map(ToOwned::to_owned);
        Ok((record::product(response.into_inner()), etag))
    }

    pub(super) async fn create_product(&self, product: &NewProduct, key: Option<String>) -> Outcome {
        let key = key.unwrap_or_else(new_key);
        self.create_product_with_retries(product, &key, TRIES).await
    }

    /// Creates a product, and sends the request up to `tries` times.
    pub(super) async fn create_product_with_retries(
        &self,
        product: &NewProduct,
        key: &str,
        tries: u32,
    ) -> Outcome {
        let Upstream { client, .. } = &self.products;
        let create = || client.create_product().idempotency_key(key).body(body(product)).send();
        self.products.create(create, tries).await.map(record::product)
    }

    /// Replaces a product, only as long as it has the tag in `if_match` if there is one.
    pub(super) async fn replace_product(
        &self,
        id: u64,
        product: &NewProduct,
        if_match: Option<&str>,
    ) -> Outcome {
        let Upstream { client, .. } = &self.products;
        let replace = || {
            let request = client.replace_product().id(id).body(body(product));
            match if_match {
                Some(etag) => request.if_match(etag).send(),
                None => request.send(),
            }
        };
        self.products.call(replace).await.map(record::product)
    }

    pub(super) async fn make_reservation(&self, of: &Reservation, quantity: u64) -> Outcome {
        let Upstream { client, .. } = &self.products;
        let body = || products::types::NewReservation::builder().quantity(quantity);
        let make = || client.make_reservation().id(of.product).key(&*of.key).body(body()).send();
        self.products.call(make).await.map(record::reservation)
    }

    pub(super) async fn reservation(&self, of: &Reservation) -> Outcome {
        let Upstream { client, .. } = &self.products;
        let get = || client.get_reservation().id(of.product).key(&*of.key).send();
        self.products.call(get).await.map(record::reservation)
    }

    pub(super) async fn release_reservation(&self, of: &Reservation) -> Outcome {
        let Upstream { client, .. } = &self.products;
        let release = || client.release_reservation().id(of.product).key(&*of.key).send();
        self.products.call(release).await.map(record::reservation)
    }

    pub(super) async fn create_order(&self, product: u64, quantity: u64, key: Option<String>) -> Outcome {
        let Upstream { client, .. } = &self.orders;
        let key = key.unwrap_or_else(new_key);
        let order = orders::types::NewOrder::builder().product_id(product).quantity(quantity);
        let create = || client.create_order().idempotency_key(&*key).body(order.clone()).send();
        let created = self.orders.create(create, TRIES).await.map(record::order);
        let get = || self.products.client.get_product().id(product).send();
        self.products.explain(created, self.orders.service, &format!("product {product}"), get).await
    }

    pub(super) async fn order(&self, id: u64) -> Outcome {
        let Upstream { client, .. } = &self.orders;
        self.orders.call(|| client.get_order().id(id).send()).await.map(record::order)
    }

    pub(super) async fn create_payment(
        &self,
        order: u64,
        amount: f64,
        method: &str,
        key: Option<String>,
    ) -> Outcome {
        let Upstream { client, .. } = &self.payments;
        let key = key.unwrap_or_else(new_key);
        let payment = payments::types::NewPayment::builder().order_id(order).amount(amount).method(method);
        let create = || client.create_payment().idempotency_key(&*key).body(payment.clone()).send();
        let created = self.payments.create(create, TRIES).await.map(record::payment);
        let get = || self.orders.client.get_order().id(order).send();
        self.orders.explain(created, self.payments.service, &format!("order {order}"), get).await
    }

    pub(super) async fn payment(&self, id: u64) -> Outcome {
        let Upstream { client, .. } = &self.payments;
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
    /// The next page of up to `size` products, or none at the end.
    pub(super) async fn next(&mut self, size: u64) -> Result<Option<Vec<Record>>, Failure> {
        let size = size.min(self.left).min(PAGE_SIZE);
        if self.is_at_end || size == 0 {
            return Ok(None);
        }
        let Upstream { client, .. } = &self.store.products;
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

impl<C> Upstream<C> {
    fn new(
        service: Service,
        Address { url, token }: &Address,
        connect: fn(&str, &str) -> Result<C, InvalidConnection>,
    ) -> Result<Self, Failure> {
        let token = token
            .first(&service.token_variable())
            .map_err(|(sentence, advice)| Failure::new(Code::InvalidSetting, sentence, advice))?;
        let client = connect(url, &token).map_err(|error| {
            let variable = service.url_variable();
            let advice = format!("Set {variable}, or --{service}-url, to the address of {service}.");
            Failure::new(Code::InvalidSetting, format!("{error}."), advice)
        })?;
        Ok(Self { service, url: url.clone(), client })
    }

    /// Calls the service once.
    pub(super) async fn call<T, E: ErrorBody>(
        &self,
        send: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
    ) -> Result<T, Failure> {
        self.call_within(CALL_TIMEOUT, send).await.map(ResponseValue::into_inner)
    }

    async fn call_within<T, E: ErrorBody>(
        &self,
        timeout: Duration,
        send: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
    ) -> Result<ResponseValue<T>, Failure> {
        let call = client::traced_within(timeout, send());
        let (trace_id, result) = waiting::shown(self.service.name(), call).await;
        result.map_err(|error| Failure::of_call(self.service, &self.url, &trace_id, &error))
    }

    /// If `caller` says that it did not get `resource` from this service, asks for it with `get`, and adds who is to blame.
    async fn explain<T, E: ErrorBody>(
        &self,
        outcome: Outcome,
        caller: Service,
        resource: &str,
        get: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
    ) -> Outcome {
        match outcome {
            Err(failure) if failure.message().is_some_and(ErrorMessage::is_not_found_or_unavailable) => {
                let response = self.call_within(BLAME_TIMEOUT, get).await;
                Err(Asked { caller, upstream: self.service, resource }.explain(failure, response.err()))
            }
            outcome => outcome,
        }
    }

    /// Calls the service with an idempotency key, up to `tries` times while the failure is transient.
    async fn create<T, E: ErrorBody>(
        &self,
        send: impl AsyncFn() -> Result<ResponseValue<T>, Error<E>>,
        tries: u32,
    ) -> Result<T, Failure> {
        let mut pause = Duration::from_millis(50);
        for _ in 1..tries {
            let sent = Instant::now();
            let result = self.call(&send).await;
            let is_prompt = sent.elapsed() < SLOW;
            match result {
                Err(failure) if failure.is_transient && is_prompt && failure.retry_after <= LONGEST_WAIT => {
                    tokio::time::sleep(pause.max(failure.retry_after)).await;
                }
                result => return result,
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
