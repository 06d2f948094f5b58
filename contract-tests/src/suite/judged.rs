//! Describes what a run tests, so that the reader of its result knows what it covers.

use std::{
    io::{self, Write},
    iter,
    sync::Once,
};

use serde_json::Value;

use crate::{
    engine::{
        compatibility::version,
        contract::CONTRACT,
        deployment::{SERVICES, folder},
        exchange::Request,
        openapi::files,
        session::Session,
    },
    harness::store,
};

/// The engine of a deployment that somebody else has started.
pub const UNKNOWN: &str = "a database that is not known";

/// What is judged, by what: the address, the version and the document of each service, the engine of its database, and the suite.
/// Each is a line.
///
/// # Errors
/// A service does not respond. The sentence names each of them.
pub fn lines(session: &Session, engine: &str) -> Result<Vec<String>, String> {
    let (mut lines, mut silent) = (Vec::new(), Vec::new());
    for service in SERVICES.iter() {
        let document = &CONTRACT.document(service).json;
        let url = &session.deployment.service(service).url;
        let Ok(shown) = session.exchange(&Request::new(service, "GET", "/openapi.json")) else {
            silent.push(format!("{service} at {url}"));
            continue;
        };
        let shown = Some(shown).filter(|response| response.status == 200).map(|response| response.json());
        let checked_in =
            files::text(&folder().join(format!("{service}.json"))).and_then(|it| files::parse(&it));
        let shows = match &shown {
            Some(shown) if checked_in.is_ok_and(|it| without_servers(&it) == without_servers(shown)) => {
                "shows the same document".to_owned()
            }
            Some(shown) => format!("shows another document, version {}", version(shown)),
            None => "shows no document, so that it is asked for the original contract only".to_owned(),
        };
        lines.push(format!(
            "{service} at {url}, judged by openapi/{service}.json {}; it {shows}",
            version(document)
        ));
    }
    if !silent.is_empty() {
        return Err(format!(
            "No response from {}: start what is to be judged, or name another address.",
            silent.join(", ")
        ));
    }
    lines.push(judge(engine));
    Ok(lines)
}

/// The same for tests that each start a store of their own.
pub fn of_new_stores() -> Vec<String> {
    let of_service = |service: &&str| {
        let version = version(&CONTRACT.document(service).json);
        format!("{service}, which each test starts, judged by openapi/{service}.json {version}")
    };
    SERVICES.iter().map(of_service).chain(iter::once(judge(&store::engine()))).collect()
}

/// Shows, the first time, what is judged. It goes around the harness of tests, which keeps what a test prints to itself.
pub fn tell(lines: impl FnOnce() -> Vec<String>) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        // Whoever has closed the output reads nothing.
        let _ = writeln!(io::stdout(), "judged:\n  {}", lines().join("\n  "));
    });
}

fn judge(engine: &str) -> String {
    format!("on {engine}, by contract-tests {}", env!("CARGO_PKG_VERSION"))
}

/// A document without the address of the service, which differs from deployment to deployment.
fn without_servers(document: &Value) -> Value {
    let mut document = document.clone();
    document.as_object_mut().and_then(|members| members.shift_remove("servers"));
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{deployment::Deployment, session::Scope},
        harness::upstream::{FakeUpstream, FaultMode},
    };

    #[test]
    fn a_service_that_does_not_respond_is_named_and_one_without_a_document_is_judged() {
        let upstream = FakeUpstream::start("", FaultMode::RespondsWithStatus(404, None));
        let everywhere = |url: &str| {
            let with = |deployment: Deployment, service: &&str| deployment.with_url(service, url.to_owned());
            SERVICES.iter().fold(Deployment::default(), with)
        };
        let judged = |deployment| lines(&Session::with_scope(deployment, Scope::Common), "SQLite 3");
        let shown = judged(everywhere(&upstream.url())).unwrap();
        assert!(
            shown[0].ends_with("; it shows no document, so that it is asked for the original contract only")
        );
        assert!(
            shown.last().is_some_and(|line| line.starts_with("on SQLite 3, by contract-tests ")),
            "{shown:?}"
        );
        let silent = everywhere(&upstream.url()).with_url("orders", "http://127.0.0.1:1".to_owned());
        let sentence = judged(silent).unwrap_err();
        assert!(sentence.starts_with("No response from orders at http://127.0.0.1:1: "), "{sentence}");
    }
}
