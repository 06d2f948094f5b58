//! Which names a service may have.

use std::path::Path;

use crate::{
    lists::read,
    template::{self, Names},
};

/// The words that a table cannot be called in SQLite or PostgreSQL unless they are quoted.
const OF_SQL: &str = "add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both \
    case cast check collate collation column commit concurrently constraint create cross current_catalog current_date current_role \
    current_schema current_time current_timestamp current_user default deferrable delete desc distinct do drop else end escape \
    except exists false fetch for foreign freeze from full grant group having if ilike in index initially inner insert intersect \
    into is isnull join lateral leading left like limit localtime localtimestamp natural not nothing notnull null offset on only or \
    order outer overlaps placing primary references returning right select session_user set similar some symmetric system_user \
    table tablesample then to trailing transaction true union unique update user using values variadic verbose when where window \
    with";

/// The tables that every service has for itself.
const TABLES: [&str; 5] =
    ["generation", "idempotency", "schema_version", "stored_response", "unfinished_copy"];

/// The commands of the store program, which begin as the service does: `store stub`.
const COMMANDS: [&str; 5] = ["backup", "copy", "help", "restore", "stub"];

/// A name that can be that of a crate, a table and a path.
///
/// # Errors
/// It has other characters.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_fit = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() > 1
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    match is_fit {
        true => Ok(text.to_owned()),
        false => Err("use lower-case letters and underscores, such as shipments".to_owned()),
    }
}

/// Checks that a service of these names can compile and run in the workspace at `root`.
///
/// # Errors
/// A name means something else already.
pub(crate) fn check(root: &Path, names: &Names) -> Result<(), String> {
    let Names { things, thing, .. } = names;
    if thing == things {
        return Err(format!("{things} has no singular of its own: name it with --thing"));
    }
    let (another, other_thing) =
        ("give the service another name", "give its singular another name with --thing");
    for (name, advice) in [(things, another), (thing, other_thing)] {
        if syn::parse_str::<syn::Ident>(name).is_err() {
            return Err(format!("{name} is a keyword of Rust: {advice}"));
        }
    }
    let camel = template::camel(thing);
    if template::types().contains(&camel) {
        return Err(format!("{camel} is a type that every service has: {other_thing}"));
    }
    let mut words = OF_SQL.split_whitespace();
    if words.any(|word| word == thing) || thing.starts_with("pg_") || thing.starts_with("sqlite_") {
        return Err(format!(
            "{thing} means something in SQL, and would be the name of a table: {other_thing}"
        ));
    }
    if TABLES.contains(&&**thing) {
        return Err(format!("{thing} is a table that every service has: {other_thing}"));
    }
    if COMMANDS.contains(&&**things) {
        return Err(format!("{things} is a command of the store program: {another}"));
    }
    let lock = read(&root.join("Cargo.lock"))?;
    let mut packages = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let of_rust = ["alloc", "core", "proc_macro", "std", "test"];
    if of_rust.contains(&&**things) || packages.any(|package| package.replace('-', "_") == *things) {
        return Err(format!("{things} is the name of another package: {another}"));
    }
    // Each service is a module of the client, and the store names its crate.
    for file in ["client/src/lib.rs", "services/store/src/lib.rs"] {
        if read(&root.join(file))?.contains(&format!("mod {things};")) {
            return Err(format!("{things} is a module in {file}: {another}"));
        }
    }
    let folder = root.join("services").join(things);
    if folder.exists() {
        return Err(format!("{} already exists: {another}, or remove it", folder.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_compile_or_run_is_refused_with_what_to_do() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let said = |things: &str, thing: &str| {
            let names = Names { things: things.into(), thing: thing.into(), port: 5004, upstream: None };
            check(&root, &names)
        };
        assert_eq!(said("shipments", "shipment"), Ok(()));
        for (things, thing, reason) in [
            ("sheep", "sheep", "sheep has no singular of its own: name it with --thing"),
            ("types", "type", "type is a keyword of Rust: give its singular another name with --thing"),
            ("match", "matched", "match is a keyword of Rust: give the service another name"),
            ("pages", "page", "Page is a type that every service has: give its singular"),
            (
                "transactions",
                "transaction",
                "transaction means something in SQL, and would be the name of a table",
            ),
            ("groups", "group", "group means something in SQL"),
            ("indexes", "index", "index means something in SQL"),
            ("users", "user", "user means something in SQL"),
            ("generations", "generation", "generation is a table that every service has"),
            ("backup", "saved", "backup is a command of the store program: give the service another name"),
            ("client", "customer", "client is the name of another package"),
            ("store", "shop", "store is the name of another package"),
            ("contract_tests", "judge", "contract_tests is the name of another package"),
            ("bytes", "byte", "bytes is the name of another package"),
            ("settings", "setting", "settings is a module in services/store/src/lib.rs"),
            ("products", "product", "products is the name of another package"),
        ] {
            let sentence = said(things, thing).unwrap_err();
            assert!(sentence.starts_with(reason), "{things}: {sentence}");
        }
    }
}
