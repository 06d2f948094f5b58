//! A proxy that runs with the configuration of the deployment, except for its ports.

use std::{fs, process::Command};

use contract_tests::{
    engine::{
        contract::CONTRACT,
        deployment::{Address, Deployment, SERVICES},
    },
    harness::{address::Reserved, development::token, folders::new_folder, nginx::Nginx, server::Server},
};
use regex::{Captures, Regex};

use crate::{file, find};

/// How much greater the ports of a second instance and of a proxy are than that of a service.
const SECOND: u16 = 1000;
const PROXY: u16 = 3000;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    Nginx,
}

impl Kind {
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::HaProxy => "haproxy",
            Self::Nginx => "nginx",
        }
    }
}

/// It ends when it is dropped.
pub(crate) struct Proxy(Server);

impl Proxy {
    /// Starts a proxy in front of the services at these addresses, after checking its configuration as an operator does.
    pub(crate) fn start(kind: Kind, services: &[String]) -> Self {
        let name = match kind {
            Kind::HaProxy => "haproxy.cfg",
            Kind::Nginx => "nginx.conf",
        };
        let ports: Vec<Reserved> = services.iter().map(|_| Reserved::new()).collect();
        let text = moved(&fs::read_to_string(file(name)).unwrap(), services, &ports);
        Self(match kind {
            Kind::HaProxy => start_haproxy(&text, ports),
            Kind::Nginx => Nginx::with_configuration(&text, ports),
        })
    }

    /// Starts HAProxy at these ports, in front of two instances of each service, which stand in its configuration as comments.
    pub(crate) fn in_front_of_two(instances: [&[String]; 2], ports: Vec<Reserved>) -> Self {
        let text = fs::read_to_string(file("haproxy.cfg")).unwrap().replace("    # server ", "    server ");
        let text = replaced(&text, r"(?<before>)127\.0\.0\.1:", SECOND, |index| instances[1][index].clone());
        Self(start_haproxy(&moved(&text, instances[0], &ports), ports))
    }

    /// Where the services are for callers.
    pub(crate) fn deployment(&self) -> Deployment {
        let address =
            |(service, port): (&&'static str, &Reserved)| Address { url: port.url(), token: token(service) };
        Deployment::new(SERVICES.iter().zip(self.0.addresses()).map(address))
    }

    pub(crate) fn log(&self) -> String {
        self.0.log()
    }
}

fn start_haproxy(configuration: &str, addresses: Vec<Reserved>) -> Server {
    let folder = new_folder();
    let file = folder.path().join("haproxy.cfg").display().to_string();
    fs::write(&file, configuration).unwrap();
    let haproxy = find(Kind::HaProxy.program()).unwrap();
    let check = Command::new(&haproxy).args(["-c", "-f", &file]).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    Server::start(&haproxy, &["-f", &file], addresses, folder)
}

/// A configuration with other addresses in place of those of each service and of the proxy for it.
#[track_caller]
fn moved(text: &str, services: &[String], ports: &[Reserved]) -> String {
    let text = replaced(text, r"(?<before>)127\.0\.0\.1:", 0, |index| services[index].clone());
    let text = replaced(&text, "(?<before>bind |listen ):?", PROXY, |index| ports[index].text());
    // nginx also tells by the port which service is meant.
    match text.contains("$server_port") {
        true => {
            replaced(&text, "(?m)(?<before>^ *)", PROXY, |index| ports[index].address().port().to_string())
        }
        false => text,
    }
}

/// The same with an address for each service in place of what `pattern` matches, with a port that is greater than its own by
/// `more`.
#[track_caller]
fn replaced(text: &str, pattern: &str, more: u16, address: impl Fn(usize) -> String) -> String {
    let pattern = Regex::new(&format!(r"{pattern}(?<port>\d+)\b")).unwrap();
    let ports: Vec<String> = SERVICES.iter().map(|service| (port(service) + more).to_string()).collect();
    for (service, port) in SERVICES.iter().zip(&ports) {
        let is_there = pattern.captures_iter(text).any(|found| found["port"] == **port);
        assert!(is_there, "the configuration has no {port} for {service} ({pattern})");
    }
    let replacement = |found: &Captures<'_>| match ports.iter().position(|port| found["port"] == **port) {
        Some(index) => format!("{}{}", &found["before"], address(index)),
        None => found[0].to_owned(),
    };
    pattern.replace_all(text, replacement).into_owned()
}

/// The port of a service by default.
fn port(service: &str) -> u16 {
    let url = CONTRACT.document(service).json["servers"][0]["url"].as_str().unwrap();
    url.rsplit(':').next().unwrap().parse().unwrap()
}
