//! A running Prometheus.

use std::{
    fs,
    process::{Child, Stdio},
};

use contract_tests::{
    engine::exchange,
    harness::{address::Reserved, folders::new_folder, programs, store::Store, waiting},
};
use reqwest::blocking::Client;
use serde_json::Value;
use tempfile::TempDir;

use super::{Programs, folder};

/// A Prometheus that scrapes a store. It ends when this is dropped.
pub(crate) struct Prometheus {
    process: Child,
    address: Reserved,
    http: Client,
    /// Its configuration and its data.
    folder: TempDir,
}

impl Prometheus {
    /// Starts it with the configuration for operators, but for the addresses, and the intervals, which are shorter.
    pub(crate) fn start(programs: &Programs, store: &Store) -> Self {
        let shipped = fs::read_to_string(folder().join("prometheus.yml")).unwrap();
        let mut config: Value = serde_yaml_ng::from_str(&shipped).unwrap();
        config["global"] = serde_json::json!({ "scrape_interval": "200ms", "evaluation_interval": "200ms" });
        config["rule_files"][0] = folder().join("alerts.yml").to_str().unwrap().into();
        let targets = &mut config["scrape_configs"][0]["static_configs"][0]["targets"];
        assert_eq!(targets.as_array().unwrap().len(), store.services.len(), "each service is scraped");
        let addresses = store.services.iter().map(|service| service.url().trim_start_matches("http://"));
        *targets = addresses.collect();

        let folder = new_folder();
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config.to_string()).unwrap();
        let address = Reserved::new();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let process = programs::until_input_ends(&programs.prometheus)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={}", address.text()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let this = Self { process, address, http: exchange::http_client(exchange::RESPONSE_TIMEOUT), folder };
        let ready = format!("{}/-/ready", this.address.url());
        let is_ready = || this.http.get(&ready).send().is_ok_and(|response| response.status().is_success());
        waiting::until("Prometheus to be ready", is_ready).unwrap_or_else(|sentence| {
            panic!("{sentence}: {}", fs::read_to_string(this.folder.path().join("log")).unwrap_or_default())
        });
        this
    }

    /// The `data` of a response of its API.
    pub(crate) fn api(&self, path: &str, query: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.address.url());
        let response: Value = self.http.get(url).query(query).send().unwrap().json().unwrap();
        assert_eq!(response["status"], "success", "{query:?}: {response}");
        response["data"].clone()
    }

    /// The labels and the value of each series that `expression` gives now.
    pub(crate) fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        let data = self.api("query", &[("query", expression)]);
        let series = data["result"].as_array().unwrap().iter();
        series
            .map(|series| (series["metric"].clone(), series["value"][1].as_str().unwrap().parse().unwrap()))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
