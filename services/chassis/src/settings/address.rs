//! Addresses to listen on.

use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};

/// Reads an address to listen on, such as `127.0.0.1:5001`. A host name is resolved, to an IPv4 address if it has one.
///
/// # Errors
/// The reason why it cannot be used.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |reason: &str| {
        format!("{reason}; an address looks like 127.0.0.1:5001, localhost:5001 or [::1]:5001")
    };
    let (host, port) = split(text).map_err(wrong)?;
    let addresses: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| wrong(&error.to_string()))?.collect();
    let ipv4 = addresses.iter().find(|address| address.is_ipv4());
    ipv4.or(addresses.first()).copied().ok_or_else(|| wrong("the host has no address"))
}

/// The host and the port.
fn split(text: &str) -> Result<(&str, u16), &'static str> {
    if text.contains("://") {
        return Err("it is a URL");
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ if is_number(text) => return Err("it has no host"),
        _ => return Err("it has no port"),
    };
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) if host.parse::<Ipv6Addr>().is_err() => return Err("only an IPv6 address is in brackets"),
        Some(host) => host,
        None if host.contains(':') => return Err("an IPv6 address is written in brackets"),
        None => host,
    };
    if host.is_empty() {
        return Err("it has no host");
    }
    let port = Some(port).filter(|port| is_number(port)).and_then(|port| port.parse().ok());
    Ok((host, port.ok_or("its port is not a number from 0 to 65535")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_host_names_are_read() {
        for (text, address) in [
            ("127.0.0.1:5001", "127.0.0.1:5001"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:5001", "127.0.0.1:5001"),
        ] {
            assert_eq!(listen_address(text), Ok(address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_reason_says_what_an_address_looks_like() {
        for text in [
            "",
            "localhost",
            "127.0.0.1",
            "5001",
            ":5001",
            "localhost:http",
            "127.0.0.1:99999",
            "::1",
            "::1:5001",
            "[::1]",
            "[::1]:",
            "[x]:1",
            "localhost:+1",
            "http://localhost:5001",
            "127.0.0.1:",
            "999.0.0.1:1",
        ] {
            let reason = listen_address(text).unwrap_err();
            let example = "; an address looks like 127.0.0.1:5001, localhost:5001 or [::1]:5001";
            assert!(reason.ends_with(example), "{text}: {reason}");
        }
    }
}
