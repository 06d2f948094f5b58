//! The settings of the store, including those that it passes on to its services.

use std::ffi::OsString;

use chassis::settings::{Common, PublicUrl, StartupError, TokenSource};
use clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};

use crate::{
    commands,
    member::Member,
    restart::{Restart, RestartSetting},
    start_page::StartPageSettings,
};

/// The arguments of the program, with its commands.
pub(crate) fn command(members: &'static [Member]) -> Command {
    let command = arguments(members).subcommands(commands::all(members));
    command.args_conflicts_with_subcommands(true)
}

/// The arguments of the program.
pub(crate) fn arguments(members: &'static [Member]) -> Command {
    let names = || members.iter().map(|member| member.info.name);
    let command = Command::new("store")
        .version(env!("CARGO_PKG_VERSION"))
        .args(members.iter().flat_map(|member| member.info.own_args()));
    let about = format!("The store: {}, each in its own process", listed(names().map(ToOwned::to_owned)));
    let command = orders::Own::augment_args(command);
    let programs = listed(names().map(|name| format!("`store {name}`")));
    let long = format!("{about}.\n\n{programs} run a single service, like the program of that name.");
    let own = RestartSetting::augment_args(StartPageSettings::augment_args(command));
    Common::add_to(own).about(about).long_about(long)
}

/// `one, other and last`
fn listed(names: impl DoubleEndedIterator<Item = String>) -> String {
    let mut names = names;
    let last = names.next_back().unwrap_or_default();
    match names.collect::<Vec<_>>().join(", ") {
        others if others.is_empty() => last,
        others => format!("{others} and {last}"),
    }
}

/// The settings of the store.
pub(crate) struct Settings {
    pub(crate) common: Common,
    pub(crate) start_page: StartPageSettings,
    pub(crate) restart: Restart,
    /// The services, in the order in which they start.
    pub(crate) services: Vec<Described>,
    /// The variables for the services.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl Settings {
    /// # Errors
    /// A duration was set by its old name and its new name, to different values.
    pub(crate) fn read(members: &'static [Member], matches: &ArgMatches) -> Result<Self, StartupError> {
        let common = Common::read(matches)?;
        Ok(Self {
            start_page: StartPageSettings::from_arg_matches(matches)?,
            restart: RestartSetting::from_arg_matches(matches)?.restart,
            services: members.iter().map(|member| Described::read(member, &common, matches)).collect(),
            environment: environment(members, matches),
            common,
        })
    }
}

/// What the start page and the summary say about a service.
pub(crate) struct Described {
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) token: TokenSource,
    /// Where its database is, for people.
    pub(crate) database: String,
    /// Whether only this machine can call it, as far as the settings tell.
    pub(crate) is_local: bool,
}

impl Described {
    fn read(member: &Member, common: &Common, matches: &ArgMatches) -> Self {
        let public_url = member.info.public_url(matches);
        let is_behind_proxy = public_url.is_some() || common.trusted_proxies.is_some();
        Self {
            public_url,
            token: member.info.token(matches).source(),
            database: match member.info.server_variable(matches) {
                Some(variable) => format!("as set in {variable}"),
                None => common.data_dir.join(format!("{}.db", member.info.name)).display().to_string(),
            },
            is_local: member.info.listen(matches).ip().is_loopback() && !is_behind_proxy,
        }
    }
}

/// The settings that were given, as variables. The services have the same defaults.
fn environment(members: &'static [Member], matches: &ArgMatches) -> Vec<(OsString, OsString)> {
    let command = arguments(members);
    let settings = command.get_arguments().filter_map(|argument| {
        let id = argument.get_id().as_str();
        let value = matches.get_raw(id)?.next()?;
        let is_given = matches.value_source(id) != Some(ValueSource::DefaultValue);
        is_given.then_some((argument.get_env()?.to_owned(), value.to_owned()))
    });
    settings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MEMBERS;

    #[test]
    fn the_help_names_every_service() {
        let names = |names: &[&str]| listed(names.iter().map(|name| (*name).to_owned()));
        assert_eq!(names(&["products"]), "products");
        assert_eq!(names(&["products", "orders", "payments"]), "products, orders and payments");
    }

    #[test]
    fn a_secret_token_is_not_shown() {
        let tokens = ["--products-token=4711", "--orders-token-file=/run/token"];
        let matches = command(MEMBERS).get_matches_from(["store"].into_iter().chain(tokens));
        let services = Settings::read(MEMBERS, &matches).unwrap().services;
        let tokens: Vec<String> = services.iter().map(|service| service.token.to_string()).collect();
        assert_eq!(tokens[..3], ["as set in PRODUCTS_TOKEN", "as in /run/token", "SECRET_PAYMENTS_TOKEN"]);
    }

    #[test]
    fn a_database_on_a_server_is_not_taken_for_a_file() {
        let url = "--products-database-url=postgres://me:secret@db/products";
        let matches = command(MEMBERS).get_matches_from(["store", "--data-dir=here", url]);
        let services = Settings::read(MEMBERS, &matches).unwrap().services;
        let databases: Vec<&str> = services.iter().map(|service| service.database.as_str()).collect();
        assert_eq!(databases[..2], ["as set in PRODUCTS_DATABASE_URL", "here/orders.db"]);
    }
}
