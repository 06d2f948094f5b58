//! The URLs that others see: of a service, and of the page that leads to all of them.

use url::Url;

use crate::wire::uri::path_prefix;

/// A URL such as `https://shop.example/api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// The whole, without a slash at its end.
    pub(crate) url: String,
    /// Its path, without a slash at its end.
    pub(crate) prefix: String,
}

impl PublicUrl {
    /// Reads a URL of `http` or `https`, with a path or without.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |reason: &str| format!("{reason}; a URL looks like https://shop.example/api");
        let url = web_url(text).map_err(|reason| wrong(&reason))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has more than a scheme, a host, a port and a path"));
        }
        let prefix = path_prefix(url.path())
            .ok_or_else(|| wrong("its path has an empty or a forbidden part"))?
            .to_owned();
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), prefix })
    }

    /// The whole, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.url
    }
}

/// Reads the URL of a page, such as `http://127.0.0.1:5000`, which may be any that a browser opens.
///
/// # Errors
/// The reason why it cannot be used.
pub(super) fn page_url(text: &str) -> Result<String, String> {
    let url = web_url(text).map_err(|reason| format!("{reason}; a URL looks like http://127.0.0.1:5000"));
    url.map(|_| text.to_owned())
}

/// An `http` or `https` URL without a password.
fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("its scheme is neither http nor https".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it has a user or a password, which everybody would see".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_with_its_prefix() {
        for (text, url, prefix) in [
            ("https://shop.example", "https://shop.example", ""),
            ("HTTP://Shop.Example:80/", "http://shop.example", ""),
            ("http://127.0.0.1:8080/things-api/", "http://127.0.0.1:8080/things-api", "/things-api"),
            ("http://[::1]/a/b~c%20d", "http://[::1]/a/b~c%20d", "/a/b~c%20d"),
        ] {
            let read = PublicUrl { url: url.into(), prefix: prefix.into() };
            assert_eq!(PublicUrl::parse(text), Ok(read), "{text}");
        }
    }

    #[test]
    fn an_invalid_public_url_is_refused_with_an_example() {
        for text in [
            "shop.example",
            "/things-api",
            "ftp://shop.example",
            "http://",
            "http://shop.example//evil.example",
            "http://shop.example/a//",
            "http://shop.example/?query",
            "http://shop.example/#part",
            "http://user@shop.example",
            "http://shop.example/a|b",
        ] {
            let reason = PublicUrl::parse(text).expect_err(text);
            assert!(reason.ends_with("looks like https://shop.example/api"), "{text}: {reason}");
        }
    }

    #[test]
    fn the_url_of_a_page_may_have_more_than_a_path() {
        for text in ["http://127.0.0.1:5000", "https://store.example/start?lang=en#top"] {
            assert_eq!(page_url(text), Ok(text.to_owned()));
        }
        for text in [
            "",
            "127.0.0.1:5000",
            "javascript:alert(1)",
            "ftp://store",
            "http://",
            "http://a b",
            "http://user@store.example",
            "http://user:password@store.example/start",
        ] {
            let reason = page_url(text).expect_err(text);
            assert!(reason.ends_with("looks like http://127.0.0.1:5000"), "{text}: {reason}");
            assert!(!reason.contains("user:password"), "{reason}");
        }
    }
}
