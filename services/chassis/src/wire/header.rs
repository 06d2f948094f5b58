//! Header fields that have one value, however often they are there.

use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// What a field that may be there once says.
#[derive(Debug, PartialEq)]
pub(crate) enum Single<'a> {
    /// It is not there.
    Absent,
    /// It says this, once or more often.
    Value(&'a HeaderValue),
    /// It says one thing here and another there: which of them counts would depend on who reads it.
    Contradictory,
}

/// What the field called `name` says in `headers`.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Single<'a> {
    let mut values = headers.get_all(name).iter();
    match values.next() {
        None => Single::Absent,
        Some(first) if values.all(|other| other == first) => Single::Value(first),
        Some(_) => Single::Contradictory,
    }
}
