//! The settings of one service: its address and token, those of the services it calls, and the common settings.

use std::{ffi::OsString, fmt::Display, net::SocketAddr, process::ExitCode};

use clap::{Arg, ArgAction, Args, Command};

use super::{
    command_line, common::Common, database::DatabaseUrl, public_url::PublicUrl, service_info::ServiceInfo,
    startup_error::StartupError, token_files::TokenFiles, token_setting::TokenSetting,
};

/// The settings of a service that calls `N` others. `Own` holds the settings that no other service has.
#[derive(Clone, Debug)]
pub struct Settings<const N: usize, Own = ()> {
    /// The address that it listens on.
    pub listen: SocketAddr,
    /// The URL that its callers use, if it was set.
    pub public_url: Option<PublicUrl>,
    /// The token that its callers send.
    pub token: TokenSetting,
    /// The services that it calls.
    pub upstreams: [Upstream; N],
    /// Where its database is, if it is not a file.
    pub database_url: DatabaseUrl,
    /// The common settings.
    pub common: Common,
    /// The settings that no other service has.
    pub own: Own,
    /// The files of all these tokens.
    pub(crate) token_files: TokenFiles,
}

impl<const N: usize, Own: Args> Settings<N, Own> {
    /// Reads the settings of `service` from `arguments`, the first of which is the program's name, and from the environment.
    ///
    /// # Errors
    /// The settings cannot be used, or `--help` or `--version` was given. The text for the user is printed already.
    pub(crate) fn parse(
        service: ServiceInfo,
        about: &'static str,
        upstreams: [ServiceInfo; N],
        arguments: &[OsString],
    ) -> Result<Self, ExitCode> {
        let command = Command::new(service.name)
            .version(env!("CARGO_PKG_VERSION"))
            .arg(
                Arg::new("openapi")
                    .long("openapi")
                    .action(ArgAction::SetTrue)
                    .help("Print the OpenAPI document and exit"),
            )
            .args(service.own_args())
            .args(upstreams.iter().flat_map(ServiceInfo::upstream_args));
        let command = Common::add_to(Own::augment_args(command)).about(about);
        command_line::parse(command, arguments, |matches| {
            let listen = service.listen(matches);
            let token_files = TokenFiles::default();
            Ok(Self {
                listen,
                public_url: service.public_url(matches),
                token: service.token(matches),
                database_url: service.database_url(matches),
                upstreams: upstreams.map(|upstream| Upstream {
                    url_variable: upstream.url_variable(),
                    url: upstream.url(matches),
                    token: upstream.token(matches),
                    listen,
                    token_files: token_files.clone(),
                }),
                common: Common::read(matches)?,
                own: Own::from_arg_matches(matches)?,
                token_files,
            })
        })
    }
}

/// A service that this one calls.
#[derive(Clone, Debug)]
pub struct Upstream {
    url_variable: String,
    url: String,
    token: TokenSetting,
    /// The address of the calling service, which decides whether the development token may be used.
    listen: SocketAddr,
    token_files: TokenFiles,
}

impl Upstream {
    /// Creates a client with `connect`, which takes the URL and the token. When the token file is read again, `set_token` gives
    /// the client another token.
    ///
    /// # Errors
    /// The token may not be used, or `connect` refuses the URL.
    pub fn connect<C: Clone + Send + 'static, E: Display>(
        &self,
        connect: impl FnOnce(&str, &str) -> Result<C, E>,
        set_token: impl Fn(&C, &str) -> Result<(), E> + Send + 'static,
    ) -> Result<C, StartupError> {
        let token = self.token.check(self.listen)?;
        let client = connect(&self.url, token.expose())
            .map_err(|error| StartupError::new(format!("{} is wrong: {error}.", self.url_variable)))?;
        let shared = client.clone();
        let variable = self.token.secret.variable.clone();
        self.token_files.add(&self.token, self.listen, token, move |token| {
            set_token(&shared, token.expose())
                .map_err(|error| StartupError::new(format!("{variable} cannot be sent: {error}.")))
        });
        Ok(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: ServiceInfo = ServiceInfo::new("price-list", 5009);
    const UPSTREAM: ServiceInfo = ServiceInfo::new("shop", 5001);

    #[derive(Args, Clone, Debug)]
    struct Own {
        #[arg(long, default_value = "EUR")]
        currency: String,
    }

    fn parse(arguments: &[&str]) -> Settings<1, Own> {
        let arguments: Vec<OsString> = ["price-list"].iter().chain(arguments).map(OsString::from).collect();
        Settings::parse(SERVICE, "Prices", [UPSTREAM], &arguments).unwrap()
    }

    /// What the upstream is called with.
    fn called(settings: &Settings<1, Own>) -> String {
        let connect = |url: &str, token: &str| Ok::<_, String>(format!("{url} {token}"));
        settings.upstreams[0].connect(connect, |_, _| Ok(())).unwrap()
    }

    #[test]
    fn a_name_and_a_port_give_every_default() {
        let settings = parse(&[]);
        assert_eq!(settings.listen, "127.0.0.1:5009".parse().unwrap());
        let token = settings.token.check(settings.listen).unwrap();
        assert_eq!(token.expose(), "SECRET_PRICE_LIST_TOKEN");
        assert_eq!(called(&settings), "http://127.0.0.1:5001 SECRET_SHOP_TOKEN");
    }

    #[test]
    fn flags_are_named_after_their_service() {
        let settings = parse(&[
            "--price-list-listen=127.0.0.1:1",
            "--price-list-token=own",
            "--shop-url=http://shop",
            "--shop-token=other",
        ]);
        assert_eq!(settings.listen, "127.0.0.1:1".parse().unwrap());
        assert_eq!(settings.token.check(settings.listen).unwrap().expose(), "own");
        assert_eq!(called(&settings), "http://shop other");
    }

    #[test]
    fn a_service_can_add_settings() {
        assert_eq!(parse(&[]).own.currency, "EUR");
        assert_eq!(parse(&["--currency=CHF"]).own.currency, "CHF");
    }

    #[test]
    fn a_url_that_is_refused_is_named_by_its_variable() {
        let refused = parse(&[]).upstreams[0].connect(|_, _| Err::<(), _>("it is not a URL"), |(), _| Ok(()));
        assert_eq!(refused.unwrap_err().to_string(), "SHOP_URL is wrong: it is not a URL.");
    }

    #[test]
    fn debug_hides_tokens() {
        let shown = format!("{:?}", parse(&["--price-list-token=4711", "--shop-token=4711"]));
        assert!(shown.contains("token") && !shown.contains("4711"), "{shown}");
    }
}
