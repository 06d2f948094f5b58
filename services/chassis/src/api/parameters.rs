//! Parameters in paths and queries.

use poem::{Request, RequestBody};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaParamIn, MetaSchemaRef, Registry},
    types::Type,
};

use crate::{
    error::{self, INVALID_FIELDS},
    values::Parameter,
};

/// A parameter in the path. None if it is not a valid `T`: the operation decides what that means.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub Option<T>);

impl<'a, T: Parameter + Type> ApiExtractor<'a> for Path<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
    }

    async fn from_request(
        _request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let index = path_index(options.name);
        Ok(Self(error::in_request(|context| T::from_text(context.path_value(index)?))?))
    }
}

/// Which parameter of the path `name` means: poem-openapi calls them `param0`, `param1` and so on.
#[expect(clippy::expect_used, reason = "poem-openapi makes the names")]
fn path_index(name: &str) -> usize {
    name.strip_prefix("param").and_then(|index| index.parse().ok()).expect("the number of a parameter")
}

/// An optional parameter in the query. A value that is not a valid `T` is rejected, and so are several values.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub Option<T>);

impl<'a, T: Parameter + Type> ApiExtractor<'a> for Query<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Query)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(T::schema_ref())
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
            (Some((_, value)), None) => T::from_text(&value),
            _ => None,
        };
        let invalid = || INVALID_FIELDS.with_detail(format!("{} must be {}", options.name, T::requirement()));
        Ok(Self(Some(value.ok_or_else(invalid)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Instant};

    use poem::http::HeaderValue;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        context::{RequestContext, ServiceContext, TraceContext},
        error::ApiError,
        settings::{CurrentToken, Limits, Token},
        values::{Limit, Text, Value},
    };

    crate::text_enum! {
        enum Sorting {
            Ascending = "asc",
            Descending = "desc",
        }
    }

    fn options(name: &'static str) -> ExtractParamOptions<()> {
        ExtractParamOptions {
            name,
            ignore_case: false,
            default_value: None,
            example_value: None,
            explode: true,
            style: None,
        }
    }

    /// Reads the second parameter of a path.
    async fn path<T: Parameter + Type>(text: &str) -> Option<T> {
        #[derive(clap::Parser)]
        struct Settings {
            #[command(flatten)]
            limits: Limits,
        }
        let Settings { limits } = clap::Parser::parse_from(["test"]);
        let token = Arc::new(CurrentToken::new(Token::new("secret").unwrap()));
        let context = RequestContext {
            service: Arc::new(ServiceContext {
                name: "test",
                token,
                limits,
                upstream_permits: Arc::new(Semaphore::new(1)),
            }),
            request_id: HeaderValue::from_static("test"),
            trace: TraceContext::new_root(),
            deadline: Instant::now(),
            path_values: vec!["first".into(), text.into()],
            is_read: true.into(),
            is_authenticated: true.into(),
            write: None.into(),
        };
        let (request, mut body) = (Request::default(), RequestBody::default());
        let read = Path::from_request(&request, &mut body, options("param1"));
        context.scope(read).await.unwrap().0
    }

    #[tokio::test]
    async fn a_path_has_integers_texts_and_enums() {
        assert_eq!(path("17").await, Limit::new(17));
        assert_eq!(path("two words").await, <Text>::new("two words"));
        assert_eq!(path("asc").await, Some(Sorting::Ascending));
    }

    #[tokio::test]
    async fn a_wrong_value_in_a_path_is_none() {
        assert_eq!(path::<Limit>("01").await, None);
        assert_eq!(path::<Text>("\u{fffd}").await, None);
        assert_eq!(path::<Sorting>("ascending").await, None);
    }

    /// Reads the parameter `q` of a query, or returns the detail of the error.
    async fn query<T: Parameter + Type>(query: &str) -> Result<Option<T>, String> {
        let request = Request::builder().uri_str(format!("http://localhost/?{query}")).finish();
        match Query::from_request(&request, &mut RequestBody::default(), options("q")).await {
            Ok(Query(value)) => Ok(value),
            Err(error) => Err(error.downcast::<ApiError>().unwrap().detail.unwrap().into()),
        }
    }

    #[tokio::test]
    async fn a_query_has_integers_texts_and_enums() {
        assert_eq!(query("q=17").await, Ok(Limit::new(17)));
        assert_eq!(query("q=two+words%21").await, Ok(<Text>::new("two words!")));
        assert_eq!(query("p=1&q=desc").await, Ok(Some(Sorting::Descending)));
        assert_eq!(query::<Sorting>("p=desc").await, Ok(None));
    }

    #[tokio::test]
    async fn a_wrong_value_in_a_query_is_refused() {
        let must_be = |requirement: String| format!("q must be {requirement}");
        for wrong in ["q=ASC", "q=asc&q=desc"] {
            assert_eq!(query::<Sorting>(wrong).await, Err(must_be(Sorting::requirement())));
        }
        for wrong in ["q=", "q=%00", "q=%ff", &format!("q={}", "x".repeat(201))] {
            assert_eq!(query::<Text>(wrong).await, Err(must_be(<Text>::requirement())));
        }
    }
}
