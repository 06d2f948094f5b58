//! The page that shows a document in Swagger UI.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use poem_openapi::OpenApiService;
use sha2::{Digest, Sha256};

/// Our page around the Swagger UI that poem-openapi bundles.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) html: Bytes,
    /// The content security policy (<https://www.w3.org/TR/CSP3/>): the page may run its two scripts and call its own service,
    /// and it fetches nothing else.
    pub(crate) policy: String,
}

impl Page {
    /// The page of the document `json`, with a link to `home`, the page that leads to all services.
    #[expect(
        clippy::expect_used,
        reason = "the bundled page is part of poem-openapi, so the first test finds a changed one"
    )]
    pub(crate) fn new(title: &str, json: &str, home: Option<&str>) -> Self {
        let bundled = OpenApiService::new((), title, "").swagger_ui_html();
        let between = |start: &str, end: &str| {
            let (_, rest) = bundled.split_once(start).expect("the page has this element");
            rest.split_once(end).expect("the element ends").0
        };
        let script = between("<script charset=\"UTF-8\">", "</script>");
        let setup = include_str!("docs.js").replace("{document}", &json.replace("</", "<\\/"));
        let link = |url: &str| {
            format!("<nav class=\"home\"><a href=\"{}\">All services</a></nav>\n", url.replace('"', "%22"))
        };
        let html = include_str!("docs.html")
            .replace("{home}", &home.map(link).unwrap_or_default())
            .replace("{title}", title)
            .replace("{setup}", &setup)
            .replace("{style}", between("<style charset=\"UTF-8\">", "</style>"))
            .replace("{script}", script);
        let [script, setup] = [script, &setup].map(|script| BASE64_STANDARD.encode(Sha256::digest(script)));
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{script}' 'sha256-{setup}'; style-src 'unsafe-inline'; img-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { html: html.into(), policy }
    }
}
