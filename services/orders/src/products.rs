//! Calls to the products service.

use std::sync::Arc;

use chassis::{
    api::upstream::{self, Permit},
    error::ApiError,
    values::{Count, Decimal, Id},
};
use client::products::{
    Client,
    types::{
        GetProductErrorMessage, MakeReservationErrorMessage, NewReservation, ReleaseReservationErrorMessage,
        ReservationStatus,
    },
};

use crate::{
    db::{Content, Intent},
    errors::PRODUCT_UNAVAILABLE,
    stock::{self, Decision},
};

/// The name of the service in logs and metrics.
const NAME: &str = "products";

/// The products service.
#[derive(Clone)]
pub(crate) struct Products {
    client: Client,
    /// The stocks of products, by their ids.
    stocks: Arc<upstream::Reads<i64, Option<Count>>>,
}

/// The outcome of a release.
pub(crate) enum Released {
    /// The stock was given back.
    GivenBack,
    /// No stock was taken, and none will be.
    NothingTaken,
    /// This reservation cannot be released at the moment.
    Refused(String),
    /// No reservation can be released at the moment.
    Unavailable(String),
}

impl Products {
    pub(crate) fn new(client: Client) -> Self {
        let stocks = upstream::Reads::new(NAME, PRODUCT_UNAVAILABLE, client::CALL_TIMEOUT);
        Self { client, stocks: Arc::new(stocks) }
    }

    /// Decides about an order by the stock of the product, which stays as it is.
    ///
    /// # Errors
    /// There is no such product, or the service does not say.
    pub(crate) async fn check(&self, order: &Content) -> Result<Decision, ApiError> {
        let (client, id) = (self.client.clone(), order.product_id);
        let stock = self.stocks.get(id.get(), move |headers, deadline| {
            client::on_behalf_of(headers, deadline, find_stock(client, id))
        });
        Ok(stock::decide(order.quantity, stock.await?.ok_or(PRODUCT_UNAVAILABLE)?))
    }

    /// Decides about an order by taking its quantity off the stock of the product. None if there is no such product.
    ///
    /// # Errors
    /// The service does not say whether the stock was taken.
    pub(crate) async fn reserve(
        &self,
        intent: &Intent,
        permit: &Permit,
    ) -> Result<Option<Decision>, ApiError> {
        // Boxed, since it would be copied with every future around it.
        let make = permit.call(NAME, PRODUCT_UNAVAILABLE, |headers, deadline| {
            client::on_behalf_of(headers, deadline, Box::pin(self.make_reservation(intent)))
        });
        make.await
    }

    /// Releases the reservation of an intent that was refused, for the current request.
    ///
    /// # Errors
    /// It is not known to be released.
    pub(crate) async fn release_refused(&self, intent: &Intent, permit: &Permit) -> Result<(), ApiError> {
        let release = async {
            match self.release_reservation(intent).await {
                Released::GivenBack | Released::NothingTaken => Ok(()),
                Released::Refused(cause) | Released::Unavailable(cause) => Err(cause),
            }
        };
        let release = permit.call(NAME, PRODUCT_UNAVAILABLE, |headers, deadline| {
            client::on_behalf_of(headers, deadline, release)
        });
        release.await
    }

    /// Releases the reservation of an intent, which may have been made or not. No request waits for it.
    pub(crate) async fn release(&self, intent: &Intent) -> Released {
        let release = async {
            match client::traced(self.release_reservation(intent)).await.1 {
                Released::Unavailable(cause) => Err(cause),
                released => Ok(released),
            }
        };
        upstream::call_unattended(NAME, release).await.unwrap_or_else(Released::Unavailable)
    }

    async fn release_reservation(&self, Intent { key, content }: &Intent) -> Released {
        let id = content.product_id.get() as u64;
        match self.client.release_reservation().id(id).key(key.as_str()).send().await {
            Ok(released) if released.status != ReservationStatus::Released => {
                Released::Refused("the response says that it is held".into())
            }
            Ok(released) if released.quantity == 0 => Released::NothingTaken,
            Ok(_) => Released::GivenBack,
            Err(error) => {
                let cause = client::cause(&error);
                let client::Error::ErrorResponse(response) = error else {
                    return Released::Unavailable(cause);
                };
                match &response.error {
                    ReleaseReservationErrorMessage::ProductNotFound => Released::NothingTaken,
                    ReleaseReservationErrorMessage::Unauthorized
                    | ReleaseReservationErrorMessage::ServiceUnavailable => Released::Unavailable(cause),
                    _ => Released::Refused(cause),
                }
            }
        }
    }

    /// The decision, or none if the products service has no such product.
    async fn make_reservation(&self, Intent { key, content }: &Intent) -> Result<Option<Decision>, String> {
        let (id, quantity) = (content.product_id.get() as u64, content.quantity.get() as u64);
        let body = NewReservation::builder().quantity(quantity);
        let failed = |cause: String| format!("reservation {} of product {id}: {cause}", key.as_str());
        let made = match self.client.make_reservation().id(id).key(key.as_str()).body(body).send().await {
            Ok(response) => response.into_inner(),
            Err(error) => {
                let cause = client::cause(&error);
                let client::Error::ErrorResponse(response) = error else { return Err(failed(cause)) };
                return match &response.error {
                    MakeReservationErrorMessage::NotEnoughStock => Ok(Some(Decision::NotEnough)),
                    MakeReservationErrorMessage::ProductNotFound => Ok(None),
                    _ => Err(failed(cause)),
                };
            }
        };
        let is_ours = made.product_id.get() == id
            && made.key.as_str() == key.as_str()
            && made.quantity == content.quantity.get()
            && made.status == ReservationStatus::Held;
        if is_ours {
            Ok(Some(Decision::Accepted))
        } else {
            Err(failed("the response is about another".into()))
        }
    }
}

/// The stock of a product, or none if the products service has no such product.
async fn find_stock(products: Client, product_id: Id) -> Result<Option<Count>, String> {
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
