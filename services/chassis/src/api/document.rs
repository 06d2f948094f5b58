//! The OpenAPI document that the types of a service emit.

use std::{collections::HashMap, marker::PhantomData, ops::Range, sync::OnceLock};

use bytes::Bytes;
use futures_util::stream;
use poem::{
    Body, IntoResponse, Response,
    endpoint::BoxEndpoint,
    http::{Method, StatusCode, header},
};
use poem_openapi::{
    ContactObject, ExtraHeader, LicenseObject, OpenApi, OpenApiService, ServerObject,
    registry::{MetaApi, Registry},
};
use serde_json::Value;

use super::page::Page;
use crate::{settings::ServiceInfo, values::Count, wire::json};

/// The parts of a document that the types do not provide.
#[derive(Clone, Copy, Debug)]
pub struct ApiInfo {
    /// The title of the document and of its page.
    pub title: &'static str,
    /// A description of the service, in a sentence or two.
    pub description: &'static str,
    /// The service, whose port is in its default address.
    pub service: ServiceInfo,
    /// The checked-in document, from which the recorded examples are taken.
    pub checked_in: &'static str,
}

/// How every request is validated, for readers of the document.
const VALIDATION: &str = "Numbers are validated as written, before any conversion to floating point: `3.0` and `30e-1` \
    are the integer 3, and `0.99999999999999999999` is not an integer. The service never rounds a number with a fraction: it \
    returns exactly the number that was sent, or rejects it. Up to 15 significant digits are always accepted; more are \
    accepted if they are the shortest form of a double. Text is UTF-8 without a byte order mark, and must not contain U+0000 \
    or an unpaired surrogate.";

/// A header that every operation accepts.
const TIMEOUT: &str = "X-Request-Timeout-Ms";

/// The description of [`TIMEOUT`].
const TIMEOUT_DESCRIPTION: &str = "How long the caller waits for the response, in milliseconds. If it expires first, \
    the response is 503 and nothing was stored; a write that has started completes normally. The service's own \
    timeout applies if it is shorter. A value that is not a number is ignored.";

/// A service's document.
#[derive(Debug)]
pub struct Document {
    title: &'static str,
    json: Bytes,
    /// Where the URL of the service is in `json`.
    url: Range<usize>,
    /// The URL of the page that leads to all services.
    home: Option<String>,
    /// Made when it is first asked for: it takes more memory than the rest of an idle service's data.
    page: OnceLock<Page>,
}

impl Document {
    /// The document that the types of API `A` emit, with the examples that were recorded for it.
    ///
    /// # Panics
    /// poem-openapi emits no JSON.
    #[expect(
        clippy::expect_used,
        reason = "documents are part of the program, so its first test finds a broken one"
    )]
    pub fn of<A: OpenApi>(info: &ApiInfo) -> Self {
        let url = format!("http://localhost:{}", info.service.port);
        let service =
            OpenApiService::new(Declaration(PhantomData::<A>), info.title, env!("CARGO_PKG_VERSION"))
                .description(format!("{}\n\n{VALIDATION}", info.description))
                .contact(ContactObject::new().name("The authors of the store"))
                .extra_request_header::<Option<Count>, _>(
                    ExtraHeader::new(TIMEOUT).description(TIMEOUT_DESCRIPTION),
                )
                .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
                .server(ServerObject::new(&*url).description("The address of the service"));
        let mut document: Value = serde_json::from_str(&service.spec()).expect("a document that is JSON");
        write_whole_numbers_as_integers(&mut document);
        put_timeout_last(&mut document);
        // A new service has none yet. After a merge conflict, the file is no JSON until this document is written to it.
        let recorded = serde_json::from_str(info.checked_in).unwrap_or_default();
        adopt_examples(&mut document, &recorded);
        let json = format!("{document:#}\n");
        let servers = json.find("\"servers\": [").expect("a document with a server");
        let start = servers + json[servers..].find(&url).expect("the server with its URL");
        let url = start..start + url.len();
        Self { title: info.title, json: json.into(), url, home: None, page: OnceLock::new() }
    }

    /// The OpenAPI document, parsed.
    #[expect(clippy::expect_used, reason = "it has been emitted as JSON")]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.json).expect("a document that is JSON")
    }

    /// The same document, whose page links to `home`, the page that leads to all services.
    pub(crate) fn with_home(self, home: Option<String>) -> Self {
        Self { home, ..self }
    }

    /// The OpenAPI document, as it is checked in, with the default address.
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// The document of the service at the URL `base`, which needs no escape in JSON, as `/openapi.json` serves it. All responses
    /// share its bytes, but for the URL.
    pub(crate) fn response(&self, base: String) -> Response {
        let length = self.json.len() - self.url.len() + base.len();
        let parts = [self.json.slice(..self.url.start), base.into(), self.json.slice(self.url.end..)];
        let body = Body::from_bytes_stream(stream::iter(parts.map(Ok::<_, std::io::Error>)));
        json::bytes_response(StatusCode::OK, body).with_header(header::CONTENT_LENGTH, length).into_response()
    }

    /// The page that shows the document in Swagger UI.
    pub(crate) fn page(&self) -> &Page {
        self.page
            .get_or_init(|| Page::new(self.title, &String::from_utf8_lossy(&self.json), self.home.as_deref()))
    }
}

/// The declaration of an API without its state: the document needs no open database.
struct Declaration<A>(PhantomData<A>);

impl<A: OpenApi> OpenApi for Declaration<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// poem-openapi keeps every bound as a double, and would write `1000.0` for `1000`.
fn write_whole_numbers_as_integers(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(write_whole_numbers_as_integers),
        Value::Array(array) => array.iter_mut().for_each(write_whole_numbers_as_integers),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|number| number.fract() == 0.0) {
                *number = (whole as i64).into();
            }
        }
        _ => {}
    }
}

/// poem-openapi puts the parameters that all operations share first, in upper case.
fn put_timeout_last(document: &mut Value) {
    let operations = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        let Some(parameters) = operation["parameters"].as_array_mut() else { continue };
        parameters[0]["name"] = TIMEOUT.into();
        parameters.rotate_left(1);
    }
}

/// Copies the named examples in `recorded` to the same media types and parameters in `document`, where these still exist.
fn adopt_examples(document: &mut Value, recorded: &Value) {
    match (document, recorded) {
        (Value::Object(document), Value::Object(recorded)) => {
            if let (true, Some(examples)) = (document.contains_key("schema"), recorded.get("examples")) {
                document.insert("examples".into(), examples.clone());
            }
            for (key, value) in document.iter_mut().filter(|(key, _)| *key != "examples") {
                recorded.get(key).inspect(|recorded| adopt_examples(value, recorded));
            }
        }
        (Value::Array(document), Value::Array(recorded)) => {
            document.iter_mut().zip(recorded).for_each(|(value, recorded)| adopt_examples(value, recorded));
        }
        _ => {}
    }
}
