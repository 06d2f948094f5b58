//! Errors in words.

use std::{ffi::OsStr, net::TcpListener, os::unix::ffi::OsStrExt};

use contract_tests::harness::{
    ending,
    upstream::{FakeUpstream, FaultMode},
};
use serde_json::Value;

use crate::{Console, fails, terminal::Terminal};

pub(crate) fn an_error_message_comes_with_advice(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    for (command, message) in [
        (
            "orders create --product 1 --quantity 21",
            "orders says: Not enough stock.\nThe order is for more than the stock. Order fewer,",
        ),
        (
            "orders create --product 9 --quantity 1",
            "orders says: Product not found or unavailable.\nThere is no product 9. `client products list`",
        ),
        ("products show 7", "products says: Product not found.\nThere is no product with this id."),
        ("orders show 7", "orders says: Order not found.\nThere is no order with this id."),
        ("payments show 7", "payments says: Payment not found.\nThere is no payment with this id."),
        (
            "payments create --order 7 --amount 1 --method cash",
            "payments says: Order not found or unavailable.\nThere is no order 7.",
        ),
    ] {
        console.fails(command, 1, message);
    }
}

pub(crate) fn invalid_arguments_are_not_sent(console: &Console) {
    for (command, message) in [
        (
            "products create --name Computer --price -1 --stock 20",
            "`-1` is not a value for --price: it must be a number from 0 to 1000000000000.",
        ),
        (
            "products create --name Computer --price 1,5 --stock 20",
            "`1,5` is not a value for --price: it must be a number: write 1.5.",
        ),
        ("products create --name= --price 1 --stock 1", "must have 1 to 200 characters"),
        (
            "products create --name Mouse --price 1 --stock 1.5",
            "must be a whole number from 0 to 9007199254740991",
        ),
        (
            "products create --name Mouse --price 0.1000000000000000055511151231257827 --stock 1",
            "must have at most 15 digits",
        ),
        (
            "products create --name Mouse --price 1 --stock 1 --key clé",
            "must have 1 to 255 visible ASCII characters",
        ),
        (
            "products create --name Mouse",
            "Missing: --price <PRICE>, --stock <STOCK>.\n`client products create --help` has examples.",
        ),
        ("orders create --product 1 --quantity 0", "must be a whole number from 1 to 9007199254740991"),
        ("orders show 0", "must be a whole number from 1"),
        ("products show abc", "must be a whole number from 1"),
        ("products list --limit 0", "must be a whole number of at least 1"),
        ("seed --products many", "must be a whole number"),
        ("seed --products 0", "`0` is not a value for --products: it must be a whole number of at least 1."),
        ("seed --products", "--products needs a value."),
        ("seed --products 1 --products 2", "--products was given twice."),
        ("seed --products 1 --seed -1", "There is no argument `-1` here."),
        ("seed --products 1 --concurrency 257", "must be a whole number from 1 to 256"),
        ("nonsense", "There is no command `nonsense`."),
        ("product", "There is no command `product`.\nDid you mean `products`?"),
        ("products", "The command is not complete.\nChoose from: list, show, create, replace"),
        ("check --colour never", "There is no argument `--colour` here.\nDid you mean `--color`?"),
        ("check --color blue", "`blue` is not a value for --color.\nChoose from: auto, always, never."),
    ] {
        console.fails(command, 2, message);
    }
    assert_eq!(console.store.rows("products"), 0);
}

pub(crate) fn the_advice_on_a_wrong_token_names_its_variable(console: &Console) {
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", "wrong");
    fails(
        command,
        1,
        "products says: Unauthorized.\nThe service does not accept the token. Set PRODUCTS_TOKEN",
    );
}

pub(crate) fn an_unreachable_service_is_named_with_its_address(console: &Console) {
    for command in ["payments show 1", "payments create --order 1 --amount 1 --method cash"] {
        let mut command = console.command(command);
        command.env("PAYMENTS_URL", "http://127.0.0.1:1");
        let message = fails(
            command,
            3,
            "payments cannot be reached at http://127.0.0.1:1.\nConnecting failed (nothing listens there).",
        );
        assert!(message.contains("or set PAYMENTS_URL to its address."), "{message}");
    }
    console.fails("payments show 1 --payments-url nowhere", 2, "`nowhere` is not an address");
    let unknown = "payments show 1 --payments-url http://nowhere.invalid";
    console.fails(unknown, 3, "Connecting failed (the host name is not known).");
}

/// The console waits longer than the services wait for each other, and asks a silent service once.
pub(crate) fn a_silent_service_is_named(console: &Console) {
    // Nobody accepts the connections that it takes.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = console.command("orders create --product 1 --quantity 1 --json");
    command.env("ORDERS_URL", &url);
    let message = fails(command, 3, &format!("orders at {url} did not respond in time."));
    assert!(message.contains(r#""code":"timed_out""#), "{message}");
    silent.set_nonblocking(true).unwrap();
    assert_eq!(silent.incoming().map_while(Result::ok).count(), 1, "connections");

    let mut terminal = Terminal::start(console, 80, "orders show 1", &[("ORDERS_URL", &url)]);
    terminal.shows("Waiting for orders");
    assert_eq!(terminal.ends(), 3);
    let screen = terminal.screen();
    assert!(screen.starts_with("orders at http://") && !screen.contains("Waiting"), "{screen}");
}

/// An upstream that hangs or is gone makes its caller respond 400: the console finds out which service it was.
pub(crate) fn the_service_to_blame_is_named(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    console.succeeds("orders create --product 1 --quantity 1");
    let says = |error| FakeUpstream::start("", FaultMode::RespondsWithStatus(400, Some(error)));
    let orders = says(r#"{"error":"Product not found or unavailable"}"#);
    let payments = says(r#"{"error":"Order not found or unavailable"}"#);
    let blames = |line: &str, urls: [(&str, &str); 2], blame: &str| {
        let mut command = console.command(line);
        command.envs(urls);
        let message = fails(command, 1, " not found or unavailable.\n");
        assert!(message.contains(blame), "{message}");
    };
    let silent = FakeUpstream::start("[]", FaultMode::SaysNothing);
    let [has_product, has_order] = [0, 1].map(|service| console.store.services[service].url());
    for (products, blame) in [
        (&*silent.url(), "products is to blame, not orders: products at http://"),
        ("http://127.0.0.1:1", "products is to blame, not orders: products cannot be reached at"),
        (has_product, "products has product 1, so orders could not get it in time"),
    ] {
        let create = "orders create --product 1 --quantity 1";
        blames(create, [("ORDERS_URL", &orders.url()), ("PRODUCTS_URL", products)], blame);
    }
    for (orders, blame) in [
        ("http://127.0.0.1:1", "orders is to blame, not payments: orders cannot be reached at"),
        (has_order, "orders has order 1, so payments could not get it in time"),
    ] {
        let create = "payments create --order 1 --amount 1 --method cash";
        blames(create, [("PAYMENTS_URL", &payments.url()), ("ORDERS_URL", orders)], blame);
    }
}

pub(crate) fn tokens_are_set_as_those_of_the_services(console: &Console) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "SECRET_PRODUCTS_TOKEN\nold\n").unwrap();
    let missing = folder.path().join("missing");
    let run = |variables: &[(&str, &OsStr)], flags: &str| {
        let mut command = console.command(format!("products list {flags}").trim_end());
        command.envs(variables.iter().copied());
        command
    };
    let (file, missing) = (file.as_os_str(), missing.as_os_str());
    for mut command in [
        run(&[("PRODUCTS_TOKEN", OsStr::new("SECRET_PRODUCTS_TOKEN,old"))], ""),
        run(&[("PRODUCTS_TOKEN", OsStr::new("wrong")), ("PRODUCTS_TOKEN_FILE", file)], ""),
        run(&[("PRODUCTS_TOKEN_FILE", missing)], "--products-token SECRET_PRODUCTS_TOKEN"),
        run(&[("PRODUCTS_TOKEN_FILE", OsStr::new(""))], ""),
    ] {
        let output = ending::output(&mut command);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    fails(run(&[("PRODUCTS_TOKEN", OsStr::new("old,SECRET_PRODUCTS_TOKEN"))], ""), 1, "Unauthorized");
    let message = fails(run(&[("PRODUCTS_TOKEN_FILE", missing)], ""), 2, "cannot be read: No such file");
    assert!(message.contains("Set PRODUCTS_TOKEN_FILE to a file"), "{message}");
    fails(run(&[("PRODUCTS_TOKEN", OsStr::new("a,b,c"))], ""), 2, "PRODUCTS_TOKEN is not a bearer token.");
}

pub(crate) fn an_error_inside_a_service_names_its_trace(console: &Console) {
    let _locked = console.store.lock("products");
    let create = console.command("products create --name Computer --price 200 --stock 20");
    let message = fails(create, 1, "Look for trace ");
    let (_, id) = message.rsplit_once("Look for trace ").unwrap();
    let (id, _) = id.split_once(" in the logs.").unwrap();
    console.store.services[0].wait_for_log(id);
}

pub(crate) fn an_undocumented_response_is_an_error(console: &Console) {
    for (mode, message) in [
        (FaultMode::RespondsWithHtml, "does not respond as its document says"),
        (FaultMode::RespondsWithOtherJson, "does not respond as its document says"),
        (FaultMode::RespondsWithStatus(418, None), "does not respond as its document says: 418"),
        (FaultMode::BreaksOff, "did not send a complete response"),
    ] {
        let upstream =
            FakeUpstream::start(r#"{"id":1,"product_id":1,"quantity":3,"status":"PENDING"}"#, mode);
        let mut command = console.command("orders show 1");
        command.env("ORDERS_URL", upstream.url());
        let message = fails(command, 3, message);
        assert!(message.contains(&upstream.url()), "{message}");
    }
}

pub(crate) fn errors_are_printed_as_json(console: &Console) {
    let message = fails(console.command("orders show 7 --json"), 1, "");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(
        (&message["code"], &message["error"], &message["exit_code"]),
        (&"order_not_found".into(), &"Order not found".into(), &1.into()),
        "{message}"
    );
    let message = fails(console.command("orders show 7 --json --orders-url http://127.0.0.1:1"), 3, "");
    let message: Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["error"], "orders cannot be reached at http://127.0.0.1:1.", "{message}");
    assert_eq!(message["code"], "unreachable", "{message}");
}

pub(crate) fn usage_errors_are_printed_as_json(console: &Console) {
    for (line, code) in [
        ("nonsense --json", "unknown_command"),
        ("--json products", "missing_command"),
        ("check --json --fast", "unknown_argument"),
        ("orders create --json --product 1", "missing_argument"),
        ("orders show --json", "missing_argument"),
        ("orders show 0 --json", "invalid_value"),
        ("check --json --color blue", "invalid_value"),
        ("seed --json --products 1 --products 2", "argument_conflict"),
        ("demo --json", "argument_conflict"),
        ("check --json --orders-url nowhere", "invalid_setting"),
        ("check --json --orders-token=", "invalid_setting"),
    ] {
        let message = fails(console.command(line), 2, "");
        let message: Value = serde_json::from_str(&message).unwrap();
        assert_eq!((&message["code"], &message["exit_code"]), (&code.into(), &2.into()), "{line}: {message}");
        assert!(message["message"].as_str().is_some_and(|text| text.ends_with('.')), "{message}");
    }
    let help = console.succeeds("--help");
    for code in ["missing_argument", "invalid_setting", "timed_out"] {
        assert!(help.contains(code), "{code}: {help}");
    }
    // After `--`, it is not a flag.
    console.fails("orders show -- --json", 2, "`--json` is not a value for ID: it must be a whole number");
}

pub(crate) fn control_characters_are_escaped(console: &Console) {
    let mut create = console.command("products create --price 1 --stock 1 --name");
    let created = ending::output(create.arg("red \u{1b}[31m bell \u{7} turned \u{202e}"));
    let table = String::from_utf8(created.stdout).unwrap();
    assert!(table.contains(r"red \u{1b}[31m bell \u{7} turned \u{202e}"), "{table}");

    let response = r#"{"error":"Invalid fields","detail":"\u001b]0;hidden\u0007"}"#;
    let upstream = FakeUpstream::start("", FaultMode::RespondsWithStatus(400, Some(response)));
    let mut list = console.command("products list");
    list.env("PRODUCTS_URL", upstream.url());
    fails(list, 1, r"A field has an invalid value: \u{1b}]0;hidden\u{7}.");
}

pub(crate) fn an_empty_variable_counts_as_unset_except_for_a_token(console: &Console) {
    let mut command = console.command("products list");
    for variable in ["ORDERS_URL", "PAYMENTS_URL", "NO_COLOR", "RUST_LOG"] {
        command.env(variable, "");
    }
    assert!(ending::output(&mut command).status.success());
    let mut command = console.command("--help");
    command.env("ORDERS_URL", "");
    assert!(String::from_utf8(ending::output(&mut command).stdout).unwrap().contains("[env: ORDERS_URL"));

    let mut command = console.command("products list");
    command.env("ORDERS_TOKEN", "");
    let message = fails(command, 2, "ORDERS_TOKEN is empty.");
    assert!(message.contains("ORDERS_TOKEN"), "{message}");
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", OsStr::from_bytes(b"secret\xff"));
    let message = fails(command, 2, "PRODUCTS_TOKEN is not valid UTF-8.");
    assert!(!message.contains("secret"), "{message}");
}
