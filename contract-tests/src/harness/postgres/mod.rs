//! PostgreSQL for tests: one server for this process, with a database for each service of each store.
//!
//! The server is started from the programs that Debian installs, in a folder of its own, and stops when this process ends for any
//! reason. `STORE_TEST_POSTGRES` names a server to use instead, by a URL with a user who may create databases.

mod disk;
mod programs;
mod session;

use std::{
    env, fs,
    io::Write,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixStream,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tempfile::TempDir;

pub(super) use self::programs::program;
use self::programs::{NOT_INSTALLED, as_its_user, programs, unprivileged};
pub use self::{disk::Disk, session::Session};
use super::waiting;

/// How a test without a server is shown.
const MISSING: &str = "there is no PostgreSQL: install postgresql, or name a server in STORE_TEST_POSTGRES";

/// Runs a program until its input ends, which it does with the test, however that ends. Then it removes the folder. The server may have been
/// started again meanwhile.
const RUN: &str = r#"trap '' INT; folder="$1"; shift; "$@" & read -r end
pid="$(head -n 1 "$folder/data/postmaster.pid")" && kill -QUIT "$pid"
while kill -0 "$pid"; do sleep 0.05; done; rm -rf "$folder""#;

/// Whether the stores of this run have their databases on PostgreSQL: `STORE_ENGINE=postgres`.
pub fn is_chosen() -> bool {
    env::var("STORE_ENGINE").is_ok_and(|engine| engine == "postgres")
}

/// The reason why there is no server.
pub fn is_missing() -> Option<&'static str> {
    (named().is_none() && programs().is_none()).then_some(MISSING)
}

/// The reason why [`Server::start`] and [`Server::local`] have none.
pub fn is_not_installed() -> Option<&'static str> {
    programs().is_none().then_some(NOT_INSTALLED)
}

/// A server.
pub struct Server {
    /// The URL of a database, without the name: that goes in place of `{}`.
    url: String,
    /// The folder with its socket, and the process. None if somebody else has started it.
    own: Option<Own>,
}

struct Own {
    folder: PathBuf,
    /// The last part of the name of its socket.
    port: String,
    /// Its flags, to start it again.
    flags: Vec<String>,
    process: Mutex<Child>,
}

/// A database of a server, for one service. It is dropped with this.
pub struct Database {
    server: &'static Server,
    name: String,
}

impl Server {
    /// The server that all tests of this process share.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| match named() {
            Some(url) => {
                let (base, query) = url.split_once('?').unwrap_or((&url, ""));
                let (scheme, rest) = base.split_once("://").expect("a postgres:// URL");
                let host = rest.split('/').next().unwrap_or_default();
                Self { url: format!("{scheme}://{host}/{{}}?{query}"), own: None }
            }
            None => Self::start(&[]),
        })
    }

    /// The same, if this process has started it, or else one that it has, too.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub fn local() -> &'static Self {
        static LOCAL: OnceLock<Server> = OnceLock::new();
        match Self::shared() {
            shared if shared.own.is_some() => shared,
            _ => LOCAL.get_or_init(|| Self::start(&[])),
        }
    }

    /// Such as `PostgreSQL 15.8`.
    ///
    /// # Panics
    /// It cannot be asked.
    pub fn version(&self) -> String {
        let mut session = Session::at(&self.url.replace("{}", "postgres"));
        let version: String = session.rows("SHOW server_version")[0].get(0);
        format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default())
    }

    /// A server of its own, with settings such as `max_connections=20`, for a test that disturbs it. It ends with the process.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub fn start(settings: &[&str]) -> Self {
        Self::start_on(settings, |folder| {
            let mut initdb = program("initdb", folder);
            initdb.args([
                "--no-sync",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--no-locale",
            ]);
            initdb.args(["-D", "data"]);
            initdb
        })
    }

    /// The same on what a command leaves in `data` of a new folder.
    pub(super) fn start_on(settings: &[&str], make: impl FnOnce(&Path) -> Command) -> Self {
        let folder = TempDir::new().expect("a folder for PostgreSQL").keep();
        let user = unprivileged();
        if let Some((id, group)) = user {
            chown(&folder, Some(id), Some(group)).expect("another owner");
        }
        let mut make = make(&folder);
        let made = make.output().expect("a program of PostgreSQL");
        assert!(made.status.success(), "{make:?}: {}", String::from_utf8_lossy(&made.stderr));

        let log = fs::File::create(folder.join("log")).expect("a log");
        if let Some((id, group)) = user {
            chown(folder.join("log"), Some(id), Some(group)).expect("another owner");
        }
        let mut server = Command::new("sh");
        let postgres = programs().expect(NOT_INSTALLED).join("postgres");
        server.args(["-c", RUN, "sh"]).arg(&folder).arg(postgres).arg("-D").arg(folder.join("data"));
        let socket = format!("unix_socket_directories={}", folder.display());
        // What a test loses is not looked at after the machine has lost its power.
        let all = ["listen_addresses=", &socket, "fsync=off", "max_connections=300", "shared_buffers=32MB"];
        let flags: Vec<String> =
            all.iter().chain(settings).flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]).collect();
        server.args(&flags);
        as_its_user(server.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log), &folder);
        let process = server.spawn().expect("PostgreSQL");
        let port =
            settings.iter().find_map(|setting| setting.strip_prefix("port=")).unwrap_or("5432").to_owned();
        let url = format!("postgres:///{{}}?host={}&port={port}&user=postgres", folder.display());
        let server = Self { url, own: Some(Own { folder, port, flags, process: Mutex::new(process) }) };
        server.wait_until_ready();
        server
    }

    /// Ends it at once, with all connections, as `pg_ctl stop -m immediate` does.
    pub fn kill(&self) {
        self.signal("QUIT");
        let pid = self.folder().join("data/postmaster.pid");
        waiting::until("the end of PostgreSQL", || !pid.exists())
            .unwrap_or_else(|sentence| panic!("{sentence}"));
    }

    /// Starts it again after it was killed.
    pub fn start_again(&self) {
        let options = self.own.as_ref().map(|own| own.flags.join(" ")).unwrap_or_default();
        self.control("start", &["-o", &options, "-l", "log"]);
        self.wait_until_ready();
    }

    /// Runs `pg_ctl`.
    pub(super) fn control(&self, what: &str, arguments: &[&str]) {
        let mut control = program("pg_ctl", self.folder());
        let status = control.args([what, "-D", "data"]).args(arguments).stdout(Stdio::null()).status();
        assert!(status.expect("pg_ctl").success(), "pg_ctl {what} fails: {}", self.log());
    }

    /// Sends its main process a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        super::process::signal(name, self.pid());
    }

    /// Its main process.
    pub(super) fn pid(&self) -> u32 {
        let file = fs::read_to_string(self.folder().join("data/postmaster.pid")).expect("a running server");
        file.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process id")
    }

    /// Its log.
    fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder().join("log")).unwrap_or_default()).into_owned()
    }

    /// The same on a port of 127.0.0.1, too, where it insists on TLS with this key and certificate.
    ///
    /// # Panics
    /// There is none, or it does not start.
    pub fn start_with_tls(key: &Path, certificate: &Path, port: &str) -> Self {
        // PostgreSQL takes no key that others may read.
        let own = TempDir::new().expect("a folder for a key").keep();
        let (own_key, own_certificate) = (own.join("server.key"), own.join("server.crt"));
        fs::copy(key, &own_key).expect("a key");
        fs::copy(certificate, &own_certificate).expect("a certificate");
        fs::set_permissions(&own_key, fs::Permissions::from_mode(0o600)).expect("a private key");
        if let Some((id, group)) = unprivileged() {
            for path in [&own, &own_key, &own_certificate] {
                chown(path, Some(id), Some(group)).expect("another owner");
            }
        }
        let rules = own.join("pg_hba.conf");
        fs::write(&rules, "local all all trust\nhostssl all all 127.0.0.1/32 trust\n").expect("rules");
        let settings = [
            format!("ssl_key_file={}", own_key.display()),
            format!("ssl_cert_file={}", own_certificate.display()),
            format!("hba_file={}", rules.display()),
            format!("port={port}"),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let server = Self::start(&[&["ssl=on", "listen_addresses=127.0.0.1"], settings.as_slice()].concat());
        // It has read them.
        let _ = fs::remove_dir_all(own);
        server
    }

    /// Its Unix socket, if it was started by this process.
    pub fn socket(&self) -> Option<PathBuf> {
        Some(self.own.as_ref()?.folder.join(format!(".s.PGSQL.{}", self.own.as_ref()?.port)))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.own.as_ref().expect("a server that was started by this test").folder
    }

    fn wait_until_ready(&self) {
        let ready = || {
            // A server that starts up takes connections, and ends them with an error.
            self.socket().is_some_and(|socket| UnixStream::connect(socket).is_ok())
                && Session::try_at(&self.url.replace("{}", "postgres")).is_ok()
        };
        waiting::until("PostgreSQL to start", ready)
            .unwrap_or_else(|sentence| panic!("{sentence}:\n{}", self.log()));
    }

    /// A new, empty database.
    pub fn database(&'static self, service: &str) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{service}_{}_{count}", std::process::id());
        self.session().execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"));
        Database { server: self, name }
    }

    /// A connection that belongs to no service.
    pub fn session(&self) -> Session {
        Session::at(&self.url_of("postgres"))
    }

    /// The URL of a database.
    pub(super) fn url_of(&self, database: &str) -> String {
        self.url.replace("{}", database)
    }
}

/// Ends the process of a server that one test has started.
impl Drop for Own {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut input) = process.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = process.wait();
    }
}

impl Database {
    /// Its URL, for `PRODUCTS_DATABASE_URL` and the like.
    pub fn url(&self) -> String {
        self.server.url.replace("{}", &self.name)
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection to it.
    pub fn session(&self) -> Session {
        Session::at(&self.url())
    }

    /// The same.
    ///
    /// # Errors
    /// The server takes no more.
    pub fn try_session(&self) -> Result<Session, tokio_postgres::Error> {
        Session::try_at(&self.url())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Ok(mut session) = Session::try_at(&self.server.url.replace("{}", "postgres")) {
            let _ = session.try_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

fn named() -> Option<String> {
    env::var("STORE_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}
