//! Where a store is: the addresses of its services, and their tokens.

use std::{env, fmt};

/// The services, each of which asks only those before it.
pub const SERVICES: [&str; 3] = ["products", "orders", "payments"];

/// Where three services are, and the tokens that they ask for.
#[derive(Clone, Debug)]
pub struct Deployment {
    services: [Address; 3],
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
    /// The addresses and tokens of development.
    fn default() -> Self {
        let address =
            |(service, port)| Address { url: format!("http://127.0.0.1:{port}"), token: token(service) };
        let [products, orders, payments] = SERVICES;
        Self { services: [(products, 5001), (orders, 5002), (payments, 5003)].map(address) }
    }
}

impl Deployment {
    /// The deployment whose services are at these addresses, in the order of [`SERVICES`].
    pub fn new(services: [Address; 3]) -> Self {
        Self { services }
    }

    /// The deployment that `PRODUCTS_URL`, `ORDERS_URL` and `PAYMENTS_URL` name, if they are set. Tokens are taken from
    /// `PRODUCTS_TOKEN` and so on, or are those of development.
    ///
    /// # Errors
    /// Some of them are set and others are not, so that it is unclear what is to be judged.
    pub fn from_environment() -> Result<Option<Self>, String> {
        Self::from_variables(|variable| env::var(variable).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let urls = SERVICES.map(|service| {
            let url = value(&variable(service, "URL")).filter(|url| !url.is_empty())?;
            Some(Address { url: url.trim_end_matches('/').into(), token: token(service) })
        });
        let names = |is_set: bool| {
            let chosen = SERVICES.into_iter().zip(&urls).filter(move |(_, url)| url.is_some() == is_set);
            chosen.map(|(service, _)| variable(service, "URL")).collect::<Vec<_>>()
        };
        match (names(true).as_slice(), names(false).as_slice()) {
            ([], _) => Ok(None),
            (_, []) => Ok(Some(Self { services: urls.map(|url| url.expect("all are set")) })),
            (set, unset) => Err(format!(
                "{} set and {} not: set all of them to judge a deployment, or none to judge a store that is started for it.",
                set.join(", "),
                unset.join(", ")
            )),
        }
    }

    /// The service called `name`.
    pub fn service(&self, name: &str) -> &Address {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        &self.services[index]
    }

    /// The same deployment, but the service called `name` asks for `token`.
    pub fn with_token(mut self, name: &str, token: &str) -> Self {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        self.services[index].token = token.into();
        self
    }

    /// The same deployment, but the service called `name` is found at `url`.
    pub fn with_url(mut self, name: &str, url: String) -> Self {
        let index = SERVICES.iter().position(|service| *service == name).expect("one of the three services");
        self.services[index].url = url;
        self
    }
}

/// `PRODUCTS_URL` for `products` and `URL`.
pub fn variable(service: &str, setting: &str) -> String {
    format!("{}_{setting}", service.to_uppercase())
}

/// The token of `service`: `PRODUCTS_TOKEN` and so on, or that of development.
///
/// # Panics
/// It is set to nothing.
pub(crate) fn token(service: &str) -> String {
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
        let all = with(&["PRODUCTS_URL", "ORDERS_URL", "PAYMENTS_URL"]).unwrap().unwrap();
        assert_eq!(all.service("orders").url, "http://127.0.0.1:1");
        let sentence = with(&["ORDERS_URL"]).err().unwrap();
        assert!(sentence.starts_with("ORDERS_URL set and PRODUCTS_URL, PAYMENTS_URL not:"), "{sentence}");
    }
}
