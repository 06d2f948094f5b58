//! Writes a new service of the store: its crate, its document, and its place in every list.
//!
//! `cargo run -p scaffold -- new shipments --port 5004 --asks orders` writes a service that compiles, runs and passes the suite.
//! `cargo run -p scaffold -- emit products` writes the document of a service from its types, even if the rest of the workspace does
//! not compile.

mod lists;
mod document;
mod template;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use clap::{Parser, Subcommand};

use self::template::{Names, Upstream};

/// Writes services and their documents.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The folder of the workspace.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../.."), hide_default_value = true)]
    root: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Write a new service: its crate, its document, and its place in every list
    New {
        /// Its name, in the plural, such as `shipments`
        #[arg(value_parser = name)]
        name: String,
        /// The port that it listens on by default
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
        /// The singular of its name; by default, the name without its last letter
        #[arg(long, value_parser = name)]
        thing: Option<String>,
        /// A service that it calls, to check the resource that it refers to
        #[arg(long, value_name = "SERVICE", value_parser = name)]
        asks: Option<String>,
    },
    /// Write the document of a service from its types
    Emit {
        /// The service
        #[arg(value_parser = name)]
        name: String,
    },
}

fn main() -> ExitCode {
    let Arguments { root, action } = Arguments::parse();
    let outcome = match action {
        Action::New { name, port, thing, asks } => new(&root, name, port, thing, asks),
        Action::Emit { name } => document::emit(&root, &name),
    };
    match outcome {
        Ok(message) => {
            document::say(&message);
            ExitCode::SUCCESS
        }
        Err(sentence) => {
            document::say(&format!("Nothing more was written: {sentence}"));
            ExitCode::FAILURE
        }
    }
}

/// A name that can be that of a crate, a table and a path.
fn name(text: &str) -> Result<String, String> {
    let is_fit = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() > 1
        && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
    match is_fit {
        true => Ok(text.to_owned()),
        false => Err("use lower-case letters and underscores, such as shipments".to_owned()),
    }
}

fn new(
    root: &Path,
    things: String,
    port: u16,
    thing: Option<String>,
    asks: Option<String>,
) -> Result<String, String> {
    let folder = root.join("services").join(&things);
    if folder.exists() {
        return Err(format!("{} already exists", folder.display()));
    }
    let thing = thing.unwrap_or_else(|| singular(&things));
    if thing == things {
        return Err(format!("name the singular of {things} with --thing"));
    }
    let ports = lists::ports(root)?;
    if let Some((taken, _)) = ports.iter().find(|(_, taken)| *taken == port) {
        return Err(format!("{taken} has port {port}"));
    }
    let upstream = match asks {
        None => None,
        Some(asked) => {
            let (_, port) = ports
                .iter()
                .find(|(service, _)| *service == asked)
                .ok_or_else(|| format!("there is no service called {asked}"))?;
            let thing = singular(&asked);
            let checks = lists::checks(root, &asked, &thing)?;
            Some(Upstream { thing, things: asked, port: *port, checks })
        }
    };
    let names = Names { things, thing, port, upstream };

    for (path, text) in template::files(&names) {
        write(&folder.join(path), &text)?;
    }
    lists::add_to_workspace(root, &names)?;
    // The document includes the file that it is written to.
    write(&root.join("openapi").join(format!("{}.json", names.things)), "")?;
    document::emit(root, &names.things)?;
    format(root, &names.things)?;
    lists::add_to_client(root, &names)?;
    lists::add_to_store(root, &names)?;
    lists::add_to_scraped(root, &names)?;
    lists::add_to_backup(root, &names)?;
    let tokens = format!("services/store/deploy/systemd/store@{}.service.d/tokens.conf", names.things);
    write(&root.join(tokens), &template::tokens(&names))?;
    lists::add_to_workflows(root, &names)?;
    let Names { things, .. } = names;
    Ok(format!(
        "services/{things} is written, and is in every list except those of the proxies. Now record its examples and test it:\n  \
         UPDATE=1 cargo test -p contract-tests --test documents\n  \
         cargo test -p contract-tests --test replay\n\
         If callers reach it through a proxy, add a port to haproxy.cfg and nginx.conf in services/store/deploy;\n\
         if systemd runs it, create a file with its token (services/store/README.md, Deploy)."
    ))
}

/// How lines break depends on how long the names are.
fn format(root: &Path, package: &str) -> Result<(), String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program).args(["fmt", "--package", package]).current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo fmt fails for {package} ({status})")),
        Err(error) => Err(format!("cargo fmt cannot be run ({error})")),
    }
}

fn singular(things: &str) -> String {
    things.strip_suffix('s').unwrap_or(things).to_owned()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{} cannot be written ({error})", path.display()))
}
