//! The store under test: a process for each service on free ports, with a folder of their own.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::{development::token, folders::new_folder, process::Process};
use crate::engine::{
    deployment::{Address, Deployment, SERVICES, variable},
    session::Session,
};

/// Services that were started for a test. They stop when this is dropped.
pub struct Store {
    /// The processes, in the order of [`SERVICES`].
    pub services: Vec<Process>,
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
        let mut settings: Vec<(String, String)> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
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
        Self { services, folder }
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

    /// The database file of the service called `name`.
    pub fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    /// How many things the service called `name` holds, beside what it keeps for itself.
    pub fn rows(&self, name: &str) -> i64 {
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
    pub fn grow_log(&self, name: &str) {
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
    pub fn lock(&self, name: &str) -> Connection {
        let connection = Connection::open(self.database(name)).expect("the database");
        connection.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        connection
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
        let connection = Connection::open(self.database(name)).expect("the database");
        let table = table(&connection);
        let away = format!("ALTER TABLE {table} RENAME TO {}", TakenTable::NAME);
        connection.execute_batch(&away).expect("another name");
        TakenTable { connection, table }
    }

    /// The service called `name`.
    pub fn service(&mut self, name: &str) -> &mut Process {
        self.services.iter_mut().find(|process| process.service() == name).expect("a service of the store")
    }
}

/// The table of a service, which another program has given another name. It has its own again when this is dropped.
pub struct TakenTable {
    connection: Connection,
    table: String,
}

impl TakenTable {
    const NAME: &str = "elsewhere";
}

impl Drop for TakenTable {
    fn drop(&mut self) {
        // A test that waits for the table fails if it does not come back.
        let back = format!("ALTER TABLE {} RENAME TO {}", Self::NAME, self.table);
        let _ = self.connection.execute_batch(&back);
    }
}

/// How many things a database holds, beside what its service keeps for itself.
///
/// # Panics
/// It is no database of a service.
pub fn rows(connection: &Connection) -> i64 {
    let count = format!("SELECT count(*) FROM {}", table(connection));
    connection.query_row(&count, [], |row| row.get(0)).expect("a number of rows")
}

/// The table of the things that a service is about: the one that ends as they are called, or else the oldest. A migration that makes
/// it anew puts it behind the others.
fn table(connection: &Connection) -> String {
    let table = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                 AND name NOT IN ('generation', 'stored_response') ORDER BY name LIKE '%' || ?1 DESC, rowid";
    let service = connection.path().map(Path::new).and_then(Path::file_stem).unwrap_or_default();
    let service = service.to_string_lossy();
    connection
        .query_row(table, [service.strip_suffix('s').unwrap_or(&service)], |row| row.get(0))
        .expect("a table")
}
