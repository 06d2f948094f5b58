//! Orders whose stock is reserved: nothing is sold twice, and nothing is taken without an order, whatever crashes in between.
//!
//! An order is first stored as an intent, under the key of its reservation; then the reservation is made; then the intent becomes
//! the order, in one transaction. An intent that ends in any other way (no response, a caller that hung up, a crash) becomes no
//! order: [`settle`](crate::settle) releases its reservation and then removes it. The database decides between the two, so an
//! order is never made of an intent that was given up.
//!
//! The reservation of a refused intent is released before the caller is told, although nothing was taken: a proxy may have sent
//! the request twice, and a release is what keeps the late one from taking stock.

use std::slice;

use chassis::{api::upstream, error::ApiError, storage::sqlite::Database, values::Key};
use rusqlite::Connection;
use uuid::Uuid;

use crate::{
    db::{Content, Order, intents},
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

    /// Reserves the stock of an order. What is returned becomes the order, or is released when it is dropped.
    ///
    /// # Errors
    /// The order is refused, or the products service does not say whether it has reserved the stock.
    pub(crate) async fn take(&self, content: Content) -> Result<Reserved, ApiError> {
        if self.live.is_full() {
            return Err(PRODUCT_UNAVAILABLE.caused_by("too many intents wait to be settled"));
        }
        // Acquired first, so that a request that is one too many leaves no intent.
        let permit = upstream::Permit::acquire()?;
        let intent = intents::Intent { key: new_key()?, content };
        let live = self.live.begin(intent);
        let open = move |connection: &Connection| {
            intents::open(connection, &live.intent)?;
            // Returned, so that it stays live until the commit, even if the caller hangs up.
            Ok(live)
        };
        let live = self.database.write(open).await?;
        match self.products.reserve(&live.intent, &permit).await? {
            Some(Decision::Accepted) => Ok(Reserved(live)),
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
        if let Err(error) = self.products.release_refused(&live.intent, permit).await {
            return tracing::debug!(%error, "a refused order is settled later");
        }
        let close = move |connection: &Connection| {
            intents::remove(connection, slice::from_ref(&live.intent.key))?;
            Ok(live)
        };
        if let Ok(live) = self.database.write(close).await {
            live.end();
        }
    }
}

/// An intent whose stock is reserved.
pub(crate) struct Reserved(LiveIntent);

impl Reserved {
    /// Makes the order, in the transaction of `connection`.
    pub(crate) fn confirm(self, connection: &Connection) -> rusqlite::Result<Order> {
        let order = intents::confirm(connection, &self.0.intent)?;
        self.0.end();
        Ok(order)
    }
}

/// A key that no other reservation has, of this or of another orders service. Later keys are greater.
fn new_key() -> Result<Key, ApiError> {
    Key::new(format!("order-{}", Uuid::now_v7())).ok_or_else(|| ApiError::internal("a UUID that is no key"))
}
