//! Describes what a run tests, so that the reader of its result knows what it covers.

use serde_json::Value;

use crate::engine::{
    compatibility::version,
    contract::CONTRACT,
    deployment::{SERVICES, folder},
    exchange::Request,
    openapi::files,
    session::Session,
};

/// What is judged, by what: the address, the version and the document of each service, and the suite. Each is a line.
pub fn lines(session: &Session) -> Vec<String> {
    let of_service = |service: &&str| {
        let document = &CONTRACT.document(service).json;
        let url = &session.deployment.service(service).url;
        let shown = session.send(&Request::new(service, "GET", "/openapi.json")).ok();
        let shown = shown.filter(|response| response.status == 200).map(|response| response.json());
        let checked_in =
            files::text(&folder().join(format!("{service}.json"))).and_then(|it| files::parse(&it));
        let shows = match &shown {
            Some(shown) if checked_in.is_ok_and(|it| without_servers(&it) == without_servers(shown)) => {
                "shows the same document".to_owned()
            }
            Some(shown) => format!("shows another document, version {}", version(shown)),
            None => "shows no document, so that it is asked for the original contract only".to_owned(),
        };
        format!("{service} at {url}, judged by openapi/{service}.json {}; it {shows}", version(document))
    };
    let suite = format!("by contract-tests {}", env!("CARGO_PKG_VERSION"));
    SERVICES.iter().map(of_service).chain([suite]).collect()
}

/// A document without the address of the service, which differs from deployment to deployment.
fn without_servers(document: &Value) -> Value {
    let mut document = document.clone();
    document.as_object_mut().and_then(|members| members.shift_remove("servers"));
    document
}
