//! What the page says: a template with the addresses of the services.

use std::net::SocketAddr;

use hyper::http::uri::Authority;

use crate::member::reachable;

const PAGE: &str = include_str!("page.html");
const ROW: &str = include_str!("row.html");

/// A service on the page.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Its token, or where it was set.
    pub(crate) token: String,
}

/// The page.
#[derive(Debug)]
pub(crate) struct Content(pub(crate) Vec<Entry>);

impl Content {
    /// The page for a browser that found it at `host`.
    pub(crate) fn html(&self, host: Option<&str>) -> String {
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        let rows = self.0.iter().map(|entry| {
            ROW.replace("{name}", entry.name)
                .replace("{url}", &entry.url(host.as_ref()))
                .replace("{token}", &escaped(&entry.token))
        });
        let page = PAGE.replace("{rows}", &rows.collect::<String>());
        self.0.iter().fold(page, |page, entry| {
            page.replace(&format!("{{{}}}", entry.name), &entry.url(host.as_ref()))
                .replace(&format!("{{{}_token}}", entry.name), &entry.token_in_shell())
        })
    }
}

impl Entry {
    /// The URL for a browser. A service that listens on all addresses is on the host where the browser found this page.
    fn url(&self, host: Option<&Authority>) -> String {
        match host.filter(|_| self.address.ip().is_unspecified()) {
            Some(host) => format!("http://{}:{}", escaped(host.host()), self.address.port()),
            None => format!("http://{}", reachable(self.address)),
        }
    }

    /// The token, or the variable for it if it is a secret.
    fn token_in_shell(&self) -> String {
        match self.token.contains(' ') {
            true => format!("${}_TOKEN", self.name.to_uppercase().replace('-', "_")),
            false => self.token.clone(),
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(address: &str, token: &str, host: Option<&str>) -> String {
        let entries = ["products", "orders", "payments"].map(|name| Entry {
            name,
            address: address.parse().unwrap(),
            token: token.into(),
        });
        Content(entries.into()).html(host)
    }

    #[test]
    fn every_placeholder_is_filled() {
        let page = page("127.0.0.1:5001", "SECRET", None);
        for gap in ["{name}", "{url}", "{token}", "{rows}", "products}", "orders}", "payments}", "_token}"] {
            assert!(!page.contains(gap), "{gap}");
        }
        assert!(page.contains("Bearer SECRET\"") && page.contains("<code>SECRET</code>"));
        assert!(page.contains("href=\"http://127.0.0.1:5001/docs\""));
    }

    #[test]
    fn a_secret_is_not_shown() {
        let page = page("127.0.0.1:5001", "as in /run/<token>", None);
        assert!(page.contains("<code>as in /run/&lt;token></code>"));
        assert!(page.contains("Bearer $PAYMENTS_TOKEN\""));
    }

    #[test]
    fn a_service_on_all_addresses_is_where_the_browser_found_the_page() {
        for (host, url) in [
            (Some("store.example:5000"), "http://store.example:5001/docs"),
            (Some("[::1]:5000"), "http://[::1]:5001/docs"),
            (Some("\"><script>"), "http://127.0.0.1:5001/docs"),
            (Some("user@store"), "http://store:5001/docs"),
            (None, "http://127.0.0.1:5001/docs"),
        ] {
            let page = page("0.0.0.0:5001", "SECRET", host);
            assert!(page.contains(&format!("href=\"{url}\"")), "{host:?}");
            assert!(!page.contains("<script"), "{host:?}");
        }
        assert!(
            page("127.0.0.1:5001", "SECRET", Some("store.example")).contains("http://127.0.0.1:5001/docs")
        );
    }
}
