//! The store's program, as whoever starts it sees it.

#![allow(clippy::disallowed_macros, reason = "a test prints for whoever runs it")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod output;
mod settings;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
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
    for name in ["TERM", "INT", "QUIT"] {
        let mut store = Store::start();
        for ignored in ["HUP", "USR1", "USR2", "ALRM", "RTMIN+3"] {
            store.signal(ignored);
            store.wait_for(&format!("store: SIG{ignored} is ignored."));
        }
        assert_eq!(get(&store.urls[0], "/readyz"), "HTTP/1.1 200 OK");
        store.signal(name);
        assert!(store.process.wait().unwrap().success(), "{}", store.log());
        store.wait_for(&format!("store: stopping (SIG{name})."));
        let mut rest = String::new();
        store.output.read_to_string(&mut rest).unwrap();
        for url in &store.urls {
            assert_eq!(get(url, "/livez"), "", "after SIG{name}");
        }
    }
}

#[test]
fn stuck_callers_and_a_log_that_nobody_reads_keep_it_from_stopping_no_longer_than_five_seconds() {
    let (_unread, log) = std::io::pipe().unwrap();
    let mut store = Store::start_in(folder(), fs::File::from(OwnedFd::from(log)));
    // More than a pipe holds.
    for _ in 0..1000 {
        get(&store.urls[0], "/livez");
    }
    let names = ["products", "orders", "payments"];
    let stuck = names.iter().zip(&store.urls).map(|(name, url)| {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        let token = format!("SECRET_{}_TOKEN", name.to_uppercase());
        let half = format!(
            "POST /{name} HTTP/1.1\r\nHost: store\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        );
        stream.write_all(half.as_bytes()).unwrap();
        stream
    });
    let stuck: Vec<TcpStream> = stuck.collect();
    let began = Instant::now();
    store.signal("TERM");
    assert!(store.process.wait().unwrap().success());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    drop(stuck);
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
    refuses(output, "set DATA_DIR to a writable folder");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let garbage = |folder: &Path, _: &mut Command| {
        fs::create_dir(folder.join("data")).unwrap();
        fs::write(folder.join("data/orders.db"), "no database at all, but long enough to be looked at")
            .unwrap();
    };
    refuses(run(garbage, &[]), "orders.db is not a SQLite database");
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
