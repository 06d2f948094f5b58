//! The commands `demo`, `seed` and `check`.

use std::{net::TcpListener, sync::Arc};

use contract_tests::{
    engine::{deployment::SERVICES, exchange::Response},
    harness::{
        ending,
        proxy::Proxy,
        upstream::{FakeUpstream, FaultMode},
    },
};
use serde_json::Value;

use crate::{Console, fails, terminal::Terminal};

pub(crate) fn the_demo_explains_a_purchase_and_its_errors(console: &Console) {
    let demo = console.succeeds("demo");
    for message in [
        "1. Create a product",
        "> orders: POST /orders {\"product_id\": 1, \"quantity\": 3}",
        "orders says: Not enough stock.",
        "orders says: Product not found or unavailable.",
        "payments says: Order not found or unavailable.",
        "payments says: Unauthorized.",
        "9. Use a wrong token",
        "It created product 1, order 1, product 2, order 2, order 3, payment 1, payment 2.",
    ] {
        assert!(demo.contains(message), "{message}: {demo}");
    }
    let rows = ["products", "orders", "payments"].map(|service| console.store.rows(service));
    assert_eq!(rows, [2, 3, 2], "the rows that the demo announces");

    console.fails("demo --json", 2, "The demo does not print JSON.");
    let mut command = console.command("demo");
    command.env("ORDERS_URL", "http://127.0.0.1:1");
    let output = ending::output(&mut command);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("orders cannot be reached"));
}

pub(crate) fn the_demo_shows_which_order_gets_the_last_item(checking: &Console) {
    let reserving = Console::start(&[("ORDERS_STOCK", "reserve")]);
    for (console, mode, accepted, stocks) in [
        (checking, "orders checks the stock and leaves it as it is (ORDERS_STOCK=check", 2, [5, 1]),
        (&reserving, "orders takes its items off the stock (ORDERS_STOCK=reserve)", 1, [2, 0]),
    ] {
        let demo = console.succeeds("demo");
        let (_, fight) = demo.split_once("4. Order the last item twice").unwrap();
        let (fight, rest) = fight.split_once("5. Order an unknown product").unwrap();
        assert!(fight.contains(mode), "{demo}");
        assert_eq!(fight.matches("PENDING").count(), accepted, "{demo}");
        assert_eq!(fight.matches("orders says: Not enough stock.").count(), 2 - accepted, "{demo}");
        assert!(rest.ends_with("payment 1, payment 2.\n"), "{demo}");
        for (product, stock) in (1..).zip(stocks) {
            let shown = console.succeeds(&format!("products show {product}"));
            assert!(shown.ends_with(&format!("\t{stock}\n")), "{shown}{demo}");
        }
    }
}

pub(crate) fn an_interrupted_demo_says_what_it_created(console: &Console) {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut terminal = Terminal::start(console, 80, "demo", &[("ORDERS_URL", &url)]);
    terminal.shows("Waiting for orders");
    terminal.types("\u{3}");
    assert_eq!(terminal.ends(), 130);
    let screen = terminal.screen();
    assert!(screen.contains("Interrupted.\nThe demo ended in step 2 and created product 1;"), "{screen}");
}

pub(crate) fn a_seed_continues_after_an_interruption_and_creates_nothing_twice(console: &Console) {
    let mut terminal = Terminal::start(console, 80, "seed --products 1000000", &[]);
    terminal.shows("/1,000,000, ");
    terminal.types("\u{3}");
    terminal.shows(" of 1000000 products exist. The same command continues");
    assert_eq!(terminal.ends(), 130);
    let screen = terminal.screen();
    let (there, _) = screen.split_once(" of 1000000").unwrap();
    let there: i64 = there.lines().last().unwrap().parse().unwrap();
    assert!((1..1_000_000).contains(&there) && there <= console.store.rows("products"), "{screen}");

    let enough = console.store.rows("products") + 1000;
    let message = console.succeeds(&format!("seed --products {enough}"));
    assert!(
        message.starts_with(&format!("{enough} products exist: ")) && message.contains(" products a second."),
        "{message}"
    );
    assert_eq!(console.store.rows("products"), enough);
    let again: Value =
        serde_json::from_str(&console.succeeds(&format!("seed --products {enough} --concurrency 7 --json")))
            .unwrap();
    assert_eq!((&again["products"], &again["created"]), (&enough.into(), &0.into()), "{again}");
    assert_eq!(console.store.rows("products"), enough);

    console.succeeds("seed --products 10 --seed 2");
    assert_eq!(console.store.rows("products"), enough + 10, "another seed has others");
}

pub(crate) fn a_failed_seed_says_how_to_continue(console: &Console) {
    let mut command = console.command("seed --products 100");
    command.env("PRODUCTS_TOKEN", "wrong");
    fails(command, 1, "products says: Unauthorized.");

    let upstream = FakeUpstream::start("[]", FaultMode::Well);
    let mut command = console.command("seed --products 100");
    command.env("PRODUCTS_URL", upstream.url());
    let message = fails(command, 3, "does not respond as its document says");
    assert!(message.contains("0 of 100 products exist. The same command continues"), "{message}");
}

pub(crate) fn a_check_shows_services_that_are_ready(console: &Console) {
    let table = console.succeeds("check");
    for (line, process) in table.lines().skip(1).zip(&console.store.services) {
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(
            [cells[0], cells[1], cells[2], cells[4]],
            [process.service(), "ready", env!("CARGO_PKG_VERSION"), process.url()]
        );
        assert!(cells[3].parse::<f64>().unwrap() >= 0.0, "{table}");
    }
    assert_eq!(table.lines().count(), 4, "{table}");
    // A service that the console does not know is named.
    let told = console.command("check").output().unwrap().stderr;
    let told = String::from_utf8(told).unwrap();
    for service in SERVICES.iter() {
        let is_checked = table.lines().any(|line| line.starts_with(&format!("{service}\t")));
        assert_eq!(told.contains(&format!("{service} is not checked")), !is_checked, "{told}");
    }
    let list: Value = serde_json::from_str(&console.succeeds("check --json")).unwrap();
    assert_eq!((&list[2]["service"], &list[2]["state"]), (&"payments".into(), &"ready".into()), "{list}");
}

pub(crate) fn a_check_explains_services_that_are_not_ready(console: &Console) {
    let stopping = FakeUpstream::start(
        "",
        FaultMode::RespondsWithStatus(503, Some(r#"{"error":"Service unavailable"}"#)),
    );
    let html = FakeUpstream::start("", FaultMode::RespondsWithHtml);
    let broken = FakeUpstream::start("", FaultMode::BreaksOff);
    let full = Proxy::start("orders");
    full.forward_to(console.store.services[1].url());
    full.tamper(Some(Arc::new(|request, forward| match request.path.starts_with("/orders") {
        true => {
            Response { status: 503, body: r#"{"error":"Service unavailable"}"#.into(), ..Response::default() }
        }
        false => forward(&request),
    })));
    let silent = FakeUpstream::start("", FaultMode::SaysNothing);
    for (url, state, message) in [
        (&*silent.url(), "silent", "did not respond in time."),
        ("http://127.0.0.1:1", "unreachable", "orders cannot be reached at http://127.0.0.1:1."),
        (&broken.url(), "unreachable", "did not send a complete response.\nThe connection was made, but"),
        (full.url(), "failing", "orders says: Service unavailable."),
        (&stopping.url(), "not ready", "is not ready."),
        (&html.url(), "unknown", "does not respond as its document says"),
    ] {
        let mut command = console.command("check");
        command.env("ORDERS_URL", url);
        let output = ending::output(&mut command);
        let (table, errors) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(3), "{table}{errors}");
        assert!(table.contains(&format!("orders\t{state}\t")) && errors.contains(message), "{table}{errors}");
        assert!(!errors.contains("request ."), "{errors}");
        assert_eq!(table.matches("\tready\t").count(), 2, "{table}");
    }
}

pub(crate) fn a_check_reports_a_wrong_token(console: &Console) {
    let mut command = console.command("check");
    command.env("PAYMENTS_TOKEN", "wrong");
    let output = ending::output(&mut command);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let row = concat!("payments\twrong token\t", env!("CARGO_PKG_VERSION"));
    assert!(String::from_utf8(output.stdout).unwrap().contains(row));
    assert!(errors.contains("payments says: Unauthorized.") && errors.contains("PAYMENTS_TOKEN"), "{errors}");
}
