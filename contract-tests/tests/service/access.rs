//! Which tokens are accepted, and the security headers of every response.
//! The replay tests refused tokens, and the tests of the store's program refused settings.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use contract_tests::{
    engine::{
        contract::CONTRACT,
        deployment::{Deployment, SERVICES, variable},
        exchange::Request,
        replay::{case, situations},
        session::Session,
    },
    harness::{folders::new_folder, store::Store},
};
use sha2::{Digest, Sha256};

use crate::PROGRAM;

/// A store, each service of which has this setting.
fn start(setting: &str, value: &str) -> Store {
    let variables: Vec<String> = SERVICES.iter().map(|service| variable(service, setting)).collect();
    let settings: Vec<(&str, &str)> = variables.iter().map(|variable| (variable.as_str(), value)).collect();
    Store::start(PROGRAM, &settings)
}

fn session(deployment: Deployment, token: &str) -> Session {
    Session::new(
        SERVICES.iter().fold(deployment, |deployment, service| deployment.with_token(service, token)),
    )
}

/// Things of every service can be made, and a service can ask another.
#[track_caller]
fn lets_in(store: &Store, token: &str) {
    situations::prepare(&session(store.deployment(), token)).unwrap();
}

#[track_caller]
fn keeps_out(store: &Store, token: &str) {
    let session = session(store.deployment(), token);
    for &service in SERVICES.iter() {
        session
            .expect(&session.request(service, "GET", format!("/{service}/1")), 401, Some("Unauthorized"))
            .unwrap();
    }
}

#[test]
fn a_token_may_be_in_a_file() {
    let folder = new_folder();
    let file = folder.path().join("token");
    fs::write(&file, "from-a-file\n").unwrap();
    let file = file.to_str().unwrap();
    let store = start("TOKEN_FILE", file);
    lets_in(&store, "from-a-file");
    keeps_out(&store, "SECRET_PRODUCTS_TOKEN");
}

#[test]
fn a_hangup_makes_a_changed_token_file_count() {
    let folder = new_folder();
    let file = folder.path().join("token");
    fs::write(&file, "the-first").unwrap();
    let mut store = start("TOKEN_FILE", file.to_str().unwrap());
    let hang_up = |store: &mut Store, line: &str| {
        for &service in SERVICES.iter() {
            store.service(service).signal("HUP");
            store.service(service).wait_for_log(line);
        }
    };
    lets_in(&store, "the-first");
    fs::write(&file, "the-second").unwrap();
    // Until it is told, a service keeps the token.
    lets_in(&store, "the-first");
    hang_up(&mut store, "INFO the token has changed file=");
    lets_in(&store, "the-second");
    keeps_out(&store, "the-first");

    hang_up(&mut store, "INFO the token has not changed file=");
    fs::write(&file, "").unwrap();
    hang_up(&mut store, "ERROR the old token stays in use error=");
    lets_in(&store, "the-second");
    fs::remove_file(&file).unwrap();
    hang_up(&mut store, "cannot be read (No such file or directory");
    lets_in(&store, "the-second");
    fs::write(&file, "two words").unwrap();
    hang_up(&mut store, "is not a bearer token");
    lets_in(&store, "the-second");
    for &service in SERVICES.iter() {
        let log = store.service(service).log();
        assert!(
            !log.contains("the-first") && !log.contains("the-second") && !log.contains("two words"),
            "{log}"
        );
    }
}

#[test]
fn during_a_rotation_the_old_and_the_new_token_are_accepted() {
    let both = "the-new-one,the-old-one";
    let store = start("TOKEN", both);
    lets_in(&store, "the-new-one");
    lets_in(&store, "the-old-one");
    for token in [both, "the-new-one,", "the-new", "the-new-one-and-more"] {
        keeps_out(&store, token);
    }
}

#[test]
fn every_response_has_no_store_and_nosniff() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    let open = ["/", "/docs", "/openapi.json", "/livez", "/readyz", "/metrics", "/nothing"];
    let mut requests: Vec<Request> =
        SERVICES.iter().flat_map(|service| open.map(|path| Request::new(service, "GET", path))).collect();
    for operation in CONTRACT.operations() {
        let valid = case::valid_request(operation, &session.deployment);
        requests.push(Request { method: "DELETE".into(), ..valid.clone() });
        requests.push(valid.clone().token("wrong"));
        requests.push(valid);
    }
    for request in requests {
        let response = session.send(&request).unwrap();
        assert_eq!(response.header("Cache-Control"), Some("no-store"), "{request}");
        assert_eq!(response.header("X-Content-Type-Options"), Some("nosniff"), "{request}");
    }
}

/// The scripts of a page, as a browser finds them: each ends at the first end tag.
fn scripts(mut html: &str) -> Vec<&str> {
    let mut scripts = Vec::new();
    while let Some((script, rest)) =
        html.split_once("<script>").and_then(|(_, rest)| rest.split_once("</script>"))
    {
        scripts.push(script);
        html = rest;
    }
    scripts
}

#[test]
fn the_page_may_run_its_own_scripts_and_talk_to_its_own_service() {
    let (_store, session) = Store::start_with_session(PROGRAM, &[]);
    for &service in SERVICES.iter() {
        let page = session.expect(&Request::new(service, "GET", "/docs"), 200, None).unwrap();
        let policy = page.header("Content-Security-Policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe-eval"), "{policy}");
        let html = String::from_utf8(page.body.clone()).unwrap();
        let scripts = scripts(&html);
        assert_eq!(scripts.len(), 2);
        for script in scripts {
            let hash = format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(script)));
            assert!(policy.contains(&hash), "{hash} is not in {policy}");
        }
        let title = format!("<title>{}{}</title>", service[..1].to_uppercase(), &service[1..]);
        assert!(html.contains(&title) && html.contains("SwaggerUIBundle({"), "{title}");
        assert!(!html.contains("src=\"http") && !html.contains("href=\"http"), "the page fetches nothing");
    }
}
