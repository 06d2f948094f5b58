//! What a service says of itself: the OpenAPI document that its types emit, the page that shows it, and the routes in it.

use std::{collections::HashMap, marker::PhantomData};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    ContactObject, ExtraHeader, LicenseObject, OpenApi, OpenApiService, ServerObject,
    registry::{MetaApi, Registry},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::values::Count;

/// What a document says of its API beside what the types say.
#[derive(Clone, Copy, Debug)]
pub struct ApiInfo {
    /// The title of the document and of its page.
    pub title: &'static str,
    /// What the service does, in a sentence or two.
    pub description: &'static str,
    /// Where it is found unless it was told otherwise.
    pub address: &'static str,
    /// The checked-in document, from which the recorded examples are taken.
    pub checked_in: &'static str,
}

/// How values are judged in every request, for whoever reads the document.
const JUDGEMENT: &str = "Numbers are judged as they are written, and not as the doubles that they may become: \
    `3.0` and `30e-1` are the integer 3, and `0.99999999999999999999` is no integer. A number with a fraction is answered as \
    the same number, or is refused: one that has at most 15 significant digits can always be kept, and one with more if it is \
    what a double is written as. Text is UTF-8 without a byte order mark, and has neither U+0000 nor half of a surrogate pair.";

/// The header that every operation honours.
const TIMEOUT: &str = "X-Request-Timeout-Ms";

/// What it does.
const TIMEOUT_DESCRIPTION: &str = "How many milliseconds the caller waits for the answer. When they are over, the answer is \
    503 and nothing was done. The service's own limit counts if it is less, and what is no number says nothing.";

/// A service's document.
#[derive(Clone, Debug)]
pub struct Document {
    json: Bytes,
    page: Bytes,
    page_policy: String,
}

impl Document {
    /// The document that the types of API `A` emit, with the examples that were recorded for it.
    ///
    /// # Panics
    /// The checked-in document is neither JSON nor empty.
    #[expect(
        clippy::expect_used,
        reason = "documents are part of the program, so its first test finds a broken one"
    )]
    pub fn of<A: OpenApi>(info: &ApiInfo) -> Self {
        let service =
            OpenApiService::new(Declaration(PhantomData::<A>), info.title, env!("CARGO_PKG_VERSION"))
                .description(format!("{}\n\n{JUDGEMENT}", info.description))
                .contact(ContactObject::new().name("The authors of the store"))
                .extra_request_header::<Option<Count>, _>(
                    ExtraHeader::new(TIMEOUT).description(TIMEOUT_DESCRIPTION),
                )
                .license(LicenseObject::new("MIT").url("https://opensource.org/license/mit"))
                .server(ServerObject::new("/").description("the service that shows this document"))
                .server(ServerObject::new(info.address).description("where it is found by default"));
        let mut document: Value = serde_json::from_str(&service.spec()).expect("a document that is JSON");
        write_whole_numbers_as_integers(&mut document);
        put_timeout_last(&mut document);
        // A new service has none yet.
        if !info.checked_in.is_empty() {
            let recorded =
                serde_json::from_str(info.checked_in).expect("the checked-in document is JSON, or empty");
            adopt_examples(&mut document, &recorded);
        }
        let json = format!("{document:#}\n");
        let (page, page_policy) = page(info.title, &service.swagger_ui_html(), &json);
        Self { json: json.into(), page: page.into(), page_policy }
    }

    /// The OpenAPI document, as it is checked in and as `/openapi.json` serves it.
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }

    /// Swagger UI, showing the document.
    pub(crate) fn page(&self) -> Bytes {
        self.page.clone()
    }

    /// The content security policy of the page.
    pub(crate) fn page_policy(&self) -> &str {
        &self.page_policy
    }
}

/// What an API says of itself, without the API: a document can be made without opening a database.
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

/// poem-openapi keeps every bound as a double: `1000.0` is `1000` in a document that people read.
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

/// poem-openapi puts what all operations share before their own parameters, in upper case.
fn put_timeout_last(document: &mut Value) {
    let operations = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in operations.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        let Some(parameters) = operation["parameters"].as_array_mut() else { continue };
        parameters[0]["name"] = TIMEOUT.into();
        parameters.rotate_left(1);
    }
}

/// Copies the named examples of `recorded` to the same media types and parameters of `document`, if they are still there.
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

/// Our page around the Swagger UI that poem-openapi brings, set up as people expect it, and what the page may do
/// (<https://www.w3.org/TR/CSP3/>): run its two scripts and talk to its own service. It fetches nothing.
#[expect(
    clippy::expect_used,
    reason = "the page is part of poem-openapi, so the first test finds a changed one"
)]
fn page(title: &str, swagger_ui: &str, json: &str) -> (String, String) {
    let between = |start: &str, end: &str| {
        let (_, rest) = swagger_ui.split_once(start).expect("the page has this element");
        rest.split_once(end).expect("the element ends").0
    };
    let script = between("<script charset=\"UTF-8\">", "</script>");
    let setup = include_str!("docs.js").replace("{document}", &json.replace("</", "<\\/"));
    let page = include_str!("docs.html")
        .replace("{title}", title)
        .replace("{setup}", &setup)
        .replace("{style}", between("<style charset=\"UTF-8\">", "</style>"))
        .replace("{script}", script);
    let [script, setup] = [script, &setup].map(|script| BASE64_STANDARD.encode(Sha256::digest(script)));
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{script}' 'sha256-{setup}'; style-src 'unsafe-inline'; img-src data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (page, policy)
}
