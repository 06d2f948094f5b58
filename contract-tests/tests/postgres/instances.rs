//! Two instances of each service on one database, behind a balancer.

use contract_tests::{
    engine::{
        deployment::{Address, Deployment, SERVICES, variable},
        session::Session,
    },
    harness::{
        development::token,
        folders::new_folder,
        postgres::{Database, Server},
        process::Process,
        proxy::Proxy,
    },
};
use tempfile::TempDir;

use crate::PROGRAM;

/// The instances of one service.
pub(crate) struct Service {
    pub(crate) processes: Vec<Process>,
    pub(crate) balancer: Proxy,
    pub(crate) database: Database,
    _folders: Vec<TempDir>,
}

/// The instances of every service.
pub(crate) struct Instances {
    pub(crate) services: Vec<Service>,
}

impl Instances {
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        let mut settings: Vec<(String, String)> =
            settings.iter().map(|(variable, value)| ((*variable).into(), (*value).into())).collect();
        let start = |service: &&'static str| {
            let database = Server::shared().database(service);
            settings.push((variable(service, "DATABASE_URL"), database.url()));
            let folders = vec![new_folder(), new_folder()];
            let processes: Vec<Process> = folders
                .iter()
                .map(|folder| Process::start(PROGRAM, service, folder.path(), &settings))
                .collect();
            let balancer = Proxy::start(service);
            balancer.forward_to_each(processes.iter().map(|process| process.url().to_owned()));
            settings.push((variable(service, "URL"), balancer.url().to_owned()));
            Service { processes, balancer, database, _folders: folders }
        };
        Self { services: SERVICES.iter().map(start).collect() }
    }

    /// A session that reaches the instances in turn.
    pub(crate) fn session(&self) -> Session {
        self.session_at(|service| service.balancer.url().to_owned())
    }

    /// A session with one of the instances.
    pub(crate) fn session_with(&self, instance: usize) -> Session {
        self.session_at(|service| service.processes[instance].url().to_owned())
    }

    fn session_at(&self, url: impl Fn(&Service) -> String) -> Session {
        let address =
            |(name, service): (&&'static str, &Service)| Address { url: url(service), token: token(name) };
        Session::new(Deployment::new(SERVICES.iter().zip(&self.services).map(address)))
    }

    pub(crate) fn service(&mut self, name: &str) -> &mut Service {
        let place = SERVICES.iter().position(|service| *service == name).expect("a service");
        &mut self.services[place]
    }
}

impl Service {
    /// How many things the database holds.
    pub(crate) fn count(&self, table: &str) -> i64 {
        self.database.session().number(&format!("SELECT count(*) FROM {table}"))
    }
}
