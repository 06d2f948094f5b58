//! Header fields with a single value.

use poem::http::{HeaderMap, HeaderName, HeaderValue};

/// The value of a field that must not have different ones.
#[derive(Debug, PartialEq)]
pub(crate) enum Single<'a> {
    /// The field is absent.
    Absent,
    /// The value, sent once or several times.
    Value(&'a HeaderValue),
    /// Several different values: a proxy and the service could use different ones.
    Contradictory,
}

/// The value of the field `name` in `headers`.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Single<'a> {
    let mut values = headers.get_all(name).iter();
    match values.next() {
        None => Single::Absent,
        Some(first) if values.all(|other| other == first) => Single::Value(first),
        Some(_) => Single::Contradictory,
    }
}
