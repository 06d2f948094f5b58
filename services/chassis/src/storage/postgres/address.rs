//! The URL of a database.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::tls::{self, Check};
use crate::{settings::DatabaseSettings, storage::client::Tls};

/// How long data may stay unacknowledged before a connection is given up: the server's machine may be gone without a word.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// Where a database is, and how it is connected to.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// For people, without a secret.
    pub(super) place: String,
}

impl Address {
    /// Reads a URL as libpq has it, with several hosts or none.
    ///
    /// # Errors
    /// The reason why it cannot be used, without the URL, which may have a password.
    pub(super) fn parse(url: &str, service: &str, settings: &DatabaseSettings) -> Result<Self, String> {
        let url = url.trim();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("it is no URL that begins with postgres://".to_owned());
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (tls, others): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .partition(|pair| pair.starts_with("sslmode=") || pair.starts_with("sslrootcert="));
        let value = |name: &str| {
            let sent = tls.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
            Some(percent_decode_str(sent).decode_utf8_lossy().into_owned())
        };
        let mut config: Config = format!("{base}?{}", others.join("&")).parse().map_err(explain)?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("it names no host".to_owned());
        }
        let roots = value("sslrootcert");
        let (mode, check) = match value("sslmode").as_deref() {
            Some("disable") => (SslMode::Disable, Check::Nothing),
            None | Some("prefer" | "allow") => (SslMode::Prefer, Check::Nothing),
            // As libpq has it.
            Some("require") if roots.is_none() => (SslMode::Require, Check::Nothing),
            Some("require" | "verify-ca") => (SslMode::Require, Check::Authority),
            Some("verify-full") => (SslMode::Require, Check::Name),
            Some(_) => {
                return Err(
                    "sslmode is none of disable, prefer, require, verify-ca and verify-full".to_owned()
                );
            }
        };
        config.ssl_mode(mode).tcp_user_timeout(DEAD_AFTER).keepalives_idle(DEAD_AFTER);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(settings.database_connect_timeout);
        }
        if config.get_application_name().is_none() {
            config.application_name(service);
        }
        let (tls, place) = (tls::connector(check, roots.as_deref())?, place(&config));
        Ok(Self { config, tls, place })
    }
}

/// What the parser says, which does not repeat values.
fn explain(error: tokio_postgres::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) if cause.to_string().contains("option") => cause.to_string(),
        _ => "it is no URL as libpq has it".to_owned(),
    }
}

/// `postgres://a:5432,b:5432/name`
fn place(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(5432);
    let host = |(index, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(index)),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{name}", hosts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, String> {
        Address::parse(url, "things", &DatabaseSettings::defaults())
    }

    #[track_caller]
    fn refuses(url: &str, reason: &str) {
        assert_eq!(parse(url).err().as_deref(), Some(reason), "{url}");
    }

    #[test]
    fn a_url_names_hosts_and_keeps_its_password_to_itself() {
        let several = "postgres://me:secret@a,b:6000/things?target_session_attrs=read-write&sslmode=disable";
        let address = parse(several).unwrap();
        assert_eq!(address.place, "postgres://a:5432,b:6000/things");
        assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
        assert_eq!(address.config.get_password(), Some(b"secret".as_slice()));
        let socket = parse("postgresql:///things?host=/run/postgresql&user=me").unwrap();
        assert_eq!(socket.place, "postgres:///run/postgresql/things");
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_its_value() {
        refuses("mysql://me:secret@host/things", "it is no URL that begins with postgres://");
        refuses("postgres:///things", "it names no host");
        refuses("postgres://me:secret@host:port/things", "invalid value for option `port`");
        refuses("postgres://me:secret@host/things?colour=red", "unknown option `colour`");
        let modes = "sslmode is none of disable, prefer, require, verify-ca and verify-full";
        refuses("postgres://me:secret@host/things?sslmode=maybe", modes);
    }

    #[test]
    fn a_server_that_is_to_be_verified_needs_authorities() {
        let missing = parse("postgres://host/things?sslmode=verify-full&sslrootcert=%2Fno%2Fsuch%20file");
        assert!(missing.err().unwrap().starts_with("sslrootcert is /no/such file, which cannot be read"));
    }
}
