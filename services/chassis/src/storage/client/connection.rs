//! The connection that a query gets.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use deadpool_postgres::Object;
use tokio::runtime::Handle;
use tokio_postgres::{CancelToken, Row, Statement, types::ToSql};

use super::{error::Error, settled::Settled, tls::Tls};
use crate::values::Id;

/// A connection that runs the statements of one query. Each statement is prepared once a connection.
pub struct Connection {
    /// None once it was thrown away.
    object: Option<Object>,
    tls: Tls,
    settled: Arc<Settled>,
    /// Whether a statement may still run.
    is_busy: AtomicBool,
    /// Whether what runs may commit.
    is_committing: AtomicBool,
}

impl Connection {
    pub(in crate::storage) fn new(object: Object, tls: Tls, settled: Arc<Settled>) -> Self {
        let (is_busy, is_committing) = (AtomicBool::new(true), AtomicBool::new(false));
        Self { object: Some(object), tls, settled, is_busy, is_committing }
    }

    /// The rows that a statement returns.
    ///
    /// # Errors
    /// It fails.
    pub async fn query(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        let (client, statement) = self.prepare(statement).await?;
        Ok(client.query(&statement, values).await?)
    }

    /// The row that a statement returns, if it returns one.
    ///
    /// # Errors
    /// It fails, or returns more.
    pub async fn query_opt(
        &self,
        statement: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        let (client, statement) = self.prepare(statement).await?;
        Ok(client.query_opt(&statement, values).await?)
    }

    /// The row that a statement returns.
    ///
    /// # Errors
    /// It fails, or returns none or more.
    pub async fn query_one(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, Error> {
        self.query_opt(statement, values).await?.ok_or(Error::NoRow("a statement returned nothing"))
    }

    /// What `of_row` makes of the row with each of `ids`, in their order. `select` returns rows with the ids in `$1`, and has the id as its first
    /// column.
    ///
    /// # Errors
    /// It fails, or `of_row` does.
    pub async fn query_by_id<T>(
        &self,
        select: &str,
        ids: &[Id],
        of_row: fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<Option<T>>, Error> {
        let mut rows = HashMap::new();
        for row in self.query(select, &[&ids]).await? {
            rows.insert(row.try_get::<_, Id>(0)?, row);
        }
        ids.iter().map(|id| rows.get(id).map(of_row).transpose()).collect()
    }

    /// Runs a statement that inserts rows in an order (`INSERT … SELECT … ORDER BY`) and returns their ids, which are identities.
    /// Returns the ids in that order.
    ///
    /// # Errors
    /// It fails.
    pub async fn insert_in_order(
        &self,
        insert: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Id>, Error> {
        let rows = self.query(insert, values).await?;
        let mut ids: Vec<Id> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        // The server computes identities above the sort, as `EXPLAIN VERBOSE` shows; SQLAlchemy relies on that, too. The order of what
        // is returned is not promised.
        ids.sort_unstable();
        Ok(ids)
    }

    /// Runs a statement, and returns how many rows it has changed.
    ///
    /// # Errors
    /// It fails.
    pub async fn execute(&self, statement: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        let (client, statement) = self.prepare(statement).await?;
        Ok(client.execute(&statement, values).await?)
    }

    /// Runs statements without values.
    pub(in crate::storage) async fn batch(&self, statements: &str) -> Result<(), Error> {
        Ok(self.client()?.batch_execute(statements).await?)
    }

    pub(super) fn settled(&self) -> &Settled {
        &self.settled
    }

    /// From now on the transaction may be committed.
    pub(in crate::storage) fn begin_commit(&self) {
        self.is_committing.store(true, Ordering::Relaxed);
    }

    pub(in crate::storage) fn is_committing(&self) -> bool {
        self.is_committing.load(Ordering::Relaxed)
    }

    /// Gives the connection back, which is in no transaction.
    pub(in crate::storage) fn finish(self) {
        self.is_busy.store(false, Ordering::Relaxed);
    }

    /// What cancels the statement that runs.
    pub(in crate::storage) fn cancellation(&self) -> Option<(CancelToken, Tls)> {
        Some((self.object.as_ref()?.cancel_token(), self.tls.clone()))
    }

    /// Nothing was done if this fails, not even by a statement that commits.
    async fn prepare(&self, statement: &str) -> Result<(&Object, Statement), Error> {
        let client = self.client()?;
        match client.prepare_cached(statement).await {
            Ok(statement) => Ok((client, statement)),
            Err(error) => Err(Error::from(error).before_commit()),
        }
    }

    fn client(&self) -> Result<&Object, Error> {
        self.object.as_ref().ok_or(Error::Stopped)
    }
}

/// A connection that is dropped in the middle of a query is thrown away, and its statement is cancelled.
impl Drop for Connection {
    fn drop(&mut self) {
        if !*self.is_busy.get_mut() {
            return;
        }
        let cancellation = self.cancellation();
        if let Some(object) = self.object.take() {
            let is_open = !object.is_closed();
            drop(Object::take(object));
            if let (true, Some((token, tls)), Ok(runtime)) = (is_open, cancellation, Handle::try_current()) {
                // Best effort: the statement timeout ends it otherwise.
                runtime.spawn(async move { drop(token.cancel_query(tls).await) });
            }
        }
    }
}
