//! A real proxy: nginx, with all services of a store below prefixes of one origin.

use std::{fs, process::Command};

use super::{address::Reserved, folders::new_folder, programs, server::Server};
use crate::engine::deployment::{Deployment, SERVICES};

/// A running nginx. It ends when this is dropped.
pub struct Nginx(Server);

impl Nginx {
    /// The reason why there is none.
    pub fn is_missing() -> Option<&'static str> {
        programs::find("NGINX_PROGRAM", "nginx")
            .is_err()
            .then_some("there is no nginx: install nginx-light, or name it in NGINX_PROGRAM")
    }

    /// Starts nginx on a free port, in front of `deployment`. `/products-api/` leads to products, and so on. Services that trust
    /// it learn the prefix, and the host and the scheme that the caller has used.
    ///
    /// # Panics
    /// It is not there, or does not start.
    pub fn start(deployment: &Deployment) -> Self {
        let address = Reserved::new();
        let location = |service: &&str| {
            let (prefix, url) = (Self::prefix(service), &deployment.service(service).url);
            // A location with a header of its own inherits none.
            format!(
                "location {prefix}/ {{\nproxy_pass {url}/;\nproxy_http_version 1.1;\nproxy_set_header Connection \"\";\n\
                 proxy_set_header Forwarded \"\";\nproxy_set_header X-Forwarded-Host $http_host;\n\
                 proxy_set_header X-Forwarded-Port \"\";\nproxy_set_header X-Forwarded-Proto $scheme;\n\
                 proxy_set_header X-Forwarded-Prefix {prefix};\n}}\n"
            )
        };
        let locations: String = SERVICES.iter().map(location).collect();
        let configuration = format!("server {{\nlisten {};\n{locations}}}\n", address.text());
        Self(Self::with_configuration(&configuration, vec![address]))
    }

    /// Starts nginx with this in its `http` block, which listens at `addresses`.
    ///
    /// # Panics
    /// It is not there, or it finds the configuration wrong, or does not start.
    pub fn with_configuration(http: &str, addresses: Vec<Reserved>) -> Server {
        let folder = new_folder();
        let path = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|module| format!("{module}_temp_path {path}/{module};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {path}/nginx.pid;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n\
             {http}}}\n"
        );
        let file = format!("{path}/nginx.conf");
        fs::write(&file, configuration).expect("a configuration");
        let nginx = programs::find("NGINX_PROGRAM", "nginx").expect("nginx");
        let arguments = ["-e", "stderr", "-c", &file];
        // As an operator does before a start.
        let check = Command::new(&nginx).arg("-t").args(arguments).output().expect("nginx");
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        Server::start(&nginx, &arguments, addresses, folder)
    }

    /// The prefix of every path of `service`.
    pub fn prefix(service: &str) -> String {
        format!("/{service}-api")
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.0.addresses()[0].url()
    }

    /// Where callers find the services of `deployment`.
    pub fn deployment(&self, deployment: Deployment) -> Deployment {
        SERVICES.iter().fold(deployment, |deployment, service| {
            deployment.with_url(service, format!("{}{}", self.url(), Self::prefix(service)))
        })
    }
}
