//! The development store: the default addresses and tokens of its services, and the variables that change them.

use std::env;

use crate::engine::deployment::{Address, Deployment, SERVICES, documented_url, variable};

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
    use crate::engine::deployment::asked_by;

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
        let urls: Vec<String> =
            SERVICES.iter().map(|service| Deployment::default().service(service).url.clone()).collect();
        assert_eq!(urls[..3], ["http://localhost:5001", "http://localhost:5002", "http://localhost:5003"]);
        let distinct: std::collections::BTreeSet<&String> = urls.iter().collect();
        assert_eq!(distinct.len(), urls.len(), "{urls:?}");
    }
}
