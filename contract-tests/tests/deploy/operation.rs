//! The units under a real systemd, operated with the commands in services/store/README.md.

use std::fs;

use contract_tests::{engine::deployment::SERVICES, harness::folders::new_folder};
use tempfile::TempDir;

use crate::{PROGRAM, file, machine::Machine};

pub(crate) const CREATE: &str = "/src/console products create --name Computer --price 200 --stock 20";
pub(crate) const LIST: &str = "/src/console products list --json";
const ORDER: &str = "/src/console orders create --product 1 --quantity 3";
const PAY: &str = "/src/console payments create --order 1 --amount 600 --method fake-card";

pub(crate) fn run_without_rights() {
    let store = Installed::start();
    for call in [CREATE, ORDER, PAY] {
        store.call(call);
    }
    for service in SERVICES.iter() {
        let status =
            store.machine.run(&format!("cat /proc/$(systemctl show -P MainPID store@{service})/status"));
        for line in
            ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"]
        {
            assert!(status.contains(line), "{service} has no {line}: {status}");
        }
        assert!(!status.contains("Uid:\t0\t"), "{service} is root: {status}");
    }
    // An alert compares start times, which are zero where the unit hides the clock of /proc.
    let request = "GET /metrics HTTP/1.0\\r\\n\\r\\n";
    let metrics = store.machine.run(&format!(
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/5001; printf \"{request}\" >&3; cat <&3' | grep ^process_start_time"
    ));
    let started: f64 = metrics.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(started > 1e9, "{metrics}");
}

pub(crate) fn start_again() {
    let store = Installed::start();
    store.call(CREATE);
    // As often as makes systemd give up by default.
    for count in 1..=6 {
        store.machine.run("systemctl kill --signal=KILL store@products");
        // It is counted before there is a process that can be killed.
        store.machine.wait_for(&format!(
            "[ $(systemctl show -P NRestarts store@products) = {count} ]; [ $(systemctl show -P MainPID store@products) != 0 ]"
        ));
    }
    store.machine.wait_for("store check products");
    assert!(store.call(LIST).contains("Computer"));
    store.machine.run("systemctl stop store@products");
    assert_eq!(store.machine.run("systemctl show -P Result store@products"), "success");
    assert!(store.machine.try_run("store check products").is_err());
}

pub(crate) fn change_a_token() {
    let store = Installed::start();
    store.call(CREATE);
    let old = store.machine.run("cat /etc/store/products.token");
    let set = |text: &str| {
        let next = "/etc/store/products.token.next";
        store.machine.run(&format!(
            "echo {text} | install -m 600 /dev/stdin {next}; mv {next} /etc/store/products.token"
        ));
    };
    let restart = |service| {
        store.machine.run(&format!("systemctl restart store@{service}"));
        store.machine.wait_for(&format!("store check {service}"));
    };
    set(&format!("new,{old}"));
    restart("products");
    store.call(ORDER);
    restart("orders");
    set("new");
    restart("products");
    store.call(ORDER);
    store.call(LIST);
    let with_the_old = format!("/src/console products list --products-token {old}");
    let complaint = store.machine.try_run(&with_the_old).unwrap_err();
    assert!(complaint.contains("Unauthorized"), "{complaint}");
}

pub(crate) fn back_up_and_restore() {
    let store = Installed::start();
    for call in [CREATE, ORDER, PAY] {
        store.call(call);
    }
    store.machine.run("systemctl start store-backup.service");
    store.call(CREATE);
    let count = || store.call(LIST).matches("Computer").count();
    assert_eq!(count(), 2);
    let commands = readme("# The backup of a Monday");
    assert!(commands.contains("/Mon"), "{commands}");
    let restore = commands.replace("/Mon", "/$(date +%a)");
    store.machine.run(&restore);
    store.machine.wait_for("store check");
    assert_eq!(count(), 1);

    // On a new machine, which no service has run on.
    store.machine.run("systemctl stop 'store@*'; rm -r /var/lib/store-* /var/lib/private/store-*");
    store.machine.run(&restore);
    store.machine.wait_for("store check products");
    assert_eq!(count(), 1);
    store.call(CREATE);
}

/// A machine on which the store is installed and runs.
struct Installed {
    machine: Machine,
    _source: TempDir,
}

impl Installed {
    fn start() -> Self {
        let source = new_folder();
        let path = |name: &str| source.path().join(name);
        for folder in ["target/release", "services/store/deploy"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        for (program, name) in
            [(PROGRAM, "target/release/store"), (env!("CARGO_BIN_EXE_console-under-test"), "console")]
        {
            fs::hard_link(program, path(name)).unwrap();
        }
        let status = std::process::Command::new("cp")
            .arg("-r")
            .args([file("systemd"), path("services/store/deploy")])
            .status();
        assert!(status.unwrap().success());
        let machine = Machine::start(source.path(), &[]);
        let commands = readme("# Units");
        machine.run(
            &commands.replace(
                "cargo build --release --locked -p store\n",
                "cd /src; mkdir -p /etc/systemd/system\n",
            ),
        );
        machine.wait_for("store check");
        Self { machine, _source: source }
    }

    /// Runs the console with the tokens that the units have.
    fn call(&self, command: &str) -> String {
        let tokens = SERVICES.iter().map(|service| {
            format!("export {}_TOKEN_FILE=/etc/store/{service}.token\n", service.to_uppercase())
        });
        self.machine.run(&(tokens.collect::<String>() + command))
    }
}

/// The commands of the README below this comment, for root.
pub(crate) fn readme(comment: &str) -> String {
    let text = fs::read_to_string(file("../README.md")).unwrap();
    let (_, rest) =
        text.split_once(&format!("\n{comment}")).unwrap_or_else(|| panic!("there is no {comment}"));
    let (commands, _) = rest.split_once("\n\n").unwrap();
    let (_, commands) = commands.split_once('\n').unwrap();
    commands.trim_end_matches("```").replace("sudo ", "")
}
