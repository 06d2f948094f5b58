//! A proxy that runs with the configuration of the deployment, but for its ports.

use std::{fs, process::Command};

use contract_tests::{
    engine::deployment::{Address, Deployment, SERVICES},
    harness::{address::Reserved, development::token, folders::new_folder, nginx::Nginx, server::Server},
};

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
        let (name, listens) = match kind {
            Kind::HaProxy => ("haproxy.cfg", "bind :"),
            Kind::Nginx => ("nginx.conf", "listen "),
        };
        let mut text = fs::read_to_string(file(name)).unwrap();
        let ports: Vec<Reserved> = services.iter().map(|_| Reserved::new()).collect();
        for ((number, service), port) in (1..).zip(services).zip(&ports) {
            for (from, to) in [
                (format!("127.0.0.1:500{number}"), service.clone()),
                (
                    format!("{listens}800{number}"),
                    format!("{}{}", listens.trim_end_matches(':'), port.text()),
                ),
            ] {
                assert!(text.contains(&from), "{name} has no {from}");
                text = text.replace(&from, &to);
            }
        }
        Self(match kind {
            Kind::HaProxy => start_haproxy(&text, ports),
            Kind::Nginx => Nginx::with_configuration(&text, ports),
        })
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
