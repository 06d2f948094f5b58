//! The URL of a database.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::Host};

use super::tls;
use crate::{settings::DatabaseSettings, storage::client::Tls};

/// How long data may stay unacknowledged before a connection is dropped: the server's machine may have disappeared silently.
const DEAD_AFTER: Duration = Duration::from_secs(15);

/// The options of a URL about TLS, which are read here.
const OF_TLS: [&str; 2] = ["sslmode", "sslrootcert"];

/// The options about hosts.
const OF_HOSTS: [&str; 3] = ["host", "hostaddr", "port"];

/// Where a database is, and how it is connected to.
pub(super) struct Address {
    /// Each names one host.
    pub(super) hosts: Vec<Config>,
    pub(super) tls: Tls,
    /// For people, without a secret.
    pub(super) place: String,
    /// The name of the database, if the URL has one.
    pub(super) database: Option<String>,
}

impl Address {
    /// Reads a URL as libpq has it, with several hosts or none.
    ///
    /// # Errors
    /// The reason why it cannot be used, without the URL, which may have a password.
    pub(super) fn parse(url: &str, service: &str, settings: &DatabaseSettings) -> Result<Self, String> {
        let url = url.trim();
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err("it is not a URL that begins with postgres://".to_owned());
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        let without = |names: &[&str]| {
            let is_kept = |pair: &&&str| !names.contains(&pair.split('=').next().unwrap_or_default());
            pairs.iter().filter(is_kept).copied().collect::<Vec<_>>().join("&")
        };
        let value = |name: &str| {
            let sent = pairs.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
            Some(percent_decode_str(sent).decode_utf8_lossy().into_owned())
        };
        let all: Config = format!("{base}?{}", without(&OF_TLS)).parse().map_err(explain)?;
        let rest = format!("{}?{}", without_hosts(base), without(&[&OF_TLS[..], &OF_HOSTS].concat()));
        let mut config: Config = rest.parse().map_err(explain)?;
        let roots = value("sslrootcert");
        let (mode, check) = tls::mode(value("sslmode").as_deref(), roots.as_deref())?;
        config.ssl_mode(mode).tcp_user_timeout(DEAD_AFTER).keepalives_idle(DEAD_AFTER);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(settings.database_connect_timeout);
        }
        if config.get_application_name().is_none() {
            config.application_name(service);
        }
        Ok(Self {
            hosts: each_host(&config, &all)?,
            tls: tls::connector(check, roots.as_deref())?,
            place: place(&all),
            database: all.get_dbname().map(str::to_owned),
        })
    }
}

/// The part of a URL before `?`, but for its hosts.
fn without_hosts(base: &str) -> String {
    let (scheme, rest) = base.split_once("://").unwrap_or_default();
    let (user, rest) =
        rest.split_once('@').map_or((String::new(), rest), |(user, rest)| (format!("{user}@"), rest));
    let path = rest.find('/').map_or("", |begin| &rest[begin..]);
    format!("{scheme}://{user}{path}")
}

/// What connects to each of the hosts of `all`, of which `config` is the rest.
fn each_host(config: &Config, all: &Config) -> Result<Vec<Config>, String> {
    let (names, addresses, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err("it does not name a host".to_owned());
    }
    if ![names.len(), addresses.len()].iter().all(|given| [0, count].contains(given))
        || ![0, 1, count].contains(&ports.len())
    {
        return Err("it does not name as many hosts as addresses or ports".to_owned());
    }
    let at = |place: usize| {
        let mut config = config.clone();
        match names.get(place) {
            Some(Host::Tcp(name)) => drop(config.host(name)),
            Some(Host::Unix(path)) => drop(config.host_path(path)),
            None => {}
        }
        if let Some(address) = addresses.get(place) {
            config.hostaddr(*address);
        }
        config.port(port(ports, place));
        config
    };
    Ok((0..count).map(at).collect())
}

/// The message of the parser, which does not repeat values.
fn explain(error: tokio_postgres::Error) -> String {
    match std::error::Error::source(&error) {
        Some(cause) if cause.to_string().contains("option") => cause.to_string(),
        _ => "it is not a valid PostgreSQL URL".to_owned(),
    }
}

/// `postgres://a:5432,b:5432/name`
fn place(config: &Config) -> String {
    let host = |(place, host): (usize, &Host)| match host {
        Host::Tcp(name) => format!("{name}:{}", port(config.get_ports(), place)),
        Host::Unix(path) => path.display().to_string(),
    };
    let hosts: Vec<String> = config.get_hosts().iter().enumerate().map(host).collect();
    let name = config.get_dbname().or(config.get_user()).unwrap_or_default();
    format!("postgres://{}/{name}", hosts.join(","))
}

/// The port of the host at `place`.
fn port(ports: &[u16], place: usize) -> u16 {
    ports.get(place).or(ports.first()).copied().unwrap_or(5432)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use tokio_postgres::config::{SslMode, TargetSessionAttrs};

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
        for (host, name, port) in [(&address.hosts[0], "a", 5432), (&address.hosts[1], "b", 6000)] {
            assert_eq!(
                (host.get_hosts(), host.get_ports()),
                (&[Host::Tcp(name.to_owned())][..], &[port][..])
            );
            assert_eq!(host.get_ssl_mode(), SslMode::Disable);
            assert_eq!(host.get_password(), Some(b"secret".as_slice()));
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        assert_eq!(address.database.as_deref(), Some("things"));
        let socket = parse("postgresql:///things?host=/run/postgresql&user=me").unwrap();
        assert_eq!(socket.place, "postgres:///run/postgresql/things");
        assert_eq!(socket.hosts[0].get_hosts(), [Host::Unix("/run/postgresql".into())]);
        let addresses = parse("postgres://me@a,b/things?hostaddr=127.0.0.1,127.0.0.2").unwrap();
        let second: IpAddr = "127.0.0.2".parse().unwrap();
        assert_eq!(addresses.hosts[1].get_hostaddrs(), [second]);
    }

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_its_value() {
        refuses("mysql://me:secret@host/things", "it is not a URL that begins with postgres://");
        refuses("postgres:///things", "it does not name a host");
        refuses("postgres://me:secret@host:port/things", "invalid value for option `port`");
        refuses("postgres://me:secret@host/things?colour=red", "unknown option `colour`");
        let uneven = "it does not name as many hosts as addresses or ports";
        refuses("postgres://me:secret@a,b/things?hostaddr=127.0.0.1", uneven);
        let modes = "sslmode must be one of disable, prefer, require, verify-ca and verify-full";
        refuses("postgres://me:secret@host/things?sslmode=maybe", modes);
    }

    #[test]
    fn a_server_that_is_to_be_verified_needs_authorities() {
        let missing = parse("postgres://host/things?sslmode=verify-full&sslrootcert=%2Fno%2Fsuch%20file");
        assert!(missing.err().unwrap().starts_with("sslrootcert is /no/such file, which cannot be read"));
    }
}
