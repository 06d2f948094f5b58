//! Interrupted copies: they resume, lose and duplicate no row, and until they are complete, no service accepts the destination.

use std::{
    path::Path,
    process::{Child, Stdio},
};

use contract_tests::harness::{
    ending,
    folders::new_folder,
    postgres::{Database, Server, Session},
    process::{command, run_once, signal},
    store::Store,
    waiting,
};
use rusqlite::{Connection, OpenFlags};

use super::{copying, folder, on_files, stop, succeeds};
use crate::PROGRAM;

/// Of these, three pages are copied before the one that is held up.
const PRODUCTS: usize = 10_000;
const COPIED: i64 = 6_000;

/// Blocks inserts of this product, as long as the lock is held.
const HOLD: &str = "
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END';
    CREATE TRIGGER hold BEFORE INSERT ON product FOR EACH ROW WHEN (NEW.id = 7000) EXECUTE FUNCTION hold();";

/// The files of a stopped store with many products.
fn files() -> Store {
    let mut files = on_files();
    files.fill(PRODUCTS);
    stop(&mut files);
    files
}

/// A database with the tables of products.
fn migrated(server: &'static Server) -> Database {
    let database = server.database("products");
    let started = run_once(PROGRAM, "products", &[("PRODUCTS_DATABASE_URL", &database.url())]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    database
}

fn start(files: &Store, from: &str, to: &str) -> Child {
    let mut copy = copying(files, &["--only", "products", "--from", from, "--to", to]);
    copy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What it has said to standard error.
#[track_caller]
fn fails(copy: Child) -> String {
    let output = ending::of("a copy", copy);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// A service does not start on what is there.
#[track_caller]
fn is_refused(settings: &[(&str, &str)], advice: &str) {
    let started = run_once(PROGRAM, "products", settings);
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert_eq!(started.status.code(), Some(1), "{said}");
    let sentence = "is an unfinished copy: run the same `store copy` command again, or ";
    assert!(
        said.lines().count() == 1 && said.contains(sentence) && said.trim_end().ends_with(advice),
        "{said}"
    );
}

/// Starts a copy to the database, interrupts it in the middle, and lets it go on.
fn goes_on_after(database: &Database, holder: &mut Session, interrupt: impl FnOnce(Child)) {
    let files = files();
    let (data, url) = (folder(&files), database.url());
    database.session().execute(HOLD);
    holder.execute("SELECT pg_advisory_lock(42)");
    let copy = start(&files, &data, &url);
    let mut session = database.session();
    let count = "SELECT count(*) FROM product";
    waiting::until("some products", || session.number(count) == COPIED).unwrap();
    drop(session);
    interrupt(copy);
    waiting::until("the end of the session", || {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'store copy' AND datname = current_database()";
        // One that waits for the lock does not see that its client has gone.
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'store copy' AND datname = current_database()";
        database.try_session().is_ok_and(|mut session| {
            session.execute(end);
            session.number(sessions) == 0
        })
    })
    .unwrap();

    let mut session = database.session();
    session.execute("DROP TRIGGER hold ON product");
    assert_eq!(session.number(count), COPIED);
    is_refused(&[("PRODUCTS_DATABASE_URL", &url)], "drop and create the database.");
    let first = "SELECT xmin::text::bigint FROM product WHERE id = 1";
    let (row, size) = (session.number(first), files.rows("products"));
    let said = succeeds(&ending::of("a copy", start(&files, &data, &url)));
    assert!(said.contains(&format!("{COPIED} of them by an earlier run")), "{said}");
    assert_eq!((session.number(count), session.number(first)), (size, row));
    assert_eq!(session.number("SELECT count(*) FROM pg_tables WHERE tablename = 'unfinished_copy'"), 0);
    drop(session);
    let started = run_once(PROGRAM, "products", &[("PRODUCTS_DATABASE_URL", &url)]);
    assert!(started.status.success());
}

pub(crate) fn a_killed_copy_to_a_server_goes_on() {
    let database = migrated(Server::shared());
    goes_on_after(&database, &mut database.session(), |mut copy| {
        copy.kill().unwrap();
        copy.wait().unwrap();
    });
}

pub(crate) fn a_copy_that_is_stopped_with_ctrl_c_goes_on() {
    let database = migrated(Server::shared());
    goes_on_after(&database, &mut database.session(), |copy| {
        signal("INT", copy.id());
        let said = fails(copy);
        assert!(said.ends_with("stopped: run the same command again, and it resumes.\n"), "{said}");
    });
}

pub(crate) fn a_copy_whose_server_is_killed_goes_on() {
    let server: &'static Server = Box::leak(Box::new(Server::start(&[])));
    let database = migrated(server);
    goes_on_after(&database, &mut database.session(), |copy| {
        server.kill();
        let said = fails(copy);
        let advice = ": start the server, and run the same command again.\n";
        assert!(said.contains("/products_") && said.ends_with(advice), "{said}");
        server.start_again();
    });
}

/// A server with many products, of which the last table to be copied is locked by the session.
fn locked() -> (Database, Session) {
    let (files, database) = (files(), migrated(Server::shared()));
    succeeds(&ending::of("a copy", start(&files, &folder(&files), &database.url())));
    let mut session = database.session();
    session.execute("BEGIN; LOCK TABLE reservation");
    (database, session)
}

fn start_to_file(database: &Database, to: &Path) -> Child {
    let arguments = ["copy", "--only", "products", "--from", &database.url(), "--to", &to.to_string_lossy()];
    let mut copy = command(PROGRAM, &arguments, to);
    copy.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until all products are in the file.
fn wait_for_products(file: &Path) {
    let count = || -> rusqlite::Result<i64> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row("SELECT count(*) FROM product", [], |row| row.get(0))
    };
    waiting::until("all products", || count() == Ok(PRODUCTS as i64)).unwrap();
}

pub(crate) fn a_killed_copy_to_a_file_goes_on() {
    let (database, mut session) = locked();
    let folder = new_folder();
    let file = folder.path().join("products.db");
    let mut copy = start_to_file(&database, folder.path());
    wait_for_products(&file);
    copy.kill().unwrap();
    copy.wait().unwrap();
    let data = folder.path().to_string_lossy().into_owned();
    is_refused(&[("DATA_DIR", &data)], &format!("delete {}.", file.display()));
    let backup =
        ending::output(&mut command(PROGRAM, &["backup", "--only", "products", "there"], folder.path()));
    assert_eq!(backup.status.code(), Some(1));
    session.execute("ROLLBACK");

    // What belongs to another copy is left alone.
    let other = migrated(Server::shared());
    let said = fails(start_to_file(&other, folder.path()));
    assert!(said.contains("has a part of postgres://"), "{said}");

    let said = succeeds(&ending::of("a copy", start_to_file(&database, folder.path())));
    assert!(said.contains(&format!("{PRODUCTS} of them by an earlier run")), "{said}");
    assert!(run_once(PROGRAM, "products", &[("DATA_DIR", &data)]).status.success());
}

pub(crate) fn a_source_that_changes_meanwhile_is_noticed() {
    let (database, mut session) = locked();
    let folder = new_folder();
    let copy = start_to_file(&database, folder.path());
    wait_for_products(&folder.path().join("products.db"));
    session.execute("UPDATE product SET stock = stock + 1 WHERE id = 1; COMMIT");
    let said = fails(copy);
    assert!(
        said.contains("product of postgres://") && said.contains(" has changed since the copy began: "),
        "{said}"
    );
    let data = folder.path().to_string_lossy().into_owned();
    is_refused(&[("DATA_DIR", &data)], ".db.");
    let said = succeeds(&ending::of("a copy", start_to_file(&database, folder.path())));
    assert!(!said.contains("earlier"), "{said}");
}
