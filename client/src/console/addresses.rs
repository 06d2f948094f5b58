//! The global options with the addresses and the tokens of the services.

use std::{convert::Infallible, path::PathBuf};

use clap::{Arg, ArgMatches, Args, FromArgMatches, error::ErrorKind, parser::ValueSource, value_parser};

use super::{
    service::Service,
    token::{Secret, Token},
};

/// The addresses and tokens of the services.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) products: Address,
    pub(super) orders: Address,
    pub(super) payments: Address,
}

/// The address of a service, and the token that it asks for.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) token: Token,
}

impl Address {
    fn read(matches: &ArgMatches, service: Service) -> Result<Self, clap::Error> {
        let required = || clap::Error::new(ErrorKind::MissingRequiredArgument);
        let url = matches.get_one::<String>(&url_flag(service)).ok_or_else(required)?;
        let value = matches.get_one::<Secret>(&token_flag(service)).ok_or_else(required)?;
        let file = matches.get_one::<PathBuf>(&file_flag(service));
        let is_typed = |flag: String| matches.value_source(&flag) == Some(ValueSource::CommandLine);
        // As in the services, the file overrides the value; but what is typed overrides what the environment has.
        let file = file.filter(|_| is_typed(file_flag(service)) || !is_typed(token_flag(service)));
        let token = file.map_or_else(|| Token::Value(value.clone()), |file| Token::File(file.clone()));
        Ok(Self { url: url.clone(), token })
    }
}

impl FromArgMatches for Addresses {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self {
            products: Address::read(matches, Service::Products)?,
            orders: Address::read(matches, Service::Orders)?,
            payments: Address::read(matches, Service::Payments)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Addresses {
    fn augment_args(command: clap::Command) -> clap::Command {
        let url = |service: Service| {
            Arg::new(url_flag(service))
                .long(url_flag(service))
                .env(service.url_variable())
                .default_value(service.default_url())
                .value_name("URL")
                .help(format!("Address of {service}"))
        };
        let token = |service: Service| {
            Arg::new(token_flag(service))
                .long(token_flag(service))
                .env(service.token_variable())
                .hide_env_values(true)
                .default_value(service.default_token())
                .value_parser(|text: &str| Ok::<_, Infallible>(Secret::new(text)))
                .value_name("TOKEN")
                .help(format!("Token of {service}; if it is `new,old`, the first is sent"))
        };
        let file = |service: Service| {
            Arg::new(file_flag(service))
                .long(file_flag(service))
                .env(format!("{}_FILE", service.token_variable()))
                .value_parser(value_parser!(PathBuf))
                .value_name("FILE")
                .help(format!("File with the token of {service}; overrides the variable with the token"))
        };
        let [urls, tokens, files] = [Service::ALL.map(url), Service::ALL.map(token), Service::ALL.map(file)];
        let all = urls.into_iter().chain(tokens).chain(files);
        command.args(
            all.map(|argument| {
                argument.global(true).hide_short_help(true).help_heading("Addresses and tokens")
            }),
        )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

fn url_flag(service: Service) -> String {
    format!("{service}-url")
}

fn token_flag(service: Service) -> String {
    format!("{service}-token")
}

fn file_flag(service: Service) -> String {
    format!("{service}-token-file")
}
