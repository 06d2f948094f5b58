//! Reads settings from flags and environment variables, and explains in one sentence why a value is invalid.

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

use super::{service_info::is_token, startup_error::StartupError};
use crate::output;

/// Reads settings with `read` from `arguments`, the first of which is the program's name, and from the environment.
///
/// An empty variable counts as unset, since Compose and Kubernetes set variables that they have no value for. An empty token is
/// kept, so that it can be refused.
///
/// # Errors
/// The settings cannot be used, or `--help` or `--version` was given. The text for the user is printed already.
pub fn parse<S>(
    command: Command,
    arguments: &[OsString],
    read: impl FnOnce(&ArgMatches) -> Result<S, StartupError>,
) -> Result<S, ExitCode> {
    let settable = command.clone().mut_args(|argument| match has_empty_variable(&argument) {
        true => argument.env(Resettable::Reset),
        false => argument,
    });
    let name = program(&command);
    let matches =
        settable.try_get_matches_from(arguments).map_err(|error| refuse(command, arguments, error))?;
    read(&matches).map_err(|error| {
        output::stderr(format!("{name}: {error}\n"));
        ExitCode::FAILURE
    })
}

/// The name of the program, of which `command` may be one of several.
fn program(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    name.split(' ').next().unwrap_or(name).to_owned()
}

fn has_empty_variable(argument: &Arg) -> bool {
    let value = argument.get_env().and_then(env::var_os);
    value.is_some_and(|value| value.is_empty()) && !is_token(argument)
}

fn refuse(mut command: Command, arguments: &[OsString], error: Error) -> ExitCode {
    // Arguments get their full names in the build.
    command.build();
    if let Some(sentence) = explain_variable(&command, arguments, &error) {
        output::stderr(format!("{}: {sentence}\n", program(&command)));
        return ExitCode::FAILURE;
    }
    // `--help` lists empty variables as well.
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

/// Explains the error if its cause is a variable rather than a flag.
fn explain_variable(command: &Command, arguments: &[OsString], error: &Error) -> Option<String> {
    let is_invalid = |argument: &&Arg| match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) => argument.to_string() == *name,
        _ => error.kind() == ErrorKind::InvalidUtf8 && has_invalid_utf8(argument),
    };
    let argument = command.get_arguments().find(is_invalid)?;
    let variable = argument.get_env()?;
    let value = env::var_os(variable).filter(|value| !value.is_empty())?;
    if is_given(argument.get_long()?, arguments) {
        return None;
    }
    let variable = variable.to_string_lossy();
    let reason = match (error.get(ContextKind::ValidValue), error.source()) {
        (Some(ContextValue::Strings(values)), _) => format!("the values are {}", values.join(", ")),
        (_, Some(reason)) => reason.to_string(),
        (_, None) => "it is not UTF-8".to_owned(),
    };
    let is = match argument.is_hide_env_values_set() {
        true => String::new(),
        false => format!(" is `{}`, which", value.to_string_lossy().escape_debug()),
    };
    let advice = match argument.is_hide_set() {
        true => format!("it is the {}", argument.get_help().unwrap_or_default()),
        false => "see --help, or unset it".to_owned(),
    };
    Some(format!("{variable}{is} cannot be used ({reason}): {advice}."))
}

/// Whether an argument is set by a variable that is not UTF-8, and is not a path.
fn has_invalid_utf8(argument: &Arg) -> bool {
    let value = argument.get_env().and_then(env::var_os).unwrap_or_default();
    value.to_str().is_none() && argument.get_value_parser().type_id() != TypeId::of::<PathBuf>()
}

/// Whether `arguments` contain the flag `name`.
fn is_given(name: &str, arguments: &[OsString]) -> bool {
    let flags = arguments.iter().filter_map(|argument| OsStr::to_str(argument)?.strip_prefix("--"));
    flags.into_iter().any(|flag| flag.split_once('=').map_or(flag, |(flag, _)| flag) == name)
}
