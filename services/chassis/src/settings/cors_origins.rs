//! The origins whose pages may call a service from a browser.

use url::Url;

/// The origins whose pages may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every origin.
    Any,
    /// These, each as browsers write it in `Origin`.
    Listed(Vec<String>),
}

impl CorsOrigins {
    /// Reads `*`, or a list of origins with commas between them.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let listed: Vec<&str> = text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
        match listed.as_slice() {
            [] => Err("it does not name an origin".to_owned()),
            ["*"] => Ok(Self::Any),
            listed => Ok(Self::Listed(listed.iter().map(|text| origin(text)).collect::<Result<_, _>>()?)),
        }
    }
}

/// `text` as browsers write it: in lower case, without a default port, and with the ASCII form of the host.
fn origin(text: &str) -> Result<String, String> {
    let wrong = |reason: &str| format!("`{text}` {reason}; an origin looks like https://shop.example:8443");
    if text.contains('*') {
        return Err(wrong("is a pattern: list every origin, or set * alone for all"));
    }
    if text == "null" {
        return Err(wrong("is what any page can claim to be"));
    }
    // Without this, `localhost:3000` would be a URL with the scheme `localhost`.
    if !text.contains("://") {
        return Err(wrong("has no scheme"));
    }
    let url = Url::parse(text).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("has no host"))?;
    let has_more = !matches!(url.path(), "" | "/") || text.ends_with('/');
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_more || url.query().is_some() || url.fragment().is_some() || has_user {
        return Err(wrong("has more than a scheme, a host and a port"));
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}", url.scheme()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_as_browsers_write_them() {
        for (text, origins) in [
            ("http://localhost:3000", vec!["http://localhost:3000"]),
            (" HTTPS://Shop.Example:443 , http://[::1]:80,", vec!["https://shop.example", "http://[::1]"]),
            ("https://münchen.example", vec!["https://xn--mnchen-3ya.example"]),
            ("capacitor://localhost,tauri://localhost", vec!["capacitor://localhost", "tauri://localhost"]),
        ] {
            let origins = origins.into_iter().map(str::to_owned).collect();
            assert_eq!(CorsOrigins::parse(text), Ok(CorsOrigins::Listed(origins)), "{text}");
        }
        assert_eq!(CorsOrigins::parse(" * "), Ok(CorsOrigins::Any));
    }

    #[test]
    fn an_invalid_origin_is_refused_with_an_example() {
        for text in [
            "localhost:3000",
            "shop.example",
            "http://shop.example/",
            "http://shop.example/path",
            "http://shop.example?query",
            "http://shop.example#part",
            "http://user@shop.example",
            "http://",
            "http://shop.example:99999",
            "http://two words",
            "https://*.shop.example",
            "*,http://shop.example",
            "http://shop.example,null",
            "file:///srv/page.html",
        ] {
            let reason = CorsOrigins::parse(text).expect_err(text);
            assert!(reason.ends_with("an origin looks like https://shop.example:8443"), "{text}: {reason}");
        }
        assert_eq!(CorsOrigins::parse(" , "), Err("it does not name an origin".to_owned()));
    }
}
