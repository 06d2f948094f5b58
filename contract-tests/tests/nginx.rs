//! A store behind a real proxy, with a prefix for each service on one origin: `cargo test --test nginx`.
//!
//! It needs nginx, on the PATH or named by `NGINX_PROGRAM`, and Chromium for Swagger UI, as the browser tests do. If a program is
//! missing, the tests that need it are shown as ignored, with the reason.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, reason = "a test that cannot go on says why by panicking")]

use std::{error::Error, process::ExitCode};

use contract_tests::{
    engine::{
        contract::CONTRACT,
        deployment::{Deployment, SERVICES},
        exchange::{Request, Response},
        replay::{case, situations, workflows},
        session::{Scope, Session},
    },
    harness::{
        browser::{
            chromium::{Browser, Outcome, Tab},
            swagger_ui::Page,
        },
        nginx::Nginx,
        store::Store,
    },
};
use libtest_mimic::{Arguments, Trial};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// The store learns from nginx where it is.
const TRUSTED: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let nginx_is_missing = Nginx::is_missing();
    // To list the tests, nothing is started.
    let browser = (!arguments.list).then(Browser::start).transpose();
    for reason in nginx_is_missing.iter().map(ToString::to_string).chain(browser.as_ref().err().cloned()) {
        eprintln!("skipped: {reason}");
    }
    let browser_is_missing = browser.is_err();
    let trial = |name, check: fn() -> Outcome| {
        Trial::test(name, move || Ok(check()?)).with_ignored_flag(nginx_is_missing.is_some())
    };
    let trials = vec![
        trial("the_document_names_the_address_that_callers_use", names_the_address),
        trial("a_caller_that_lies_about_its_address_is_overruled_by_the_proxy", overrules_lies),
        trial("every_workflow_passes_through_the_proxy", replays_the_workflows),
        trial("location_and_link_lead_through_the_proxy", leads_through_the_proxy),
        trial("a_public_url_needs_no_trust_in_the_proxy", has_a_public_url),
        trial("without_trust_the_proxy_has_no_say", is_not_believed),
        Trial::test("the_pages_work_on_one_origin_and_keep_their_tokens_apart", move || {
            Ok(keeps_tokens_apart(&browser.ok().flatten().ok_or("there is no browser")?)?)
        })
        .with_ignored_flag(nginx_is_missing.is_some() || browser_is_missing),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A store behind nginx that has two things of each kind.
struct Scene {
    nginx: Nginx,
    store: Store,
    /// Sends requests through nginx.
    session: Session,
}

impl Scene {
    fn new(settings: &[(&str, &str)]) -> Self {
        let store = Store::start(PROGRAM, settings);
        let nginx = Nginx::start(&store.deployment());
        let session = Session::new(nginx.deployment(store.deployment()));
        // What is added to the original contract holds of addresses only if the store and the session agree on the prefix.
        let directly = Session::with_scope(store.deployment(), Scope::Common);
        for _ in 0..2 {
            situations::prepare(&directly).unwrap_or_else(|failure| panic!("{failure}"));
        }
        Self { nginx, store, session }
    }

    fn send(&self, request: &Request) -> Result<Response, String> {
        self.session.send(request).map_err(|failure| failure.to_string())
    }

    /// The response of `service` where a header of `response` leads. The session takes the prefix away, and knows if it is missing.
    fn follow(&self, service: &str, response: &Response, header: &str) -> Outcome<Response> {
        let reference = response.header(header).ok_or_else(|| format!("no {header} in {response}"))?;
        let link = reference.strip_prefix('<').and_then(|link| link.split_once('>'));
        let path = link.map_or(reference, |(path, _)| path);
        Ok(self.send(&self.session.request(service, "GET", path))?)
    }

    /// The address in the document of `service`.
    fn address(&self, service: &str) -> Outcome<String> {
        let document = self.send(&Request::new(service, "GET", "/openapi.json"))?.json();
        Ok(document["servers"][0]["url"].as_str().ok_or("no address")?.to_owned())
    }
}

fn names_the_address() -> Outcome {
    let scene = Scene::new(&[TRUSTED]);
    for &service in SERVICES.iter() {
        assert_eq!(scene.address(service)?, scene.session.deployment.service(service).url);
    }
    Ok(())
}

fn overrules_lies() -> Outcome {
    let scene = Scene::new(&[TRUSTED]);
    for &service in SERVICES.iter() {
        let lying = Request::new(service, "GET", "/openapi.json")
            .header("Forwarded", "host=evil.example;proto=https")
            .header("X-Forwarded-Host", "evil.example")
            .header("X-Forwarded-Proto", "https")
            .header("X-Forwarded-Prefix", "/evil");
        let document = scene.send(&lying)?.json();
        assert_eq!(document["servers"][0]["url"], scene.session.deployment.service(service).url);
    }
    Ok(())
}

fn leads_through_the_proxy() -> Outcome {
    let scene = Scene::new(&[TRUSTED]);
    for &service in SERVICES.iter() {
        let root = scene.send(&Request::new(service, "GET", "/"))?;
        let page = scene.follow(service, &root, "Location")?;
        assert_eq!((page.status, page.header("Content-Type")), (200, Some("text/html; charset=utf-8")));

        let create =
            CONTRACT.operations().find(|operation| operation.service == service && operation.creates());
        let create = case::valid_request(create.ok_or("nothing is created")?, &scene.session.deployment);
        let create = create.header("Idempotency-Key", "key");
        for _first_and_replayed in 0..2 {
            let created = scene.send(&create)?;
            assert_eq!(created.status, 201);
            assert_eq!(scene.follow(service, &created, "Location")?.json(), created.json());
        }
    }
    let first = scene.send(&scene.session.request("products", "GET", "/products?limit=1"))?;
    assert_eq!(scene.follow("products", &first, "Link")?.json()[0]["id"], 2);
    Ok(())
}

fn replays_the_workflows() -> Outcome {
    let store = Store::start(PROGRAM, &[TRUSTED]);
    let nginx = Nginx::start(&store.deployment());
    let session = Session::new(nginx.deployment(store.deployment()));
    for (workflow, _) in workflows::all() {
        for played in workflows::play(workflow, &session) {
            played.outcome.map_err(|failure| format!("{workflow}::{}\n{failure}", played.label.step))?;
        }
    }
    Ok(())
}

fn has_a_public_url() -> Outcome {
    let settings = SERVICES.iter().map(|service| {
        let url = format!("https://shop.example{}", Nginx::prefix(service));
        (contract_tests::engine::deployment::variable(service, "PUBLIC_URL"), url)
    });
    let settings: Vec<(String, String)> = settings.collect();
    let settings: Vec<(&str, &str)> =
        settings.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    let scene = Scene::new(&settings);
    for &service in SERVICES.iter() {
        assert_eq!(scene.address(service)?, format!("https://shop.example{}", Nginx::prefix(service)));
        let page = scene.send(&Request::new(service, "GET", "/"))?;
        assert_eq!(scene.follow(service, &page, "Location")?.status, 200);
    }
    Ok(())
}

fn is_not_believed() -> Outcome {
    let scene = Scene::new(&[]);
    for &service in SERVICES.iter() {
        // nginx asks for the service by its own address.
        assert_eq!(scene.address(service)?, scene.store.deployment().service(service).url);
        let page = scene.send(&Request::new(service, "GET", "/"))?;
        let missing = format!("/docs (which is not below {})", Nginx::prefix(service));
        assert_eq!(page.header("Location"), Some(missing.as_str()));
    }
    Ok(())
}

fn keeps_tokens_apart(browser: &Browser) -> Outcome {
    // The page knows its address from the browser, so the store need not trust the proxy.
    let scene = Scene::new(&[]);
    let deployment: &Deployment = &scene.session.deployment;
    browser.visit(&scene.nginx.url(), async |tab| {
        for &service in SERVICES.iter() {
            let address = deployment.service(service);
            let tab = Tab { driver: tab.driver.clone(), origin: address.url.clone() };
            let page = Page::load(&tab).await?;
            page.see(".auth-wrapper .authorize.unlocked").await?;
            let document = CONTRACT.document(service);
            let (sent, shown) = page.try_out(&document.operations[0]).await?;
            assert_eq!((sent.authorization, shown.status.as_str()), (None, "401"), "{service}");
            page.authorize(&address.token).await?;
            let (sent, shown) = page.execute(&document.operations[0]).await?;
            assert_eq!(sent.authorization, Some(format!("Bearer {}", address.token)));
            assert!(shown.status.starts_with('2'), "{service}: {shown:?}");
            let place = page.see(".servers select").await?.text().await?;
            assert_eq!(place, address.url);
        }
        // Each page still has its own token after the others were given theirs.
        for &service in SERVICES.iter() {
            let address = deployment.service(service);
            let tab = Tab { driver: tab.driver.clone(), origin: address.url.clone() };
            let page = Page::load(&tab).await?;
            let (sent, _) = page.try_out(&CONTRACT.document(service).operations[0]).await?;
            assert_eq!(sent.authorization, Some(format!("Bearer {}", address.token)));
        }
        Ok::<_, Box<dyn Error>>(())
    })
}
