//! The console's program against a running store. This program is also the store's, so that there is one to start.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    env,
    process::{Command, ExitCode, Output},
};

use contract_tests::store::{SERVICES, Store, variable};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let is_service = env::args().nth(1).is_some_and(|argument| SERVICES.contains(&argument.as_str()));
    if is_service {
        return store::main(env::args_os());
    }
    let cases: [Case; 8] = [
        ("all_three_services_are_driven", all_three_services_are_driven),
        ("machines_get_what_the_service_answered", machines_get_what_the_service_answered),
        ("a_refusal_is_told_with_what_can_be_done", a_refusal_is_told_with_what_can_be_done),
        ("what_cannot_be_sent_is_told_as_well", what_cannot_be_sent_is_told_as_well),
        ("a_wrong_token_is_told_with_the_variable_that_sets_it", a_wrong_token_is_told),
        ("a_service_that_is_down_is_named_with_its_address", a_service_that_is_down_is_named),
        ("a_command_with_a_key_can_be_repeated", a_command_with_a_key_can_be_repeated),
        ("help_has_examples", help_has_examples),
    ];
    let trial = |(name, case): Case| {
        Trial::test(format!("console::{name}"), move || {
            case(&Console::start());
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), cases.map(trial).into()).exit_code()
}

/// What is to be shown, and how.
type Case = (&'static str, fn(&Console));

struct Console {
    store: Store,
}

impl Console {
    fn start() -> Self {
        Self { store: Store::start(env::current_exe().unwrap().to_str().unwrap(), &[]) }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_client"));
        command.args(line.split(' '));
        for process in &self.store.services {
            command.env(variable(process.service(), "URL"), process.url());
        }
        command
    }

    /// What is printed by a command that does what it is to do.
    #[track_caller]
    fn does(&self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        assert!(status.success(), "{line}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// A command that does not is told why, and nothing else.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, reason: &str) {
        fails(self.command(line), code, reason);
    }
}

#[track_caller]
fn fails(mut command: Command, code: i32, reason: &str) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let told = String::from_utf8_lossy(&stderr);
    assert_eq!((status.code(), stdout.as_slice()), (Some(code), b"".as_slice()), "{told}");
    assert!(told.contains(reason), "{told}");
}

fn all_three_services_are_driven(console: &Console) {
    let created = console.does("products create --name Computer --price 200 --stock 20");
    assert_eq!(created, "id  name      price  stock\n1   Computer  200    20\n");
    assert_eq!(console.does("products show 1"), created);
    console.does("products create --name Mouse --price 19.99 --stock 0");
    let list = "id  name      price  stock\n1   Computer  200    20\n2   Mouse     19.99  0\n";
    assert_eq!(console.does("products list"), list);
    console.does("products replace 2 --name Mouse --price 18.5 --stock 3");

    let order = "id  product_id  quantity  status\n1   1           3         PENDING\n";
    assert_eq!(console.does("orders create --product 1 --quantity 3"), order);
    assert_eq!(console.does("orders show 1"), order);
    let payment = "id  order_id  amount  method     status\n1   1         600     fake-card  SUCCESS\n";
    assert_eq!(console.does("payments create --order 1 --amount 600 --method fake-card"), payment);
    assert_eq!(console.does("payments show 1"), payment);
}

fn machines_get_what_the_service_answered(console: &Console) {
    assert_eq!(console.does("products list --json"), "[]\n");
    let created = console.does("--json products create --name Computer --price 200 --stock 20");
    assert_eq!(
        created,
        "{\n  \"id\": 1,\n  \"name\": \"Computer\",\n  \"price\": 200,\n  \"stock\": 20\n}\n"
    );
}

fn a_refusal_is_told_with_what_can_be_done(console: &Console) {
    console.does("products create --name Computer --price 200 --stock 20");
    console.fails("orders create --product 1 --quantity 21", 1, "orders says: Not enough stock. Order fewer");
    console.fails(
        "orders create --product 9 --quantity 1",
        1,
        "Product not found or unavailable. See `client products",
    );
    console.fails("orders show 7", 1, "orders says: Order not found.");
    console.fails("payments create --order 7 --amount 1 --method cash", 1, "Order not found or unavailable.");
    console.fails("products create --name Computer --price -1 --stock 20", 2, "");
    console.fails(
        "products create --name Computer --price=-1 --stock 20",
        1,
        "price must be a number from 0",
    );
}

fn what_cannot_be_sent_is_told_as_well(console: &Console) {
    console.fails("orders show 0", 2, "That cannot be sent to orders");
    console.fails("products create --name= --price 1 --stock 1", 2, "That cannot be sent to products");
    console.fails("products show abc", 2, "invalid value 'abc'");
}

fn a_wrong_token_is_told(console: &Console) {
    let mut command = console.command("products list");
    command.env("PRODUCTS_TOKEN", "wrong");
    fails(command, 1, "products says: Unauthorized. Set PRODUCTS_TOKEN to its token.");
}

fn a_service_that_is_down_is_named(console: &Console) {
    let mut command = console.command("payments show 1");
    command.env("PAYMENTS_URL", "http://127.0.0.1:1");
    fails(command, 3, "payments cannot be reached at http://127.0.0.1:1");
    let mut command = console.command("payments show 1");
    command.env("PAYMENTS_URL", "nowhere");
    fails(command, 2, "`nowhere` is no address");
}

fn a_command_with_a_key_can_be_repeated(console: &Console) {
    let create = "products create --name Computer --price 200 --stock 20 --key monday";
    assert_eq!(console.does(create), console.does(create));
    console.fails(
        "products create --name Other --price 1 --stock 1 --key monday",
        1,
        "Idempotency key reused. Another",
    );
}

fn help_has_examples(console: &Console) {
    let help = console.does("--help");
    assert!(help.contains("client orders create --product 1 --quantity 3"), "{help}");
}
