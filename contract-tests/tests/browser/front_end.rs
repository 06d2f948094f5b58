//! A page of another origin, which calls the services from the browser.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use contract_tests::{
    engine::deployment::{Deployment, SERVICES},
    harness::{browser::chromium::Outcome, store::Store},
};
use serde_json::json;
use thirtyfour::{By, WebDriver, extensions::query::ElementQueryable};

use crate::{Expectation, PROGRAM, Scene};

/// What is true of a page of another origin.
pub(crate) const ALL: [Expectation<()>; 3] = [
    ("a_page_of_a_listed_origin_buys_through_all_three_services", buys),
    ("a_page_of_a_listed_origin_reads_errors_and_their_headers", reads_errors),
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

fn reads_errors(scene: &Scene, (): &()) -> Outcome {
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
        ("/products", "DELETE", authorized.clone(), None, "Allow", "405 true GET, POST, HEAD, OPTIONS"),
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
        let html: Arc<str> = html.into();
        // It serves as long as the test's process lives. A browser also opens connections that it does not use.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let html = html.clone();
                thread::spawn(move || serve(stream, &html));
            }
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
            // It buys from three of them, and there may be more.
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

/// Responds to one request with `html`.
fn serve(mut stream: TcpStream, html: &str) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
    // The browser may be gone.
    let _ = write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{html}", html.len());
}
