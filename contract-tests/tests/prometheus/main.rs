//! The dashboard and the alerts on the metrics: `cargo test --test prometheus`.
//!
//! A real Prometheus scrapes a running store by the configuration in `services/store/deploy/prometheus`, and evaluates each query of
//! the dashboard and each alert. It needs Debian's `prometheus`, or the programs that `PROMETHEUS` and `PROMTOOL`
//! name. Without them, every test is shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod queries;
mod server;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Request},
    harness::{programs, store::Store},
};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");
const ALERTS: &str = include_str!("../../../services/store/deploy/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../services/store/deploy/prometheus/alerts.test.yml");

/// Where the configuration is.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/store/deploy/prometheus")
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let programs = programs::find("PROMETHEUS", "prometheus").and_then(|prometheus| {
        let promtool = programs::find("PROMTOOL", "promtool")?;
        Ok(Programs { prometheus, promtool })
    });
    if let Err(missing) = &programs {
        eprintln!("skipped: {missing}: install prometheus, or name its programs in PROMETHEUS and PROMTOOL");
    }
    let programs = programs.ok();
    let trial = |name: &str, check: fn(&Programs)| {
        let present = programs.clone();
        let check = move || -> Result<(), Failed> {
            check(present.as_ref().ok_or("there is no Prometheus")?);
            Ok(())
        };
        Trial::test(format!("prometheus::{name}"), check).with_ignored_flag(programs.is_none())
    };
    let trials = vec![
        trial("the_scrape_configuration_and_the_alerts_are_valid", is_valid),
        trial("each_alert_fires_when_it_should", fires),
        trial("the_metrics_of_each_service_follow_the_conventions", follow_the_conventions),
        trial("one_job_for_all_services_answers_every_query_of_dashboard_and_alerts", queries::are_answered),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The programs of Prometheus.
#[derive(Clone)]
pub(crate) struct Programs {
    pub(crate) prometheus: PathBuf,
    promtool: PathBuf,
}

impl Programs {
    /// Lets `promtool` check something, and returns what it says.
    #[track_caller]
    fn check(&self, arguments: &[&str], input: Stdio) {
        let output =
            Command::new(&self.promtool).args(arguments).current_dir(folder()).stdin(input).output().unwrap();
        let said = [&output.stdout[..], &output.stderr].concat();
        assert!(output.status.success(), "promtool {arguments:?}:\n{}", String::from_utf8_lossy(&said));
    }
}

fn is_valid(programs: &Programs) {
    programs.check(&["check", "config", "prometheus.yml"], Stdio::null());
    programs.check(&["check", "rules", "alerts.yml"], Stdio::null());
}

fn fires(programs: &Programs) {
    programs.check(&["test", "rules", "alerts.test.yml"], Stdio::null());
    let tests: Value = serde_yaml_ng::from_str(ALERT_TESTS).unwrap();
    let tests = tests["tests"].as_array().unwrap().iter();
    let cases = tests.flat_map(|test| test["alert_rule_test"].as_array().unwrap());
    let fired = cases.filter(|case| case["exp_alerts"].as_array().is_some_and(|alerts| !alerts.is_empty()));
    let fired: BTreeSet<&str> = fired.map(|case| case["alertname"].as_str().unwrap()).collect();
    let rules = queries::rules();
    assert_eq!(fired, rules.iter().map(|(name, _)| name.as_str()).collect(), "each alert has a test");
}

fn follow_the_conventions(programs: &Programs) {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    queries::trade(&session);
    for &service in SERVICES.iter() {
        let metrics = session.expect(&Request::new(service, "GET", "/metrics"), 200, None).unwrap().body;
        let text = String::from_utf8(metrics.clone()).unwrap();
        let label = format!("service=\"{service}\"");
        let without = text.lines().find(|line| !line.starts_with('#') && !line.contains(&label));
        assert_eq!(without, None, "{service}");
        let (input, mut output) = std::io::pipe().unwrap();
        std::thread::spawn(move || std::io::Write::write_all(&mut output, &metrics));
        programs.check(&["check", "metrics"], input.into());
    }
}
