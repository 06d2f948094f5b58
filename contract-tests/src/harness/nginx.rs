//! A real proxy: nginx, with all services of a store below prefixes of one origin.

use std::{
    fs,
    net::TcpStream,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use super::{address::Reserved, folders::new_folder, programs, waiting};
use crate::engine::deployment::{Deployment, SERVICES};

/// A running nginx. It ends when this is dropped.
pub struct Nginx {
    process: Child,
    address: Reserved,
    /// Holds its configuration and its log.
    _folder: TempDir,
}

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
        let (folder, address) = (new_folder(), Reserved::new());
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
        let path = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|module| format!("{module}_temp_path {path}/{module};\n"))
            .concat();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {path}/nginx.pid;\nevents {{}}\nhttp {{\n{temporary}access_log off;\n\
             server {{\nlisten {};\n{locations}}}\n}}\n",
            address.text()
        );
        let (file, log) = (folder.path().join("nginx.conf"), folder.path().join("error.log"));
        fs::write(&file, configuration).expect("a configuration");
        let nginx = programs::find("NGINX_PROGRAM", "nginx").expect("nginx");
        let process = programs::until_input_ends(&nginx)
            .arg("-c")
            .arg(file)
            .arg("-e")
            .arg(&log)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        let nginx = Self { process, address, _folder: folder };
        let accepts = || TcpStream::connect(nginx.address.address()).is_ok();
        if let Err(sentence) = waiting::until("nginx to start", accepts) {
            panic!("{sentence}:\n{}", fs::read_to_string(log).unwrap_or_default());
        }
        nginx
    }

    /// What stands before every path of `service`.
    pub fn prefix(service: &str) -> String {
        format!("/{service}-api")
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.address.url()
    }

    /// Where callers find the services of `deployment`.
    pub fn deployment(&self, deployment: Deployment) -> Deployment {
        SERVICES.iter().fold(deployment, |deployment, service| {
            deployment.with_url(service, format!("{}{}", self.url(), Self::prefix(service)))
        })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
