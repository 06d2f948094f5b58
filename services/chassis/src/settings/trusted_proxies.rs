//! The proxies in front of a service that may say where its callers find it.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks of proxies; none by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads a list of addresses and networks, with commas between them.
    ///
    /// # Errors
    /// The reason why it cannot be used.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let network = |text: &str| {
            let address = |_| text.parse::<IpAddr>().map(IpNet::from);
            let network = text.parse::<IpNet>().or_else(address);
            network.map_err(|_| {
                format!("`{text}` is not an address or a network such as 127.0.0.1 or 10.0.0.0/8")
            })
        };
        let listed = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        match listed.map(network).collect::<Result<Vec<_>, _>>()? {
            none if none.is_empty() => Err("it does not name a proxy".to_owned()),
            networks => Ok(Self(networks)),
        }
    }

    /// Whether `address` is that of a trusted proxy. An IPv4 address counts as such however the socket writes it.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_networks_are_trusted() {
        let proxies = TrustedProxies::parse("127.0.0.1, 10.0.0.0/8,fd00::/8").unwrap();
        for (address, is_trusted) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("fd00::1", true),
            ("::1", false),
        ] {
            assert_eq!(proxies.contain(address.parse().unwrap()), is_trusted, "{address}");
        }
        assert!(!TrustedProxies::default().contain("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn an_invalid_network_is_refused_with_an_example() {
        for text in ["localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80", "*"] {
            let reason = TrustedProxies::parse(text).expect_err(text);
            assert!(reason.ends_with("such as 127.0.0.1 or 10.0.0.0/8"), "{text}: {reason}");
        }
        assert_eq!(TrustedProxies::parse(","), Err("it does not name a proxy".to_owned()));
    }
}
