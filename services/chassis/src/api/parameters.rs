//! Values in paths and queries. They are read without failing where what a wrong value means is the operation's to say.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchemaRef},
};

use crate::{
    error::{self, INVALID_FIELDS},
    values::{Integer, Value},
};

/// What stands in the path in place of a parameter, if it is a `T`.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub Option<T>);

impl<'a, const MIN: i64, const MAX: i64> ApiExtractor<'a> for Path<Integer<MIN, MAX>> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(Integer::<MIN, MAX>::schema())))
    }

    async fn from_request(
        _request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let index = path_index(options.name);
        Ok(Self(error::in_request(|context| Integer::from_digits(context.path_value(index)?))?))
    }
}

/// Which parameter of the path `name` means: poem-openapi calls them `param0`, `param1` and so on.
#[expect(clippy::expect_used, reason = "poem-openapi makes the names")]
fn path_index(name: &str) -> usize {
    name.strip_prefix("param").and_then(|index| index.parse().ok()).expect("the number of a parameter")
}

/// A value in the query, if there is one. One that is there and is no `T` is refused, and so are several.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub Option<T>);

impl<'a, const MIN: i64, const MAX: i64> ApiExtractor<'a> for Query<Integer<MIN, MAX>> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(Integer::<MIN, MAX>::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let query = request.uri().query().unwrap_or_default();
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == options.name);
        let value = match (values.next(), values.next()) {
            (None, _) => return Ok(Self(None)),
            (Some((_, value)), None) => Integer::from_digits(&value),
            _ => None,
        };
        let invalid = || {
            INVALID_FIELDS.with_detail(format!(
                "{} must be {}",
                options.name,
                Integer::<MIN, MAX>::requirement()
            ))
        };
        Ok(Self(Some(value.ok_or_else(invalid)?)))
    }
}
