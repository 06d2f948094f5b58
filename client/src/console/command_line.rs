//! Reads the command line and the environment.

use std::{
    env::{self, VarError::NotUnicode},
    ffi::OsStr,
    io::{self, Write},
    process::ExitCode,
};

use clap::{ColorChoice, CommandFactory, FromArgMatches, ValueEnum, builder::Resettable, error::ErrorKind};

use super::{arguments::Arguments, code::Code, failure::Failure, show, usage};

/// Reads the command line and the environment. On help, version and usage errors, returns the exit code.
pub(super) fn read() -> Result<Arguments, ExitCode> {
    let color = typed_color();
    use_colors(color);
    let mut all = Arguments::command().color(color);
    let is_not_unicode = |variable: &&OsStr| matches!(env::var(variable), Err(NotUnicode(_)));
    let variable = all.get_arguments().filter_map(|argument| argument.get_env()).find(is_not_unicode);
    if let Some(variable) = variable {
        let sentence = format!("{} is not valid UTF-8.", variable.to_string_lossy());
        return Err(fail(&Failure::new(Code::InvalidSetting, sentence, "Change or unset the variable.")));
    }
    // An empty variable counts as unset, except for a token, where it is an error.
    let command = all.clone().mut_args(|argument| {
        let value = argument.get_env().and_then(env::var_os);
        match value.is_some_and(|value| value.is_empty()) && !argument.is_hide_env_values_set() {
            true => argument.env(Resettable::Reset),
            false => argument,
        }
    });
    let read = command.try_get_matches().and_then(|matches| Arguments::from_arg_matches(&matches));
    read.map_err(|error| match error.use_stderr() {
        true => fail(&usage::failure(&error, all)),
        false => {
            // The help lists all variables, the empty ones too.
            let error = match error.kind() {
                ErrorKind::DisplayHelp => all.try_get_matches_from_mut(env::args_os()).err().unwrap_or(error),
                _ => error,
            };
            print(&error)
        }
    })
}

/// Shows a failure that comes before the command runs.
fn fail(failure: &Failure) -> ExitCode {
    let is_json = typed().any(|argument| argument == "--json");
    show::failure(failure, is_json);
    failure.exit_code()
}

/// Prints a help or the version.
fn print(page: &clap::Error) -> ExitCode {
    match page.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// The value of `--color`, which usage errors and the help obey as well.
fn typed_color() -> ColorChoice {
    let mut arguments = typed().skip_while(|argument| !argument.starts_with("--color"));
    let when = match arguments.next().as_deref() {
        Some("--color") => arguments.next(),
        Some(argument) => argument.strip_prefix("--color=").map(ToOwned::to_owned),
        None => None,
    };
    when.and_then(|when| ColorChoice::from_str(&when, false).ok()).unwrap_or(ColorChoice::Auto)
}

/// The arguments, as they are typed.
fn typed() -> impl Iterator<Item = String> {
    let arguments = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    arguments.take_while(|argument| argument != "--")
}

/// Sets the same choice for every crate that prints.
fn use_colors(color: ColorChoice) {
    let choice = match color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    let is_colored = |choice| choice != anstream::ColorChoice::Never;
    console::set_colors_enabled(is_colored(anstream::stderr().current_choice()));
    console::set_colors_enabled_stderr(is_colored(anstream::stderr().current_choice()));
}
