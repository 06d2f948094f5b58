//! Where the database of a service is, if it is not a file.

use std::time::Duration;

use clap::Args;

use super::{duration::positive_duration, secret::SecretSetting, startup_error::StartupError};

/// The settings of a PostgreSQL.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "PostgreSQL, for a service with a database URL")]
pub struct DatabaseSettings {
    /// Maximum number of connections of a service
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 16, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub database_pool_size: u32,

    /// Time to wait for a connection, whether a new one or one from the pool
    #[arg(long, env, default_value = "3s", value_name = "DURATION", value_parser = positive_duration)]
    pub database_connect_timeout: Duration,

    /// Time that a statement may take; after that, the server cancels it
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
pub struct DatabaseUrl(pub(super) SecretSetting);

impl DatabaseUrl {
    /// The variable that sets it, or that sets its file. None if it is not set, so that the database is a file.
    pub(super) fn set_by(&self) -> Option<String> {
        let SecretSetting { variable, value, file, .. } = &self.0;
        match (file, value) {
            (Some(_), _) => Some(format!("{variable}_FILE")),
            (None, Some(value)) if !value.expose().trim().is_empty() => Some(variable.clone()),
            (None, _) => None,
        }
    }

    /// The URL, and what sets it in words, if there is one.
    ///
    /// # Errors
    /// Its file cannot be read, or is empty.
    pub fn read(&self) -> Result<Option<(String, String)>, StartupError> {
        let source = match &self.0.file {
            Some(file) => format!("the URL in {}", file.display()),
            None => self.0.variable.clone(),
        };
        Ok(self.0.read()?.map(|url| (url.expose().trim().to_owned(), source)))
    }
}
