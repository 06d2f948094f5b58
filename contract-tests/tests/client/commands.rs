//! Commands that succeed.

use contract_tests::harness::ending;
use serde_json::Value;

use crate::Console;

pub(crate) fn the_console_drives_all_three_services(console: &Console) {
    let created = console.succeeds("products create --name Computer --price 200 --stock 20");
    assert_eq!(created, "id\tname\tprice\tstock\n1\tComputer\t200\t20\n");
    assert_eq!(console.succeeds("products show 1"), created);
    console.succeeds("products create --name Mouse --price 19.99 --stock 0");
    let list = "id\tname\tprice\tstock\n1\tComputer\t200\t20\n2\tMouse\t19.99\t0\n";
    assert_eq!(console.succeeds("products list"), list);
    let replaced = console.succeeds("products replace 2 --name Mouse --price 18.5 --stock 3");
    assert_eq!(replaced, "id\tname\tprice\tstock\n2\tMouse\t18.5\t3\n");

    let order = "id\tproduct_id\tquantity\tstatus\n1\t1\t3\tPENDING\n";
    assert_eq!(console.succeeds("orders create --product 1 --quantity 3"), order);
    assert_eq!(console.succeeds("orders show 1"), order);
    let payment = "id\torder_id\tamount\tmethod\tstatus\n1\t1\t600\tfake-card\tSUCCESS\n";
    assert_eq!(console.succeeds("payments create --order 1 --amount 600 --method fake-card"), payment);
    assert_eq!(console.succeeds("payments show 1"), payment);
}

pub(crate) fn json_output_is_the_response_of_the_service(console: &Console) {
    assert_eq!(console.succeeds("products list --json"), "[]\n");
    assert_eq!(console.succeeds("products list"), "id\tname\tprice\tstock\n");
    let created = console.succeeds("--json products create --name Computer --price 200 --stock 20");
    assert_eq!(
        created,
        "{\n  \"id\": 1,\n  \"name\": \"Computer\",\n  \"price\": 200,\n  \"stock\": 20\n}\n"
    );
    console.succeeds("products create --name Mouse --price 19.99 --stock 0");
    assert_eq!(
        console.succeeds("products list --json"),
        "[\n{\"id\":1,\"name\":\"Computer\",\"price\":200,\"stock\":20},\n{\"id\":2,\"name\":\"Mouse\",\"price\":19.99,\"stock\":0}\n]\n"
    );
    console.succeeds("orders create --product 1 --quantity 3");
    let payment = console.succeeds("payments create --order 1 --amount 0.5 --method cash --json");
    let fields =
        ["id", "order_id", "amount", "method", "status"].map(|name| payment.find(&format!("\"{name}\"")));
    assert!(fields.is_sorted() && fields[0].is_some(), "{payment}");
}

pub(crate) fn a_list_has_the_requested_length(console: &Console) {
    console.succeeds("seed --products 2345");
    for (command, length) in [
        ("products list --json", 2345),
        ("products list --json --limit 1000", 1000),
        ("products list --json --limit 1001", 1001),
        ("products list --json --after 2000", 345),
        ("products list --json --after 2345", 0),
    ] {
        let list: Vec<serde_json::Value> = serde_json::from_str(&console.succeeds(command)).unwrap();
        assert_eq!(list.len(), length, "{command}");
        assert!(list.is_sorted_by_key(|product| product["id"].as_u64()), "{command}");
    }
    let table = console.succeeds("products list");
    assert_eq!(table.lines().count(), 2346, "one header and a line for each");
}

pub(crate) fn a_replacement_with_an_etag_spares_a_product_that_has_changed(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let etag = || {
        let shown: Value = serde_json::from_str(&console.succeeds("products show 1 --etag --json")).unwrap();
        shown["etag"].as_str().unwrap().to_owned()
    };
    let replace = "products replace 1 --name Computer --price 180.5 --stock 15 --if-match";
    let read = etag();
    let row = format!("id\tname\tprice\tstock\tetag\n1\tComputer\t200\t20\t{read}\n");
    assert_eq!(console.succeeds("products show 1 --etag"), row);
    console.succeeds("products reservations put 1 basket-7 --quantity 3");
    let refusal = "products says: Precondition failed.\nThe product has changed since it was read.";
    console.fails(&format!("{replace} {read}"), 1, refusal);
    assert!(console.succeeds("products show 1").ends_with("\t200\t17\n"));

    let replaced = "id\tname\tprice\tstock\n1\tComputer\t180.5\t15\n";
    let without_quotes = etag().trim_matches('"').to_owned();
    for tag in [&*etag(), "*", &without_quotes, &format!("\"other\", {}", etag())] {
        let mut command = console.command(replace);
        assert_eq!(ending::output(command.arg(tag)).stdout, replaced.as_bytes(), "{tag}");
        console.succeeds("products replace 1 --name Computer --price 200 --stock 17");
    }
    // A variable of a script that is not set must not turn the check off.
    console.fails(&format!("{replace} "), 2, "it must be an ETag, as `client products show --etag` shows it");
}

pub(crate) fn a_command_with_a_key_can_be_repeated(console: &Console) {
    let create = "products create --name Computer --price 200 --stock 20 --key monday";
    assert_eq!(console.succeeds(create), console.succeeds(create));
    let other = "products create --name Other --price 1 --stock 1 --key monday";
    console.fails(
        other,
        1,
        "products says: Idempotency key reused.\nAnother request was sent with this key.",
    );
}

pub(crate) fn every_help_has_examples(console: &Console) {
    let mut commands = vec![String::new()];
    while let Some(command) = commands.pop() {
        let help = console.succeeds(format!("{command} --help").trim_start());
        assert!(help.contains(&format!("client {}", command).trim_end().to_owned()), "{help}");
        assert!(help.contains("Example"), "{command}: {help}");
        let short = console.succeeds(format!("{command} -h").trim_start());
        assert!(!short.contains("-token"), "{short}");
        let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
        let names = listed.lines().take_while(|line| line.starts_with("  "));
        let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        commands.extend(names.map(|name| format!("{command} {name}").trim_start().to_owned()));
    }
}

pub(crate) fn shells_complete_commands(console: &Console) {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = console.succeeds(&format!("completions {shell}"));
        assert!(script.contains("payments") && script.contains("quantity"), "{shell}: {script}");
    }
    console.fails("completions dos", 2, "Choose from: bash");
}
