//! The URL at which callers find the service: set by the operator, by a trusted proxy, or else taken from the request itself. A
//! caller can forge it, but deceives only itself: nothing derived from a request is kept or may be cached.

use std::{borrow::Cow, net::SocketAddr, num::NonZeroU16};

use poem::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::{
    settings::{PublicUrl, TrustedProxies},
    wire::uri::{is_host, path_prefix},
};

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The settings that decide at which URL callers find the service.
pub(super) struct Addresses {
    public: Option<PublicUrl>,
    proxies: TrustedProxies,
}

impl Addresses {
    pub(super) fn new(public: Option<PublicUrl>, proxies: TrustedProxies) -> Self {
        Self { public, proxies }
    }

    /// The prefix that the caller sees before every path of the service, if there is one.
    pub(super) fn prefix(&self, headers: &HeaderMap, peer: SocketAddr) -> Option<Cow<'_, str>> {
        let prefix: Cow<'_, str> = match &self.public {
            Some(public) => (&*public.prefix).into(),
            None if self.proxies.contain(peer.ip()) => {
                last(headers, &X_FORWARDED_PREFIX).and_then(path_prefix)?.to_owned().into()
            }
            None => return None,
        };
        Some(prefix).filter(|prefix| !prefix.is_empty())
    }

    /// The URL of the service as the caller sees it, without a slash at its end. Over HTTP/1.0, a caller that names no host gets
    /// a relative one.
    pub(super) fn base<B>(&self, request: &hyper::Request<B>, peer: SocketAddr) -> String {
        if let Some(public) = &self.public {
            return public.url.clone();
        }
        let headers = request.headers();
        let (scheme, host, port) = match self.proxies.contain(peer.ip()) {
            true => (forwarded_scheme(headers), forwarded_host(headers), forwarded_port(headers)),
            false => (None, None, None),
        };
        let prefix = self.prefix(headers, peer).unwrap_or_default();
        // The host in the target of a request overrides `Host` (RFC 9112, section 3.2.2).
        let target = || request.uri().authority().map(|authority| authority.as_str().to_owned());
        let sent = || Some(headers.get(header::HOST)?.to_str().ok()?.to_owned());
        match host.or_else(target).or_else(sent).filter(|host| is_host(host.as_bytes())) {
            Some(host) => {
                let port = port.filter(|_| !has_port(&host)).map(|port| format!(":{port}"));
                format!("{}://{host}{}{prefix}", scheme.unwrap_or("http"), port.unwrap_or_default())
            }
            None if prefix.is_empty() => "/".to_owned(),
            None => prefix.into_owned(),
        }
    }
}

/// Puts `prefix` before the paths in the headers of a response.
pub(super) fn prepend(prefix: &str, headers: &mut HeaderMap) {
    let mut change = |name, rewrite: fn(&str, &str) -> Option<String>| {
        let changed = headers.get(&name).and_then(|value| rewrite(value.to_str().ok()?, prefix));
        if let Some(Ok(value)) = changed.map(HeaderValue::try_from) {
            headers.insert(name, value);
        }
    };
    change(header::LOCATION, |path, prefix| path.starts_with('/').then(|| format!("{prefix}{path}")));
    change(header::LINK, |links, prefix| Some(links.replace("</", &format!("<{prefix}/"))));
}

fn forwarded_scheme(headers: &HeaderMap) -> Option<&'static str> {
    let said =
        parameter(headers, "proto").or_else(|| last(headers, &X_FORWARDED_PROTO).map(ToOwned::to_owned))?;
    ["http", "https"].into_iter().find(|scheme| said.eq_ignore_ascii_case(scheme))
}

fn forwarded_host(headers: &HeaderMap) -> Option<String> {
    let said = parameter(headers, "host").or_else(|| last(headers, &X_FORWARDED_HOST).map(ToOwned::to_owned));
    said.filter(|host| is_host(host.as_bytes()))
}

/// The port that goes with a host without one, as of nginx's `$host`. `Forwarded` has it in the host.
fn forwarded_port(headers: &HeaderMap) -> Option<NonZeroU16> {
    let said = last(headers, &X_FORWARDED_PORT)?;
    let is_number = said.bytes().all(|byte| byte.is_ascii_digit());
    let port = said.parse().ok().filter(|_| is_number && parameter(headers, "host").is_none());
    // The default of either scheme: with the other one, it is the port of a proxy further in, behind the one that ends TLS.
    port.filter(|port: &NonZeroU16| !matches!(port.get(), 80 | 443))
}

fn has_port(host: &str) -> bool {
    // The colons of an IPv6 address are in brackets.
    host.rsplit(']').next().is_some_and(|rest| rest.contains(':'))
}

/// The last of the values of a list: what the proxy in front of the service has added. A caller may have sent the others.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let field = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    field.rsplit(',').next().map(str::trim)
}

/// A parameter of the last element of `Forwarded` (RFC 7239, section 4).
fn parameter(headers: &HeaderMap, name: &str) -> Option<String> {
    let field = headers.get_all(header::FORWARDED).iter().next_back()?.to_str().ok()?;
    let element = unquoted_parts(field, ',').last()?;
    let value = unquoted_parts(element, ';').find_map(|pair| {
        let (known, value) = pair.split_once('=')?;
        known.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })?;
    match value.strip_prefix('"') {
        // In a quoted string, a backslash stands before a character that means itself (RFC 9110, section 5.6.4).
        Some(quoted) => Some(quoted.strip_suffix('"')?.replace('\\', "")),
        None => Some(value.to_owned()),
    }
}

/// The parts of `text` between separators that are in no quoted string.
fn unquoted_parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match character {
            '\\' if is_quoted => is_escaped = !was_escaped,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        character == separator && !is_quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "127.0.0.1:50000";

    /// The URL that a request with these headers gets from a service that trusts its peer.
    fn base(fields: &[(&'static str, &str)]) -> String {
        let addresses = Addresses::new(None, TrustedProxies::parse("127.0.0.1").unwrap());
        addresses.base(&request(fields), PEER.parse().unwrap())
    }

    fn request(fields: &[(&'static str, &str)]) -> hyper::Request<()> {
        let mut request = hyper::Request::new(());
        for (name, value) in fields {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn a_trusted_proxy_says_where_callers_find_the_service() {
        let host = ("host", "127.0.0.1:5001");
        for (fields, expected) in [
            (vec![], "http://127.0.0.1:5001"),
            (vec![("x-forwarded-proto", "https")], "https://127.0.0.1:5001"),
            (vec![("x-forwarded-host", "shop.example:8443")], "http://shop.example:8443"),
            (vec![("x-forwarded-host", "liar.example, shop.example")], "http://shop.example"),
            (vec![("x-forwarded-prefix", "/things-api/")], "http://127.0.0.1:5001/things-api"),
            (
                vec![("forwarded", "for=192.0.2.1;Proto=HTTPS;host=\"shop.example:8443\"")],
                "https://shop.example:8443",
            ),
            (vec![("forwarded", "host=liar.example, host=shop.example")], "http://shop.example"),
            (
                vec![("forwarded", "host=liar.example"), ("forwarded", "host=shop.example")],
                "http://shop.example",
            ),
            (
                vec![("forwarded", "for=\"a,b;host=liar.example\\\",\";host=shop.example")],
                "http://shop.example",
            ),
            (
                vec![("forwarded", "proto=https;host=a.example"), ("x-forwarded-host", "b.example")],
                "https://a.example",
            ),
        ] {
            assert_eq!(base(&[vec![host], fields.clone()].concat()), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_forwarded_port_completes_a_host_without_one() {
        let (proto, host) = (("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example"));
        let port = |port| ("x-forwarded-port", port);
        for (fields, expected) in [
            (vec![host, port("8080")], "http://shop.example:8080"),
            (vec![proto, port("8443")], "https://inner.example:8443"),
            (vec![proto, host, port("1, 8443")], "https://shop.example:8443"),
            (vec![("x-forwarded-host", "[::1]"), port("8080")], "http://[::1]:8080"),
            (vec![host, port("8080"), ("x-forwarded-prefix", "/api")], "http://shop.example:8080/api"),
            // The host has a port.
            (vec![("x-forwarded-host", "shop.example:8443"), port("8080")], "http://shop.example:8443"),
            (vec![("x-forwarded-host", "[::1]:8443"), port("8080")], "http://[::1]:8443"),
            (vec![("forwarded", "host=shop.example"), port("8080")], "http://shop.example"),
            // It is what the scheme says, or what another one would say.
            (vec![host, port("80")], "http://shop.example"),
            (vec![proto, host, port("443")], "https://shop.example"),
            (vec![proto, host, port("80")], "https://shop.example"),
            // It is not a port.
            (vec![host, port("")], "http://shop.example"),
            (vec![host, port("0")], "http://shop.example"),
            (vec![host, port("+8080")], "http://shop.example"),
            (vec![host, port("65536")], "http://shop.example"),
            (vec![host, port("8080/liar")], "http://shop.example"),
        ] {
            assert_eq!(
                base(&[vec![("host", "inner.example")], fields.clone()].concat()),
                expected,
                "{fields:?}"
            );
        }
    }

    #[test]
    fn a_value_that_cannot_be_part_of_a_url_is_ignored() {
        for field in [
            ("x-forwarded-host", "a b"),
            ("x-forwarded-host", "user@liar.example"),
            ("x-forwarded-host", "liar.example/path"),
            ("x-forwarded-host", "\"><script>"),
            ("x-forwarded-proto", "javascript"),
            ("x-forwarded-prefix", "//liar.example"),
            ("x-forwarded-prefix", "/a\"b"),
            ("x-forwarded-prefix", "a"),
            ("forwarded", "host=\"liar.example"),
            ("forwarded", "host=\"a\\\"b\""),
            ("forwarded", "proto=file"),
        ] {
            assert_eq!(base(&[("host", "shop.example"), field]), "http://shop.example", "{field:?}");
        }
    }

    #[test]
    fn headers_are_ignored_from_untrusted_peers_and_with_a_public_url() {
        let fields = [
            ("host", "shop.example"),
            ("x-forwarded-host", "liar.example"),
            ("x-forwarded-port", "8080"),
            ("x-forwarded-prefix", "/liar"),
            ("forwarded", "host=liar.example"),
        ];
        let request = request(&fields);
        let peer = PEER.parse().unwrap();
        let untrusted = Addresses::new(None, TrustedProxies::parse("10.0.0.0/8").unwrap());
        assert_eq!(untrusted.base(&request, peer), "http://shop.example");
        assert_eq!(untrusted.prefix(request.headers(), peer), None);
        let public = PublicUrl::parse("https://public.example/api").unwrap();
        let public = Addresses::new(Some(public), TrustedProxies::parse("127.0.0.1").unwrap());
        assert_eq!(public.base(&request, peer), "https://public.example/api");
        assert_eq!(public.prefix(request.headers(), peer).as_deref(), Some("/api"));
    }

    #[test]
    fn a_request_without_a_host_gets_a_relative_url() {
        assert_eq!(base(&[]), "/");
        assert_eq!(base(&[("x-forwarded-prefix", "/api")]), "/api");
    }

    #[test]
    fn the_prefix_is_put_before_every_path() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/things/1"));
        headers.insert(header::LINK, HeaderValue::from_static("</a?x=1>; rel=\"next\", </b>; rel=\"last\""));
        prepend("/api", &mut headers);
        assert_eq!(headers[header::LOCATION], "/api/things/1");
        assert_eq!(headers[header::LINK], "</api/a?x=1>; rel=\"next\", </api/b>; rel=\"last\"");
    }
}
