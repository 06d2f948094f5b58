//! Which operation a request is for: `matchit` matches its path.
//!
//! poem's own router moves the whole request through several boxed futures, which took a third of the time of a read.

use std::{borrow::Cow, collections::HashMap};

use matchit::Router;
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use poem::{
    endpoint::BoxEndpoint,
    http::{HeaderValue, Method},
};
use poem_openapi::{
    OpenApi,
    registry::{MetaOperation, MetaParamIn},
};

/// What stays encoded while a path is matched: a slash would split a segment, and a percent sign would be decoded again.
const RESERVED: AsciiSet = AsciiSet::EMPTY.add(b'/').add(b'%');

/// The paths of an API.
pub(super) struct Routes(Router<Route>);

/// A path and its operations.
pub(super) struct Route {
    /// Such as `/things/{id}`.
    pub(super) template: &'static str,
    operations: Vec<(Method, BoxEndpoint<'static>)>,
    /// The methods that the path knows (RFC 9110, section 10.2.1). A GET can also be asked as HEAD.
    pub(super) allow: HeaderValue,
}

impl Routes {
    /// # Panics
    /// Two paths of the API cannot be told apart, or an operation takes the parameters of its path in another order.
    #[expect(
        clippy::expect_used,
        reason = "an API's paths are fixed: any test that starts the service finds a clash"
    )]
    pub(super) fn new<A: OpenApi>(api: A) -> Self {
        let mut templates = Router::new();
        for path in A::meta().into_iter().flat_map(|api| api.paths) {
            assert!(
                path.operations.iter().all(|operation| has_parameters_in_order(operation, &path.path)),
                "an operation of {} takes the parameters of its path in another order",
                path.path
            );
            // Routes are made once per process, so leaking their strings is fine.
            let template: &'static str = path.path.leak();
            templates.insert(template, template).expect("paths that differ");
        }
        let mut endpoints = HashMap::new();
        api.add_routes(&mut endpoints);
        let mut router = Router::new();
        for (path, operations) in endpoints {
            // poem-openapi numbers the parameters, as in `/things/:param0`, which `/things/{id}` matches.
            let template = *templates.at(&path).expect("a path of the document").value;
            router.insert(template, Route::new(template, operations)).expect("paths that differ");
        }
        Self(router)
    }

    /// The route of `path`, and the values of its parameters in the order of the template.
    pub(super) fn find(&self, path: &str) -> Option<(&Route, Vec<String>)> {
        let path = normalized(without_slash(path));
        let found = self.0.at(&path).ok()?;
        Some((found.value, found.params.iter().map(|(_, value)| decoded(value).into_owned()).collect()))
    }
}

impl Route {
    #[expect(clippy::expect_used, reason = "the name of a method is a token, which a header value may be")]
    fn new(template: &'static str, operations: HashMap<Method, BoxEndpoint<'static>>) -> Self {
        let mut methods: Vec<&str> = operations.keys().map(Method::as_str).collect();
        methods.sort_unstable();
        if methods.contains(&Method::GET.as_str()) {
            methods.push(Method::HEAD.as_str());
        }
        methods.push(Method::OPTIONS.as_str());
        let allow = HeaderValue::try_from(methods.join(", ")).expect("methods fit into a header");
        Self { template, allow, operations: operations.into_iter().collect() }
    }

    /// The operation that `method` asks for.
    pub(super) fn operation(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        // hyper leaves the body of a response to HEAD away and keeps its length (RFC 9110, section 9.3.2).
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.iter().find_map(|(known, operation)| (known == method).then_some(operation))
    }
}

/// Whether the arguments of `operation` are in the order of `template`: poem-openapi matches them by their numbers.
fn has_parameters_in_order(operation: &MetaOperation, template: &str) -> bool {
    let arguments = operation.params.iter().filter(|parameter| parameter.in_type == MetaParamIn::Path);
    let parameters = template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    arguments.map(|argument| argument.name.as_str()).eq(parameters)
}

/// What a segment of a path says: `%70` is `p`, and `%2F` parts no segments (RFC 3986, sections 2.4 and 6.2.2).
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    match text.contains('%') {
        // Bytes that are not UTF-8 become a character that no value has.
        true => percent_decode_str(text).decode_utf8_lossy(),
        false => text.into(),
    }
}

/// `path` with nothing encoded that need not be, so that `/%70aths` is `/paths`.
fn normalized(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let segment = |segment| utf8_percent_encode(&decoded(segment), &RESERVED).to_string();
    path.split('/').map(segment).collect::<Vec<_>>().join("/").into()
}

/// `path` without the slash that people put behind it.
pub(super) fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use poem_openapi::payload::PlainText;

    use super::*;
    use crate::{api::parameters::Path, values::Integer};

    type Id = Integer<1, 9>;

    struct Ordered;

    #[OpenApi]
    impl Ordered {
        #[oai(path = "/rooms/:room/things/:thing", method = "get")]
        async fn get(&self, room: Path<Id>, thing: Path<Id>) -> PlainText<String> {
            PlainText(format!("{room:?} {thing:?}"))
        }

        #[oai(path = "/rooms/first", method = "put")]
        async fn put(&self) -> PlainText<&'static str> {
            PlainText("first")
        }
    }

    struct Swapped;

    #[OpenApi]
    impl Swapped {
        #[oai(path = "/rooms/:room/things/:thing", method = "get")]
        async fn get(&self, thing: Path<Id>, room: Path<Id>) -> PlainText<String> {
            PlainText(format!("{room:?} {thing:?}"))
        }
    }

    #[test]
    fn a_path_is_matched_by_its_decoded_segments() {
        let routes = Routes::new(Ordered);
        let find = |path| routes.find(path).map(|(route, values)| (route.template, values.join(" ")));
        let things = |values: &str| Some(("/rooms/{room}/things/{thing}", values.to_owned()));
        assert_eq!(find("/rooms/1/things/2"), things("1 2"));
        assert_eq!(find("/%72ooms/a%2Fb/things/c%2525/"), things("a/b c%25"));
        assert_eq!(find("/rooms/first"), Some(("/rooms/first", String::new())));
        for unknown in
            ["/rooms", "/rooms//things/2", "/rooms%2Ffirst", "/rooms/1/things/2//", "rooms/first", "*"]
        {
            assert_eq!(find(unknown), None, "{unknown}");
        }
        assert_eq!(routes.find("/rooms/first").unwrap().0.allow, "PUT, OPTIONS");
        assert_eq!(routes.find("/rooms/1/things/2").unwrap().0.allow, "GET, HEAD, OPTIONS");
    }

    #[test]
    #[should_panic(expected = "takes the parameters of its path in another order")]
    fn an_operation_takes_the_parameters_of_its_path_in_order() {
        Routes::new(Swapped);
    }
}
