//! Long values, lists and errors are shown in a form that people and browsers can handle.

use std::time::{Duration, Instant};

use contract_tests::{
    engine::contract::{CONTRACT, Operation},
    harness::{
        browser::{
            chromium::Outcome,
            swagger_ui::{Page, block},
        },
        machine::alone,
    },
};
use thirtyfour::Key;

use crate::{Scene, prepared_store};

pub(crate) const NAME: &str = "a_list_of_10_000_leaves_the_tab_alive";

/// How many pixels the elements that fit `selector` are high together.
async fn height(page: &Page<'_>, selector: &str) -> Outcome<f64> {
    let script = format!(
        "return [...document.querySelectorAll('{selector}')].reduce((sum, one) => sum + one.offsetHeight, 0)"
    );
    Ok(page.tab.driver.execute(script, []).await?.json().as_f64().unwrap_or_default())
}

pub(crate) fn collapses_errors(scene: &Scene, operation: &Operation) -> Outcome {
    scene.look(operation.service, async |page, _| {
        page.open(operation).await?;
        let block = block(operation);
        let errors: Vec<String> =
            operation.responses.keys().filter(|status| **status >= 400).map(u16::to_string).collect();
        let rows: Vec<String> =
            errors.iter().map(|status| format!("{block} .response[data-code=\"{status}\"]")).collect();
        let share = height(&page, &rows.join(", ")).await? / height(&page, &block).await?;
        assert!((0.01..0.5).contains(&share), "errors take {share} of the operation");
        let texts = page.see(&rows[0]).await?.text().await?;
        let documented = operation.responses[&errors[0].parse()?].texts.iter();
        assert!(documented.clone().all(|text| texts.contains(text.as_str())), "{texts}");

        let example = format!("{} .model-example", rows[0]);
        assert_eq!(height(&page, &example).await?, 0.0);
        page.show_error_examples(operation).await?;
        page.see(&example).await?;
        page.show_error_examples(operation).await?;
        assert_eq!(height(&page, &example).await?, 0.0);
        Ok(())
    })
}

pub(crate) fn survives_a_long_list(scene: &Scene) -> Outcome {
    let _machine = alone();
    let (store, deployment) = prepared_store();
    let address = deployment.service("products");
    store.fill(10_000);
    let operation = |id| CONTRACT.operations().find(|operation| operation.id == id).expect("an operation");
    let (list, get) = (operation("list_products"), operation("get_product"));
    scene.browser.visit(&address.url, async |tab| {
        let page = Page::load(tab).await?;
        page.authorize(&address.token).await?;
        page.open(get).await?;
        // A call when nothing else is shown, which is what one costs on this machine.
        page.execute(get).await?;
        let began = Instant::now();
        page.execute(get).await?;
        let alone = began.elapsed();

        page.open(list).await?;
        let limit = page.see(&format!("{} tr[data-param-name=\"limit\"] input", block(list))).await?;
        assert_eq!(limit.value().await?.as_deref(), Some("20"));
        limit.send_keys(Key::Control + "a").await?;
        limit.send_keys(Key::Backspace).await?;
        page.tab.requests().await?;
        let began = Instant::now();
        page.see(&format!("{} .execute", block(list))).await?.click().await?;
        let note = page.see(&format!("{} .live-responses-table .shortened", block(list))).await?;
        let listed = began.elapsed();
        assert_eq!(page.tab.requests().await?[0].path, "/products");
        let note = note.text().await?;
        assert!(note.starts_with("The first 20,000 of ") && note.contains("Download"), "{note}");

        let began = Instant::now();
        page.execute(get).await?;
        let beside = began.elapsed();
        println!("a call alone took {alone:?}, a list of 10,000 {listed:?}, a call beside it {beside:?}");
        assert!(beside < 5 * alone + Duration::from_secs(1), "{beside:?}, and {alone:?} without the list");
        Ok(())
    })
}
