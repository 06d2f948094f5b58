//! Values in paths and queries.

use std::{borrow::Cow, iter};

use poem_openapi::{
    registry::MetaSchemaRef,
    types::{ParseFromParameter, ParseResult, Type},
};

use crate::{
    refusal::{INVALID_FIELDS, Refused},
    value::{Integer, Value},
};

/// A path or query parameter that is read without failing: what a wrong value means is the operation's to say.
#[derive(Clone, Copy, Debug)]
pub struct Parameter<T>(pub Option<T>);

impl<T: Value> Parameter<T> {
    /// The value of a parameter that may be absent.
    ///
    /// # Errors
    /// It is there, and not as it must be.
    pub fn optional(name: &str, parameter: Option<Self>) -> Result<Option<T>, Refused> {
        let Some(Self(value)) = parameter else { return Ok(None) };
        let invalid = || INVALID_FIELDS.because(format!("{name} must be {}", T::expectation()));
        Ok(Some(value.ok_or_else(invalid)?))
    }
}

impl<T: Value + Send + Sync> Type for Parameter<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::expectation().into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(T::schema()))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(iter::once(self))
    }
}

impl<const MIN: i64, const MAX: i64> ParseFromParameter for Parameter<Integer<MIN, MAX>> {
    fn parse_from_parameter(text: &str) -> ParseResult<Self> {
        Ok(Self(Integer::from_digits(text)))
    }

    /// One value is read; several are none, and so is a path segment that is no text, which poem leaves away.
    fn parse_from_parameters<I: IntoIterator<Item = A>, A: AsRef<str>>(values: I) -> ParseResult<Self> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Self::parse_from_parameter(value.as_ref()),
            _ => Ok(Self(None)),
        }
    }
}
