//! A proxy that runs with the configuration of the deployment, except for its ports.

use std::{fs, process::Command};

use contract_tests::{
    engine::deployment::{Address, Deployment, SERVICES},
    harness::{address::Reserved, development::token, folders::new_folder, nginx::Nginx, server::Server},
};
use regex::{Captures, Regex};

use crate::{file, find};

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
        let second = |index: usize| instances[1][index].clone();
        let text = replaced(&text, r"(?<before>)127\.0\.0\.1:600(?<number>\d)\b", ports.len(), &second);
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

/// A configuration with other addresses: 5001 is the port of the first service, and 8001 that of the proxy for it.
#[track_caller]
fn moved(text: &str, services: &[String], ports: &[Reserved]) -> String {
    let replace = |text: &str, pattern: &str, address: &dyn Fn(usize) -> String| {
        replaced(text, pattern, services.len(), address)
    };
    let text = replace(text, r"(?<before>)127\.0\.0\.1:500(?<number>\d)\b", &|index| services[index].clone());
    // nginx also tells by the port which service is meant.
    let text = replace(&text, r"(?<before>bind |listen ):?800(?<number>\d)\b", &|index| ports[index].text());
    let port = |index: usize| ports[index].address().port().to_string();
    match text.contains("$server_port") {
        true => replace(&text, r"(?m)(?<before>^ *)800(?<number>\d)\b", &port),
        false => text,
    }
}

/// The same with other addresses in place of what matches, for each of so many numbers.
#[track_caller]
fn replaced(text: &str, pattern: &str, numbers: usize, address: &dyn Fn(usize) -> String) -> String {
    let pattern = Regex::new(pattern).unwrap();
    let is_there =
        |number| pattern.captures_iter(text).any(|found| found["number"].parse::<usize>().unwrap() == number);
    for number in 1..=numbers {
        assert!(is_there(number), "service {number} has no {pattern} in the configuration");
    }
    let replacement = |found: &Captures<'_>| {
        format!("{}{}", &found["before"], address(found["number"].parse::<usize>().unwrap() - 1))
    };
    pattern.replace_all(text, replacement).into_owned()
}
