//! Orders whose stock is reserved: nothing is sold twice, and no stock is taken without an order, even after a crash.
//!
//! An order is first stored as an intent, under the key of its reservation; then the reservation is made; then the intent becomes
//! the order, in one transaction. An intent that ends in any other way (no response, a caller that hung up, a crash) becomes no
//! order: [`settle`](crate::settle) releases its reservation and then removes the intent. The database decides between the two, so
//! an abandoned intent never becomes an order.
//!
//! The reservation of a refused intent is released before the caller gets the response, although no stock was taken: a proxy may
//! have sent the reservation twice, and the release keeps the late one from taking stock.

use chassis::{api::upstream, error::ApiError, storage::Database, values::Key};
use uuid::Uuid;

use crate::{
    db::{Content, Intent, intents},
    errors::{NOT_ENOUGH_STOCK, PRODUCT_UNAVAILABLE},
    live::{Live, LiveIntent},
    products::Products,
    stock::Decision,
};

/// Makes orders with reservations.
pub(crate) struct Reserve {
    database: Database,
    products: Products,
    live: Live,
}

impl Reserve {
    /// `live` gets the intents in flight.
    pub(crate) fn new(database: Database, products: Products, live: Live) -> Self {
        Self { database, products, live }
    }

    /// Reserves the stock of an order. The intent becomes the order, or is settled when it is dropped before its end.
    ///
    /// # Errors
    /// The order is refused, or the products service does not say whether it has reserved the stock.
    pub(crate) async fn take(&self, content: Content) -> Result<LiveIntent, ApiError> {
        if self.live.is_full() {
            return Err(PRODUCT_UNAVAILABLE.caused_by("too many intents wait to be settled"));
        }
        // Acquired first, so that a request that is one too many leaves no intent.
        let permit = upstream::Permit::acquire()?;
        let intent = Intent { key: new_key()?, content };
        // Returned by the query, so that it stays live until the commit, even if the caller hangs up.
        let open = intents::Open { intent: self.live.begin(intent), owner: self.live.owner().clone() };
        let live = self.database.write(open).await?;
        match self.products.reserve(live.as_ref(), &permit).await? {
            Some(Decision::Accepted) => Ok(live),
            Some(Decision::NotEnough) => {
                self.close(live, &permit).await;
                Err(NOT_ENOUGH_STOCK.into())
            }
            None => {
                self.close(live, &permit).await;
                Err(PRODUCT_UNAVAILABLE.into())
            }
        }
    }

    /// Ends a refused intent. If that fails, it is settled later.
    async fn close(&self, live: LiveIntent, permit: &upstream::Permit) {
        // Boxed, since the futures of all orders would be larger with it.
        if let Err(error) = Box::pin(self.products.release_refused(live.as_ref(), permit)).await {
            let cause = error.into_cause();
            return tracing::debug!(cause, "a refused order will be settled later");
        }
        match self.database.write(intents::Remove(vec![live.as_ref().key.clone()])).await {
            Ok(_) => live.end(),
            Err(error) => tracing::debug!(%error, "a refused order will be settled later"),
        }
    }
}

/// A key that no other reservation has, of this or of another orders service. Later keys are greater.
fn new_key() -> Result<Key, ApiError> {
    Key::new(format!("order-{}", Uuid::now_v7()))
        .ok_or_else(|| ApiError::internal("a UUID that is not a valid key"))
}
