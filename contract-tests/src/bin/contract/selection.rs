//! The selection on the command line: the subject, the addresses of its services, and the checks to run.

use std::{env, time::Duration};

use contract_tests::engine::{
    checks::{self, Check},
    connection::{self, Connection},
    contract::CONTRACT,
    deployment::{Address, Deployment, SERVICES, documented_url, variable},
    subject::{self, Subject, subject},
    unjudged,
};

use crate::arguments::{Filter, Place, Target};

/// How long a service may take to accept a connection, and once more to encrypt it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What `replay` passes to `again`.
pub(crate) struct Chosen {
    pub(crate) deployment: Deployment,
    /// Sentences that are worth knowing and no failures.
    pub(crate) notes: Vec<String>,
}

/// Reads what is judged, for the rest of this process, and where it is. If nothing is asked, it need not be anywhere.
pub(crate) fn choose(target: &Target, is_asked: bool) -> Result<Chosen, String> {
    let Target { file, place, profile, as_caller } = target;
    let read = Subject::read(file, profile.as_deref())?;
    subject::choose(if *as_caller { read.of_callers() } else { read })?;
    if CONTRACT.operations().next().is_none() {
        return Err(format!("{}: it has no operation that can be called", file.display()));
    }
    let deployment = deployment(place, is_asked)?;
    let mut notes: Vec<String> =
        subject().unjudged.iter().map(|what| format!("not judged: {what}")).collect();
    for operation in CONTRACT.operations() {
        notes.extend(unjudged::of(operation).into_iter().map(|what| format!("not judged: {what}")));
    }
    notes.extend(without_token(&deployment));
    if is_asked {
        SERVICES.iter().try_for_each(|service| reach(service, &deployment.service(service).url))?;
    }
    Ok(Chosen { deployment, notes })
}

/// The checks that were chosen.
pub(crate) fn checks(
    deployment: &Deployment,
    target: &Target,
    filter: &Filter,
) -> Result<Vec<Check>, String> {
    let mut checks = checks::all(deployment);
    checks.retain(|check| !target.as_caller || check.is_relied_on());
    if checks.is_empty() {
        let why = CONTRACT.operations().flat_map(unjudged::of).next();
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let path = subject().path.display();
        return Err(format!("{path}: it has no workflow and no operation that can be called{why}"));
    }
    let has = |check: &Check, texts: &[String]| {
        texts.iter().any(|text| {
            check.name.contains(text.as_str())
                || check.names().iter().any(|name| name.contains(text.as_str()))
        })
    };
    checks.retain(|check| filter.only.is_empty() || has(check, &filter.only));
    if checks.is_empty() {
        return Err(format!("no check has {} in its name; `--list` shows them", filter.only.join(" or ")));
    }
    checks.retain(|check| !has(check, &filter.skip));
    if checks.is_empty() {
        return Err(format!("--skip {} leaves no check; `--list` shows them", filter.skip.join(" --skip ")));
    }
    Ok(checks)
}

fn deployment(place: &Place, is_asked: bool) -> Result<Deployment, String> {
    let servers = named(&place.servers, "--server", "http://127.0.0.1:8000")?;
    let tokens = named(&place.tokens, "--token", "secret")?;
    let of = |pairs: &[(&str, String)], service: &str| {
        pairs.iter().rev().find(|(name, _)| *name == service).map(|(_, value)| value.clone())
    };
    let from_environment =
        |service: &str, setting| env::var(variable(service, setting)).ok().filter(|value| !value.is_empty());
    let mut addresses = Vec::new();
    for service in SERVICES.iter() {
        let url = of(&servers, service)
            .or_else(|| from_environment(service, "URL"))
            .or_else(|| documented_url(service));
        let url = match url {
            Some(url) => checked(service, &url)?,
            None if is_asked => {
                return Err(format!(
                    "{service} has no address: pass it with --server {service}=http://127.0.0.1:8000"
                ));
            }
            None => "http://127.0.0.1".to_owned(),
        };
        let token = of(&tokens, service).or_else(|| from_environment(service, "TOKEN")).unwrap_or_default();
        if !is_header_value(&token) {
            return Err(format!("the token of {service} has a character that is not allowed in a header"));
        }
        addresses.push(Address { url, token });
    }
    let mut deployment = Deployment::new(addresses);
    for (service, header) in named(&place.headers, "--header", "X-Api-Key: secret")? {
        let (name, value) =
            header.split_once(':').map(|(name, value)| (name.trim(), value.trim())).unwrap_or_default();
        let is_name = !name.is_empty()
            && name.chars().all(|it| it.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(it));
        if !is_name || !is_header_value(value) {
            return Err(format!("--header {header}: write it as `{service}=X-Api-Key: secret`"));
        }
        deployment = deployment.with_header(service, (name.into(), value.into()));
    }
    for input in &place.inputs {
        let (name, value) =
            input.split_once('=').ok_or_else(|| format!("--input {input}: write it as name=value"))?;
        deployment.inputs.push((name.into(), value.into()));
    }
    Ok(deployment)
}

fn is_header_value(text: &str) -> bool {
    text.chars().all(|letter| letter == '\t' || !letter.is_control())
}

/// Pairs of a service and a value, such as `notes=http://127.0.0.1:8000`. If there is one service only, it need not be named.
fn named<'a>(texts: &'a [String], flag: &str, example: &str) -> Result<Vec<(&'static str, String)>, String> {
    let pair = |text: &'a String| {
        if let Some((name, value)) = text.split_once('=')
            && let Some(service) = SERVICES.iter().find(|service| **service == name.trim())
        {
            return Ok((*service, value.to_owned()));
        }
        let is_named = text
            .split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|it| it.is_alphanumeric() || "-_.".contains(it)));
        match SERVICES.as_slice() {
            [only] if !is_named || flag == "--token" => Ok((*only, text.clone())),
            services => Err(format!(
                "{flag} {text}: which service is that? Write {flag} {}={example}; the services are {}",
                services[0],
                services.join(", ")
            )),
        }
    };
    texts.iter().map(pair).collect()
}

fn checked(service: &str, url: &str) -> Result<String, String> {
    let url = url.trim().trim_end_matches('/');
    let host = url.strip_prefix("http://").or(url.strip_prefix("https://")).unwrap_or_default();
    if host.is_empty()
        || host.starts_with('/')
        || host.contains(|letter: char| letter.is_whitespace() || "?#@".contains(letter))
    {
        return Err(format!(
            "{service} is at `{url}`, which is not an HTTP address: write one like http://127.0.0.1:8000"
        ));
    }
    Ok(url.to_owned())
}

/// Whether somebody listens there.
fn reach(service: &str, url: &str) -> Result<(), String> {
    Connection::open(url, CONNECT_TIMEOUT).map(drop).map_err(|error| match connection::reason_of_tls(&error) {
        Some(reason) => format!("{service} cannot be asked at {url}: {reason}"),
        None => format!(
            "{service} cannot be reached at {url} ({error}): start it, or name another address with --server"
        ),
    })
}

/// Whether a service no longer listens.
pub(crate) fn is_gone(deployment: &Deployment, service: &str) -> bool {
    reach(service, &deployment.service(service).url).is_err()
}

/// Operations that ask for a credential of which none was given.
fn without_token(deployment: &Deployment) -> Vec<String> {
    let lacks = |service: &&&str| {
        deployment.service(service).token.is_empty() && deployment.headers(service).is_empty()
    };
    let note = |service: &&str| {
        let closed = CONTRACT.document(service).operations.iter().filter(|operation| operation.is_closed());
        let count = closed.count();
        (count > 0).then(|| {
            format!("not judged: {count} of the operations of {service} with a valid credential; pass one with --token {service}=…")
        })
    };
    SERVICES.iter().filter(lacks).filter_map(note).collect()
}
