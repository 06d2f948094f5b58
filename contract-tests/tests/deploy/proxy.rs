//! A proxy that runs with the configuration of the deployment, but for its ports.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Command, Stdio},
};

use contract_tests::{
    engine::deployment::{Address, Deployment, SERVICES, token},
    harness::{address::Reserved, folders::new_folder, waiting},
};
use regex::{Captures, Regex};
use tempfile::TempDir;

use crate::file;

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
pub(crate) struct Proxy {
    process: Child,
    ports: Vec<Reserved>,
    folder: TempDir,
}

impl Proxy {
    /// Starts a proxy in front of the services at these addresses, after checking its configuration as an operator does.
    pub(crate) fn start(kind: Kind, services: &[String]) -> Self {
        let folder = new_folder();
        let name = match kind {
            Kind::HaProxy => "haproxy.cfg",
            Kind::Nginx => "nginx.conf",
        };
        let ports: Vec<Reserved> = services.iter().map(|_| Reserved::new()).collect();
        let text = moved(&fs::read_to_string(file(name)).unwrap(), services, &ports);
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let arguments = match kind {
            Kind::HaProxy => vec!["-f".to_owned(), path.display().to_string()],
            Kind::Nginx => {
                let main = folder.path().join("main.conf");
                let text = format!(
                    "daemon off;\nmaster_process off;\nuser root root;\npid {0}/pid;\nerror_log stderr;\nevents {{ }}\n\
                     http {{\naccess_log off;\nclient_body_temp_path {0}/body;\nproxy_temp_path {0}/proxy;\n\
                     fastcgi_temp_path {0}/fastcgi;\nuwsgi_temp_path {0}/uwsgi;\nscgi_temp_path {0}/scgi;\ninclude {1};\n}}\n",
                    folder.path().display(),
                    path.display()
                );
                fs::write(&main, text).unwrap();
                vec!["-e".to_owned(), "stderr".to_owned(), "-c".to_owned(), main.display().to_string()]
            }
        };
        let check = Command::new(kind.program())
            .arg(if kind == Kind::HaProxy { "-c" } else { "-t" })
            .args(&arguments)
            .output()
            .unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(kind.program())
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let proxy = Self { process, ports, folder };
        for port in &proxy.ports {
            let what = format!("{} at {}", kind.program(), port.text());
            waiting::until(&what, || TcpStream::connect(port.address()).is_ok())
                .unwrap_or_else(|error| panic!("{error}: {}", proxy.log()));
        }
        proxy
    }

    /// Where the services are for callers.
    pub(crate) fn deployment(&self) -> Deployment {
        let address =
            |(service, port): (&&'static str, &Reserved)| Address { url: port.url(), token: token(service) };
        Deployment::new(SERVICES.iter().zip(&self.ports).map(address))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

/// A configuration with other addresses: 5001 is the port of the first service, and 8001 that of the proxy for it.
#[track_caller]
fn moved(text: &str, services: &[String], ports: &[Reserved]) -> String {
    let replace = |text: &str, pattern: &str, address: &dyn Fn(usize) -> String| {
        let pattern = Regex::new(pattern).unwrap();
        let numbers = || pattern.captures_iter(text).map(|found| found["number"].parse::<usize>().unwrap());
        for number in 1..=services.len() {
            assert!(
                numbers().any(|found| found == number),
                "service {number} has no {pattern} in the configuration"
            );
        }
        let replaced = pattern.replace_all(text, |found: &Captures<'_>| {
            format!("{}{}", &found["before"], address(found["number"].parse::<usize>().unwrap() - 1))
        });
        replaced.into_owned()
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

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
