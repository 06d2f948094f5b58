//! The store's program, as whoever starts it sees it.

#![allow(clippy::disallowed_macros, reason = "a test prints for whoever runs it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

use std::{
    fs,
    io::{BufRead, BufReader, PipeWriter, Read, Write, pipe},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// A store on free ports that is killed, with its services, when it is dropped.
struct Store {
    process: Child,
    output: BufReader<Box<dyn Read>>,
    urls: Vec<String>,
    folder: TempDir,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store"));
    command.args(arguments).env("DATA_DIR", folder.join("data")).stdin(Stdio::null());
    for service in ["PRODUCTS", "ORDERS", "PAYMENTS"] {
        command.env(format!("{service}_LISTEN"), "127.0.0.1:0").env_remove(format!("{service}_TOKEN"));
    }
    command
}

fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

impl Store {
    fn start() -> Self {
        let folder = folder();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        Self::start_in(folder, log)
    }

    fn start_in(folder: TempDir, log: fs::File) -> Self {
        let mut process = command(folder.path(), &[]).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut output = BufReader::new(Box::new(process.stdout.take().unwrap()) as Box<dyn Read>);
        let mut urls = Vec::new();
        for line in output.by_ref().lines().map_while(Result::ok) {
            urls.extend(line.split_once("URL  ").map(|(_, url)| url.trim().to_owned()));
            if line.starts_with("Ctrl-C") {
                break;
            }
        }
        let log = fs::read_to_string(folder.path().join("log"));
        assert_eq!(urls.len(), 3, "{log:?}");
        Self { process, output, urls, folder }
    }

    fn signal(&self, name: &str) {
        signal(name, self.process.id());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Waits until the log has this line, which is bound to come.
    fn wait_for(&self, line: &str) {
        wait_until(|| self.log().contains(line), &format!("{line}\nin {}", self.log()));
    }

    /// The process of the service at `url`.
    fn service(&self, name: &str) -> u32 {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.process.id())).unwrap();
        let is_service = |id: &&str| {
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            line.split('\0').nth(1) == Some(name)
        };
        children.split_whitespace().find(is_service).unwrap().parse().unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
}

#[track_caller]
fn wait_until(condition: impl Fn() -> bool, what: &str) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(10), "still not: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The first line of the answer to a GET, or nothing if nobody answers.
fn get(url: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://");
    let Ok(mut stream) = TcpStream::connect(address) else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    answer.lines().next().unwrap_or_default().to_owned()
}

/// A store, or one service of it, that does not start says why in one sentence, and leaves nothing running.
#[track_caller]
fn refuses(output: Output, sentence: &str) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert_eq!(log.trim_end().lines().count(), 1, "{log}");
    assert!(log.contains(sentence), "{log}");
}

fn run(prepare: impl FnOnce(&Path, &mut Command), arguments: &[&str]) -> Output {
    let folder = folder();
    let mut command = command(folder.path(), arguments);
    prepare(folder.path(), &mut command);
    command.output().unwrap()
}

#[test]
fn all_three_are_ready_when_the_table_is_there() {
    let store = Store::start();
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), "HTTP/1.1 200 OK");
    }
}

#[test]
fn a_signal_stops_all_three_cleanly() {
    for name in ["TERM", "INT"] {
        let mut store = Store::start();
        store.signal(name);
        assert!(store.process.wait().unwrap().success(), "{}", store.log());
        let mut rest = String::new();
        store.output.read_to_string(&mut rest).unwrap();
        for url in &store.urls {
            assert_eq!(get(url, "/livez"), "", "after SIG{name}");
        }
    }
}

#[test]
fn the_services_stop_when_the_store_is_killed() {
    let store = Store::start();
    store.signal("KILL");
    for url in &store.urls {
        wait_until(|| get(url, "/livez").is_empty(), &format!("{url} is gone"));
    }
}

#[test]
fn when_one_service_dies_the_others_go_on_and_it_says_so() {
    let store = Store::start();
    signal("KILL", store.service("orders"));
    store.wait_for("store: orders has ended");
    assert_eq!(get(&store.urls[0], "/readyz"), "HTTP/1.1 200 OK");
    assert_eq!(get(&store.urls[1], "/readyz"), "");
    assert_eq!(get(&store.urls[2], "/readyz"), "HTTP/1.1 200 OK");
}

#[test]
fn a_log_that_cannot_be_written_stops_nobody() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let store = Store::start_in(folder(), full);
    for url in &store.urls {
        assert_eq!(get(url, "/readyz"), "HTTP/1.1 200 OK");
    }
}

/// A store whose services can be found without its output.
fn start_unheard(
    folder: &TempDir,
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> (Child, Vec<String>) {
    let mut command = command(folder.path(), &[]);
    let mut urls = Vec::new();
    for service in ["PRODUCTS", "ORDERS", "PAYMENTS"] {
        // Bound for a moment, so that the address is known; nobody else asks for this one.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        command.env(format!("{service}_LISTEN"), address.to_string());
        urls.push(format!("http://{address}"));
    }
    let process = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    for url in &urls {
        wait_until(|| get(url, "/readyz") == "HTTP/1.1 200 OK", &format!("{url} is ready"));
    }
    (process, urls)
}

fn full() -> fs::File {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe that nobody reads from any more.
fn closed() -> PipeWriter {
    pipe().unwrap().1
}

#[test]
fn output_that_nobody_takes_stops_nobody() {
    let (unread, stuck) = pipe().unwrap();
    // Full to the brim, with somebody there who does not read.
    let mut filler = stuck.try_clone().unwrap();
    thread::spawn(move || while filler.write_all(&[b'.'; 4096]).is_ok() {});
    type Streams = (Stdio, Stdio);
    let streams: [(&str, Streams); 3] = [
        ("full", (full().into(), full().into())),
        ("closed", (closed().into(), closed().into())),
        ("stuck", (Stdio::null(), stuck.into())),
    ];
    for (name, (stdout, stderr)) in streams {
        let folder = folder();
        let (process, urls) = start_unheard(&folder, stdout, stderr);
        let mut store = Store { process, output: BufReader::new(Box::new(std::io::empty())), urls, folder };
        signal("KILL", store.service("orders"));
        wait_until(|| get(&store.urls[1], "/livez").is_empty(), "orders is gone");
        // The store has something to say now. It goes on.
        thread::sleep(Duration::from_millis(200));
        for url in [&store.urls[0], &store.urls[2]] {
            assert_eq!(get(url, "/readyz"), "HTTP/1.1 200 OK", "{name}");
        }
        assert_eq!(store.process.try_wait().unwrap(), None, "{name}");
        store.signal("TERM");
        assert!(store.process.wait().unwrap().success(), "{name}");
    }
    drop(unread);
}

#[test]
fn nobody_need_read_why_it_does_not_start() {
    for (arguments, code) in [
        (&["--help"][..], 1),
        (&["products", "--help"], 1),
        (&["--version"], 1),
        (&["--no-such-flag"], 2),
        (&["products", "--max-requests", "no"], 2),
        (&["orders", "--orders-listen", "192.0.2.1:0"], 1),
    ] {
        let run = |stdout: Stdio, stderr: Stdio| {
            let folder = folder();
            command(folder.path(), arguments).stdout(stdout).stderr(stderr).status().unwrap().code()
        };
        assert_eq!(run(full().into(), full().into()), Some(code), "{arguments:?}");
        // Whoever stops reading has read enough.
        let code = if arguments.last().is_some_and(|last| ["--help", "--version"].contains(last)) {
            0
        } else {
            code
        };
        assert_eq!(run(closed().into(), closed().into()), Some(code), "{arguments:?}");
    }
}

/// Every variable that `arguments` has, as its help lists them.
fn variables(arguments: &[&str]) -> Vec<String> {
    let help = String::from_utf8(run(|_, _| {}, &[arguments, &["--help"]].concat()).stdout).unwrap();
    let listed = help.split("[env: ").skip(1);
    listed.map(|rest| rest.split(['=', ']']).next().unwrap().to_owned()).collect()
}

const PROGRAMS: [&[&str]; 4] = [&[], &["products"], &["orders"], &["payments"]];

/// What the libraries read by themselves.
const OTHER_VARIABLES: [&str; 12] = [
    "RUST_LOG",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
];

#[test]
fn a_variable_that_is_set_but_empty_is_as_unset() {
    for arguments in PROGRAMS {
        let variables = variables(arguments);
        assert!(variables.len() > 12, "{variables:?}");
        let empty = |command: &mut Command| {
            for variable in variables.iter().map(String::as_str).chain(OTHER_VARIABLES) {
                // Those that are listened at are this test's, and an empty token is refused.
                if !variable.ends_with("_TOKEN") && !variable.ends_with("_LISTEN") {
                    command.env(variable, "");
                }
            }
        };
        let folder = folder();
        let mut command = command(folder.path(), arguments);
        empty(&mut command);
        // The folder is as unset, too: it is below the current one.
        let mut process =
            command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ready = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| line.contains("is ready at") || line.starts_with("Ctrl-C"));
        signal("TERM", process.id());
        let output = process.wait_with_output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(ready && output.status.success(), "{arguments:?}: {log}");
        assert!(folder.path().join("data").is_dir(), "{arguments:?}");

        let listed = |variable: &String| {
            run(|_, command| empty(command), &[arguments, &["--help"]].concat())
                .stdout
                .windows(variable.len())
                .any(|window| window == variable.as_bytes())
        };
        assert!(variables.iter().take(2).all(listed), "{arguments:?}");
    }
}

#[test]
fn an_empty_listen_variable_is_as_unset() {
    for (service, address) in [("products", "127.0.0.1:5001"), ("orders", "127.0.0.1:5002")] {
        let empty = |_: &Path, command: &mut Command| {
            command.env(format!("{}_LISTEN", service.to_uppercase()), "");
        };
        let help = run(empty, &[service, "--help"]);
        assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains(address));
        // It goes as far as its token.
        let refused = |folder: &Path, command: &mut Command| {
            empty(folder, command);
            command.env(format!("{}_TOKEN", service.to_uppercase()), "");
        };
        refuses(run(refused, &[service]), "_TOKEN is empty: set it to the token");
    }
}

#[test]
fn a_variable_that_cannot_be_read_is_named() {
    for arguments in PROGRAMS {
        for variable in variables(arguments) {
            let is_text = ["_TOKEN", "_FILE", "_DIR", "_URL"].iter().any(|end| variable.ends_with(end));
            if is_text {
                continue;
            }
            let output = run(
                |_, command| {
                    command.env(&variable, "-x1");
                },
                arguments,
            );
            refuses(output, &format!("{variable} is `-x1`, which cannot be used ("));
        }
    }
    for (variable, value, reason) in [
        ("MAX_REQUESTS", "0", "0 is not in 1..="),
        ("LOG_FORMAT", "xml", "it is one of text, json"),
        ("RUST_LOG", "a=b=c", "RUST_LOG is `a=b=c`, which cannot be used ("),
        ("ORDERS_URL", "https://127.0.0.1:1", "ORDERS_URL is wrong: `https://127.0.0.1:1` asks for TLS"),
        ("ORDERS_URL", "nowhere", "ORDERS_URL is wrong: `nowhere` is no address"),
    ] {
        refuses(
            run(
                |_, command| {
                    command.env(variable, value);
                },
                &["payments"],
            ),
            reason,
        );
    }
    // What was said on the command line is told as a flag.
    let output = run(
        |_, command| {
            command.env("MAX_REQUESTS", "7");
        },
        &["orders", "--max-requests=x"],
    );
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && log.contains("--max-requests"), "{log}");
}

#[test]
fn a_variable_that_is_no_text_is_named_and_a_token_is_not_shown() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    for variable in ["ORDERS_TOKEN", "PRODUCTS_URL", "MAX_REQUESTS", "RUST_LOG"] {
        let no_text = OsStr::from_bytes(b"secret\xff");
        let output = run(
            |_, command| {
                command.env(variable, no_text);
            },
            &["orders"],
        );
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!variable.ends_with("TOKEN") || !log.contains("secret"), "{log}");
        refuses(output, variable);
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    for (service, variable) in [("products", "PRODUCTS_LISTEN"), ("payments", "PAYMENTS_LISTEN")] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let output = run(
            |_, command| {
                command.env(variable, &address);
            },
            &[],
        );
        refuses(output, &format!("{service}: {address} cannot be listened at"));
    }
}

#[test]
fn a_flag_moves_a_service() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refuses(run(|_, _| {}, &["--orders-listen", &address]), "set ORDERS_LISTEN to another address");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let output = run(|folder, _| fs::write(folder.join("data"), "a file").unwrap(), &[]);
    refuses(output, "set DATA_DIR to a folder that can be written");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let garbage = |folder: &Path, _: &mut Command| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/orders.db"), "no database at all, but long enough to be looked at")
            .unwrap();
    };
    refuses(run(garbage, &[]), "orders.db is no SQLite database");
}

#[test]
fn a_file_that_is_read_only_is_named() {
    let folder = folder();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let file = data.join("products.db");
    fs::write(&file, "").unwrap();
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    // root may write all the same, unless the file is immutable.
    let immutable = |flag: &str| {
        Command::new("chattr").arg(flag).arg(&file).status().is_ok_and(|status| status.success())
    };
    let is_immutable = immutable("+i");
    if fs::OpenOptions::new().append(true).open(&file).is_ok() {
        println!("skipped: whoever runs this may write to a read-only file");
        return;
    }
    let output = command(folder.path(), &[]).output().unwrap();
    if is_immutable {
        immutable("-i");
    }
    refuses(output, "products.db cannot be written");
}

#[test]
fn an_empty_token_is_named() {
    let output = run(
        |_, command| {
            command.env("ORDERS_TOKEN", "");
        },
        &[],
    );
    refuses(output, "ORDERS_TOKEN is empty: set it to the token");
}

#[test]
fn a_token_that_cannot_be_sent_is_named_and_not_shown() {
    let output = run(
        |_, command| {
            command.env("PRODUCTS_TOKEN", "my secret token");
        },
        &[],
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("my secret"));
    refuses(output, "PRODUCTS_TOKEN has characters that no bearer token has");
}

#[test]
fn a_development_token_is_for_loopback_only() {
    for (service, variable) in
        [("products", "PRODUCTS_TOKEN"), ("orders", "ORDERS_TOKEN"), ("payments", "PAYMENTS_TOKEN")]
    {
        let listen = format!("--{service}-listen");
        let output = run(|_, _| {}, &[service, &listen, "192.0.2.1:0"]);
        refuses(output, &format!("set {variable} to a secret, or listen on 127.0.0.1"));
    }
    // Nor is one that it sends.
    let own = |_: &Path, command: &mut Command| {
        command.env("PAYMENTS_TOKEN", "a-secret-of-its-own");
    };
    refuses(run(own, &["payments", "--payments-listen", "192.0.2.1:0"]), "set ORDERS_TOKEN to a secret");
}

#[test]
fn help_lists_every_setting_with_its_variable() {
    for arguments in
        [vec!["--help"], vec!["products", "--help"], vec!["orders", "--help"], vec!["payments", "--help"]]
    {
        let help = String::from_utf8(run(|_, _| {}, &arguments).stdout).unwrap();
        for flag in ["--data-dir", "[env: DATA_DIR", "--log-format", "--max-requests", "-listen", "-token"] {
            assert!(help.contains(flag), "{arguments:?} has no {flag}: {help}");
        }
    }
}
