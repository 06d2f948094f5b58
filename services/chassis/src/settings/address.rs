//! Addresses to listen on.

use std::net::{SocketAddr, ToSocketAddrs};

/// Reads an address to listen on, such as `127.0.0.1:5001`. A host name is resolved, to an IPv4 address if it has one.
///
/// # Errors
/// The reason why it cannot be used.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |reason: &str| format!("{reason}; an address looks like 127.0.0.1:5001 or localhost:5001");
    let addresses: Vec<SocketAddr> =
        text.to_socket_addrs().map_err(|error| wrong(&error.to_string()))?.collect();
    let ipv4 = addresses.iter().find(|address| address.is_ipv4());
    ipv4.or(addresses.first()).copied().ok_or_else(|| wrong("the host has no address"))
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
        for text in ["", "localhost", "127.0.0.1", "5001", "localhost:http", "127.0.0.1:99999"] {
            let reason = listen_address(text).unwrap_err();
            assert!(reason.ends_with("looks like 127.0.0.1:5001 or localhost:5001"), "{text}: {reason}");
        }
    }
}
