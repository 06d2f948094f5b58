//! A service that cannot start with its database says why, and what to do.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output, Stdio},
    thread,
};

use contract_tests::harness::{
    address::Reserved,
    ending,
    folders::new_folder,
    postgres::{Database, Server},
    process::{Process, run_once, signal},
    waiting,
};
use rcgen::generate_simple_self_signed;

use crate::PROGRAM;

fn run(url: &str) -> Output {
    run_once(PROGRAM, "products", &[("PRODUCTS_DATABASE_URL", url), ("DATABASE_CONNECT_TIMEOUT", "2s")])
}

#[track_caller]
fn refuses(url: &str, sentence: &str) {
    let output = run(url);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{url}: {said}");
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.len() == 1 && lines[0].contains(sentence) && said.ends_with(".\n"), "{url}: {said}");
    assert!(!said.contains("sesame"), "the password is in it: {said}");
}

/// A database whose service is `products`, migrated.
fn migrated(server: &'static Server) -> Database {
    let database = server.database("products");
    assert_eq!(run(&database.url()).status.code(), Some(0));
    database
}

pub(crate) fn a_database_that_cannot_be_used_is_explained_in_a_sentence() {
    let server = Server::local();
    refuses(
        "mysql://me:sesame@host/things",
        "PRODUCTS_DATABASE_URL cannot be used: it is not a URL that begins with postgres://",
    );
    refuses("postgres://me:sesame@host/things?sslmode=on", "sslmode must be one of disable, prefer, require");
    let nobody = Reserved::new();
    refuses(
        &format!("postgres://me:sesame@{}/things", nobody.text()),
        "cannot be reached (error connecting to server: Connection refused (os error 111)): start the database, or set \
         PRODUCTS_DATABASE_URL to where it is",
    );
    let database = server.database("products");
    refuses(
        &database.url().replace(database.name(), "nowhere"),
        "does not exist (database \"nowhere\" does not exist",
    );

    let newer = migrated(server);
    newer.session().execute("UPDATE schema_version SET version = 99");
    refuses(&newer.url(), "has version 99, and this program supports versions up to 3");
    newer.session().execute("UPDATE schema_version SET version = -1");
    refuses(&newer.url(), "has version -1, which no release writes: restore its table schema_version");

    let others = migrated(server);
    others.session().execute("UPDATE schema_version SET service = 'orders'");
    refuses(&others.url(), "belongs to orders: set PRODUCTS_DATABASE_URL to a database of its own");

    let read_only = server.database("products");
    let name = read_only.name();
    read_only.session().execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    refuses(&read_only.url(), "is read-only: add target_session_attrs=read-write");

    let ascii = server.database("ascii");
    let (mut admin, name) = (server.session(), ascii.name());
    admin.execute(&format!("DROP DATABASE {name}"));
    admin.execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'"));
    refuses(&ascii.url(), "has the encoding SQL_ASCII, which cannot hold every text");

    let foreign = server.database("products");
    let role = format!("guest_of_{}", foreign.name());
    foreign.session().execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'sesame'; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    refuses(
        &foreign.url().replace("user=postgres", &format!("user={role}")),
        "make that user the owner of the database",
    );
    foreign.session().execute(&format!("DROP ROLE {role}"));

    // What could not be done is not half done.
    let broken = server.database("products");
    broken.session().execute("CREATE TABLE reservation (mine bigint)");
    refuses(&broken.url(), "could not be migrated from version 0 to 3");
    let left =
        "SELECT count(*) FROM information_schema.tables WHERE table_name IN ('product', 'stored_response')";
    assert_eq!(broken.session().number(left), 0);
}

pub(crate) fn a_stop_ends_a_start_that_waits() {
    let database = migrated(Server::shared());
    let mut other = database.session();
    // Another instance is migrating, and takes its time.
    other.execute("UPDATE schema_version SET version = 0");
    other.execute("BEGIN; UPDATE schema_version SET version = 1");
    let starting = Command::new(PROGRAM)
        // It ends with this test, too.
        .args(["products", "--stop-with-stdin"])
        .env("PRODUCTS_LISTEN", "127.0.0.1:0")
        .env("PRODUCTS_DATABASE_URL", database.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut watcher = database.session();
    waiting::until("the start to wait", || watcher.number(waits) == 1).unwrap();
    signal("TERM", starting.id());
    let output = ending::of("a start that waits", starting);
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && log.contains("stopped"), "{}: {log}", output.status);
    // The server takes no notice of its end before that.
    other.execute("ROLLBACK");
    waiting::until("the end of its statement", || watcher.number(waits) == 0).unwrap();
    assert_eq!(watcher.number("SELECT version FROM schema_version"), 0);
}

pub(crate) fn a_url_can_be_read_from_a_file() {
    let (database, folder) = (Server::shared().database("products"), new_folder());
    let file = folder.path().join("url");
    let refused = |sentence: &str| {
        let output =
            run_once(PROGRAM, "products", &[("PRODUCTS_DATABASE_URL_FILE", &file.to_string_lossy())]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(sentence), "{said}");
    };
    refused("cannot be read");
    fs::write(&file, " \n").unwrap();
    refused("is empty: write the URL to it");
    fs::write(&file, "mysql://host/things").unwrap();
    refused(&format!("the URL in {} cannot be used: it is not a URL", file.display()));
    fs::write(&file, format!("{}\n", database.url())).unwrap();
    let settings = [("PRODUCTS_DATABASE_URL_FILE".to_owned(), file.to_string_lossy().into_owned())];
    let process = Process::start(PROGRAM, "products", folder.path(), &settings);
    process.wait_for_log(database.name());
    assert!(!folder.path().join("products.db").exists());
}

pub(crate) fn a_password_is_shown_nowhere() {
    let (database, folder) = (Server::local().database("products"), new_folder());
    let url = format!("{}&password=sesame", database.url());
    let settings = [("PRODUCTS_DATABASE_URL".to_owned(), url), ("RUST_LOG".to_owned(), "trace".to_owned())];
    let mut process = Process::start(PROGRAM, "products", folder.path(), &settings);
    process.wait_for_log("database=postgres://");
    let log = process.whole_log();
    assert!(log.contains("database=postgres://") && !log.contains("sesame"), "{log}");
    let mut help = Command::new(PROGRAM);
    help.args(["products", "--help"]).env("PRODUCTS_DATABASE_URL", "postgres://me:sesame@host/things");
    let help = ending::output(&mut help);
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    assert!(help.contains("PRODUCTS_DATABASE_URL") && !help.contains("sesame"), "{help}");
}

pub(crate) fn tls_is_checked_as_sslmode_says() {
    let folder = new_folder();
    let (key, certificate) = (folder.path().join("server.key"), folder.path().join("server.crt"));
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    // The user who runs the server may read it.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let port = Reserved::new();
    let port = port.text().rsplit(':').next().unwrap().to_owned();
    let server: &'static Server = Box::leak(Box::new(Server::start_with_tls(&key, &certificate, &port)));
    let database = server.database("products");
    let at = |host: &str, rest: &str| {
        let url = format!("postgres://postgres@{host}:{port}/{}?{rest}", database.name());
        thread::scope(|scope| scope.spawn(|| run(&url)).join().unwrap())
    };
    let root = certificate.to_string_lossy().into_owned();
    let works = |host: &str, rest: &str| {
        let output = at(host, rest);
        assert!(output.status.success(), "{host} {rest}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let fails = |host: &str, rest: &str| {
        let output = at(host, rest);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && said.contains("certificate"), "{host} {rest}: {said}");
    };
    works("127.0.0.1", "sslmode=require");
    works("localhost", &format!("sslmode=verify-full&sslrootcert={root}"));
    works("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={root}"));
    fails("127.0.0.1", &format!("sslmode=verify-full&sslrootcert={root}"));
    fails("localhost", "sslmode=verify-full");
    // With an authority, the server is verified in every mode.
    works("localhost", &format!("sslrootcert={root}"));
    let other = folder.path().join("other.crt");
    fs::write(&other, generate_simple_self_signed(["other".to_owned()]).unwrap().cert.pem()).unwrap();
    fails("localhost", &format!("sslrootcert={}", other.display()));
    fails("localhost", "sslrootcert=system");
    // A server that insists on TLS.
    let plain = at("127.0.0.1", "sslmode=disable");
    assert_eq!(plain.status.code(), Some(1));
    works("127.0.0.1", "");
}
