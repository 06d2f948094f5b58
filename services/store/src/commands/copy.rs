//! `store copy`: copies the databases of stopped services between files and servers, in any direction.

use std::{
    ffi::OsString,
    io::{self, IsTerminal},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use chassis::{
    output,
    settings::{DatabaseSettings, StartupError},
    storage::{
        copy::{Copied, Copy, Location, Progress},
        sqlite::Cancellation,
    },
};
use clap::{Arg, ArgGroup, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind, value_parser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    databases::{self, chosen},
    failure::Failure,
};
use crate::member::Member;

const ABOUT: &str = "Copy the databases to another engine, folder or server, while no service runs";

const LONG: &str = "\
WHERE is a folder of database files, or a postgres:// URL in which {service}
stands for the name of each service. If --from or --to is omitted, it is where
the services have their databases according to their variables, so that no
password has to be on the command line.

Everything is copied: rows with their ids, stored responses of idempotency
keys, reservations and intents. At the end, both databases are read again and
compared. The source is not changed, and the destination must be empty. If a
copy is interrupted, run it again: it resumes. Until it is complete, no service
starts on the destination.";

const EXAMPLES: &str = "\
Examples:
  export PRODUCTS_DATABASE_URL=postgres://store@db/products …
  store copy --from data             # to the URLs in these variables
  store copy --to data               # and back
  store copy --from data --to 'postgres://store@db/{service}'
  store copy --only orders --from data --to backup-host";

/// The placeholder for the name of a service in a URL.
const SERVICE: &str = "{service}";

/// How often it is looked whether the command was cancelled.
const CANCELLED_POLL: Duration = Duration::from_millis(50);

pub(super) fn command(members: &'static [Member]) -> Command {
    let place = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("WHERE").value_parser(value_parser!(OsString)).help(help)
    };
    let command = Command::new("copy")
        .arg(place("from", "Where to copy from [default: where the services have their databases]"))
        .arg(place("to", "Where to copy to [default: where the services have their databases]"))
        .group(ArgGroup::new("places").args(["from", "to"]).required(true).multiple(true))
        .arg(databases::only(members))
        .next_help_heading("Where the services have their databases")
        .arg(databases::data_dir())
        .args(members.iter().flat_map(|member| member.info.database_args()));
    DatabaseSettings::augment_args(command)
        .mut_args(|argument| match argument.get_id().as_str() {
            "database_pool_size" | "database_statement_timeout" => argument.hide(true),
            _ => argument,
        })
        .about(ABOUT)
        .long_about(format!("{ABOUT}.\n\n{LONG}"))
        .after_help(EXAMPLES)
}

/// Where the databases of all services are.
enum Places<'a> {
    Folder(PathBuf),
    /// The URL, and the flag that has it.
    Url(&'a str, &'static str),
    AsSet,
}

impl<'a> Places<'a> {
    /// What the flag `name` says.
    fn read(name: &'static str, matches: &'a ArgMatches) -> Self {
        let Some(value) = matches.get_one::<OsString>(name) else { return Self::AsSet };
        match value.to_str() {
            Some(url) if url.contains("://") => Self::Url(url, name),
            _ => Self::Folder(value.into()),
        }
    }

    /// Where the database of `member` is.
    fn of(&self, member: &Member, matches: &ArgMatches) -> Result<Location, StartupError> {
        let name = member.info.name;
        let file = |folder: &PathBuf| Location::File(folder.join(format!("{name}.db")));
        match self {
            Self::Folder(folder) => Ok(file(folder)),
            Self::Url(url, flag) => {
                Ok(Location::Server { url: url.replace(SERVICE, name), origin: format!("--{flag}") })
            }
            Self::AsSet => Ok(match member.info.database_url(matches).read()? {
                Some((url, origin)) => Location::Server { url, origin },
                None => {
                    let folder = matches.get_one::<PathBuf>("data-dir").cloned().unwrap_or_default();
                    file(&folder)
                }
            }),
        }
    }
}

/// Refuses a command line that names one database for several services, or none.
pub(super) fn check(members: &'static [Member], matches: &ArgMatches) -> Result<(), ExitCode> {
    let is_one = chosen(members, matches).len() == 1;
    for flag in ["from", "to"] {
        let Places::Url(url, _) = Places::read(flag, matches) else { continue };
        let wrong = match url {
            // The URL itself is not shown, since it may have a password.
            _ if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) => {
                format!("--{flag} is a URL that does not begin with postgres://")
            }
            _ if !is_one && !url.contains(SERVICE) => format!(
                "--{flag} names one database for several services: write {SERVICE} instead of the name, as in \
                 postgres://store@db/{SERVICE}, or name one service with --only"
            ),
            _ => continue,
        };
        let error = command(members).bin_name("store copy").error(ErrorKind::ValueValidation, wrong);
        let _ = error.print();
        return Err(ExitCode::from(2));
    }
    Ok(())
}

/// Copies the databases. What was done is said for each when it is.
pub(super) fn run(
    members: &'static [Member],
    matches: &ArgMatches,
    cancellation: &Cancellation,
) -> Result<String, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| StartupError::new(format!("the runtime cannot be started: {error}")))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            () = cancelled(cancellation) => {
                Err(Failure::changed("the copy was stopped: run the same command again, and it resumes."))
            }
            outcome = copy_all(members, matches) => outcome,
        }
    })
}

async fn cancelled(cancellation: &Cancellation) {
    while !cancellation.is_cancelled() {
        tokio::time::sleep(CANCELLED_POLL).await;
    }
}

async fn copy_all(members: &'static [Member], matches: &ArgMatches) -> Result<String, Failure> {
    let settings = DatabaseSettings::from_arg_matches(matches).map_err(StartupError::from)?;
    let [from, to] = ["from", "to"].map(|flag| Places::read(flag, matches));
    let mut copies = Vec::new();
    // All of them are checked before any is changed.
    for member in chosen(members, matches) {
        let locations = [from.of(member, matches)?, to.of(member, matches)?];
        let name = member.info.name;
        let copy = Copy::prepare(name, member.schema, locations.each_ref(), &settings).await?;
        let same = copy.compare().await?;
        copies.push((name, copy, same));
    }
    for (name, copy, same) in copies {
        let [from, to] = copy.places().clone();
        let (done, copied) = match same {
            Some(same) => (format!("{name} is already the same in {to} as in {from}:"), same),
            None => {
                let bar = Bar::new(name, &from, &to);
                let copied = copy.run(|progress| bar.show(progress)).await;
                bar.0.finish_and_clear();
                let copied = copied.map_err(|error| Failure { sentence: error, is_unchanged: false })?;
                (format!("Copied {name} from {from} to {to}:"), copied)
            }
        };
        let lines: String = copied.iter().map(line).collect();
        output::stdout(format!("{done}\n{lines}"));
    }
    Ok("Everything was read again from source and destination, and is the same.\n".to_owned())
}

fn line(Copied { table, rows, earlier, checksum }: &Copied) -> String {
    let earlier = match earlier {
        0 => String::new(),
        earlier => format!(", {earlier} of them by an earlier run"),
    };
    let noun = if *rows == 1 { "row " } else { "rows" };
    format!("  {table:<18} {rows:>9} {noun}  sha256 {}{earlier}\n", &checksum[..16])
}

/// The progress of one database. Without a terminal, it is one line when it begins.
struct Bar(ProgressBar);

impl Bar {
    fn new(name: &str, from: &str, to: &str) -> Self {
        if !io::stderr().is_terminal() {
            output::stderr(format!("store: copying {name} from {from} to {to}\n"));
            return Self(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
        }
        let bar = ProgressBar::no_length().with_prefix(name.to_owned());
        let style = ProgressStyle::with_template("{prefix}: {msg} {bar:20} {pos} of {len} rows");
        Self(bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())))
    }

    fn show(&self, Progress { table, rows, all }: Progress) {
        if self.0.message() != table {
            self.0.set_message(table);
            self.0.reset();
        }
        self.0.set_length(all);
        self.0.set_position(rows);
    }
}
