//! Edges: which service calls which, and what its document says about an upstream that does not respond.

use serde_json::Value;

use crate::engine::{
    contract::{CONTRACT, Operation},
    deployment::{SERVICES, asked_by},
    exchange::Request,
    session::Session,
};

/// A service that asks an upstream before it creates something.
pub struct Edge {
    /// The service.
    pub service: &'static str,
    /// The upstream.
    pub upstream: &'static str,
    /// The operation that asks.
    create: &'static Operation,
    /// The request body: the example in the document, which refers to the resource in `response`.
    body: Value,
    /// The successful response of the upstream: the example in its document. The id comes first.
    pub response: String,
    /// The response of the upstream if it has no such resource.
    pub not_found: String,
    /// The error message of the service if the resource is not found, or the upstream fails.
    pub error_message: String,
}

/// Every edge, or why the documents do not tell what is asked along it.
pub fn all() -> Vec<Result<Edge, String>> {
    let edges = |service: &&'static str| asked_by(service).map(|upstream| Edge::new(service, upstream));
    SERVICES.iter().flat_map(edges).collect()
}

impl Edge {
    fn new(service: &'static str, upstream: &'static str) -> Result<Self, String> {
        let lacks = |document: &str, what: &str| {
            format!("{service} calls {upstream}, but openapi/{document}.json has no {what}")
        };
        let template = format!("/{upstream}/{{id}}");
        let get = CONTRACT
            .document(upstream)
            .find("GET", &template)
            .filter(|operation| operation.template == template)
            .ok_or_else(|| lacks(upstream, &format!("GET {template}")))?;
        let thing = get.id.strip_prefix("get_").ok_or_else(|| lacks(upstream, "operation called get_…"))?;
        let example = &get.declaration()["responses"]["200"]["content"]["application/json"]["examples"];
        let response =
            example.as_object().and_then(|examples| Some(examples.values().next()?["value"].clone()));
        let response = response
            .filter(|response| {
                response.as_object().is_some_and(|fields| fields.keys().next().is_some_and(|it| it == "id"))
            })
            .ok_or_else(|| lacks(upstream, &format!("example of the response to {}", get.id)))?;
        let unknown = get.responses.get(&404).and_then(|documented| documented.texts.first());
        let unknown = unknown.ok_or_else(|| lacks(upstream, &format!("text of an unknown {thing}")))?;

        let field = format!("{thing}_id");
        let names_thing = |operation: &&Operation| {
            let body = operation.body.as_ref();
            operation.method == "POST" && body.is_some_and(|body| body["properties"].get(&field).is_some())
        };
        let create = CONTRACT.document(service).operations.iter().find(names_thing);
        let create = create.ok_or_else(|| lacks(service, &format!("POST with a {field}")))?;
        let error_message = format!("{unknown} or unavailable");
        let texts =
            create.responses.get(&400).map(|documented| documented.texts.as_slice()).unwrap_or_default();
        if !texts.contains(&error_message) {
            return Err(lacks(service, &format!("400 `{error_message}` of {}", create.id)));
        }
        let mut body =
            create.example().ok_or_else(|| lacks(service, &format!("example for {}", create.id)))?;
        body[&field] = response["id"].clone();
        let not_found = serde_json::json!({ "error": unknown }).to_string();
        Ok(Self { service, upstream, create, body, response: response.to_string(), not_found, error_message })
    }

    /// A request that the upstream is asked for.
    pub fn create(&self, session: &Session) -> Request {
        session.request(self.service, "POST", &*self.create.template).json(&self.body)
    }

    /// Reads the first thing of the service, of which the upstream is not asked.
    pub fn read_first(&self, session: &Session) -> Request {
        session.request(self.service, "GET", format!("{}/1", self.create.template))
    }

    /// The texts of the thing at the upstream, which are for no log.
    pub fn contents(&self) -> Vec<String> {
        let response: Value = serde_json::from_str(&self.response).unwrap_or_default();
        let fields = response.as_object().into_iter().flat_map(|fields| fields.values());
        fields.filter_map(|value| Some(value.as_str()?.to_owned())).collect()
    }
}
