//! The page that links to all services, in a window as narrow as that of a phone.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
};

use contract_tests::{
    engine::deployment::{SERVICES, variable},
    harness::{
        browser::{chromium::Outcome, swagger_ui::Page},
        folders::new_folder,
        programs, waiting,
    },
};
use serde_json::json;
use thirtyfour::By;

use crate::Scene;

pub(crate) const NAME: &str = "it_can_be_read_on_a_phone_by_day_and_by_night_and_leads_to_swagger_ui";

pub(crate) fn can_be_read(scene: &Scene) -> Outcome {
    let folder = new_folder();
    let mut command = programs::until_input_ends(Path::new(env!("CARGO_BIN_EXE_store-under-test")));
    command.env("DATA_DIR", folder.path()).env("STORE_LISTEN", "127.0.0.1:0");
    command.envs(SERVICES.iter().map(|service| (variable(service, "LISTEN"), "127.0.0.1:0")));
    let mut store = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let output = BufReader::new(store.stdout.take().expect("a piped output"));
    let start = waiting::within("the store to say where its page is", move || {
        let mut lines = output.lines().map_while(Result::ok);
        let url = lines.by_ref().find_map(|line| Some(line.split_once("start here  ")?.1.to_owned()));
        // The services are ready, and so is the page.
        lines.find(|line| line.starts_with("Ctrl-C"));
        url
    })?;
    let start = start.ok_or("the store has no page")?;

    let mut links = Vec::new();
    // A visit fails if a page asks another origin for anything.
    let outcome = scene.browser.visit(&start, async |tab| {
        let narrow = json!({ "width": 320, "height": 800, "deviceScaleFactor": 1, "mobile": true });
        tab.driver.cdp().send_raw("Emulation.setDeviceMetricsOverride", narrow).await?;
        let mut colours = Vec::new();
        for scheme in ["light", "dark"] {
            let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            tab.driver.cdp().send_raw("Emulation.setEmulatedMedia", media).await?;
            tab.driver.goto(&start).await?;
            let beyond = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
            assert_eq!(tab.driver.execute(beyond, []).await?.json(), 0, "pixels beyond the window");
            let colour = "return getComputedStyle(document.body).color";
            colours.push(tab.driver.execute(colour, []).await?.json().to_string());
        }
        assert_eq!(colours, ["\"rgb(0, 0, 0)\"", "\"rgb(255, 255, 255)\""]);
        for link in tab.driver.find_all(By::Css("a[href*=\"/docs#\"]")).await? {
            links.push(link.attr("href").await?.unwrap_or_default());
        }
        Ok(())
    });
    outcome?;
    assert_eq!(links.len(), 3, "a product, an order and a payment: {links:?}");
    for link in links {
        let (origin, _) = link.split_once("/docs#").ok_or("a link to Swagger UI")?;
        scene.browser.visit(origin, async |tab| {
            tab.driver.goto(&link).await?;
            // The operation of the step is open, and there is a way back.
            let page = Page::of(tab);
            page.see(".opblock-post.is-open").await?;
            let back = page.see(".home a").await?.attr("href").await?;
            assert_eq!(back.as_ref(), Some(&start));
            // Swagger UI takes any underscore in a link for a space of its first versions, and finds the operation nevertheless.
            let console = tab.console().await?;
            assert!(
                console.iter().all(|entry| entry.message.contains("deep link whitespace")),
                "{console:?}"
            );
            Ok(())
        })?;
    }
    drop(store.stdin.take());
    waiting::until("the end of the store", || store.try_wait().is_ok_and(|status| status.is_some()))?;
    Ok(())
}
