//! The three Swagger UI pages and a page of another origin, operated in a real browser:
//! `cargo test --test browser`.
//!
//! It needs Chromium and `chromedriver`, on the PATH or named by `CHROME` and `CHROMEDRIVER`. Without them every test is
//! shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod front_end;
mod keyboard;
mod length;
mod start_page;

use std::{process::ExitCode, sync::Arc};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Document, Operation},
        deployment::{Address, Deployment},
        replay::situations,
        session::Session,
    },
    harness::{
        browser::{
            chromium::{Browser, Outcome},
            swagger_ui::{Choice, Example, Page, Shown},
        },
        machine::shared,
        store::Store,
    },
};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use thirtyfour::By;

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // To list the tests, nothing is started.
    let browser = (!arguments.list).then(Browser::start).transpose();
    if let Err(reason) = &browser {
        eprintln!("skipped: {reason}");
    }
    let is_missing = browser.is_err();
    let scene = browser.ok().flatten().map(|browser| Arc::new(Scene::new(browser)));

    let trial = |subject: &str, name: &str, check: Box<dyn Fn(&Scene) -> Outcome + Send>| {
        let present = scene.clone();
        // It measures, and takes the machine for itself.
        let is_alone = name == length::NAME;
        let check = move || {
            let _machine = (!is_alone).then(shared);
            Ok(check(present.as_deref().ok_or("there is no browser")?)?)
        };
        Trial::test(format!("browser::{subject}::{name}"), check).with_ignored_flag(is_missing)
    };
    let pages = CONTRACT.documents.iter().flat_map(|document| {
        PAGE.map(|(name, check)| trial(document.service, name, Box::new(move |scene| check(scene, document))))
    });
    let operations = CONTRACT.operations().flat_map(|operation| {
        OPERATION
            .map(|(name, check)| trial(&operation.id, name, Box::new(move |scene| check(scene, operation))))
    });
    let front_ends = front_end::ALL
        .map(|(name, check)| trial("front_end", name, Box::new(move |scene| check(scene, &()))));
    let start = trial("start_page", start_page::NAME, Box::new(start_page::can_be_read));
    let list = trial("list_products", length::NAME, Box::new(length::survives_a_long_list));
    let trials = pages.chain(operations).chain(front_ends).chain([start, list]);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// A store that has a product, an order and a payment, and a browser.
struct Scene {
    browser: Browser,
    deployment: Deployment,
    /// Runs until all is over.
    _store: Store,
}

impl Scene {
    fn new(browser: Browser) -> Self {
        let (store, deployment) = prepared_store();
        Self { browser, deployment, _store: store }
    }

    /// Looks at the page of `service`.
    fn look(&self, service: &str, look: impl AsyncFnOnce(Page<'_>, &Address) -> Outcome) -> Outcome {
        let address = self.deployment.service(service);
        self.browser.visit(&address.url, async |tab| look(Page::load(tab).await?, address).await)
    }
}

/// A store that has what the examples name.
fn prepared_store() -> (Store, Deployment) {
    let store = Store::start(PROGRAM, &[]);
    let deployment = store.deployment();
    situations::prepare(&Session::new(deployment.clone())).unwrap_or_else(|failure| panic!("{failure}"));
    (store, deployment)
}

/// A sentence that is true of each `T`, and how one sees it.
type Expectation<T> = (&'static str, fn(&Scene, &T) -> Outcome);

/// What is true of each page.
const PAGE: [Expectation<Document>; 9] = [
    ("the_page_loads_without_another_request_and_with_an_empty_console", loads_alone),
    ("authorize_takes_the_token", authorizes),
    ("a_wrong_token_gets_401", refuses_a_wrong_token),
    ("a_reload_keeps_the_authorization", keeps_the_authorization),
    ("the_page_fits_a_window_of_400_pixels", fits_a_narrow_window),
    ("a_slash_behind_its_path_makes_no_difference", is_the_same_with_a_slash),
    ("schemas_of_things_come_before_those_of_errors", lists_things_first),
    ("the_keyboard_stays_in_the_authorize_dialog", keyboard::stays_in_the_dialog),
    ("escape_closes_the_authorize_dialog_and_returns_to_its_button", keyboard::leaves_the_dialog),
];

fn loads_alone(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        assert_eq!(page.tab.driver.title().await?, document.json["info"]["title"]);
        assert_eq!(page.tab.driver.find_all(By::Css(".opblock")).await?.len(), document.operations.len());
        page.open_all(document).await?;
        page.tab.driver.goto(format!("{}/", address.url)).await?;
        page.see(".opblock").await?;
        assert_eq!(page.tab.driver.current_url().await?.path(), "/docs");
        let requests: Vec<String> = page.tab.requests().await?.into_iter().map(|sent| sent.path).collect();
        assert_eq!(requests, ["/docs", "/", "/docs"]);
        let console = page.tab.console().await?;
        assert!(console.is_empty(), "{console:#?}");
        Ok(())
    })
}

fn authorizes(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        page.see(".auth-wrapper .authorize.unlocked").await?;
        page.authorize(&address.token).await?;
        page.see(".auth-wrapper .authorize.locked").await?;
        let (sent, shown) = page.try_out(&document.operations[0]).await?;
        assert_eq!(sent.authorization, Some(format!("Bearer {}", address.token)));
        assert!(shown.status.starts_with('2'), "{shown:?}");
        Ok(())
    })
}

fn refuses_a_wrong_token(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, _| {
        page.authorize("wrong").await?;
        let (_, shown) = page.try_out(&document.operations[0]).await?;
        assert_eq!(shown, Shown { status: "401".into(), body: json!({ "error": "Unauthorized" }) });
        Ok(())
    })
}

fn keeps_the_authorization(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        page.authorize(&address.token).await?;
        page.tab.driver.refresh().await?;
        page.see(".auth-wrapper .authorize.locked").await?;
        let (_, shown) = page.try_out(&document.operations[0]).await?;
        assert!(shown.status.starts_with('2'), "{shown:?}");
        Ok(())
    })
}

fn fits_a_narrow_window(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, _| {
        let narrow = json!({ "width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        page.tab.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", narrow).await?;
        page.open_all(document).await?;
        let beyond = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
        assert_eq!(page.tab.driver.execute(beyond, []).await?.json(), 0, "pixels beyond the window");
        Ok(())
    })
}

fn is_the_same_with_a_slash(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, address| {
        page.tab.driver.goto(format!("{}/docs/", address.url)).await?;
        page.see(".opblock").await?;
        page.authorize(&address.token).await?;
        let (sent, shown) = page.try_out(&document.operations[0]).await?;
        assert!(sent.path.starts_with(&format!("/{}", document.service)), "{sent:?}");
        assert!(shown.status.starts_with('2'), "{shown:?}");
        Ok(())
    })
}

fn lists_things_first(scene: &Scene, document: &Document) -> Outcome {
    scene.look(document.service, async |page, _| {
        let mut names = Vec::new();
        page.see(".models-control").await?.click().await?;
        page.see(".model-container").await?;
        for model in page.tab.driver.find_all(By::Css(".model-container")).await? {
            names.push(model.attr("data-name").await?.unwrap_or_default());
        }
        let schemas = document.json["components"]["schemas"].as_object().expect("schemas");
        assert_eq!(names.len(), schemas.len());
        let first_error = names.iter().position(|name| name.contains("Error")).unwrap_or(names.len());
        assert!(first_error > 1, "{names:?}");
        assert!(names[first_error..].iter().all(|name| name.contains("Error")), "{names:?}");
        Ok(())
    })
}

/// What is true of each operation.
const OPERATION: [Expectation<Operation>; 3] = [
    ("its_errors_are_a_line_each_until_their_examples_are_asked_for", length::collapses_errors),
    ("the_choices_list_the_named_examples", lists_the_examples),
    ("try_it_out_sends_the_recorded_examples_and_shows_the_documented_responses", tries_the_examples),
];

fn lists_the_examples(scene: &Scene, operation: &Operation) -> Outcome {
    scene.look(operation.service, async |page, _| {
        page.open(operation).await?;
        page.show_error_examples(operation).await?;
        for choice in Choice::all(operation) {
            let named = choice.examples.values().map(|example| example["summary"].as_str());
            let shown = page.listed(&choice).await?;
            assert!(shown.iter().map(|it| Some(it.as_str())).eq(named), "{}: {shown:?}", choice.place);
        }
        Ok(())
    })
}

fn tries_the_examples(scene: &Scene, operation: &Operation) -> Outcome {
    // What one operation deletes is an example of another, so each has a store of its own.
    let (_store, deployment) = prepared_store();
    make_what_is_asked_for(operation, &deployment);
    let address = deployment.service(operation.service);
    scene.browser.visit(&address.url, async |tab| {
        let page = Page::load(tab).await?;
        page.authorize(&address.token).await?;
        page.open(operation).await?;
        for example in Example::all(operation) {
            page.choose(operation, example.name).await?;
            let (sent, shown) = page.execute(operation).await?;
            assert_eq!((&sent.method, &sent.path), (&operation.method, &example.path), "{}", example.name);
            assert_eq!(sent.body, example.body, "{}", example.name);
            let documented = &operation.responses[&example.status];
            assert_eq!(shown.status, example.status.to_string(), "{}: {}", example.name, shown.body);
            if documented.media_types.is_empty() {
                assert_eq!(shown.body, Value::Null, "{}", example.name);
                continue;
            }
            assert!(documented.schema.is_valid(&shown.body), "{}: {}", example.name, shown.body);
            let is_as_recorded = match documented.texts.is_empty() {
                true => has_what_was_sent(&shown.body, &sent.body),
                false => shown.body == *example.response,
            };
            assert!(is_as_recorded, "{}: {}", example.name, shown.body);
        }
        Ok(())
    })
}

/// Makes what the examples of an operation find at paths that their callers choose.
fn make_what_is_asked_for(operation: &Operation, deployment: &Deployment) {
    let makes = |other: &&Operation| {
        let is_at_path = other.template == operation.template && other.service == operation.service;
        is_at_path && other.method == "PUT" && other.responses.contains_key(&201) && other.id != operation.id
    };
    let Some(making) = CONTRACT.operations().find(makes) else { return };
    let session = Session::new(deployment.clone());
    let body = making.example().unwrap_or_default();
    for example in Example::all(operation).into_iter().filter(|example| example.status < 300) {
        let request = session.request(making.service, "PUT", &*example.path).json(&body);
        session.expect(&request, 201, None).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

/// Whether each field of `sent` is the same in `shown`: what is beside them, the service has chosen. What is sent as `null`
/// is left out.
fn has_what_was_sent(shown: &Value, sent: &Value) -> bool {
    let mut fields = sent.as_object().into_iter().flatten();
    fields.all(|(field, value)| shown[field] == *value)
}
