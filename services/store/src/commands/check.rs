//! `store check`: whether the services are ready, for a supervisor without an HTTP client, as in the image.

use std::{process::ExitCode, time::Duration};

use chassis::output;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use futures_util::future::join_all;

use crate::{address, http, member::Member};

/// How long a service may take to respond.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) fn command(members: &'static [Member]) -> Command {
    let about = "Check that the services on this machine are ready, and exit with 1 if one is not";
    let names = PossibleValuesParser::new(members.iter().map(|member| member.info.name));
    let services = Arg::new("services")
        .value_name("SERVICE")
        .action(ArgAction::Append)
        .value_parser(names)
        .help("The services to check [default: all]");
    let command = Command::new("check").about(about).arg(services);
    command.args(members.iter().map(|member| member.info.listen_arg()))
}

/// Prints a line for each service.
pub(super) fn run(members: &'static [Member], matches: ArgMatches) -> ExitCode {
    let named: Vec<&String> = matches.get_many("services").into_iter().flatten().collect();
    let is_named = |member: &&Member| named.is_empty() || named.iter().any(|name| *name == member.info.name);
    let asked = members.iter().filter(is_named);
    let (names, urls): (Vec<_>, Vec<_>) =
        asked.map(|member| (member.info.name, address::url(member.info.listen(&matches)))).unzip();
    let mut code = ExitCode::SUCCESS;
    let mut text = String::new();
    for ((name, url), outcome) in names.iter().zip(&urls).zip(ask(&urls)) {
        text += &match outcome {
            Ok(200) => format!("{name} at {url} is ready.\n"),
            outcome => {
                code = ExitCode::FAILURE;
                let why = outcome.map_or_else(|error| error, |status| format!("/readyz responds {status}"));
                format!("{name} at {url} is not ready: {why}.\n")
            }
        };
    }
    output::stdout(text);
    code
}

/// The status of each probe, or why it has none. All are asked at once, so that those that hang take no longer than one.
#[tokio::main(flavor = "current_thread")]
async fn ask(urls: &[String]) -> Vec<Result<u16, String>> {
    let client = http::client(TIMEOUT).build().map_err(cause);
    let ask = async |url: &String| {
        let response = client.clone()?.get(format!("{url}/readyz")).send().await.map_err(cause)?;
        Ok(response.status().as_u16())
    };
    join_all(urls.iter().map(ask)).await
}

/// The innermost cause of an error.
fn cause(error: reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
