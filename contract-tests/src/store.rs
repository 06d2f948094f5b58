//! The store under test: three processes on free ports with a folder of their own, or a deployment that runs elsewhere.

use std::{
    env, fmt,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;
use tempfile::TempDir;

/// The services, each of which asks only those before it.
pub const SERVICES: [&str; 3] = ["products", "orders", "payments"];

/// Where three services are, and the tokens that they ask for.
#[derive(Clone, Debug)]
pub struct Deployment {
    services: [Address; 3],
}

/// Where a service is, and the token that it asks for.
#[derive(Clone)]
pub struct Address {
    /// Such as `http://127.0.0.1:5001`.
    pub url: String,
    /// What goes behind `Authorization: Bearer`.
    pub token: String,
}

impl fmt::Debug for Address {
    /// Tells everything but the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Deployment {
    /// The deployment whose services are at these addresses, in the order of [`SERVICES`].
    pub fn new(services: [Address; 3]) -> Self {
        Self { services }
    }

    /// The deployment that `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` name, if they are set. Tokens are taken from
    /// `PRODUCTS_TOKEN` and so on, or are those of development.
    ///
    /// # Errors
    /// Some of them are set and others are not, so that it is unclear what is to be judged.
    pub fn from_environment() -> Result<Option<Self>, String> {
        Self::from_variables(|variable| env::var(variable).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let urls = SERVICES.map(|service| {
            let url = value(&variable(service, "URL")).filter(|url| !url.is_empty())?;
            Some(Address { url: url.trim_end_matches('/').into(), token: token(service) })
        });
        let names = |is_set: bool| {
            let chosen = SERVICES.into_iter().zip(&urls).filter(move |(_, url)| url.is_some() == is_set);
            chosen.map(|(service, _)| variable(service, "URL")).collect::<Vec<_>>()
        };
        match (names(true).as_slice(), names(false).as_slice()) {
            ([], _) => Ok(None),
            (_, []) => Ok(Some(Self { services: urls.map(|url| url.expect("all are set")) })),
            (set, unset) => Err(format!(
                "{} set and {} not: set all of them to judge a deployment, or none to judge a store that is started for it.",
                set.join(", "),
                unset.join(", ")
            )),
        }
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> &Address {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        &self.services[index]
    }

    /// The same deployment, but the service called `name` asks for `token`.
    pub fn with_token(mut self, name: &str, token: &str) -> Self {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        self.services[index].token = token.into();
        self
    }

    /// The same deployment, but the service called `name` is found at `url`.
    pub fn with_url(mut self, name: &str, url: String) -> Self {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        self.services[index].url = url;
        self
    }
}

/// The number that `variable` is set to, or `default` if it is not, or to nothing.
///
/// # Panics
/// It is set to something else.
pub fn number(variable: &str, default: u32) -> u32 {
    let text = env::var(variable).unwrap_or_default();
    if text.is_empty() {
        return default;
    }
    text.parse().unwrap_or_else(|error| panic!("{variable} is `{text}`, which cannot be used ({error})"))
}

/// `PRODUCTS_URL` for `products` and `URL`.
pub fn variable(service: &str, setting: &str) -> String {
    format!("{}_{setting}", service.to_uppercase())
}

fn token(service: &str) -> String {
    let development = format!("SECRET_{}_TOKEN", service.to_uppercase());
    let variable = variable(service, "TOKEN");
    let token = env::var(&variable).unwrap_or(development);
    assert!(!token.is_empty(), "{variable} is empty: set it to the token.");
    token
}

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

    /// Where the services are.
    pub fn deployment(&self) -> Deployment {
        let address = |process: &Process| Address { url: process.url.clone(), token: token(process.service) };
        let [products, orders, payments] = &self.services;
        Deployment { services: [address(products), address(orders), address(payments)] }
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

    /// The service called `name`.
    pub fn service(&mut self, name: &str) -> &mut Process {
        self.services.iter_mut().find(|process| process.service == name).expect("one of the three services")
    }
}

/// The table of the things that a service is about.
pub fn table(connection: &Connection) -> String {
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

/// Where results are left for people: `target/contract`.
pub fn results() -> PathBuf {
    let folder = target().join("contract");
    fs::create_dir_all(&folder).expect("a folder for results");
    folder
}

/// A new folder below `target`, which is removed when it is dropped.
pub fn new_folder() -> TempDir {
    let stores = results().join("stores");
    fs::create_dir_all(&stores).expect("a folder for stores");
    TempDir::new_in(stores).expect("a folder for a store")
}

/// The build's folder: programs of tests and benchmarks are in `target/<profile>/deps`.
///
/// # Panics
/// This program is somewhere else.
pub fn target() -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    program.ancestors().nth(3).expect("a program below target").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_whole_or_not_at_all() {
        let with = |set: &'static [&str]| {
            Deployment::from_variables(move |variable| {
                Some(if set.contains(&variable) { "http://127.0.0.1:1/" } else { "" }.to_owned())
            })
        };
        assert!(with(&[]).unwrap().is_none());
        let all = with(&["PRODUCTS_URL", "ORDERS_URL", "PAYMENTS_URL"]).unwrap().unwrap();
        assert_eq!(all.service("orders").url, "http://127.0.0.1:1");
        let sentence = with(&["ORDERS_URL"]).err().unwrap();
        assert!(sentence.starts_with("ORDERS_URL set and PRODUCTS_URL, PAYMENTS_URL not:"), "{sentence}");
    }
}
