//! The image, built and run on a separate machine with the commands in services/store/README.md.

use std::{env, fs};

use contract_tests::harness::folders::new_folder;
use tempfile::TempDir;

use crate::{
    PROGRAM,
    machine::Machine,
    operation::{CREATE, LIST, readme},
};

/// What podman takes from `/etc/containers`: anything may be built, containers have the network of their machine, which needs
/// nothing that sets up another, and no control groups, for which not every root has the rights.
const PODMAN: [(&str, &str); 2] = [
    ("policy.json", r#"{"default": [{"type": "insecureAcceptAnything"}]}"#),
    ("containers.conf", "[containers]\nnetns = \"host\"\ncgroups = \"disabled\"\nvolumes = [VOLUMES]\n"),
];

pub(crate) fn run_without_rights() {
    let store = Container::start();
    let process = store.machine.run("podman inspect --format '{{.State.Pid}}' store");
    let status = store.machine.run(&format!("cat /proc/{process}/status"));
    for line in ["Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "no {line}: {status}");
    }
    let complaint = store.machine.try_run("podman exec store /store backup /elsewhere").unwrap_err();
    assert!(complaint.contains("Read-only file system"), "{complaint}");
}

pub(crate) fn tell_health() {
    let store = Container::start();
    store.machine.run("pkill --signal STOP --full '^/store orders'");
    store.wait_until("unhealthy");
    store.machine.run("pkill --signal CONT --full '^/store orders'");
    store.wait_until("healthy");
    store.machine.run("podman stop store");
    // It would be 137 if it had to be killed.
    assert_eq!(store.machine.run("podman inspect --format '{{.State.ExitCode}}' store"), "0");
}

pub(crate) fn keep_data() {
    let store = Container::start();
    let (back_up, restore) = {
        let commands = readme("# A backup out of");
        let (first, rest) = commands.split_once('\n').unwrap();
        (first.to_owned(), rest.to_owned())
    };
    store.call(CREATE);
    store.machine.run(&back_up);
    store.call(CREATE);

    // Another container gets the same volume.
    let commands = readme("# A container");
    let (_, run) = commands.split_once("\npodman run ").unwrap();
    store.machine.run(&format!("podman rm --force store\ncd /src\npodman run {run}"));
    store.wait_until("healthy");
    assert_eq!(store.products(), 2);

    store.machine.run(&restore);
    store.wait_until("healthy");
    assert_eq!(store.products(), 1);
    store.call(CREATE);
}

/// A machine with a container that is healthy.
struct Container {
    machine: Machine,
    _source: TempDir,
}

impl Container {
    fn start() -> Self {
        let source = new_folder();
        let path = |name: &str| source.path().join(name);
        for folder in ["target/x86_64-unknown-linux-musl/release", "services/store", "containers"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        // The tested program needs libraries; a static one, as it is shipped, takes minutes to build.
        let given = env::var("STATIC_STORE").ok();
        let volumes = if given.is_some() { "" } else { r#""/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro""# };
        fs::copy(given.as_deref().unwrap_or(PROGRAM), path("target/x86_64-unknown-linux-musl/release/store"))
            .unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_console-under-test"), path("console")).unwrap();
        for (name, text) in PODMAN {
            fs::write(path("containers").join(name), text.replace("VOLUMES", volumes)).unwrap();
        }
        let deploy = crate::file("");
        let options = [
            format!("--bind-ro={}:/etc/containers", path("containers").display()),
            format!("--bind-ro={}:/src/services/store/deploy", deploy.canonicalize().unwrap().display()),
        ];
        let machine = Machine::start(source.path(), &options.each_ref().map(String::as_str));
        let store = Self { machine, _source: source };
        let commands = readme("# A container");
        let commands: Vec<&str> = commands.lines().filter(|line| !line.starts_with("rustup ")).collect();
        let commands = commands.iter().filter(|line| !line.starts_with("cargo ")).copied();
        store.machine.run(&format!("cd /src\n{}", commands.collect::<Vec<_>>().join("\n")));
        store.wait_until("healthy");
        store
    }

    fn wait_until(&self, health: &str) {
        let script =
            format!("[ $(podman inspect --format '{{{{.State.Health.Status}}}}' store) = {health} ]");
        self.machine.wait_for(&script);
    }

    /// Runs the console with the token that the container has.
    fn call(&self, command: &str) -> String {
        let process = self.machine.run("podman inspect --format '{{.State.Pid}}' store");
        let file = format!("/proc/{process}/root/run/secrets/products.token");
        self.machine.run(&format!("PRODUCTS_TOKEN_FILE={file} {command}"))
    }

    /// How many there are.
    fn products(&self) -> usize {
        self.call(LIST).matches("Computer").count()
    }
}
