//! The three pages with Swagger UI, and a page of another origin, as people use them, in a real browser:
//! `cargo test -p contract-tests --test browser`.
//!
//! It needs Chromium and `chromedriver`, on the PATH or named by `CHROME` and `CHROMEDRIVER`. Without them every test is
//! shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

mod keyboard;
mod length;
mod start_page;

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::Arc,
    thread,
};

use contract_tests::{
    engine::{
        contract::{CONTRACT, Document, Operation},
        deployment::{Address, Deployment, SERVICES},
        replay::situations,
        session::Session,
    },
    harness::{
        browser::{
            chromium::{Browser, Outcome},
            swagger_ui::{Choice, Example, Page, Shown},
        },
        store::Store,
    },
};
use libtest_mimic::{Arguments, Trial};
use serde_json::{Value, json};
use thirtyfour::{By, WebDriver, extensions::query::ElementQueryable};

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
        let check = move || Ok(check(present.as_deref().ok_or("there is no browser")?)?);
        Trial::test(format!("browser::{subject}::{name}"), check).with_ignored_flag(is_missing)
    };
    let pages = CONTRACT.documents.iter().flat_map(|document| {
        PAGE.map(|(name, check)| trial(document.service, name, Box::new(move |scene| check(scene, document))))
    });
    let operations = CONTRACT.operations().flat_map(|operation| {
        OPERATION
            .map(|(name, check)| trial(&operation.id, name, Box::new(move |scene| check(scene, operation))))
    });
    let front_ends =
        FRONT_END.map(|(name, check)| trial("front_end", name, Box::new(move |scene| check(scene, &()))));
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
    ("a_wrong_token_is_answered_401", refuses_a_wrong_token),
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
    ("try_it_out_sends_the_recorded_examples_and_shows_the_documented_answers", tries_the_examples),
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
            let documented = &operation.answers[&example.status];
            assert_eq!(shown.status, example.status.to_string(), "{}: {}", example.name, shown.body);
            if documented.media_types.is_empty() {
                assert_eq!(shown.body, Value::Null, "{}", example.name);
                continue;
            }
            assert!(documented.schema.is_valid(&shown.body), "{}: {}", example.name, shown.body);
            let is_as_recorded = match documented.texts.is_empty() {
                true => has_what_was_sent(&shown.body, &sent.body),
                false => shown.body == *example.answer,
            };
            assert!(is_as_recorded, "{}: {}", example.name, shown.body);
        }
        Ok(())
    })
}

/// What is true of a page of another origin.
const FRONT_END: [Expectation<()>; 3] = [
    ("a_page_of_a_listed_origin_buys_through_all_three_services", buys),
    ("a_page_of_a_listed_origin_reads_refusals_and_their_headers", reads_refusals),
    ("a_page_of_an_origin_that_is_not_listed_buys_nothing", buys_nothing),
];

fn buys(scene: &Scene, (): &()) -> Outcome {
    let front_end = FrontEnd::new();
    let store = Store::start(PROGRAM, &[("CORS_ORIGINS", &front_end.origin)]);
    assert_eq!(front_end.buy(scene, &store)?, "SUCCESS");
    assert_eq!(rows(&store), [1, 1, 1]);
    Ok(())
}

fn buys_nothing(scene: &Scene, (): &()) -> Outcome {
    for settings in [&[][..], &[("CORS_ORIGINS", "http://127.0.0.1:1")]] {
        let store = Store::start(PROGRAM, settings);
        assert_eq!(FrontEnd::new().buy(scene, &store)?, "Failed to fetch");
        assert_eq!(rows(&store), [0, 0, 0]);
    }
    Ok(())
}

fn rows(store: &Store) -> [i64; 3] {
    ["products", "orders", "payments"].map(|service| store.rows(service))
}

fn reads_refusals(scene: &Scene, (): &()) -> Outcome {
    const SEND: &str = "
        const [url, method, headers, body, header, done] = arguments;
        fetch(url, { method, headers, body }).then(
          async (response) => done(`${response.status} ${(await response.text()).length > 0} ${response.headers.get(header)}`),
          (error) => done(error.message));";
    let front_end = FrontEnd::new();
    let store = Store::start(PROGRAM, &[("CORS_ORIGINS", &front_end.origin)]);
    let url = store.deployment().service("products").url.clone();
    let authorized =
        json!({ "Authorization": "Bearer SECRET_PRODUCTS_TOKEN", "Content-Type": "application/json" });
    let in_no_time = json!({ "Authorization": "Bearer SECRET_PRODUCTS_TOKEN", "X-Request-Timeout-Ms": "0" });
    let product = r#"{"name":"Computer","price":200,"stock":20}"#;
    let cases = [
        ("/products", "POST", authorized.clone(), Some(product), "Location", "201 true /products/1"),
        (
            "/products/1",
            "GET",
            json!({ "Authorization": "Bearer x" }),
            None,
            "WWW-Authenticate",
            r#"401 true Bearer realm="products", error="invalid_token""#,
        ),
        ("/products/9", "GET", authorized.clone(), None, "Link", "404 true null"),
        ("/nowhere", "GET", authorized.clone(), None, "Allow", "404 true null"),
        ("/products/1", "DELETE", authorized.clone(), None, "Allow", "405 true GET, PUT, HEAD, OPTIONS"),
        (
            "/products",
            "POST",
            json!({ "Authorization": "Bearer SECRET_PRODUCTS_TOKEN" }),
            Some("x"),
            "Allow",
            "415 true null",
        ),
        ("/products/1", "GET", in_no_time, None, "Retry-After", "503 true 1"),
    ];
    front_end.visit(scene, "<!doctype html>".into(), async |driver| {
        for (path, method, headers, body, header, expected) in cases {
            let arguments =
                vec![json!(format!("{url}{path}")), json!(method), headers, json!(body), json!(header)];
            let read = driver.execute_async(SEND, arguments).await?.json().clone();
            assert_eq!(read, expected, "{method} {path}");
        }
        Ok(())
    })
}

/// A server of one page, on an origin of its own.
struct FrontEnd {
    listener: TcpListener,
    origin: String,
}

impl FrontEnd {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        Self { listener, origin }
    }

    /// Looks at `html`, which may call any service.
    fn visit(&self, scene: &Scene, html: String, look: impl AsyncFnOnce(&WebDriver) -> Outcome) -> Outcome {
        let listener = self.listener.try_clone().expect("a listener");
        // It serves as long as the test's process lives.
        thread::spawn(move || {
            listener.incoming().map_while(Result::ok).for_each(|stream| serve(stream, &html))
        });
        scene.browser.visit(&self.origin, async |tab| {
            tab.driver.goto(&self.origin).await?;
            let looked = look(&tab.driver).await;
            // It calls other origins, and the console shows what they refuse.
            tab.driver.get_log("performance").await?;
            tab.console().await?;
            looked
        })
    }

    /// Presses the button of the page in the README, with the addresses of `store`, and returns what it shows.
    fn buy(&self, scene: &Scene, store: &Store) -> Outcome<String> {
        let readme = include_str!("../../../README.md");
        let (_, html) = readme.split_once("```html\n").expect("a page");
        let mut html = html.split("```").next().expect("its end").to_owned();
        for service in SERVICES.iter() {
            let default = Deployment::default().service(service).url.replace("localhost", "127.0.0.1");
            assert!(html.contains(&default), "{default}");
            html = html.replace(&default, &store.deployment().service(service).url);
        }
        let mut shown = String::new();
        self.visit(scene, html, async |driver| {
            driver.find(By::Css("button")).await?.click().await?;
            let output = driver.query(By::Css("output:not(:empty)")).first().await?;
            shown = output.text().await?;
            Ok(())
        })?;
        Ok(shown)
    }
}

/// Answers one request with `html`.
fn serve(mut stream: TcpStream, html: &str) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
    // The browser may be gone.
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{html}", html.len());
}

/// Whether each field of `sent` is the same in `shown`: what is beside them, the service has chosen. What is sent as `null`
/// is left out.
fn has_what_was_sent(shown: &Value, sent: &Value) -> bool {
    let mut fields = sent.as_object().into_iter().flatten();
    fields.all(|(field, value)| shown[field] == *value)
}
