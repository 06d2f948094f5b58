//! Creating once, however often it is asked: the `Idempotency-Key` header
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
//!
//! The first answer is kept in the same transaction as what it created, so there is never one without the other. A key that
//! is being worked on is known in memory until its write is done, even if its caller has hung up meanwhile. Answers that
//! created nothing are not kept.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use poem::{
    Request, RequestBody,
    http::{HeaderName, HeaderValue, StatusCode},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};
use rusqlite::{Connection, OptionalExtension, named_params};
use serde::Serialize;

use crate::{
    answers::Created,
    header::{Single, single},
    refusal::{INVALID_FIELDS, Refusal, Refused},
    sqlite::{self, Database},
};

/// The key came with another body before.
pub const KEY_REUSED: Refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "Idempotency key reused");
/// The request that came with the key first is still being worked on.
pub const IN_PROGRESS: Refusal = Refusal::new(StatusCode::CONFLICT, "Request in progress");

/// What an operation that takes a key can refuse with because of it.
pub const WITH_KEY: &[Refusal] = &[KEY_REUSED, IN_PROGRESS];

/// The migration that makes room for answers, to be one of the steps of a service's schema.
pub const TABLE: &str = "
    CREATE TABLE idempotency (
        key      TEXT    PRIMARY KEY,
        request  TEXT    NOT NULL,
        location TEXT    NOT NULL,
        answer   BLOB    NOT NULL,
        kept_at  INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_kept_at ON idempotency (kept_at);
";

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// What [`parse`] takes, for the document: visible ASCII, in quotes or not; a quote at one end only belongs to the key.
const PATTERN: &str = r#"^("[!-~]{1,255}"|[!#-~][!-~]{0,254}|"([!-~]{0,253}[!#-~])?)$"#;

/// How many old answers are forgotten whenever a new one is kept: more than one, so that they become fewer.
const FORGOTTEN_AT_ONCE: u32 = 4;

/// How many characters a key may have.
const KEY_LIMIT: usize = 255;

/// What a caller calls a request that it may have to repeat: 1 to 255 characters of visible ASCII, with or without quotes
/// around them. None if the caller does not call it anything.
#[derive(Debug)]
pub struct IdempotencyKey(Option<String>);

impl<'a> ApiExtractor<'a> for IdempotencyKey {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let schema = MetaSchema {
            min_length: Some(1),
            // Two more for the quotes.
            max_length: Some(KEY_LIMIT + 2),
            pattern: Some(PATTERN.into()),
            ..MetaSchema::new("string")
        };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let sent = match single(request.headers(), &HEADER) {
            Single::Absent => return Ok(Self(None)),
            Single::Value(value) => parse(value),
            Single::Contradictory => None,
        };
        match sent {
            Some(key) => Ok(Self(Some(key))),
            None => {
                let detail =
                    format!("Idempotency-Key must be 1 to {KEY_LIMIT} characters of visible ASCII, once");
                Err(INVALID_FIELDS.because(detail).into())
            }
        }
    }
}

fn parse(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_fit = (1..=KEY_LIMIT).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic());
    is_fit.then(|| bare.to_owned())
}

/// The keys of one operation.
#[derive(Clone)]
pub struct Keys {
    database: Database,
    keep: Duration,
    under_way: Arc<Mutex<HashSet<String>>>,
}

/// What is to be done about a request.
pub enum Claim<T> {
    /// It was answered before, like this.
    Answered(Created<T>),
    /// It is new, and nobody else works on it as long as this is held.
    New(Work),
}

/// A request that is to be worked on.
pub struct Work {
    keyed: Option<Keyed>,
    keep: Duration,
}

struct Keyed {
    key: String,
    /// The request in one way of writing it, so that white space and how fields are arranged do not matter.
    request: String,
    under_way: Arc<Mutex<HashSet<String>>>,
}

impl Drop for Keyed {
    fn drop(&mut self) {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Keys {
    /// The keys of the operation that creates what `database` keeps. Answers are kept for `keep`.
    pub fn new(database: Database, keep: Duration) -> Self {
        Self { database, keep, under_way: Arc::default() }
    }

    /// Claims `request` for whoever sent it with `key`, if there is one.
    ///
    /// # Errors
    /// The key came with another request, or is being worked on, or the database does not answer.
    pub fn claim<T>(&self, key: IdempotencyKey, request: &impl Serialize) -> Result<Claim<T>, Refused> {
        let Some(key) = key.0 else {
            return Ok(Claim::New(Work { keyed: None, keep: self.keep }));
        };
        let request = serde_json::to_string(request).map_err(Refused::internal)?;
        if !self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone()) {
            return Err(IN_PROGRESS.into());
        }
        let keyed = Keyed { key, request, under_way: self.under_way.clone() };
        match self.database.read(|connection| find(connection, &keyed.key))? {
            Some(kept) if kept.request == keyed.request => Ok(Claim::Answered(kept.into())),
            Some(_) => Err(KEY_REUSED.into()),
            None => Ok(Claim::New(Work { keyed: Some(keyed), keep: self.keep })),
        }
    }
}

impl Work {
    /// Creates something and keeps the answer, in one transaction. If somebody else was faster, that answer is given and
    /// nothing is created.
    ///
    /// # Errors
    /// The database does not do it.
    pub async fn create<Row: Send + 'static, T: Send + 'static>(
        self,
        database: &Database,
        insert: impl FnOnce(&Connection) -> rusqlite::Result<Row> + Send + 'static,
        created: fn(Row) -> Created<T>,
    ) -> Result<Created<T>, sqlite::Error> {
        let Some(keyed) = self.keyed else { return database.write(insert).await.map(created) };
        database
            .write(move |connection| keyed.once(connection, self.keep, |it| insert(it).map(created)))
            .await
    }
}

impl Keyed {
    fn once<T>(
        &self,
        connection: &Connection,
        keep: Duration,
        create: impl FnOnce(&Connection) -> rusqlite::Result<Created<T>>,
    ) -> rusqlite::Result<Created<T>> {
        if let Some(kept) = find(connection, &self.key)?.filter(|kept| kept.request == self.request) {
            return Ok(kept.into());
        }
        let created = create(connection)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        connection
            .prepare_cached(
                "INSERT INTO idempotency (key, request, location, answer, kept_at)
                 VALUES (:key, :request, :location, :answer, :kept_at)",
            )?
            .execute(named_params! {
                ":key": self.key,
                ":request": self.request,
                ":location": created.location(),
                ":answer": created.json(),
                ":kept_at": now.as_secs() as i64,
            })?;
        connection
            .prepare_cached(
                "DELETE FROM idempotency WHERE key IN
                 (SELECT key FROM idempotency WHERE kept_at < :oldest ORDER BY kept_at LIMIT :limit)",
            )?
            .execute(named_params! {
                ":oldest": now.saturating_sub(keep).as_secs() as i64,
                ":limit": FORGOTTEN_AT_ONCE,
            })?;
        Ok(created)
    }
}

/// An answer that was kept.
struct Kept {
    request: String,
    location: String,
    answer: Vec<u8>,
}

impl<T> From<Kept> for Created<T> {
    fn from(kept: Kept) -> Self {
        Self::again(kept.answer, kept.location)
    }
}

fn find(connection: &Connection, key: &str) -> rusqlite::Result<Option<Kept>> {
    connection
        .prepare_cached("SELECT request, location, answer FROM idempotency WHERE key = :key")?
        .query_row(named_params! { ":key": key }, |row| {
            Ok(Kept {
                request: row.get("request")?,
                location: row.get("location")?,
                answer: row.get("answer")?,
            })
        })
        .optional()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_in_pattern(text: &str) -> bool {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        pattern.is_match(text)
    }

    proptest! {
        #[test]
        fn the_document_says_what_is_taken(text in prop_oneof![
            "[\"a ~!é]{0,6}",
            "\"?[!-~]{250,260}\"?",
            "\"[!-~]{252,258}\"",
        ]) {
            let is_taken = HeaderValue::from_bytes(text.as_bytes()).is_ok_and(|value| parse(&value).is_some());
            prop_assert_eq!(is_in_pattern(&text), is_taken);
        }
    }
}
