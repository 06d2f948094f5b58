//! Where the database of a service is, if it is not a file.

use std::{fs, path::PathBuf, time::Duration};

use clap::Args;

use super::{duration::positive_duration, startup_error::StartupError, token::Secret};

/// The settings of a PostgreSQL.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "PostgreSQL, for a service with a database URL")]
pub struct DatabaseSettings {
    /// Connections of a service at most
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub database_pool_size: u32,

    /// Time for a connection to be made, or to become free
    #[arg(long, env, default_value = "3s", value_name = "DURATION", value_parser = positive_duration)]
    pub database_connect_timeout: Duration,

    /// Time for a statement, after which the server cancels it
    #[arg(long, env, default_value = "10s", value_name = "DURATION", value_parser = positive_duration)]
    pub database_statement_timeout: Duration,
}

impl DatabaseSettings {
    /// The settings without any variable.
    #[cfg(test)]
    pub(crate) fn defaults() -> Self {
        use clap::{Command, FromArgMatches, builder::Resettable};
        let without_variables =
            Self::augment_args(Command::new("defaults")).mut_args(|argument| argument.env(Resettable::Reset));
        Self::from_arg_matches(&without_variables.get_matches_from([""])).expect("defaults")
    }
}

/// The URL of a database, which may have a password. Its `Debug` hides it.
#[derive(Clone, Debug)]
pub struct DatabaseUrl {
    pub(super) variable: String,
    pub(super) value: Option<Secret>,
    /// Overrides the value.
    pub(super) file: Option<PathBuf>,
}

impl DatabaseUrl {
    /// The variable that sets it.
    pub fn variable(&self) -> &str {
        &self.variable
    }

    /// The URL, if there is one.
    ///
    /// # Errors
    /// Its file cannot be read, or is empty.
    pub fn read(&self) -> Result<Option<String>, StartupError> {
        let variable = &self.variable;
        let Some(file) = &self.file else {
            let value = self.value.as_ref().map(Secret::expose).filter(|url| !url.trim().is_empty());
            return Ok(value.map(str::to_owned));
        };
        let url = fs::read_to_string(file).map_err(|error| {
            let file = file.display();
            StartupError::new(format!(
                "{file} cannot be read ({error}): set {variable}_FILE to a file with the URL, or set {variable}."
            ))
        })?;
        match url.trim() {
            "" => Err(StartupError::new(format!(
                "{}, to which {variable}_FILE is set, is empty: write the URL to it.",
                file.display()
            ))),
            url => Ok(Some(url.to_owned())),
        }
    }
}
