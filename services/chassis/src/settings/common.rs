//! The settings that all programs share.

use std::{path::PathBuf, thread};

use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum};

use super::{limits::Limits, old_names, startup_error::StartupError};

/// What every service can be told.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Folder of the database file
    #[arg(long, env = "DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,

    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// Threads that work on requests; by default, one for every two cores
    #[arg(long, env = "WORKER_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    worker_threads: Option<u16>,

    /// Stop when standard input ends, as it does when the program that started this one is gone
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,

    /// The limits to work within.
    #[command(flatten)]
    pub limits: Limits,
}

impl Common {
    /// Adds the arguments to `command`, whose description should be set after that: the group of arguments has one, too.
    pub fn add_to(command: Command) -> Command {
        Self::augment_args(command).args(old_names::args())
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// Two of them contradict each other.
    pub fn read(matches: &ArgMatches) -> Result<Self, StartupError> {
        let mut common = Self::from_arg_matches(matches)?;
        old_names::adopt(&mut common.limits, matches)?;
        Ok(common)
    }

    /// How many threads work on requests. A core for each would leave none to the writer and to the other services, and a
    /// request that goes from core to core costs more than it gains: one that asks another service took a sixth more.
    pub(crate) fn worker_threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
        self.worker_threads.map_or_else(half, usize::from)
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: a JSON object a line.
    Json,
}
