//! The `Idempotency-Key` header, on the wire and in the document.

use poem::{
    Request, RequestBody,
    http::{HeaderName, HeaderValue},
};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchema, MetaSchemaRef},
};

use crate::{
    error::INVALID_FIELDS,
    wire::header::{Single, single},
};

pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// The values that [`parse`] accepts, for the document: visible ASCII, quoted or not. A quote at only one end is part of the key.
const PATTERN: &str = r#"^("[!-~]{1,255}"|[!#-~][!-~]{0,254}|"([!-~]{0,253}[!#-~])?)$"#;

/// The most characters of a key.
const KEY_LIMIT: usize = 255;

/// The caller's name for a request that it may have to repeat: 1 to 255 characters of visible ASCII, quoted or not. None if the
/// request has no key.
#[derive(Debug)]
pub struct IdempotencyKey(pub(super) Option<String>);

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
                Err(INVALID_FIELDS.with_detail(detail).into())
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
        fn the_pattern_in_the_document_matches_the_parser(text in prop_oneof![
            "[\"a ~!é]{0,6}",
            "\"?[!-~]{250,260}\"?",
            "\"[!-~]{252,258}\"",
        ]) {
            let is_taken = HeaderValue::from_bytes(text.as_bytes()).is_ok_and(|value| parse(&value).is_some());
            prop_assert_eq!(is_in_pattern(&text), is_taken);
        }
    }
}
