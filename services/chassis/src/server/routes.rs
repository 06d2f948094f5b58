//! Which operation a request is for.
//!
//! poem would find it too, with a radix tree and several boxed futures on the way, each of which moves the whole request:
//! that took a third of the time of a read. A service has a handful of paths, and looks at one after the other.

use std::{borrow::Cow, collections::HashMap};

use percent_encoding::percent_decode_str;
use poem::{
    endpoint::BoxEndpoint,
    http::{HeaderValue, Method},
};
use poem_openapi::OpenApi;

/// The paths of an API.
pub(super) struct Routes(Vec<Route>);

/// A path, and what can be done there.
pub(super) struct Route {
    /// Such as `/things/{id}`.
    pub(super) template: &'static str,
    segments: Vec<Segment>,
    operations: Vec<(Method, BoxEndpoint<'static>)>,
    /// The methods that the path knows (RFC 9110, section 10.2.1). A GET can also be asked as HEAD.
    pub(super) allow: HeaderValue,
}

enum Segment {
    Fixed(String),
    Parameter,
}

impl Routes {
    pub(super) fn new<A: OpenApi>(api: A) -> Self {
        let templates: Vec<String> =
            A::meta().into_iter().flat_map(|api| api.paths).map(|path| path.path).collect();
        let mut routes = HashMap::new();
        api.add_routes(&mut routes);
        let route = |(path, operations): (String, HashMap<_, _>)| {
            // poem-openapi calls the parameters of a path by their numbers here, and by their names in the document.
            let shape = |path: &str| path.split('/').map(Segment::of).collect::<Vec<_>>();
            let template = templates.iter().find(|template| is_same(&shape(template), &shape(&path)));
            let mut methods: Vec<&str> = operations.keys().map(Method::as_str).collect();
            methods.sort_unstable();
            if methods.contains(&Method::GET.as_str()) {
                methods.push(Method::HEAD.as_str());
            }
            methods.push(Method::OPTIONS.as_str());
            Route {
                // Routes are made once in a process's life, so a leaked string is no leak.
                template: template.unwrap_or(&path).clone().leak(),
                segments: shape(&path),
                allow: HeaderValue::try_from(methods.join(", ")).unwrap_or(HeaderValue::from_static("")),
                operations: operations.into_iter().collect(),
            }
        };
        Self(routes.into_iter().map(route).collect())
    }

    /// The route of `path`, and what stands in it in place of the parameters.
    pub(super) fn find(&self, path: &str) -> Option<(&Route, Vec<String>)> {
        let path = without_slash(path);
        let length = path.bytes().filter(|byte| *byte == b'/').count() + 1;
        let mut as_long = self.0.iter().filter(|route| route.segments.len() == length);
        as_long.find_map(|route| Some((route, route.values(path)?)))
    }
}

impl Route {
    /// The operation that `method` asks for.
    pub(super) fn operation(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        // hyper leaves the body of an answer to HEAD away and keeps its length (RFC 9110, section 9.3.2).
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.operations.iter().find_map(|(known, operation)| (known == method).then_some(operation))
    }

    fn values(&self, path: &str) -> Option<Vec<String>> {
        let mut values = Vec::new();
        let mut given = path.split('/');
        for segment in &self.segments {
            let text = decoded(given.next()?);
            match segment {
                Segment::Fixed(expected) if text == expected.as_str() => {}
                Segment::Parameter if !text.is_empty() => values.push(text.into_owned()),
                _ => return None,
            }
        }
        given.next().is_none().then_some(values)
    }
}

/// What a segment of a path says: `%70` is `p`, and `%2F` parts no segments (RFC 3986, sections 2.4 and 6.2.2).
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    match text.contains('%') {
        // Bytes that are no text become a character that no value has.
        true => percent_decode_str(text).decode_utf8_lossy(),
        false => text.into(),
    }
}

/// `path` without the slash that people put behind it.
pub(super) fn without_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

impl Segment {
    fn of(text: &str) -> Self {
        match text.starts_with([':', '{']) {
            true => Self::Parameter,
            false => Self::Fixed(text.to_owned()),
        }
    }
}

fn is_same(one: &[Segment], other: &[Segment]) -> bool {
    let equal = |pair: (&Segment, &Segment)| match pair {
        (Segment::Fixed(one), Segment::Fixed(other)) => one == other,
        (Segment::Parameter, Segment::Parameter) => true,
        _ => false,
    };
    one.len() == other.len() && one.iter().zip(other).all(equal)
}
