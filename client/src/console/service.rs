//! The three services: their names, and the settings that say where they are.

use std::fmt;

/// One of the three services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Products,
    Orders,
    Payments,
}

impl Service {
    pub(super) const ALL: [Self; 3] = [Self::Products, Self::Orders, Self::Payments];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Orders => "orders",
            Self::Payments => "payments",
        }
    }

    /// Where the service listens by default.
    pub(super) fn default_url(self) -> String {
        let port = match self {
            Self::Products => client::products::PORT,
            Self::Orders => client::orders::PORT,
            Self::Payments => client::payments::PORT,
        };
        format!("http://127.0.0.1:{port}")
    }

    /// The token of a service in development.
    pub(super) fn default_token(self) -> String {
        format!("SECRET_{}_TOKEN", self.name().to_uppercase())
    }

    /// The environment variable with the service's address.
    pub(super) fn url_variable(self) -> String {
        format!("{}_URL", self.name().to_uppercase())
    }

    /// The environment variable with the service's token.
    pub(super) fn token_variable(self) -> String {
        format!("{}_TOKEN", self.name().to_uppercase())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
