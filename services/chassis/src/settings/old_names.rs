//! The old names of durations, from before durations had units. They still work, as plain numbers in a fixed unit, but `--help`
//! does not list them.

use std::time::Duration;

use clap::{Arg, ArgMatches, parser::ValueSource};

use super::{
    duration::{duration, positive_duration},
    limits::Limits,
    startup_error::StartupError,
};

/// A duration's old name.
struct OldName {
    /// Ends with the unit.
    flag: &'static str,
    /// The name of the field of [`Limits`], from which the new flag and variable are derived.
    new: &'static str,
    read: fn(&str) -> Result<Duration, String>,
    field: fn(&mut Limits) -> &mut Duration,
}

const OLD_NAMES: [OldName; 8] = [
    OldName {
        flag: "head-timeout-ms",
        new: "header_read_timeout",
        read: positive_duration,
        field: |limits| &mut limits.header_read_timeout,
    },
    OldName {
        flag: "idle-timeout-ms",
        new: "idle_timeout",
        read: positive_duration,
        field: |limits| &mut limits.idle_timeout,
    },
    OldName {
        flag: "body-timeout-ms",
        new: "body_timeout",
        read: positive_duration,
        field: |limits| &mut limits.body_timeout,
    },
    OldName {
        flag: "write-timeout-ms",
        new: "write_timeout",
        read: positive_duration,
        field: |limits| &mut limits.write_timeout,
    },
    OldName {
        flag: "answer-timeout-ms",
        new: "request_timeout",
        read: positive_duration,
        field: |limits| &mut limits.request_timeout,
    },
    OldName {
        flag: "key-lifetime-s",
        new: "key_lifetime",
        read: duration,
        field: |limits| &mut limits.key_lifetime,
    },
    OldName {
        flag: "stop-delay-ms",
        new: "stop_delay",
        read: duration,
        field: |limits| &mut limits.stop_delay,
    },
    OldName {
        flag: "drain-timeout-ms",
        new: "drain_timeout",
        read: duration,
        field: |limits| &mut limits.drain_timeout,
    },
];

impl OldName {
    fn variable(&self) -> String {
        self.flag.to_uppercase().replace('-', "_")
    }

    fn new_variable(&self) -> String {
        self.new.to_uppercase()
    }

    fn arg(&self) -> Arg {
        let (unit, unit_name) = match self.flag.ends_with("-ms") {
            true => ("ms", "milliseconds"),
            false => ("s", "seconds"),
        };
        let read = self.read;
        Arg::new(self.flag)
            .long(self.flag)
            .env(self.variable())
            .value_name(unit.to_uppercase())
            .value_parser(move |text: &str| {
                let number: u64 = text.parse().map_err(|error| format!("{error}"))?;
                read(&format!("{number}{unit}"))
            })
            .help(format!("old name of {}, a number of {unit_name}", self.new_variable()))
            .hide(true)
    }
}

/// The arguments of the old names.
pub(super) fn args() -> impl Iterator<Item = Arg> {
    OLD_NAMES.iter().map(OldName::arg)
}

/// Copies durations that were set by their old names to `limits`.
///
/// # Errors
/// A duration was set by both of its names, to different values.
pub(super) fn adopt(limits: &mut Limits, matches: &ArgMatches) -> Result<(), StartupError> {
    for old in OLD_NAMES {
        let Some(&value) = matches.get_one::<Duration>(old.flag) else { continue };
        let field = (old.field)(limits);
        if matches.value_source(old.new) != Some(ValueSource::DefaultValue) && *field != value {
            let (variable, new) = (old.variable(), old.new_variable());
            let (value, field) = (humantime::format_duration(value), humantime::format_duration(*field));
            return Err(StartupError::new(format!(
                "{new} is {field}, and {variable}, its old name, is {value}: set {new} only."
            )));
        }
        *field = value;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;
    use crate::settings::Common;

    fn read(flags: &[&str]) -> Result<Limits, StartupError> {
        let command = Common::add_to(Command::new("service"));
        let arguments = ["service"].iter().chain(flags);
        Ok(Common::read(&command.get_matches_from(arguments))?.limits)
    }

    #[test]
    fn old_flags_are_read_as_numbers_of_their_unit() {
        for old in OLD_NAMES {
            let unit = Duration::from_millis(if old.flag.ends_with("-s") { 1_000 } else { 1 });
            let mut limits = read(&[&format!("--{}=7", old.flag)]).unwrap();
            assert_eq!(*(old.field)(&mut limits), 7 * unit, "{}", old.flag);
        }
    }

    #[test]
    fn old_and_new_flags_of_the_same_value_agree() {
        let limits = read(&["--answer-timeout-ms=250", "--request-timeout=250ms"]).unwrap();
        assert_eq!(limits.request_timeout, Duration::from_millis(250));
    }

    #[test]
    fn old_and_new_flags_of_different_values_are_refused() {
        let error = read(&["--key-lifetime-s=60", "--key-lifetime=1h"]).unwrap_err();
        let sentence = "KEY_LIFETIME is 1h, and KEY_LIFETIME_S, its old name, is 1m: set KEY_LIFETIME only.";
        assert_eq!(error.to_string(), sentence);
    }
}
