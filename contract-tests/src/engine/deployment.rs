//! The services under test: their addresses, and the tokens and headers that they require.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::LazyLock};

use crate::engine::subject::subject;

/// The services, each of which asks only those before it.
pub static SERVICES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| subject().services.iter().map(|service| service.name).collect());

/// The services that `service` asks.
///
/// # Panics
/// There is no such service.
pub fn asked_by(service: &str) -> impl Iterator<Item = &'static str> {
    subject().services[index(service)].asks.iter().map(String::as_str)
}

/// The folder with the contract's files.
pub fn folder() -> PathBuf {
    subject().path.parent().map(PathBuf::from).unwrap_or_default()
}

/// Where services are, and the tokens that they ask for.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// An address for each of [`SERVICES`].
    services: Vec<Address>,
    /// Additional headers of each request, by the name of the service.
    headers: BTreeMap<String, Vec<(String, String)>>,
    /// The inputs of workflows besides the tokens.
    pub inputs: Vec<(String, String)>,
}

/// Where a service is, and the token that it asks for.
#[derive(Clone)]
pub struct Address {
    /// Such as `http://127.0.0.1:5001`.
    pub url: String,
    /// The token, as sent after `Authorization: Bearer`.
    pub token: String,
}

impl fmt::Debug for Address {
    /// Tells everything but the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Deployment {
    /// The deployment whose services are at these addresses, in the order of [`SERVICES`].
    ///
    /// # Panics
    /// There are more of them, or fewer.
    pub fn new(services: impl IntoIterator<Item = Address>) -> Self {
        let services = Vec::from_iter(services);
        assert_eq!(services.len(), SERVICES.len(), "an address for each service");
        Self { services, headers: BTreeMap::new(), inputs: Vec::new() }
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> &Address {
        &self.services[index(name)]
    }

    /// Additional headers of each request to a service.
    pub fn headers(&self, name: &str) -> &[(String, String)] {
        self.headers.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The same deployment, but each request to the service called `name` has this header.
    pub fn with_header(mut self, name: &str, header: (String, String)) -> Self {
        self.headers.entry(name.into()).or_default().push(header);
        self
    }

    /// The same deployment, but the service called `name` asks for `token`.
    pub fn with_token(mut self, name: &str, token: &str) -> Self {
        self.services[index(name)].token = token.into();
        self
    }

    /// The same deployment, but the service called `name` is found at `url`.
    pub fn with_url(mut self, name: &str, url: String) -> Self {
        self.services[index(name)].url = url;
        self
    }
}

/// The first `http://` address that the document of a service names, with the defaults of its variables. One with `https://` may
/// well be where people work with it, and is not asked unless somebody says so.
pub fn documented_url(service: &str) -> Option<String> {
    let servers = subject().services[index(service)].document["servers"].as_array();
    let url = |server: &serde_json::Value| {
        let variables = server["variables"].as_object().into_iter().flatten();
        let url = server["url"].as_str()?.to_owned();
        let with = |url: String, (name, variable): (&String, &serde_json::Value)| {
            url.replace(&format!("{{{name}}}"), variable["default"].as_str().unwrap_or_default())
        };
        Some(variables.fold(url, with).trim_end_matches('/').to_owned())
    };
    servers.into_iter().flatten().filter_map(url).find(|url| url.starts_with("http://"))
}

/// The place of the service called `name` in [`SERVICES`].
fn index(name: &str) -> usize {
    SERVICES.iter().position(|service| *service == name).expect("a service of the contract")
}

/// `PRODUCTS_URL` for `products` and `URL`. What no shell takes in the name of a variable is an underscore.
pub fn variable(service: &str, setting: &str) -> String {
    format!("{}_{setting}", service.to_uppercase().replace(['-', '.'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_a_name_that_a_shell_takes() {
        assert_eq!(variable("products", "URL"), "PRODUCTS_URL");
        assert_eq!(variable("my-notes.v1", "TOKEN"), "MY_NOTES_V1_TOKEN");
    }
}
