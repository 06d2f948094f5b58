//! The beginning and the end of a copy from or to a database on a server.

use std::time::Duration;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio::time::{Instant, sleep, timeout};

use super::rows::{Side, sequence};
use crate::{
    settings::{DatabaseSettings, StartupError},
    storage::{
        postgres::{
            address::Address, connector::Hosts, migrate::migrate, pool::Pool, problem::Problem,
            schema::Schema,
        },
        table::{MARKER, Marker, Table, older},
    },
};

/// The name of the sessions of a copy, for operators who look at the server.
const APPLICATION: &str = "store copy";

/// The key of the lock that keeps a second copy out: `copy` in ASCII.
const LOCK: i64 = 0x636f_7079;

/// How long the sessions of a service that has stopped may take to end.
const SESSIONS_END: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(50);

/// The state of a destination before the copy.
pub(in crate::storage) struct Found {
    pub(in crate::storage) marker: Option<Marker>,
    /// Whether it has the tables, perhaps with rows.
    pub(in crate::storage) has_tables: bool,
}

impl Side {
    /// Connects to the database of `service` at `url`, which was set by `origin`.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the user.
    pub(in crate::storage) async fn connect(
        url: &str,
        origin: &str,
        service: &'static str,
        settings: &DatabaseSettings,
    ) -> Result<Self, StartupError> {
        let mut address = Address::parse(url, service, settings)
            .map_err(|reason| StartupError::new(format!("{origin} cannot be used: {reason}.")))?;
        let of_service = |host: &tokio_postgres::Config| host.get_application_name().map(str::to_owned);
        let application = address.hosts.first().and_then(of_service).unwrap_or_else(|| service.to_owned());
        for host in &mut address.hosts {
            host.application_name(APPLICATION);
        }
        let (place, limit) = (address.place, settings.database_connect_timeout);
        let hosts = Hosts::new(address.hosts, address.tls, settings.database_statement_timeout);
        let client = match timeout(limit, hosts.within(limit).connect_alone()).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                return Err(Problem::Connection(PoolError::Backend(error)).explain(&place, origin));
            }
            Err(_) => {
                let error = PoolError::Timeout(TimeoutType::Create);
                return Err(Problem::Connection(error).explain(&place, origin));
            }
        };
        let (origin, settings) = (origin.to_owned(), settings.clone());
        let side = Self { client, hosts, place, origin, service, application, settings };
        // A statement takes as long as its table is large.
        side.batch("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0").await?;
        Ok(side)
    }

    /// Checks that it has the newest version of `schema`, and that no service uses it.
    ///
    /// # Errors
    /// One of these is not so.
    pub(in crate::storage) async fn check_source(&self, schema: &Schema) -> Result<(), StartupError> {
        let (place, known) = (self.place(), schema.migrations.len());
        let advice = match self.version().await? {
            None | Some(0) => format!("has no data of {}: name another database", self.service),
            Some(version) if version > known => return Err(self.newer(version, known)),
            Some(version) if version < known => older(version, known),
            Some(_) if self.marker().await?.is_some() => unfinished().to_owned(),
            Some(_) => return self.refuse_use().await,
        };
        Err(StartupError::new(format!("{place} {advice}.")))
    }

    /// Finds out what is there, and keeps another copy away. Nothing is changed yet.
    ///
    /// # Errors
    /// Another copy is at work, or the database does not have this `schema`.
    pub(in crate::storage) async fn check_destination(&self, schema: &Schema) -> Result<Found, StartupError> {
        let (place, known) = (self.place(), schema.migrations.len());
        if !self.value::<bool>(&format!("SELECT pg_try_advisory_lock({LOCK})")).await? {
            return Err(StartupError::new(format!("another copy to {place} is running: wait for it.")));
        }
        let marker = self.marker().await?;
        let has_tables = match self.version().await? {
            None | Some(0) => false,
            Some(version) if version > known => return Err(self.newer(version, known)),
            Some(version) if version < known && marker.is_none() => {
                return Err(StartupError::new(format!("{place} {}.", older(version, known))));
            }
            Some(version) => version == known,
        };
        Ok(Found { marker, has_tables })
    }

    /// Marks the database, and creates its tables. As long as the marker is there, no service starts on it.
    ///
    /// # Errors
    /// A service uses the database, or it cannot be written.
    pub(in crate::storage) async fn begin(
        &self,
        schema: &Schema,
        marker: &Marker,
        is_marked: bool,
    ) -> Result<(), StartupError> {
        if !is_marked {
            let create = format!("CREATE TABLE {MARKER} (source text NOT NULL, began bigint NOT NULL)");
            let insert = format!("INSERT INTO {MARKER} (source, began) VALUES ($1, $2)");
            self.batch("BEGIN").await?;
            self.batch(&create).await?;
            let inserted = self.client.execute(&insert, &[&marker.source, &marker.began]).await;
            inserted.map_err(|error| self.explain(&error))?;
            self.batch("COMMIT").await?;
        }
        // A service that started before the marker was there is connected now.
        let begun = match self.refuse_use().await {
            Ok(()) => {
                let pool = Pool::new(&self.hosts, 1, self.settings.database_connect_timeout)?;
                let migrated = migrate(&pool, self.service, schema).await;
                migrated.map_err(|problem| problem.explain(&self.place, &self.origin))
            }
            refused => refused,
        };
        if begun.is_err() && !is_marked {
            self.batch(&format!("DROP TABLE {MARKER}")).await?;
        }
        begun
    }

    /// Continues with the ids that follow these, and ends the copy.
    pub(in crate::storage) async fn finish(&self, last_ids: &[(&Table, i64)]) -> Result<(), StartupError> {
        for (table, id) in last_ids {
            let sequence = sequence(table);
            let set = format!(
                "SELECT setval({sequence}, greatest({id}, coalesce(pg_sequence_last_value({sequence}), 0))) WHERE {id} > 0"
            );
            self.client.query(&set, &[]).await.map_err(|error| self.explain(&error))?;
        }
        self.batch(&format!("DROP TABLE {MARKER}")).await
    }

    /// Takes all rows away again.
    pub(in crate::storage) async fn clear(&self, tables: &[Table]) -> Result<(), StartupError> {
        let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
        self.batch(&format!("COMMIT; TRUNCATE {}", names.join(", "))).await
    }

    /// The version of the schema, if there is one.
    async fn version(&self) -> Result<Option<usize>, StartupError> {
        if !self.has_table("schema_version").await? {
            return Ok(None);
        }
        let select = "SELECT service, version FROM schema_version";
        let row = self.client.query_opt(select, &[]).await.map_err(|error| self.explain(&error))?;
        let Some(row) = row else { return Ok(None) };
        let (owner, version): (String, i64) = row
            .try_get(0)
            .and_then(|owner| Ok((owner, row.try_get(1)?)))
            .map_err(|error| self.explain(&error))?;
        if owner != self.service {
            return Err(Problem::Foreign(owner).explain(&self.place, &self.origin));
        }
        let known = usize::try_from(version).map_err(|_| Problem::Version(version));
        known.map(Some).map_err(|problem| problem.explain(&self.place, &self.origin))
    }

    async fn marker(&self) -> Result<Option<Marker>, StartupError> {
        if !self.has_table(MARKER).await? {
            return Ok(None);
        }
        let select = format!("SELECT source, began FROM {MARKER}");
        let row = self.client.query_opt(&select, &[]).await.map_err(|error| self.explain(&error))?;
        let read = |row: tokio_postgres::Row| Ok(Marker { source: row.try_get(0)?, began: row.try_get(1)? });
        row.map(read).transpose().map_err(|error: tokio_postgres::Error| self.explain(&error))
    }

    async fn has_table(&self, name: &str) -> Result<bool, StartupError> {
        self.value(&format!("SELECT to_regclass('{name}') IS NOT NULL")).await
    }

    /// A service that runs would change what is copied. The server shows the sessions of other users only to some.
    async fn refuse_use(&self) -> Result<(), StartupError> {
        let select = "SELECT count(*) FROM pg_stat_activity
                      WHERE datname = current_database() AND application_name = $1";
        let until = Instant::now() + SESSIONS_END;
        loop {
            let row = self.client.query_one(select, &[&self.application]).await;
            let count: i64 = row.and_then(|row| row.try_get(0)).map_err(|error| self.explain(&error))?;
            if count == 0 {
                return Ok(());
            }
            if Instant::now() > until {
                let (place, service) = (self.place(), self.service);
                return Err(StartupError::new(format!(
                    "{place} is in use by {service}: stop every instance of {service} first."
                )));
            }
            sleep(PAUSE).await;
        }
    }

    fn newer(&self, version: usize, known: usize) -> StartupError {
        Problem::Newer { version, known }.explain(&self.place, &self.origin)
    }
}

fn unfinished() -> &'static str {
    "is itself an unfinished copy: run the same `store copy` command again first"
}
