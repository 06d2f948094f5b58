//! Values in columns. Stored values are checked like those in requests.

use std::error::Error;

use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, private::BytesMut, to_sql_checked};

use crate::values::{Decimal, Integer, Key, Text};

/// Why a value is not taken.
const OUT_OF_RANGE: &str = "the value is out of range";

type Encoded = Result<IsNull, Box<dyn Error + Sync + Send>>;
type Decoded<T> = Result<T, Box<dyn Error + Sync + Send>>;

impl<const MIN: i64, const MAX: i64> ToSql for Integer<MIN, MAX> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Encoded {
        self.get().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <i64 as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl<'a, const MIN: i64, const MAX: i64> FromSql<'a> for Integer<MIN, MAX> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Decoded<Self> {
        Self::new(i64::from_sql(kind, raw)?).ok_or_else(|| OUT_OF_RANGE.into())
    }

    fn accepts(kind: &Type) -> bool {
        <i64 as FromSql>::accepts(kind)
    }
}

impl ToSql for Decimal {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Encoded {
        self.get().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <f64 as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Decimal {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Decoded<Self> {
        Self::new(f64::from_sql(kind, raw)?).ok_or_else(|| OUT_OF_RANGE.into())
    }

    fn accepts(kind: &Type) -> bool {
        <f64 as FromSql>::accepts(kind)
    }
}

impl<const MIN: usize, const MAX: usize> ToSql for Text<MIN, MAX> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Encoded {
        self.as_str().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <&str as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl<'a, const MIN: usize, const MAX: usize> FromSql<'a> for Text<MIN, MAX> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Decoded<Self> {
        Self::of_column(<&str>::from_sql(kind, raw)?).ok_or_else(|| OUT_OF_RANGE.into())
    }

    fn accepts(kind: &Type) -> bool {
        <&str as FromSql>::accepts(kind)
    }
}

impl ToSql for Key {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Encoded {
        self.as_str().to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <&str as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Key {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Decoded<Self> {
        Self::new(<&str>::from_sql(kind, raw)?).ok_or_else(|| OUT_OF_RANGE.into())
    }

    fn accepts(kind: &Type) -> bool {
        <&str as FromSql>::accepts(kind)
    }
}
