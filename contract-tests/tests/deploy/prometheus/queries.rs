//! The queries of the dashboard and of the alerts, as Prometheus answers them.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use contract_tests::{
    engine::{deployment::SERVICES, session::Session},
    harness::{
        store::Store,
        waiting::{self, SetOnDrop},
    },
};
use regex::Regex;
use serde_json::{Value, json};

use super::{ALERTS, Programs, server::Prometheus};
use crate::PROGRAM;

const DASHBOARD: &str = include_str!("../../../../services/chassis/dashboard.json");

/// The names and the expressions of all alerts.
pub(crate) fn rules() -> Vec<(String, String)> {
    let alerts: Value = serde_yaml_ng::from_str(ALERTS).unwrap();
    let rules =
        alerts["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().trim().to_owned();
    rules.map(|rule| (text(&rule["alert"]), text(&rule["expr"]))).collect()
}

/// Sends requests that succeed, and some that are refused.
pub(crate) fn trade(session: &Session) {
    let create = |service: &str, body: Value| {
        session.send(&session.request(service, "POST", format!("/{service}")).json(&body)).unwrap()
    };
    create("products", json!({ "name": "Computer", "price": 200, "stock": 20 }));
    create("orders", json!({ "product_id": 1, "quantity": 3 }));
    create("orders", json!({ "product_id": 1, "quantity": 21 }));
    create("payments", json!({ "order_id": 1, "amount": 600, "method": "fake-card" }));
    for &service in SERVICES.iter() {
        session.send(&session.request(service, "GET", format!("/{service}/1"))).unwrap();
        // Too late: 503.
        let late =
            session.request(service, "GET", format!("/{service}/1")).header("X-Request-Timeout-Ms", "0");
        session.send(&late).unwrap();
    }
}

/// Every query of the dashboard, with what Grafana fills in.
fn queries() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let queries = panels.flat_map(|panel| {
        panel["targets"].as_array().unwrap().iter().map(|target| {
            let expression = target["expr"].as_str().unwrap();
            let expression = expression.replace("$service", ".*").replace("$__rate_interval", "30s");
            assert!(!expression.contains('$'), "{expression}");
            (panel["title"].as_str().unwrap().to_owned(), expression)
        })
    });
    queries.collect()
}

pub(crate) fn are_answered(programs: &Programs) {
    let (mut store, session) = Store::start_with_session(PROGRAM, &[]);
    trade(&session);
    // An order while products is gone, so that there is a call that has failed.
    store.service("products").kill();
    let order = session.request("orders", "POST", "/orders").json(&json!({ "product_id": 1, "quantity": 3 }));
    session.expect(&order, 400, Some("Product not found or unavailable")).unwrap();
    store.service("products").start_again();

    let prometheus = Prometheus::start(programs, &store);
    // What makes an expression an alert is left away: all is well here.
    let threshold = Regex::new(r"\s(>|==)\s[0-9.]+$").unwrap();
    let alerts = rules().into_iter().map(|(name, expression)| {
        assert!(threshold.is_match(&expression), "{name}: {expression}");
        (name, threshold.replace(&expression, "").into_owned())
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let over = SetOnDrop(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                trade(&session);
            }
        });
        for (name, expression) in queries().into_iter().chain(alerts) {
            let has_value = || prometheus.query(&expression).iter().any(|(_, value)| value.is_finite());
            waiting::until(&format!("{name}, which asks for {expression}"), has_value).unwrap();
        }
        drop(over);
    });

    let versions = prometheus.query("count by (job, service) (build_info)");
    let mut services: Vec<&str> =
        versions.iter().map(|(labels, _)| labels["service"].as_str().unwrap()).collect();
    services.sort_unstable();
    let mut all = SERVICES.to_vec();
    all.sort_unstable();
    assert_eq!(services, all, "{versions:?}");
    assert!(versions.iter().all(|(labels, count)| labels["job"] == "store" && *count == 1.0), "{versions:?}");
    // Prometheus itself says how a scrape went.
    let nameless = prometheus.query(r#"{job="store", service="", __name__!~"up|scrape_.*"}"#);
    assert!(nameless.is_empty(), "{nameless:?}");

    let groups = prometheus.api("rules", &[]);
    let evaluated = groups["groups"][0]["rules"].as_array().unwrap();
    assert_eq!(evaluated.len(), rules().len());
    for rule in evaluated {
        assert_eq!(rule["health"], "ok", "{rule}");
    }

    // An alert of a service that is gone is on its way.
    store.service("payments").kill();
    let is_pending = || {
        let groups = prometheus.api("rules", &[]);
        let rules = groups["groups"][0]["rules"].as_array().unwrap().clone();
        rules.iter().any(|rule| rule["name"] == "ServiceDown" && rule["state"] == "pending")
    };
    waiting::until("the alert that payments is down", is_pending).unwrap();
}
