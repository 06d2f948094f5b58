//! The content of the page: a template, filled with the addresses of the services.

use std::{net::SocketAddr, path::Path};

use chassis::settings::{PublicUrl, TokenSource};
use hyper::http::uri::Authority;

use crate::address;

const PAGE: &str = include_str!("page.html");
const ROW: &str = include_str!("row.html");

/// A service on the page.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// The URL that its callers use, if it was set.
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) token: TokenSource,
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
                .replace("{token}", &escaped(&entry.token.to_string()))
        });
        let page = PAGE.replace("{rows}", &rows.collect::<String>());
        self.0.iter().fold(page, |page, entry| {
            page.replace(&format!("{{{}}}", entry.name), &entry.url(host.as_ref()))
                .replace(&format!("{{{}_token}}", entry.name), &escaped(&entry.token_in_shell()))
        })
    }
}

impl Entry {
    /// The URL for a browser. A service that listens on all addresses is on the host where the browser found this page, unless it
    /// was said where it is.
    fn url(&self, host: Option<&Authority>) -> String {
        match (&self.public_url, host.filter(|_| self.address.ip().is_unspecified())) {
            (Some(url), _) => escaped(url.as_str()),
            (None, Some(host)) => format!("http://{}:{}", escaped(host.host()), self.address.port()),
            (None, None) => address::url(self.address),
        }
    }

    /// The token between double quotes in a shell, without telling a secret.
    pub(crate) fn token_in_shell(&self) -> String {
        match &self.token {
            TokenSource::Development(token) => token.clone(),
            TokenSource::Variable(variable) => format!("${variable}"),
            TokenSource::File(file) => format!("$(head -n1 {})", word_in_shell(file)),
        }
    }
}

fn word_in_shell(path: &Path) -> String {
    let path = path.display().to_string();
    match path.chars().all(|letter| letter.is_alphanumeric() || "/._-".contains(letter)) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> TokenSource {
        TokenSource::Development("SECRET".into())
    }

    fn page(address: &str, token: TokenSource, host: Option<&str>) -> String {
        let entries = ["products", "orders", "payments"].map(|name| Entry {
            name,
            address: address.parse().unwrap(),
            public_url: None,
            token: token.clone(),
        });
        Content(entries.into()).html(host)
    }

    #[test]
    fn every_placeholder_is_filled() {
        let page = page("127.0.0.1:5001", secret(), None);
        for gap in ["{name}", "{url}", "{token}", "{rows}", "products}", "orders}", "payments}", "_token}"] {
            assert!(!page.contains(gap), "{gap}");
        }
        assert!(page.contains("Bearer SECRET\"") && page.contains("<code>SECRET</code>"));
        assert!(page.contains("href=\"http://127.0.0.1:5001/docs\""));
    }

    #[test]
    fn a_secret_is_not_shown_and_curl_gets_it_from_where_it_is() {
        for (token, shown, in_shell) in [
            (TokenSource::Variable("SHOP_TOKEN".into()), "as set in SHOP_TOKEN", "$SHOP_TOKEN"),
            (TokenSource::File("/run/token".into()), "as in /run/token", "$(head -n1 /run/token)"),
            (
                TokenSource::File("/a b/<it's>".into()),
                "as in /a b/&lt;it's>",
                r"$(head -n1 '/a b/&lt;it'\''s>')",
            ),
        ] {
            let page = page("127.0.0.1:5001", token, None);
            assert!(page.contains(&format!("<code>{shown}</code>")), "{page}");
            assert!(page.contains(&format!("Bearer {in_shell}\"")), "{page}");
        }
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
            let page = page("0.0.0.0:5001", secret(), host);
            assert!(page.contains(&format!("href=\"{url}\"")), "{host:?}");
            assert!(!page.contains("<script"), "{host:?}");
        }
        assert!(
            page("127.0.0.1:5001", secret(), Some("store.example")).contains("http://127.0.0.1:5001/docs")
        );
    }
}
