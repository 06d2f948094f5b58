//! Copies that are refused, with a sentence that says what to do, and without changing anything.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use contract_tests::harness::{
    address::Reserved,
    ending,
    folders::new_folder,
    postgres::{Database, Server},
    process::{command, run_once},
    store::Store,
};
use rusqlite::Connection;

use super::{folder, full_files, on_files, stop, succeeds};
use crate::PROGRAM;

fn copy(from: &str, to: &str) -> Output {
    let arguments = ["copy", "--only", "products", "--from", from, "--to", to];
    ending::output(&mut command(PROGRAM, &arguments, Path::new("nowhere")))
}

#[track_caller]
fn refuses(output: &Output, code: i32, sentence: &str) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{sentence}: {said}");
    assert!(
        said.contains(sentence) && !said.contains("sesame") && !said.contains("panicked"),
        "{sentence}: {said}"
    );
    let last = said.lines().last().unwrap_or_default();
    assert!(code == 2 || last.starts_with("store: ") && last.ends_with('.'), "{said}");
    assert!(output.stdout.is_empty());
}

/// A database with the products of `files`.
fn filled(files: &Store) -> Database {
    let database = Server::shared().database("products");
    succeeds(&copy(&folder(files), &database.url()));
    database
}

pub(crate) fn a_refused_copy_is_explained_in_a_sentence() {
    let (files, data) = full_files();
    let (empty, new) = (new_folder(), new_folder());
    let [empty, new] = [&empty, &new].map(|folder| folder.path().to_string_lossy().into_owned());
    let database = filled(&files);
    let url = database.url();

    refuses(
        &copy(&empty, &url),
        1,
        "products.db cannot be read (No such file or directory (os error 2)): name the folder",
    );
    let nobody = Reserved::new();
    let nobody = format!("postgres://me:sesame@{}/products", nobody.text());
    refuses(&copy(&data, &nobody), 1, "): start the database, or set --to to where it is");
    refuses(&copy(&nobody, &new), 1, "): start the database, or set --from to where it is");
    refuses(
        &copy(&data, "postgres://me:sesame@host/x?sslmode=on"),
        1,
        "--to cannot be used: sslmode must be one of",
    );
    refuses(
        &copy(&data, &url.replace(database.name(), "nowhere")),
        1,
        "create the database, or set --to to another",
    );
    refuses(&copy(&data, &data), 1, "is both the source and the destination");
    refuses(&copy(&url, &url), 1, "is both the source and the destination");
    refuses(
        &copy(&Server::shared().database("products").url(), &new),
        1,
        "has no data of products: name another database",
    );
    refuses(&copy(&format!("{data}/products.db"), &new), 1, "cannot be read (Not a directory");
    refuses(
        &copy(&data, &format!("{data}/products.db")),
        1,
        "cannot be created (File exists (os error 17)): name another folder",
    );
    assert_eq!(fs::read_dir(&new).unwrap().count(), 0);

    // Content that is another.
    let mut other = on_files();
    other.fill(3);
    stop(&mut other);
    refuses(&copy(&folder(&other), &url), 1, " has data already, other than ");
    refuses(&copy(&url, &folder(&other)), 1, "products.db has data already, other than postgres://");
    // The same data is accepted.
    assert!(succeeds(&copy(&data, &url)).contains(" is already the same in "));

    // Other versions, and other services.
    let set_version = |version: i64| {
        let file = Connection::open(other.database("products")).unwrap();
        file.pragma_update(None, "user_version", version).unwrap();
        folder(&other)
    };
    refuses(&copy(&set_version(99), &new), 1, "has version 99, and this program supports versions up to");
    refuses(
        &copy(&set_version(1), &new),
        1,
        "has version 1, and this program copies version 4: start its service once, which migrates it.",
    );
    refuses(&copy(&data, &set_version(1)), 1, "has version 1, and this program copies version 4");
    for (version, sentence) in [
        (99, "has version 99, and this program supports"),
        (1, "has version 1, and this program copies"),
        (-1, "has version -1, which no release writes"),
    ] {
        let changed = filled(&files);
        changed.session().execute(&format!("UPDATE schema_version SET version = {version}"));
        refuses(&copy(&changed.url(), &new), 1, sentence);
        refuses(&copy(&data, &changed.url()), 1, sentence);
    }
    let foreign = filled(&files);
    foreign.session().execute("UPDATE schema_version SET service = 'orders'");
    refuses(&copy(&data, &foreign.url()), 1, "belongs to orders: set --to to a database of its own");
    refuses(&copy(&foreign.url(), &new), 1, "belongs to orders: set --from to a database of its own");

    // Rights.
    let guarded = Server::shared().database("products");
    let role = format!("guest_of_{}", guarded.name());
    guarded.session().execute(&format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'sesame'; REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    ));
    if Server::shared().socket().is_some() {
        let guest = |database: &Database| {
            database.url().replace("user=postgres", &format!("user={role}&password=sesame"))
        };
        refuses(&copy(&data, &guest(&guarded)), 1, "make it the owner of the database");
        refuses(&copy(&guest(&database), &new), 1, "make it the owner of the database");
    }
    guarded.session().execute(&format!("DROP ROLE {role}"));
    let name = guarded.name();
    guarded.session().execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    refuses(&copy(&data, &guarded.url()), 1, "is read-only");
    assert_eq!(guarded.session().number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 0);
    assert_eq!(fs::read_dir(&new).unwrap().count(), 0);
}

pub(crate) fn a_database_in_use_is_not_copied() {
    let (running, other) = (on_files(), full_files());
    let server = Store::on_postgres(PROGRAM, &[]);
    let url = server.postgres("products").unwrap().url();
    let new = new_folder();
    let new = new.path().to_string_lossy().into_owned();
    let file = "products.db is in use by another process: stop that process first";
    let session = " is in use by products: stop every instance of products first.";
    refuses(&copy(&folder(&running), &new), 1, file);
    refuses(&copy(&other.1, &folder(&running)), 1, file);
    refuses(&copy(&url, &new), 1, session);
    refuses(&copy(&other.1, &url), 1, session);
    let marker = "SELECT count(*) FROM pg_tables WHERE tablename = 'unfinished_copy'";
    assert_eq!(server.postgres("products").unwrap().session().number(marker), 0);
    let again = run_once(PROGRAM, "products", &[("PRODUCTS_DATABASE_URL", &url)]);
    assert!(again.status.success());
}

pub(crate) fn a_wrong_command_line_ends_with_2() {
    let wrong = |arguments: &[&str], sentence: &str| {
        let arguments = [&["copy"], arguments].concat();
        refuses(&ending::output(&mut command(PROGRAM, &arguments, Path::new("nowhere"))), 2, sentence);
    };
    wrong(&[], "required arguments were not provided");
    wrong(&["--from", "data", "--only", "nothing"], "invalid value 'nothing' for '--only <SERVICE>'");
    wrong(&["--to", "mysql://me:sesame@host/x"], "--to is a URL that does not begin with postgres://");
    wrong(
        &["--from", "postgres://me:sesame@host/x"],
        "--from names one database for several services: write {service} instead",
    );
    wrong(&["data", "other"], "unexpected argument 'data'");
}

pub(crate) fn a_full_disk_is_reported_and_the_copy_resumes_with_free_space() {
    let mut files = on_files();
    files.fill(10_000);
    stop(&mut files);
    let (data, new) = (folder(&files), new_folder());
    let new = new.path().to_string_lossy().into_owned();
    let arguments = ["--fsize=1000000", PROGRAM, "copy", "--only", "products", "--from", &data, "--to", &new];
    let output = ending::output(Command::new("prlimit").args(arguments));
    refuses(&output, 1, "free disk space, and run the same command again.");
    let said = succeeds(&copy(&data, &new));
    assert!(
        said.contains("  product                10000 rows") && said.contains("by an earlier run"),
        "{said}"
    );
}
