//! Output that cannot be written.

use std::{
    fs,
    io::{BufReader, PipeWriter, Write, pipe},
    mem,
    net::SocketAddr,
    process::{Child, Stdio},
    thread,
};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::{Store, command, end_of, folder, get, signal, wait_until};

/// Starts a store whose addresses are known without reading its output.
fn start_without_output(
    folder: &TempDir,
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> (Child, Vec<String>) {
    let mut command = command(folder.path(), &[]);
    let mut urls = Vec::new();
    for service in store::services().map(str::to_uppercase) {
        let address = reserve();
        command.env(format!("{service}_LISTEN"), address.to_string());
        urls.push(format!("http://{address}"));
    }
    let process = command.stdout(stdout).stderr(stderr).spawn().unwrap();
    for url in &urls {
        wait_until(|| get(url, "/readyz") == "HTTP/1.1 200 OK", &format!("{url} is ready"));
    }
    (process, urls)
}

/// An address that no other program is given until this one ends: a socket is bound to it and does not listen.
fn reserve() -> SocketAddr {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    mem::forget(socket);
    address
}

fn full() -> fs::File {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reading end is closed.
fn closed() -> PipeWriter {
    pipe().unwrap().1
}

#[test]
fn the_store_runs_when_its_output_cannot_be_written() {
    let (unread, stuck) = pipe().unwrap();
    // Keep the pipe full and its reading end open.
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
        let (process, urls) = start_without_output(&folder, stdout, stderr);
        let mut store = Store { process, output: BufReader::new(Box::new(std::io::empty())), urls, folder };
        let orders = store.service("orders");
        signal("KILL", orders);
        // The store tries to report that, and starts it again.
        wait_until(|| store.find_service("orders").is_some_and(|id| id != orders), "orders is started again");
        for url in &store.urls {
            wait_until(|| get(url, "/readyz") == "HTTP/1.1 200 OK", &format!("{url} is ready, {name}"));
        }
        store.signal("HUP");
        assert_eq!(store.process.try_wait().unwrap(), None, "{name}");
        store.signal("TERM");
        assert_eq!(store.exit_code(), Some(0), "{name}");
    }
    drop(unread);
}

#[test]
fn the_exit_code_does_not_depend_on_the_output() {
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
            let mut command = command(folder.path(), arguments);
            end_of(command.stdout(stdout).stderr(stderr).spawn().unwrap()).status.code()
        };
        assert_eq!(run(full().into(), full().into()), Some(code), "{arguments:?}");
        // A closed pipe is not a failure of `--help`: the reader has read enough.
        let code = if arguments.last().is_some_and(|last| ["--help", "--version"].contains(last)) {
            0
        } else {
            code
        };
        assert_eq!(run(closed().into(), closed().into()), Some(code), "{arguments:?}");
    }
}
