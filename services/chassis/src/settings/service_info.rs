//! The one description of a service, from which its flags, variables, defaults and help follow.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Arg, ArgMatches, builder::ValueParser, value_parser};

use super::{
    address::listen_address,
    database::DatabaseUrl,
    public_url::PublicUrl,
    secret::{Secret, SecretSetting},
    token_setting::TokenSetting,
};

const LISTEN: &str = "listen";
const PUBLIC_URL: &str = "public-url";
const URL: &str = "url";
const DATABASE_URL: &str = "database-url";
const DATABASE_URL_FILE: &str = "database-url-file";
const TOKEN: &str = "token";
const TOKEN_FILE: &str = "token-file";

/// Whether `argument` is the token of a service.
pub(super) fn is_token(argument: &Arg) -> bool {
    argument.get_id().as_str().strip_suffix(TOKEN).is_some_and(|name| name.ends_with('-'))
}

/// A service, as seen by the programs that run or call it.
///
/// The name `shop` and the port 5001 give `--shop-listen` (`SHOP_LISTEN`, by default `127.0.0.1:5001`), `--shop-url`
/// (`SHOP_URL`, by default `http://127.0.0.1:5001`), `--shop-public-url` (`SHOP_PUBLIC_URL`), `--shop-token` (`SHOP_TOKEN`, by
/// default `SECRET_SHOP_TOKEN`) and `--shop-token-file` (`SHOP_TOKEN_FILE`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceInfo {
    /// The name of its program and its database, and the realm of its tokens.
    pub name: &'static str,
    /// The port that it listens on by default.
    pub port: u16,
}

impl ServiceInfo {
    /// The service called `name`, which listens on `port` by default.
    pub const fn new(name: &'static str, port: u16) -> Self {
        Self { name, port }
    }

    /// The variable that sets the address it listens on.
    pub fn listen_variable(&self) -> String {
        self.variable(LISTEN)
    }

    /// The variable that sets the URL its callers use.
    pub fn url_variable(&self) -> String {
        self.variable(URL)
    }

    /// The variable that puts its database on a server, if one does: it is set in `matches`, from [`Self::database_args`].
    pub fn server_variable(&self, matches: &ArgMatches) -> Option<String> {
        self.database_url(matches).set_by()
    }

    /// The arguments of a program that runs the service.
    pub fn own_args(&self) -> [Arg; 6] {
        let public_url = self
            .arg(PUBLIC_URL, "URL", ValueParser::new(PublicUrl::parse))
            .help(format!("URL of {} as its callers see it, such as that of a proxy", self.name));
        let [database_url, database_url_file] = self.database_args();
        let [token, file] = self.token_args();
        [self.listen_arg(), public_url, database_url, database_url_file, token, file]
    }

    /// Those of [`Self::own_args`] that say where its database is.
    pub fn database_args(&self) -> [Arg; 2] {
        let url = self
            .arg(DATABASE_URL, "URL", value_parser!(Secret).into())
            .hide_env_values(true)
            .help(format!("postgres:// URL of the database of {} [default: a file in DATA_DIR]", self.name));
        let file = self
            .arg(DATABASE_URL_FILE, "FILE", value_parser!(PathBuf))
            .help(format!("File that holds that URL; overrides {}", self.variable(DATABASE_URL)));
        [url, file]
    }

    /// The first of [`Self::own_args`], for a program that needs no token.
    pub fn listen_arg(&self) -> Arg {
        self.arg(LISTEN, "ADDRESS", ValueParser::new(listen_address))
            .default_value(format!("127.0.0.1:{}", self.port))
            .help(format!("Address that {} listens on", self.name))
    }

    /// The arguments of a program that calls the service.
    pub(super) fn upstream_args(&self) -> [Arg; 3] {
        let url = self
            .arg(URL, "URL", ValueParser::string())
            .default_value(format!("http://127.0.0.1:{}", self.port))
            .help(format!("URL of {}", self.name));
        let [token, file] = self.token_args();
        [url, token, file]
    }

    fn token_args(&self) -> [Arg; 2] {
        let token = self
            .arg(TOKEN, "TOKEN", value_parser!(Secret).into())
            .default_value(self.development_token())
            .hide_env_values(true)
            .help(format!("Bearer token of {}", self.name));
        let file = self.arg(TOKEN_FILE, "FILE", value_parser!(PathBuf)).help(format!(
            "File that holds the bearer token of {}; overrides {}",
            self.name,
            self.variable(TOKEN)
        ));
        [token, file]
    }

    /// The address to listen on, from [`Self::listen_arg`].
    pub fn listen(&self, matches: &ArgMatches) -> SocketAddr {
        self.value(LISTEN, matches)
    }

    /// The URL as callers see it, from [`Self::own_args`].
    pub fn public_url(&self, matches: &ArgMatches) -> Option<PublicUrl> {
        matches.get_one(&self.flag(PUBLIC_URL)).cloned()
    }

    /// The URL, from [`Self::upstream_args`].
    pub(super) fn url(&self, matches: &ArgMatches) -> String {
        self.value(URL, matches)
    }

    /// The token, from [`Self::own_args`] or from the arguments of a caller.
    pub fn token(&self, matches: &ArgMatches) -> TokenSetting {
        TokenSetting {
            secret: self.secret("token", TOKEN, TOKEN_FILE, matches),
            development: self.development_token(),
        }
    }

    /// The URL of the database, from [`Self::database_args`].
    pub fn database_url(&self, matches: &ArgMatches) -> DatabaseUrl {
        DatabaseUrl(self.secret("URL", DATABASE_URL, DATABASE_URL_FILE, matches))
    }

    fn secret(&self, what: &'static str, value: &str, file: &str, matches: &ArgMatches) -> SecretSetting {
        SecretSetting {
            what,
            variable: self.variable(value),
            value: matches.get_one(&self.flag(value)).cloned(),
            file: matches.get_one(&self.flag(file)).cloned(),
        }
    }

    fn development_token(&self) -> String {
        format!("SECRET_{}", self.variable(TOKEN))
    }

    /// `SHOP_URL` for `url`.
    fn variable(&self, setting: &str) -> String {
        self.flag(setting).to_uppercase().replace('-', "_")
    }

    fn flag(&self, setting: &str) -> String {
        format!("{}-{setting}", self.name)
    }

    fn arg(&self, setting: &str, value_name: &'static str, parser: ValueParser) -> Arg {
        let flag = self.flag(setting);
        Arg::new(flag.clone())
            .long(flag)
            .env(self.variable(setting))
            .value_name(value_name)
            .value_parser(parser)
    }

    #[expect(clippy::expect_used, reason = "the argument has a default value")]
    fn value<T: Clone + Send + Sync + 'static>(&self, setting: &str, matches: &ArgMatches) -> T {
        matches.get_one(&self.flag(setting)).cloned().expect("a default value")
    }
}
