//! The store under test: a process for each service on free ports, with a folder of their own.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    development::token,
    folders::new_folder,
    postgres::{self, Server},
    process::Process,
};
use crate::engine::{
    deployment::{Address, Deployment, SERVICES, variable},
    session::Session,
};

/// The engine of the databases of a new store, with its version.
pub fn engine() -> String {
    match postgres::is_chosen() {
        true => Server::shared().version(),
        // The store is built with the same library.
        false => format!("SQLite {}", rusqlite::version()),
    }
}

/// Services that were started for a test. They stop when this is dropped.
pub struct Store {
    /// The processes, in the order of [`SERVICES`].
    pub services: Vec<Process>,
    /// The databases, in the same order, if they are on PostgreSQL.
    databases: Vec<postgres::Database>,
    /// Holds the databases and the logs.
    folder: TempDir,
}

impl Store {
    /// Starts `program`, which is the store's, once for each service, with an empty folder and these settings.
    pub fn start(program: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_in(new_folder(), program, settings)
    }

    /// The same in a folder that may have databases.
    pub fn start_in(folder: TempDir, program: &str, settings: &[(&str, &str)]) -> Self {
        let databases = match postgres::is_chosen() {
            true => SERVICES.iter().map(|service| Server::shared().database(service)).collect(),
            false => Vec::new(),
        };
        Self::start_with(folder, databases, program, settings)
    }

    /// Starts it on the PostgreSQL of the tests.
    pub fn on_postgres(program: &str, settings: &[(&str, &str)]) -> Self {
        let databases = SERVICES.iter().map(|service| Server::shared().database(service)).collect();
        Self::start_with(new_folder(), databases, program, settings)
    }

    /// Starts it with these databases of a PostgreSQL, one for each service, or with files if there are none.
    pub fn start_with(
        folder: TempDir,
        databases: Vec<postgres::Database>,
        program: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let mut settings: Vec<(String, String)> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
        let urls = SERVICES.iter().zip(&databases);
        settings.extend(urls.map(|(service, database)| (variable(service, "DATABASE_URL"), database.url())));
        let start = |service: &&'static str| {
            let process = Process::start(program, service, folder.path(), &settings);
            let url = variable(service, "URL");
            // A test may have put a proxy between two services.
            if !settings.iter().any(|(variable, _)| *variable == url) {
                settings.push((url, process.url().to_owned()));
            }
            process
        };
        let services = SERVICES.iter().map(start).collect();
        Self { services, databases, folder }
    }

    /// The same, and a session with it.
    pub fn start_with_session(program: &str, settings: &[(&str, &str)]) -> (Self, Session) {
        let store = Self::start(program, settings);
        let session = Session::new(store.deployment());
        (store, session)
    }

    /// Where the services are.
    pub fn deployment(&self) -> Deployment {
        let address =
            |process: &Process| Address { url: process.url().into(), token: token(process.service()) };
        Deployment::new(self.services.iter().map(address))
    }

    /// The database of the service called `name` on PostgreSQL, if it has one there.
    pub fn postgres(&self, name: &str) -> Option<&postgres::Database> {
        self.databases.get(SERVICES.iter().position(|service| *service == name)?)
    }

    /// The database file of the service called `name`.
    pub fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    /// How many things the service called `name` holds, beside what it keeps for itself.
    pub fn rows(&self, name: &str) -> i64 {
        if let Some(database) = self.postgres(name) {
            let mut session = database.session();
            let table = postgres_table(&mut session, name);
            return session.number(&format!("SELECT count(*) FROM {table}"));
        }
        rows(&Connection::open(self.database(name)).expect("the database"))
    }

    /// Gives products so many more, with long names, as another program might. The service sees them a little later.
    pub fn fill(&self, products: usize) {
        let insert = format!(
            "WITH RECURSIVE number (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {products})
             INSERT INTO product (name, price, stock) SELECT printf('%.200c', 'x'), 1.5, i FROM number"
        );
        Connection::open(self.database("products"))
            .expect("the database")
            .execute_batch(&insert)
            .expect("products");
    }

    /// Gives the log of the service called `name` so many pages that the service checkpoints it after its next commit.
    pub fn grow_wal(&self, name: &str) {
        let connection = Connection::open(self.database(name)).expect("the database");
        // The checkpoint is left to the service, and no crash of this machine is tried.
        let settings = "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF";
        connection.execute_batch(settings).expect("settings");
        let version = connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
        let version = version.expect("a version");
        // Each commit is a page, and changes nothing.
        for _ in 0..1000 {
            connection.pragma_update(None, "user_version", version).expect("a commit");
        }
    }

    /// Keeps the database of the service called `name` locked, as another program might, until what is returned is dropped.
    pub fn lock(&self, name: &str) -> Lock {
        if let Some(database) = self.postgres(name) {
            let mut session = database.session();
            let table = postgres_table(&mut session, name);
            session.execute(&format!("BEGIN; LOCK TABLE {table}, stored_response IN EXCLUSIVE MODE"));
            return Lock::Postgres(session);
        }
        let connection = Connection::open(self.database(name)).expect("the database");
        connection.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        Lock::Sqlite(connection)
    }

    /// Looks whether a token is in a log.
    ///
    /// # Panics
    /// One is.
    pub fn check_logs(&self) {
        self.services.iter().for_each(|process| drop(process.log()));
    }

    /// Takes the table of the service called `name` away, as another program might.
    pub fn take_table(&self, name: &str) -> TakenTable {
        if let Some(database) = self.postgres(name) {
            let mut session = database.session();
            let table = postgres_table(&mut session, name);
            session.execute(&format!("ALTER TABLE {table} RENAME TO {}", TakenTable::NAME));
            return TakenTable { engine: Lock::Postgres(session), table };
        }
        let connection = Connection::open(self.database(name)).expect("the database");
        let table = table(&connection);
        let away = format!("ALTER TABLE {table} RENAME TO {}", TakenTable::NAME);
        connection.execute_batch(&away).expect("another name");
        TakenTable { engine: Lock::Sqlite(connection), table }
    }

    /// The service called `name`.
    pub fn service(&mut self, name: &str) -> &mut Process {
        self.services.iter_mut().find(|process| process.service() == name).expect("a service of the store")
    }
}

/// A connection of another program. What it has locked is free when it is dropped.
pub enum Lock {
    /// To a file.
    Sqlite(Connection),
    /// To a server.
    Postgres(postgres::Session),
}

/// The table of a service, which another program has given another name. It has its own again when this is dropped.
pub struct TakenTable {
    engine: Lock,
    table: String,
}

impl TakenTable {
    const NAME: &str = "elsewhere";
}

impl Drop for TakenTable {
    fn drop(&mut self) {
        // A test that waits for the table fails if it does not come back.
        let back = format!("ALTER TABLE {} RENAME TO {}", Self::NAME, self.table);
        match &mut self.engine {
            Lock::Sqlite(connection) => drop(connection.execute_batch(&back)),
            Lock::Postgres(session) => drop(session.try_execute(&back)),
        }
    }
}

/// How many things a database holds, beside what its service keeps for itself.
///
/// # Panics
/// It is not the database of a service.
pub fn rows(connection: &Connection) -> i64 {
    let count = format!("SELECT count(*) FROM {}", table(connection));
    connection.query_row(&count, [], |row| row.get(0)).expect("a number of rows")
}

/// The table of the things that a service is about, as in [`table`]. PostgreSQL tells which of two tables is older by their ids.
fn postgres_table(session: &mut postgres::Session, service: &str) -> String {
    let thing = singular(service);
    let table = format!(
        "SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
         AND relname NOT IN ('schema_version', 'stored_response') ORDER BY relname LIKE '%{thing}' DESC, oid"
    );
    session.rows(&table)[0].get(0)
}

/// The table of the things that a service is about: the one that ends as they are called, or else the oldest. A migration that
/// recreates it puts it behind the others.
fn table(connection: &Connection) -> String {
    let table = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                 AND name NOT IN ('generation', 'stored_response') ORDER BY name LIKE '%' || ?1 DESC, rowid";
    let service = connection.path().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    let service = service.to_string_lossy();
    connection.query_row(table, [singular(&service)], |row| row.get(0)).expect("a table")
}

/// What one of the things that a service keeps is called, for most of them.
fn singular(service: &str) -> &str {
    service.strip_suffix('s').unwrap_or(service)
}
