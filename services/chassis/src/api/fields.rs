//! The fields of request bodies and of objects in them: read strictly, and reported as missing or invalid.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::{ApiError, INVALID_FIELDS, MISSING_FIELDS},
    values::{Parsed, Problems, Value},
    wire::encoding,
};

/// An object that is made of [`Value`]s: a request body, or a value in one.
pub trait FromFields: Sized {
    /// An example of a request body, for the document. An object that only stands in others needs none.
    const EXAMPLE: &'static str = "";

    /// Reads all fields, and returns None if any of them is missing or invalid. Read all before the first `?`, so that the
    /// caller learns of every problem at once.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The fields of a JSON object, and the problems of those that were read.
pub struct Fields<'a> {
    object: Object<'a>,
    problems: Problems,
}

impl Fields<'_> {
    /// Reads the field called `name`, and notes it if it is missing or invalid. A field of type `Option` may be absent.
    pub fn read<T: Value>(&mut self, name: &str) -> Option<T> {
        let parsed = self.object.0.get(name).map_or_else(T::absent, |raw| T::read(raw.get()));
        self.problems.check(format_args!("{name}"), parsed)
    }
}

/// An object in another one.
impl<T: FromFields> Value for T {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        let Ok(object) = serde_json::from_str(json) else { return Parsed::Invalid };
        match read_object(object) {
            Ok(value) => Parsed::Value(value),
            Err(Problems { is_missing, invalid }) => {
                let invalid = invalid.into_iter().map(|problem| format!(".{problem}")).collect();
                Parsed::InvalidParts(Problems { is_missing, invalid })
            }
        }
    }

    fn requirement() -> String {
        "an object that has each key once".to_owned()
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
    read_object(object).map_err(|problems| match problems.is_missing {
        true => MISSING_FIELDS.into(),
        false => INVALID_FIELDS.with_detail(problems.invalid.join("; ")),
    })
}

fn read_object<T: FromFields>(object: Object<'_>) -> Result<T, Problems> {
    let mut fields = Fields { object, problems: Problems::default() };
    T::from_fields(&mut fields).ok_or(fields.problems)
}

/// A JSON object whose values are not parsed yet. A tree, because keys of a hash table could be chosen so that they collide.
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

/// A key, borrowed where it has no escapes: serde borrows a `Cow` only with this attribute.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
