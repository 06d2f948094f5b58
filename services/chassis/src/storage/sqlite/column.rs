//! Values in columns. Stored values are checked like those in requests.

use rusqlite::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::values::{Decimal, Integer, Key, Text};

impl<const MIN: i64, const MAX: i64> ToSql for Integer<MIN, MAX> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.get().into())
    }
}

impl<const MIN: i64, const MAX: i64> FromSql for Integer<MIN, MAX> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let value = value.as_i64()?;
        Self::new(value).ok_or(FromSqlError::OutOfRange(value))
    }
}

impl ToSql for Decimal {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.get().into())
    }
}

impl FromSql for Decimal {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::new(value.as_f64()?).ok_or(FromSqlError::InvalidType)
    }
}

impl<const MIN: usize, const MAX: usize> ToSql for Text<MIN, MAX> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl<const MIN: usize, const MAX: usize> FromSql for Text<MIN, MAX> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::of_column(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Key {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::new(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}
