//! The traits of values, and the outcomes of reading them.

use std::fmt;

/// How many problems an error names at most.
const MAX_PROBLEMS: usize = 20;

/// A value that reads itself strictly: no coercion from text, no rounding.
pub trait Value: Sized {
    /// Reads one JSON value from its text, which is known to be valid JSON.
    fn read(json: &str) -> Parsed<Self>;

    /// What the value must be, to follow "`price` must be ".
    fn requirement() -> String;

    /// The outcome for a field that is absent.
    fn absent() -> Parsed<Self> {
        Parsed::Missing
    }
}

/// A value that can also stand in a path or a query.
pub trait Parameter: Value {
    /// Reads the value from decoded text.
    fn from_text(text: &str) -> Option<Self>;
}

/// The outcome of reading a value from JSON.
#[derive(Debug, PartialEq)]
pub enum Parsed<T> {
    /// The value is there and fits.
    Value(T),
    /// `null`, or empty where it must not be.
    Missing,
    /// Of another type, or out of range.
    Invalid,
    /// An object or an array, with these problems inside.
    InvalidParts(Problems),
}

impl<T> Parsed<T> {
    /// The value, if it fits.
    pub fn from_option(value: Option<T>) -> Self {
        value.map_or(Self::Invalid, Self::Value)
    }

    /// Where nothing can be missing, `null` and empty text are invalid.
    pub(crate) fn missing_is_invalid(self) -> Self {
        if matches!(self, Self::Missing) { Self::Invalid } else { self }
    }
}

/// The problems with the parts of an object or an array.
#[derive(Debug, Default, PartialEq)]
pub struct Problems {
    pub(crate) is_missing: bool,
    /// One sentence for each invalid part, which begins with its path: `.city must be a text`, `[0].quantity must be an integer`.
    pub(crate) invalid: Vec<String>,
}

impl Problems {
    /// The value of the part at `path`, or None, after noting the problem.
    pub(crate) fn check<T: Value>(&mut self, path: fmt::Arguments<'_>, parsed: Parsed<T>) -> Option<T> {
        match parsed {
            Parsed::Value(value) => return Some(value),
            Parsed::Missing => self.is_missing = true,
            Parsed::Invalid => self.add(|| format!("{path} must be {}", T::requirement())),
            Parsed::InvalidParts(parts) => {
                self.is_missing |= parts.is_missing;
                for problem in parts.invalid {
                    self.add(|| format!("{path}{problem}"));
                }
            }
        }
        None
    }

    fn add(&mut self, problem: impl FnOnce() -> String) {
        if self.invalid.len() < MAX_PROBLEMS {
            self.invalid.push(problem());
        }
    }
}
