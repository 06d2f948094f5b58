//! Where the services are that are judged, and what they ask for: their addresses, tokens and headers.

use std::{collections::BTreeMap, env, fmt, path::PathBuf, sync::LazyLock};

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
    /// What else each request to a service has, by its name.
    headers: BTreeMap<String, Vec<(String, String)>>,
    /// What workflows are given beside the tokens.
    pub inputs: Vec<(String, String)>,
}

/// Where a service is, and the token that it asks for.
#[derive(Clone)]
pub struct Address {
    /// Such as `http://127.0.0.1:5001`.
    pub url: String,
    /// What goes behind `Authorization: Bearer`.
    pub token: String,
}

impl fmt::Debug for Address {
    /// Tells everything but the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Address").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Default for Deployment {
    /// The addresses of development, which the documents name, and its tokens.
    fn default() -> Self {
        let address = |service: &&str| {
            let url = documented_url(service).expect("a server with an address");
            Address { url, token: token(service) }
        };
        Self::new(SERVICES.iter().map(address))
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

    /// The deployment that `PRODUCTS_URL` and so on name, if they are set. Tokens are taken from `PRODUCTS_TOKEN` and so on, or
    /// are those of development.
    ///
    /// # Errors
    /// Some of them are set and others are not, so that it is unclear what is to be judged.
    pub fn from_environment() -> Result<Option<Self>, String> {
        Self::from_variables(|variable| env::var(variable).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let (mut services, mut set, mut unset) = (Vec::new(), Vec::new(), Vec::new());
        for service in SERVICES.iter() {
            let variable = variable(service, "URL");
            match value(&variable).filter(|url| !url.is_empty()) {
                Some(url) => {
                    services.push(Address { url: url.trim_end_matches('/').into(), token: token(service) });
                    set.push(variable);
                }
                None => unset.push(variable),
            }
        }
        match (set.as_slice(), unset.as_slice()) {
            ([], _) => Ok(None),
            (_, []) => Ok(Some(Self::new(services))),
            (set, unset) => Err(format!(
                "{} set and {} not: set all of them to judge a deployment, or none to judge one that is started for it.",
                set.join(", "),
                unset.join(", ")
            )),
        }
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> &Address {
        &self.services[index(name)]
    }

    /// What else each request to a service has.
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

/// The first address that the document of a service names, with the defaults of its variables.
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

/// The token of `service`: `PRODUCTS_TOKEN` and so on, or that of development.
///
/// # Panics
/// It is set to nothing.
pub fn token(service: &str) -> String {
    let development = format!("SECRET_{}_TOKEN", service.to_uppercase());
    let variable = variable(service, "TOKEN");
    let token = env::var(&variable).unwrap_or(development);
    assert!(!token.is_empty(), "{variable} is empty: set it to the token.");
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_named_whole_or_not_at_all() {
        let with = |set: &'static [&str]| {
            Deployment::from_variables(move |variable| {
                Some(if set.contains(&variable) { "http://127.0.0.1:1/" } else { "" }.to_owned())
            })
        };
        assert!(with(&[]).unwrap().is_none());
        let all = Deployment::from_variables(|_| Some("http://127.0.0.1:1/".to_owned())).unwrap().unwrap();
        assert_eq!(all.service("orders").url, "http://127.0.0.1:1");
        let sentence = with(&["ORDERS_URL"]).err().unwrap();
        assert!(sentence.starts_with("ORDERS_URL set and PRODUCTS_URL, PAYMENTS_URL"), "{sentence}");
    }

    #[test]
    fn a_service_asks_only_those_before_it() {
        for (place, service) in SERVICES.iter().enumerate() {
            for asked in asked_by(service) {
                assert!(SERVICES[..place].contains(&asked), "{service} asks {asked}");
            }
        }
        assert_eq!(asked_by("orders").collect::<Vec<_>>(), ["products"]);
    }

    #[test]
    fn every_service_has_an_address_of_its_own() {
        let urls: Vec<String> = Deployment::default().services.into_iter().map(|it| it.url).collect();
        assert_eq!(urls[..3], ["http://localhost:5001", "http://localhost:5002", "http://localhost:5003"]);
        let distinct: std::collections::BTreeSet<&String> = urls.iter().collect();
        assert_eq!(distinct.len(), urls.len(), "{urls:?}");
    }
}
