//! Writes a new service of the store: its crate, its document, and its place in every list.
//!
//! `cargo run -p scaffold -- new shipments --port 5004 --asks orders` writes a service that compiles, runs and passes the suite.
//! `cargo run -p scaffold -- emit products` writes the document of a service from its types, even if the rest of the workspace does
//! not compile.

mod undo;
mod names;
mod lists;
mod document;
mod template;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use self::{names::name, template::Names, undo::Undo};

/// The ports that a proxy and a second instance of a service have are greater than its own.
const MAX_PORT: u16 = u16::MAX - lists::OF_PROXY;

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
        /// The port that it listens on by default; behind a proxy, callers use the one that is greater by 3000
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_PORT)))]
        port: u16,
        /// The singular of its name; by default, the name without its last letter
        #[arg(long, value_parser = name)]
        thing: Option<String>,
        /// The one service that it calls, to check the resource that it refers to
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
            document::say(&sentence);
            ExitCode::FAILURE
        }
    }
}

fn new(
    root: &Path,
    things: String,
    port: u16,
    thing: Option<String>,
    asks: Option<String>,
) -> Result<String, String> {
    let services = lists::services(root)?;
    let is_taken = |(_, taken): &&(String, u16)| {
        lists::ports(*taken).iter().any(|taken| lists::ports(port).contains(taken))
    };
    if let Some((service, taken)) = services.iter().find(is_taken) {
        let [taken, second, proxy] = lists::ports(*taken);
        return Err(format!(
            "{service} has the ports {taken}, {second} and {proxy}: choose a --port that leaves them alone"
        ));
    }
    let upstream = match asks {
        None => None,
        Some(asked) => match services.into_iter().find(|(service, _)| *service == asked) {
            None => return Err(format!("there is no service called {asked}")),
            Some((things, _)) => Some(lists::upstream(root, things)?),
        },
    };
    let thing = thing.unwrap_or_else(|| singular(&things));
    let names = Names { things, thing, port, upstream };
    names::check(root, &names)?;

    let undo = Undo::new(root, &names)?;
    let Err(sentence) = write_all(root, &names) else {
        let Names { things, .. } = names;
        return Ok(format!(
            "services/{things} is written, and is in every list. Now record its examples and test it:\n  \
             UPDATE=1 cargo test --test documents\n  \
             cargo test --test replay\n\
             If systemd runs it, create a file with its token (services/store/README.md, Deploy)."
        ));
    };
    Err(match undo.take_back() {
        Ok(()) => format!("{sentence}\nWhat was written for {} is taken back.", names.things),
        Err(error) => format!(
            "{sentence}\nWhat was written for {} cannot be taken back ({error}): use git restore and git clean.",
            names.things
        ),
    })
}

/// Writes the service, its document, and its place in every list.
fn write_all(root: &Path, names: &Names) -> Result<(), String> {
    for (path, text) in template::files(names) {
        write(&root.join("services").join(&names.things).join(path), &text)?;
    }
    // The document includes the file that it is written to.
    write(&root.join("openapi").join(format!("{}.json", names.things)), "")?;
    document::emit(root, &names.things)?;
    document::format(root, &names.things)?;
    write(&root.join(lists::tokens(names)), &template::tokens(names))?;
    lists::add(root, names)
}

/// `shipment` for `shipments`; for other plurals, there is `--thing`.
fn singular(things: &str) -> String {
    things.strip_suffix('s').unwrap_or(things).to_owned()
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{} cannot be written ({error})", path.display()))
}
