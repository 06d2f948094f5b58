//! A copy of a service's whole database, between files and servers in any direction.
//!
//! Rows are copied in the order of their keys, some thousand in each transaction. So an interrupted copy resumes after the last key
//! in the destination. Until the end, a marker in the destination keeps services from starting on it, and names the source. At the
//! end, both databases are read again and compared, which also detects a source that changed meanwhile.

mod checksum;
mod side;
#[cfg(test)]
mod tests;

use std::time::{SystemTime, UNIX_EPOCH};

use self::{
    checksum::Checksum,
    side::{Destination, Side},
};
pub use self::{checksum::Copied, side::Location};
use super::{
    schema::Schema,
    table::{Marker, Table},
};
use crate::settings::{DatabaseSettings, StartupError};

/// How far a copy is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// How many of its rows are there.
    pub rows: u64,
    /// How many there are to be.
    pub all: u64,
}

/// A copy that can begin.
pub struct Copy {
    schema: &'static Schema,
    from: Side,
    to: Destination,
    places: [String; 2],
    began: i64,
}

impl Copy {
    /// Opens the databases of `service`, of which neither is changed yet.
    ///
    /// # Errors
    /// One of them cannot be used, is in use, or has other tables than this program. The error says what to do.
    pub async fn prepare(
        service: &'static str,
        schema: &'static Schema,
        [from, to]: [&Location; 2],
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        side::refuse_same_file([from, to])?;
        let mut from = Side::source(from, service, schema, settings).await?;
        let to = Destination::find(to, &from, service, schema, settings).await?;
        refuse_unlisted(&from, schema)?;
        let places = [from.place(), to.place()];
        if let Some(Marker { source, .. }) = to.marker()
            && *source != from.name()
        {
            return Err(StartupError::new(format!(
                "{} has a part of {source}: finish that copy, or delete what is there.",
                places[1]
            )));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as i64;
        let began = to.marker().map_or(now, |marker| marker.began);
        // The clock of a file goes on there as it is; that of a server is the time of day.
        if to.is_server() {
            from.set_newest_at(began);
        }
        Ok(Self { schema, from, to, places, began })
    }

    /// Where the database is copied from and to, without a secret.
    pub fn places(&self) -> &[String; 2] {
        &self.places
    }

    /// The result for each table if the destination already has everything.
    ///
    /// # Errors
    /// It has other data.
    pub async fn compare(&self) -> Result<Option<Vec<Copied>>, StartupError> {
        let Self { schema, from, to, places, .. } = self;
        let Some(to) = to.filled(schema).await? else { return Ok(None) };
        let mut same = Vec::new();
        for table in schema.tables {
            let [checksum, other] = [Checksum::of(from, table).await?, Checksum::of(to, table).await?];
            if checksum != other {
                return Err(StartupError::new(format!(
                    "{} has data already, other than {}: name an empty database.",
                    places[1], places[0]
                )));
            }
            same.push(checksum.copied(table, 0));
        }
        Ok(Some(same))
    }

    /// Copies, and compares both databases.
    ///
    /// # Errors
    /// One of them fails, or the source has changed. What was copied stays, and the copy can be done again.
    pub async fn run(self, mut report: impl FnMut(Progress)) -> Result<Vec<Copied>, StartupError> {
        let Self { schema, from, to, places, began } = self;
        let to = to.begin(schema, &Marker { source: from.name(), began }).await?;
        refuse_unlisted(&to, schema)?;
        from.take_snapshot().await?;
        let mut earlier = Vec::new();
        for table in schema.tables {
            earlier.push(copy(table, &from, &to, &mut report).await?);
        }
        let last_ids = last_ids(schema.tables, &from).await?;

        from.take_snapshot().await?;
        let mut copied = Vec::new();
        for (table, earlier) in schema.tables.iter().zip(earlier) {
            let checksum = Checksum::of(&from, table).await?;
            if checksum != Checksum::of(&to, table).await? {
                to.clear(schema.tables).await?;
                return Err(StartupError::new(format!(
                    "{} of {} has changed since the copy began: stop what changes it, and run the same command again, which starts over.",
                    table.name, places[0]
                )));
            }
            copied.push(checksum.copied(table, earlier));
        }
        to.finish(&last_ids).await?;
        Ok(copied)
    }
}

/// Copies the rows of a table that are not there yet, and returns how many were.
async fn copy(
    table: &'static Table,
    from: &Side,
    to: &Side,
    report: &mut impl FnMut(Progress),
) -> Result<u64, StartupError> {
    let (all, earlier) = (from.count(table).await?, to.count(table).await?);
    let mut done = Progress { table: table.name, rows: earlier, all };
    report(done);
    let after = to.last_key(table).await?;
    let mut rows = from.rows(table, after).await?;
    loop {
        let page = from.next(&mut rows).await?;
        if page.is_empty() {
            return Ok(earlier);
        }
        to.write(table, &page).await?;
        done.rows += page.len() as u64;
        report(done);
    }
}

async fn last_ids<'a>(tables: &'a [Table], from: &Side) -> Result<Vec<(&'a Table, i64)>, StartupError> {
    let mut ids = Vec::new();
    for table in tables.iter().filter(|table| table.has_ids) {
        ids.push((table, from.last_id(table).await?));
    }
    Ok(ids)
}

/// A column that a service has added to a table, but not to the list of tables, would be lost.
fn refuse_unlisted(side: &Side, schema: &Schema) -> Result<(), StartupError> {
    match side.unlisted(schema.tables)? {
        None => Ok(()),
        Some(column) => Err(StartupError::new(format!(
            "{} has {column}, which this program does not copy: report this.",
            side.place()
        ))),
    }
}
