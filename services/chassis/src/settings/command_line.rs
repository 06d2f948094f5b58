//! Reads settings from flags and environment, and says in words what cannot be read.

use std::{
    any::TypeId,
    env,
    error::Error as _,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{
    Arg, ArgMatches, Command, Error,
    builder::Resettable,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::startup_error::StartupError;
use crate::output;

/// Reads settings with `read` from `arguments`, the first of which is the program's name, and from the environment.
///
/// A variable that is set but empty is as unset: Compose and Kubernetes set what they have no value for. Only an empty
/// token stays what it is, so that it can be refused.
///
/// # Errors
/// They cannot be read, or only `--help` or `--version` was asked for. The message is printed already.
pub fn parse<S>(
    command: Command,
    arguments: &[OsString],
    read: impl FnOnce(&ArgMatches) -> Result<S, StartupError>,
) -> Result<S, ExitCode> {
    let settable = command.clone().mut_args(|argument| match is_as_unset(&argument) {
        true => argument.env(Resettable::Reset),
        false => argument,
    });
    let name = command.get_name().to_owned();
    let matches =
        settable.try_get_matches_from(arguments).map_err(|error| refuse(command, arguments, error))?;
    read(&matches).map_err(|error| {
        output::stderr(format!("{name}: {error}\n"));
        ExitCode::FAILURE
    })
}

fn is_as_unset(argument: &Arg) -> bool {
    let value = argument.get_env().and_then(env::var_os);
    value.is_some_and(|value| value.is_empty()) && !argument.is_hide_env_values_set()
}

fn refuse(mut command: Command, arguments: &[OsString], error: Error) -> ExitCode {
    // An argument that was not built cannot say what it is called.
    command.build();
    if let Some(sentence) = fault_of_variable(&command, arguments, &error) {
        output::stderr(format!("{}: {sentence}\n", command.get_name()));
        return ExitCode::FAILURE;
    }
    // The help lists all variables, also those that are as unset.
    let error = match error.kind() {
        ErrorKind::DisplayHelp => command.try_get_matches_from(arguments).err().unwrap_or(error),
        _ => error,
    };
    match error.print().and_then(|()| io::stdout().flush()) {
        Err(unwritten) if !error.use_stderr() && unwritten.kind() != io::ErrorKind::BrokenPipe => {
            ExitCode::FAILURE
        }
        _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

/// What is wrong with a variable, if it is one that is at fault, and not a flag.
fn fault_of_variable(command: &Command, arguments: &[OsString], error: &Error) -> Option<String> {
    let is_meant = |argument: &&Arg| match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(shown)) => argument.to_string() == *shown,
        _ => error.kind() == ErrorKind::InvalidUtf8 && is_no_text(argument),
    };
    let argument = command.get_arguments().find(is_meant)?;
    let variable = argument.get_env()?;
    let value = env::var_os(variable).filter(|value| !value.is_empty())?;
    if is_given(argument.get_long()?, arguments) {
        return None;
    }
    let variable = variable.to_string_lossy();
    let reason = match (error.get(ContextKind::ValidValue), error.source()) {
        (Some(ContextValue::Strings(values)), _) => format!("it is one of {}", values.join(", ")),
        (_, Some(reason)) => reason.to_string(),
        (_, None) => "it is not UTF-8".to_owned(),
    };
    let is = match argument.is_hide_env_values_set() {
        true => String::new(),
        false => format!(" is `{}`, which", value.to_string_lossy().escape_debug()),
    };
    let advice = match argument.is_hide_set() {
        true => format!("it is the {}", argument.get_help().unwrap_or_default()),
        false => "set it to what --help says of it, or to nothing".to_owned(),
    };
    Some(format!("{variable}{is} cannot be used ({reason}): {advice}."))
}

/// Whether an argument takes its value from a variable that is not UTF-8, and is no path.
fn is_no_text(argument: &Arg) -> bool {
    let value = argument.get_env().and_then(env::var_os).unwrap_or_default();
    value.to_str().is_none() && argument.get_value_parser().type_id() != TypeId::of::<PathBuf>()
}

/// Whether the flag called `name` is among `arguments`.
fn is_given(name: &str, arguments: &[OsString]) -> bool {
    let flags = arguments.iter().filter_map(|argument| OsStr::to_str(argument)?.strip_prefix("--"));
    flags.into_iter().any(|flag| flag.split_once('=').map_or(flag, |(flag, _)| flag) == name)
}
