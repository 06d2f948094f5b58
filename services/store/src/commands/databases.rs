//! The databases that a command works on.

use std::path::PathBuf;

use chassis::settings::StartupError;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, value_parser};

use crate::member::Member;

/// How a command is described in its help.
pub(super) struct Description {
    /// In a line.
    pub(super) about: &'static str,
    /// What FOLDER is.
    pub(super) folder: &'static str,
    /// What `--force` does.
    pub(super) force: &'static str,
    pub(super) examples: &'static str,
}

/// A command whose arguments name a backup and databases.
pub(super) fn command(name: &'static str, description: Description, members: &'static [Member]) -> Command {
    let Description { about, folder, force, examples } = description;
    Command::new(name)
        .about(about)
        .long_about(format!("{about}.\n\n{folder}"))
        .after_help(examples)
        .arg(
            Arg::new("folder")
                .value_name("FOLDER")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Folder of the backup"),
        )
        .arg(data_dir())
        .arg(only(members))
        // Only to refuse a service that has one.
        .args(
            members.iter().flat_map(|member| member.info.database_args()).map(|argument| argument.hide(true)),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help(force))
}

/// The folder that has the files of the services.
pub(super) fn data_dir() -> Arg {
    Arg::new("data-dir")
        .long("data-dir")
        .env("DATA_DIR")
        .value_name("FOLDER")
        .default_value("data")
        .value_parser(value_parser!(PathBuf))
        .help("Folder for the database files")
}

/// The services whose databases are meant, if not all of them are.
pub(super) fn only(members: &'static [Member]) -> Arg {
    Arg::new("only")
        .long("only")
        .value_name("SERVICE")
        .action(ArgAction::Append)
        .value_parser(PossibleValuesParser::new(members.iter().map(|member| member.info.name)))
        .help("Only the database of this service; repeatable")
}

/// The services that [`only`] names, or all of them.
pub(super) fn chosen(members: &'static [Member], matches: &ArgMatches) -> Vec<&'static Member> {
    let only: Vec<&String> = matches.get_many("only").into_iter().flatten().collect();
    members.iter().filter(|one| only.is_empty() || only.iter().any(|name| *name == one.info.name)).collect()
}

/// The databases that the arguments name.
pub(super) struct Databases {
    /// The folder of the backup.
    pub(super) backup: PathBuf,
    /// The folder of the databases.
    pub(super) data: PathBuf,
    /// The services, each of which calls only those before it.
    pub(super) members: Vec<&'static Member>,
    pub(super) is_forced: bool,
}

impl Databases {
    /// # Errors
    /// The backup would be where the databases are, or one of them is not a file.
    pub(super) fn read(matches: &ArgMatches, members: &'static [Member]) -> Result<Self, StartupError> {
        let path = |name| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
        let (backup, data) = (path("folder"), path("data-dir"));
        if matches!((backup.canonicalize(), data.canonicalize()), (Ok(backup), Ok(data)) if backup == data) {
            let folder = backup.display();
            return Err(StartupError::new(format!(
                "{folder} is the folder of the databases: name another folder."
            )));
        }
        let members = chosen(members, matches);
        members.iter().try_for_each(|member| refuse_server(member, matches))?;
        Ok(Self { backup, data, members, is_forced: matches.get_flag("force") })
    }

    /// The names of the services.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.members.iter().map(|member| member.info.name).collect();
        names.join(", ")
    }
}

/// A file that is left from before the database was moved to a server must not be mistaken for the database.
fn refuse_server(member: &Member, matches: &ArgMatches) -> Result<(), StartupError> {
    match member.info.server_variable(matches) {
        None => Ok(()),
        Some(variable) => Err(StartupError::new(format!(
            "{} has its database on a server, as {variable} says: back it up and restore it with the tools of the server, such as \
             pg_dump, or name other services with --only.",
            member.info.name
        ))),
    }
}
