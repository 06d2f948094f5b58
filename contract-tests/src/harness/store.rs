//! The store under test: three processes on free ports, with a folder of their own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tempfile::TempDir;

use super::folders::new_folder;
use crate::engine::{
    deployment::{Address, Deployment, SERVICES, token, variable},
    session::Session,
};

/// Three services that were started for a test. They stop when this is dropped.
pub struct Store {
    /// The processes, in the order of [`SERVICES`].
    pub services: [Process; 3],
    /// Holds the databases and the logs.
    folder: TempDir,
}

impl Store {
    /// Starts `program`, which is the store's, once for each service, with an empty folder and these settings.
    pub fn start(program: &str, settings: &[(&str, &str)]) -> Self {
        let folder = new_folder();
        let mut settings: Vec<(String, String)> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
        let services = SERVICES.map(|service| {
            let process = Process::start(program, service, folder.path(), &settings);
            let url = variable(service, "URL");
            // A test may have put somebody between two services.
            if !settings.iter().any(|(variable, _)| *variable == url) {
                settings.push((url, process.url.clone()));
            }
            process
        });
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
        let address = |process: &Process| Address { url: process.url.clone(), token: token(process.service) };
        Deployment::new(self.services.each_ref().map(address))
    }

    /// The database file of the service called `name`.
    pub fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.db"))
    }

    /// How many things the service called `name` holds, beside what it keeps for itself.
    pub fn rows(&self, name: &str) -> i64 {
        let connection = Connection::open(self.database(name)).expect("the database");
        let table = table(&connection);
        let count = format!("SELECT count(*) FROM {table}");
        connection.query_row(&count, [], |row| row.get(0)).expect("a number of rows")
    }

    /// Keeps the database of the service called `name` locked, as another program might, until what is returned is dropped.
    pub fn lock(&self, name: &str) -> Connection {
        let connection = Connection::open(self.database(name)).expect("the database");
        connection.execute_batch("BEGIN IMMEDIATE").expect("the lock");
        connection
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
        self.services.iter_mut().find(|process| process.service == name).expect("one of the three services")
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
        // Whoever waits for the table notices if it does not come back.
        let back = format!("ALTER TABLE {} RENAME TO {}", Self::NAME, self.table);
        let _ = self.connection.execute_batch(&back);
    }
}

/// The table of the things that a service is about.
fn table(connection: &Connection) -> String {
    let table = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                 AND name NOT IN ('generation', 'stored_response')";
    connection.query_row(table, [], |row| row.get(0)).expect("a table")
}

/// A service that was started for a test.
pub struct Process {
    service: &'static str,
    child: Child,
    /// The service stops when this ends, however the test ends.
    stdin: Option<ChildStdin>,
    url: String,
    log: PathBuf,
    program: String,
    /// Variables, with their values.
    settings: Vec<(String, String)>,
}

impl Process {
    /// Starts a service on a free port and waits until it is ready.
    ///
    /// # Panics
    /// It does not start. The message has its log.
    pub fn start(program: &str, service: &'static str, folder: &Path, settings: &[(String, String)]) -> Self {
        let mut all = vec![
            ("DATA_DIR".to_owned(), folder.to_string_lossy().into_owned()),
            (variable(service, "LISTEN"), "127.0.0.1:0".into()),
            ("BODY_TIMEOUT_MS".into(), "300".into()),
        ];
        all.extend_from_slice(settings);
        Self::run(program.into(), service, folder.join(format!("{service}.log")), all)
    }

    fn run(program: String, service: &'static str, log: PathBuf, settings: Vec<(String, String)>) -> Self {
        let log_file = File::options().create(true).append(true).open(&log).expect("a log file");
        let mut child = Command::new(&program)
            .args([service, "--stop-with-stdin"])
            .envs(settings.iter().map(|(variable, value)| (variable, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .expect("the store's program");
        let output = BufReader::new(child.stdout.take().expect("a piped output"));
        let prefix = format!("{service} is ready at ");
        let url = output
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix(&prefix)?.to_owned()));
        let Some(url) = url else {
            panic!("{service} did not start: {}", fs::read_to_string(&log).unwrap_or_default());
        };
        Self { service, stdin: child.stdin.take(), child, url, log, program, settings }
    }

    /// Starts it again, at the same address and with the same folder, after it was killed or stopped.
    pub fn start_again(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        let mut settings = self.settings.clone();
        settings.push((variable(self.service, "LISTEN"), address));
        *self = Self::run(self.program.clone(), self.service, self.log.clone(), settings);
    }

    /// Which service it is.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged so far, but for the last few milliseconds.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has logged `text`, which is bound to come.
    ///
    /// # Panics
    /// It did not within five seconds. The message has its log.
    pub fn wait_for_log(&self, text: &str) {
        let began = Instant::now();
        while !self.log().contains(text) {
            assert!(began.elapsed() < Duration::from_secs(5), "{text} is not in the log:\n{}", self.log());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// All that it has logged, after it was let finish.
    pub fn whole_log(&mut self) -> String {
        self.stop();
        self.log()
    }

    /// Ends it at once, as a power failure would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it finish what it is at.
    pub fn stop(&mut self) -> ExitStatus {
        drop(self.stdin.take());
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("a status")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let log = self.log();
        let told = SERVICES.iter().map(|service| token(service)).find(|token| log.contains(token.as_str()));
        assert!(
            told.is_none() || thread::panicking(),
            "{} has written a token into its log:\n{log}",
            self.service
        );
    }
}
