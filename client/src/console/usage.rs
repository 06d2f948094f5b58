//! Usage errors in the console's words.

use std::env;

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{code::Code, failure::Failure};

/// What is wrong with the command line of `command`, and which help shows what it should be.
pub(super) fn failure(error: &clap::Error, command: Command) -> Failure {
    let text = |kind| error.get(kind).map(plain).unwrap_or_default();
    let argument = name(&text(ContextKind::InvalidArg));
    let value = text(ContextKind::InvalidValue);
    let (code, sentence) = match error.kind() {
        ErrorKind::UnknownArgument => {
            (Code::UnknownArgument, format!("There is no argument `{argument}` here."))
        }
        ErrorKind::InvalidSubcommand => {
            let name = text(ContextKind::InvalidSubcommand);
            (Code::UnknownCommand, format!("There is no command `{name}`."))
        }
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            (Code::MissingCommand, "The command is not complete.".to_owned())
        }
        ErrorKind::MissingRequiredArgument => {
            (Code::MissingArgument, format!("Missing: {}.", text(ContextKind::InvalidArg)))
        }
        ErrorKind::ArgumentConflict => {
            let other = name(&text(ContextKind::PriorArg));
            match argument == other || other.is_empty() {
                true => (Code::ArgumentConflict, format!("{argument} was given twice.")),
                false => (Code::ArgumentConflict, format!("{argument} cannot be used with {other}.")),
            }
        }
        ErrorKind::InvalidValue if value.is_empty() => {
            (Code::MissingArgument, format!("{argument} needs a value."))
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(error).map(|reason| format!(": it {reason}"));
            let reason = reason.unwrap_or_default();
            (Code::InvalidValue, format!("`{value}` is not a value for {argument}{reason}."))
        }
        _ => (Code::InvalidValue, "The command line cannot be read.".to_owned()),
    };
    let suggestions =
        [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];
    let suggestion = suggestions.iter().find_map(|kind| error.get(*kind)).map(plain);
    let choice =
        [ContextKind::ValidValue, ContextKind::ValidSubcommand].iter().find_map(|kind| error.get(*kind));
    let advice = [
        suggestion.map(|suggestion| format!("Did you mean `{suggestion}`?")),
        choice.map(|choice| format!("Choose from: {}.", plain(choice))),
        Some(format!("`{} --help` has examples.", path(command))),
    ];
    Failure::new(code, sentence, advice.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

/// The commands on the command line, as in `client products create`.
fn path(mut command: Command) -> String {
    let mut path = command.get_name().to_owned();
    for argument in env::args_os().skip(1) {
        if let Some(below) = argument.to_str().and_then(|name| command.find_subcommand(name)).cloned() {
            path = format!("{path} {}", below.get_name());
            command = below;
        }
    }
    path
}

/// An argument without the name of its value, which the help has.
fn name(argument: &str) -> String {
    let name = argument.split([' ', '=']).next().unwrap_or_default();
    name.trim_matches(['<', '>']).to_owned()
}

fn plain(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(texts) => texts.first().map(ToString::to_string).unwrap_or_default(),
        ContextValue::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
