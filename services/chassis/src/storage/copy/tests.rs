//! Copies from one file to another, of tables that no service of the store has. The suite tests copies with servers.

use std::path::Path;

use rusqlite::Connection;

use super::{Copied, Copy, Location};
use crate::{
    settings::{DatabaseSettings, StartupError},
    storage::{Kind, Schema, Table, postgres, sqlite},
};

const SQLITE: sqlite::Schema = sqlite::Schema {
    application_id: 0x7e57,
    migrations: &["CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT, data BLOB) STRICT;
         CREATE TABLE pair (a TEXT, b INTEGER, value REAL, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID"],
};

const SCHEMA: Schema = Schema {
    sqlite: &SQLITE,
    postgres: &postgres::Schema { migrations: &[] },
    tables: &[
        Table::with_ids("thing", &[("id", Kind::Integer), ("note", Kind::Text), ("data", Kind::Bytes)]),
        Table::with_key("pair", 2, &[("a", Kind::Text), ("b", Kind::Integer), ("value", Kind::Real)]),
    ],
};

fn file(folder: &Path) -> Location {
    Location::File(folder.join("things.db"))
}

/// A database with what `statements` leave in it.
fn database(statements: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    drop(sqlite::Database::open(folder.path(), "things", &SQLITE).unwrap());
    connection(folder.path()).execute_batch(statements).unwrap();
    folder
}

fn connection(folder: &Path) -> Connection {
    Connection::open(folder.join("things.db")).unwrap()
}

async fn copy(from: &Path, to: &Path) -> Result<Vec<Copied>, StartupError> {
    let (from, to) = (file(from), file(to));
    Copy::prepare("things", &SCHEMA, [&from, &to], &DatabaseSettings::defaults()).await?.run(|_| ()).await
}

#[tokio::test]
async fn ids_of_deleted_rows_are_not_given_again() {
    let (from, to) = (
        database("INSERT INTO thing (note) VALUES ('a'), ('b'), (NULL); DELETE FROM thing WHERE id > 1"),
        tempfile::tempdir().unwrap(),
    );
    copy(from.path(), to.path()).await.unwrap();
    drop(sqlite::Database::open(to.path(), "things", &SQLITE).unwrap());
    let connection = connection(to.path());
    connection.execute_batch("INSERT INTO thing (note) VALUES ('next')").unwrap();
    assert_eq!(connection.last_insert_rowid(), 4);
    // And if none is left at all.
    let (from, to) =
        (database("INSERT INTO thing (note) VALUES ('a'); DELETE FROM thing"), tempfile::tempdir().unwrap());
    copy(from.path(), to.path()).await.unwrap();
    let next = "INSERT INTO thing (note) VALUES ('next') RETURNING id";
    let id: i64 = self::connection(to.path()).query_row(next, [], |row| row.get(0)).unwrap();
    assert_eq!(id, 2);
}

#[tokio::test]
async fn rows_of_several_pages_are_copied_in_the_order_of_their_keys() {
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO pair SELECT char(97 + i % 7), i, iif(i % 3, i / 7.0, NULL) FROM n;
                INSERT INTO thing (note, data) VALUES (NULL, NULL), ('', x''), ('😀', x'00ff')";
    let (from, to) = (database(rows), tempfile::tempdir().unwrap());
    let copied = copy(from.path(), to.path()).await.unwrap();
    assert_eq!(copied.iter().map(|table| table.rows).collect::<Vec<_>>(), [3, 5000]);
    let target = connection(to.path());
    let attach = format!("ATTACH '{}' AS source", from.path().join("things.db").display());
    target.execute_batch(&attach).unwrap();
    for table in ["pair", "thing"] {
        let differing = format!(
            "SELECT (SELECT count(*) FROM (SELECT * FROM source.{table} EXCEPT SELECT * FROM main.{table}))
                  + (SELECT count(*) FROM (SELECT * FROM main.{table} EXCEPT SELECT * FROM source.{table}))"
        );
        assert_eq!(target.query_row(&differing, [], |row| row.get::<_, i64>(0)).unwrap(), 0, "{table}");
    }
}

#[tokio::test]
async fn a_column_that_is_not_listed_is_not_lost_in_silence() {
    let (from, to) = (database("ALTER TABLE thing ADD COLUMN colour TEXT"), tempfile::tempdir().unwrap());
    let refused = copy(from.path(), to.path()).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("has thing.colour, which this program does not copy: report this."),
        "{refused}"
    );
}

#[tokio::test]
async fn an_unfinished_copy_goes_on_however_its_source_is_named() {
    let (from, to) = (database("INSERT INTO thing (note) VALUES ('a'), ('b')"), tempfile::tempdir().unwrap());
    copy(from.path(), to.path()).await.unwrap();
    let source = from.path().join("things.db").canonicalize().unwrap();
    let unfinished = format!(
        "DELETE FROM thing WHERE id = 2; CREATE TABLE unfinished_copy (source TEXT, began INTEGER);
         INSERT INTO unfinished_copy VALUES ('{}', 0)",
        source.display()
    );
    connection(to.path()).execute_batch(&unfinished).unwrap();
    assert!(sqlite::Database::open(to.path(), "things", &SQLITE).is_err());
    let copied = copy(&from.path().join("."), to.path()).await.unwrap();
    assert_eq!((copied[0].rows, copied[0].earlier), (2, 1));
    sqlite::Database::open(to.path(), "things", &SQLITE).unwrap();
}
