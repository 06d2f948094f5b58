//! Security: which credential an operation requires, and how a token is sent as one.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::engine::{
    deployment::Deployment,
    exchange::{Request, escaped},
};

/// A way in which a caller shows a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `Authorization: Bearer`, as OAuth 2 and OpenID Connect have it, too.
    Bearer,
    /// `Authorization: Basic`, with the token for `name:password`.
    Basic,
    /// A parameter with this name, in a `header`, the `query` or a `cookie`.
    Key(String, String),
}

/// The credentials that an operation accepts: any of these combinations of schemes. None if its document does not mention security.
pub type Security = Option<Vec<Vec<Scheme>>>;

/// The credentials that an operation accepts, as declared in `document`.
pub(crate) fn declared(document: &Value, operation: &Value) -> Security {
    let schemes = &document["components"]["securitySchemes"];
    let scheme = |name: &String| {
        let scheme = &schemes[name];
        let text = |key: &str| scheme[key].as_str().unwrap_or_default();
        match text("type") {
            "http" if text("scheme").eq_ignore_ascii_case("basic") => Some(Scheme::Basic),
            "apiKey" => Some(Scheme::Key(text("in").to_owned(), text("name").to_owned())),
            "mutualTLS" => None,
            _ => Some(Scheme::Bearer),
        }
    };
    let alternatives = operation["security"].as_array()?;
    let all = |alternative: &Value| {
        let names = alternative.as_object().into_iter().flatten().map(|(name, _)| name);
        names.filter_map(scheme).collect::<Vec<_>>()
    };
    Some(alternatives.iter().map(all).collect())
}

/// Whether a caller without a credential must be refused.
pub(crate) fn is_closed(security: &Security) -> bool {
    security.as_ref().is_some_and(|any| !any.is_empty() && any.iter().all(|all| !all.is_empty()))
}

/// `request` with what the operation asks for, and with what every request to its service has.
pub(crate) fn authorized(security: &Security, request: Request, deployment: &Deployment) -> Request {
    let token = &deployment.service(&request.service).token;
    let request = with_token(security, request, token);
    with_headers(request, deployment)
}

/// `request` with what every request to its service has, unless it says otherwise itself.
pub(crate) fn with_headers(mut request: Request, deployment: &Deployment) -> Request {
    for (name, value) in deployment.headers(&request.service) {
        if !request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            request.headers.push((name.clone(), value.clone()));
        }
    }
    request
}

/// `request` with `token`, in the first way that the operation asks for.
pub(crate) fn with_token(security: &Security, request: Request, token: &str) -> Request {
    if token.is_empty() {
        return request;
    }
    let bearer = [Scheme::Bearer];
    let schemes = match security {
        // A document that says nothing of security may still be of a service that asks for a token.
        None => &bearer[..],
        Some(any) => any.iter().find(|all| !all.is_empty()).map(Vec::as_slice).unwrap_or_default(),
    };
    schemes.iter().fold(request, |request, scheme| match scheme {
        Scheme::Bearer => request.token(token),
        Scheme::Basic => request.header("Authorization", format!("Basic {}", BASE64_STANDARD.encode(token))),
        Scheme::Key(place, name) => match place.as_str() {
            "query" => {
                let separator = if request.path.contains('?') { '&' } else { '?' };
                Request { path: format!("{}{separator}{name}={}", request.path, escaped(token)), ..request }
            }
            "cookie" => request.header("Cookie", format!("{name}={token}")),
            _ => request.header(name, token),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sent(scheme: &Value) -> Request {
        let document = json!({ "components": { "securitySchemes": { "one": scheme } } });
        let security = declared(&document, &json!({ "security": [{ "one": [] }] }));
        assert!(is_closed(&security));
        with_token(&security, Request::new("any", "GET", "/a?b=1"), "name:secret")
    }

    #[test]
    fn a_token_is_sent_as_the_document_says() {
        let has = |scheme: Value, name: &str, value: &str| {
            let header = (name.to_owned(), value.to_owned());
            assert!(sent(&scheme).headers.contains(&header), "{scheme}: {:?}", sent(&scheme));
        };
        has(json!({ "type": "http", "scheme": "bearer" }), "Authorization", "Bearer name:secret");
        has(json!({ "type": "oauth2" }), "Authorization", "Bearer name:secret");
        has(json!({ "type": "http", "scheme": "Basic" }), "Authorization", "Basic bmFtZTpzZWNyZXQ=");
        has(json!({ "type": "apiKey", "in": "header", "name": "X-Key" }), "X-Key", "name:secret");
        has(json!({ "type": "apiKey", "in": "cookie", "name": "session" }), "Cookie", "session=name:secret");
        let query = sent(&json!({ "type": "apiKey", "in": "query", "name": "key" }));
        assert_eq!(query.path, "/a?b=1&key=name%3Asecret");
    }

    #[test]
    fn an_operation_is_open_if_one_alternative_asks_for_nothing() {
        let is_closed = |security: Value| is_closed(&declared(&json!({}), &json!({ "security": security })));
        assert!(is_closed(json!([{ "one": [] }])));
        assert!(!is_closed(json!([])) && !is_closed(json!([{ "one": [] }, {}])) && !is_closed(json!(null)));
    }
}
