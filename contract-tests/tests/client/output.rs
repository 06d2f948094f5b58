//! Output to terminals, files and closed pipes.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use contract_tests::harness::ending;

use crate::{Console, fails, terminal::Terminal};

const BOLD: &str = "\u{1b}[1m";

pub(crate) fn only_terminals_get_colours(console: &Console) {
    console.succeeds("products create --name Computer --price 200 --stock 20");
    let in_terminal = |line: &str, variables: &[(&str, &str)]| {
        let mut terminal = Terminal::start(console, 80, line, variables);
        assert_eq!(terminal.ends(), 0, "{line}");
        terminal.raw()
    };
    for line in ["products list", "--help"] {
        assert!(in_terminal(line, &[]).contains(BOLD), "{line}");
        assert!(!in_terminal(line, &[("NO_COLOR", "1")]).contains(BOLD), "{line}");
        assert!(!in_terminal(&format!("{line} --color never"), &[]).contains(BOLD), "{line}");
        assert!(!console.succeeds(line).contains(BOLD), "{line}");
    }
    assert!(console.succeeds("--color=always --help").contains(BOLD));
    let forced = fails(console.command("orders show 7 --color always"), 1, "orders says: Order not found.");
    assert!(forced.contains(BOLD), "{forced:?}");
}

pub(crate) fn a_table_fits_the_terminal(console: &Console) {
    let name = ["A very comfortable armchair"; 4].join(" ");
    let mut create = console.command("products create --price 200 --stock 20 --name");
    assert!(ending::output(create.arg(&name)).status.success());
    for (width, top) in [
        (200, "id  name"),
        (80, "id  name                                                            price  stock"),
        (40, "id  name                    price  stock"),
        (20, "id     1"),
    ] {
        let mut terminal = Terminal::start(console, width, "products list", &[]);
        assert_eq!(terminal.ends(), 0);
        let screen = terminal.screen();
        assert!(screen.starts_with(top), "{width}:\n{screen}");
        assert!(!terminal.has_broken_lines(), "{width}:\n{screen}");
        let words = screen.split_whitespace().filter(|word| *word == "comfortable").count();
        assert_eq!(words, 4, "{width}:\n{screen}");
    }
}

pub(crate) fn a_list_in_a_pipe_has_tabs(console: &Console) {
    let mut create = console.command("products create --price 1 --stock 2 --name");
    create.arg(format!("a\ttab, a\nline and 広い椅子{}", " wide".repeat(30)));
    assert!(ending::output(&mut create).status.success());
    console.succeeds("products create --name Mouse --price 19.99 --stock 0");
    let list = console.succeeds("products list --color always");
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["id", "name", "price", "stock"]);
    let name = format!(r"a\ttab, a\nline and 広い椅子{}", " wide".repeat(30));
    assert_eq!(rows[1], ["1", &name, "1", "2"]);
    assert_eq!(rows[2], ["2", "Mouse", "19.99", "0"]);
    let check = console.succeeds("check");
    assert!(check.starts_with("service\tstate\tversion\tms\turl\nproducts\tready\t"), "{check}");
}

pub(crate) fn a_list_in_a_terminal_goes_through_the_pager(console: &Console) {
    console.succeeds("seed --products 60");
    let in_terminal = |line: &str, pager: &str| {
        let mut terminal = Terminal::start(console, 80, line, &[("PAGER", pager)]);
        (terminal.ends(), terminal.raw())
    };
    let (code, shown) = in_terminal("products list", "sed s/^/page:/");
    assert_eq!((code, shown.matches("page:").count()), (0, 62), "{shown}");
    for (line, pager) in [("products list --no-pager", "sed s/^/page:/"), ("products list", "")] {
        let (code, shown) = in_terminal(line, pager);
        assert!(code == 0 && shown.contains("\n60  ") && !shown.contains("page:"), "{shown}");
    }
    let (code, shown) = in_terminal("products list", "head -3");
    assert_eq!((code, shown.lines().count()), (0, 3), "{shown}");
    let (code, shown) = in_terminal("products list", "no-such-pager");
    assert!(code == 2 && shown.contains("PAGER is not a program that can be run."), "{code} {shown}");
    assert_eq!(
        ending::output(console.command("products list").env("PAGER", "no-such-pager")).status.code(),
        Some(0)
    );
}

pub(crate) fn a_closed_output_is_not_a_failure(console: &Console) {
    console.succeeds("seed --products 2000");
    for line in ["products list", "products list --json"] {
        let mut list = console.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(list.stdout.take());
        let output = ending::of(line, list);
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), b"".as_slice()), "{line}");
    }
}

pub(crate) fn a_failed_write_is_a_failure(console: &Console) {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut list: Command = console.command("products list");
    let list = list.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = ending::of("a list", list);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("The output cannot be written: No space left"), "{message}");
}

pub(crate) fn every_command_survives_a_closed_or_full_output(console: &Console) {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    for (line, full_code, closed_code) in [
        ("--help", 1, 0),
        ("products --help", 1, 0),
        ("--version", 1, 0),
        ("completions bash", 1, 0),
        ("demo", 1, 0),
        ("check", 1, 0),
        ("seed --products 3", 1, 0),
        ("products show 99", 1, 1),
        ("nonsense", 2, 2),
        ("", 2, 2),
    ] {
        let run = |stdout: Stdio, stderr: Stdio| {
            let mut command = console.command(line);
            let child = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn().unwrap();
            ending::of(line, child).status.code()
        };
        assert_eq!(run(full().into(), full().into()), Some(full_code), "{line}");
        assert_eq!(run(closed().into(), closed().into()), Some(closed_code), "{line}");
    }
}
