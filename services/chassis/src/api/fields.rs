//! The fields of a request's body: read strictly, and told apart as missing or invalid.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::{ApiError, INVALID_FIELDS, MISSING_FIELDS},
    values::{Parsed, Value},
    wire::encoding,
};

/// A request body that is made of [`Value`]s.
pub trait FromFields: Sized {
    /// A body as people would send it, for the document.
    const EXAMPLE: &'static str;

    /// Reads every field, and only then gives up on those that are missing or invalid.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The fields of a JSON object, and what was wrong with those that were read.
pub struct Fields<'a> {
    object: Object<'a>,
    missing: bool,
    invalid: Vec<String>,
}

impl Fields<'_> {
    /// Reads the field called `name`, and notes it if it is missing or invalid.
    pub fn read<T: Value>(&mut self, name: &str) -> Option<T> {
        match self.object.0.get(name).map_or(Parsed::Missing, |raw| T::read(raw.get())) {
            Parsed::Value(value) => return Some(value),
            Parsed::Missing => self.missing = true,
            Parsed::Invalid => self.invalid.push(format!("{name} must be {}", T::requirement())),
        }
        None
    }
}

/// Reads a whole body. A missing field outweighs an invalid one.
pub(crate) fn parse<T: FromFields>(body: &[u8]) -> Result<T, ApiError> {
    if matches!(body.trim_ascii(), b"" | b"null") {
        return Err(MISSING_FIELDS.into());
    }
    let text = encoding::text(body).map_err(|detail| INVALID_FIELDS.with_detail(detail))?;
    let object = serde_json::from_str(text)
        .map_err(|error| INVALID_FIELDS.with_detail(format!("the body cannot be read: {error}")))?;
    let mut fields = Fields { object, missing: false, invalid: Vec::new() };
    match T::from_fields(&mut fields) {
        Some(value) => Ok(value),
        None if fields.missing => Err(MISSING_FIELDS.into()),
        None => Err(INVALID_FIELDS.with_detail(fields.invalid.join("; "))),
    }
}

/// A JSON object whose values are not looked at yet. A tree rather than a hash table: nobody can choose keys that collide.
struct Object<'a>(BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;

        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = BTreeMap::new();
                while let Some((Key(key), value)) = map.next_entry()? {
                    if object.insert(key, value).is_some() {
                        return Err(serde::de::Error::custom("the same key a second time"));
                    }
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// A key, borrowed where it has no escapes: serde borrows a `Cow` only when it is told to.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
