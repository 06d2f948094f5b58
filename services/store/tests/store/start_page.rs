//! The page that links to all services.

use std::{
    fs,
    io::{BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::Stdio,
};

use crate::{Store, command, folder, get, read_until_ready, urls, wait_until};

/// The response to a request, as text.
fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    let _ = stream.read_to_string(&mut response);
    response
}

fn page(url: &str, path: &str) -> String {
    let address = url.trim_start_matches("http://");
    exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// A store with these variables, and the URL of its page, if it has printed one.
fn start(variables: &[(&str, &str)]) -> (Store, Option<String>) {
    let folder = folder();
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let mut process = command(folder.path(), &[])
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let (lines, output) = read_until_ready(&mut process);
    let start = lines.iter().find_map(|line| Some(line.split_once("start here  ")?.1.to_owned()));
    let urls = urls(&lines).collect();
    let store = Store { process, output: BufReader::new(Box::new(output)), urls, folder };
    assert_eq!(store.urls.len(), store::services().count(), "{}", store.log());
    (store, start)
}

const FREE: (&str, &str) = ("STORE_LISTEN", "127.0.0.1:0");

#[test]
fn the_start_page_and_every_swagger_ui_lead_to_each_other() {
    let (store, start) = start(&[FREE]);
    let start = start.expect("a line with the URL of the page");
    let html = page(&start, "/");
    assert!(html.starts_with("HTTP/1.1 200 OK\r\n") && html.contains("text/html; charset=utf-8"), "{html}");
    for (name, url) in store::services().zip(&store.urls) {
        for link in ["/docs", "/openapi.json", "/metrics", "/readyz"] {
            assert!(html.contains(&format!("<a href=\"{url}{link}\">")), "{name}: no link to {link}");
            assert_eq!(get(url, link), "HTTP/1.1 200 OK", "{name}");
        }
        assert!(html.contains(&format!("SECRET_{}_TOKEN", name.to_uppercase())), "{name}");
        assert!(page(url, "/docs").contains(&format!("<a href=\"{start}\">All services</a>")), "{name}");
    }
    assert!(!html.contains("<script") && html.contains("default-src 'none'"), "{html}");
    let elsewhere = page(&start, "/docs");
    assert!(elsewhere.starts_with("HTTP/1.1 404 Not Found\r\n"), "{elsewhere}");
    let written = exchange(
        start.trim_start_matches("http://"),
        "POST / HTTP/1.1\r\nHost: store\r\nContent-Length: 0\r\n\r\n",
    );
    assert!(written.starts_with("HTTP/1.1 405 ") && written.contains("allow: GET, HEAD\r\n"), "{written}");
}

#[test]
fn a_secret_token_is_not_on_the_start_page() {
    let (_store, start) = start(&[FREE, ("ORDERS_TOKEN", "4711-secret")]);
    let html = page(&start.unwrap(), "/");
    assert!(html.contains("as set in ORDERS_TOKEN") && !html.contains("4711-secret"), "{html}");
}

#[test]
fn the_address_of_the_start_page_can_be_set_for_browsers() {
    let (store, start) = start(&[FREE, ("STORE_URL", "https://store.example/start")]);
    assert!(start.is_some());
    assert!(page(&store.urls[0], "/docs").contains("<a href=\"https://store.example/start\">"));
}

#[test]
fn the_start_page_leads_to_the_url_that_callers_use() {
    let public = "https://shop.example/orders-api";
    let (store, start) = start(&[FREE, ("ORDERS_PUBLIC_URL", public)]);
    let html = page(&start.unwrap(), "/");
    assert!(!html.contains(&store.urls[1]), "{html}");
    for text in [
        format!("<a href=\"{public}/docs\">"),
        format!("<a href=\"{public}/docs#/Orders/create_order\">"),
        format!("curl {public}/orders "),
        format!("curl {}/products ", store.urls[0]),
    ] {
        assert!(html.contains(&text), "{text}: {html}");
    }
}

/// A browser on another machine would look for the page on its own.
#[test]
fn a_service_that_others_can_call_does_not_lead_to_a_start_page_that_they_cannot() {
    let leads = |store: &Store| {
        let urls = store.urls.iter();
        urls.map(|url| page(url, "/docs").contains("All services")).collect::<Vec<bool>>()
    };
    let secret = ("PRODUCTS_TOKEN", "a-secret");
    let public = ("ORDERS_PUBLIC_URL", "https://shop.example/orders-api");
    let (store, _) = start(&[FREE, secret, ("PRODUCTS_LISTEN", "0.0.0.0:0"), public]);
    // The others have neither setting.
    let expected: Vec<bool> =
        store::services().map(|service| !["products", "orders"].contains(&service)).collect();
    assert_eq!(leads(&store), expected);
    let (store, _) = start(&[FREE, ("TRUSTED_PROXIES", "10.0.0.0/8")]);
    assert!(!leads(&store).contains(&true));
    let (store, _) = start(&[FREE, public, ("STORE_URL", "https://shop.example/")]);
    assert!(!leads(&store).contains(&false));
}

#[test]
fn a_token_in_a_file_is_read_by_the_commands_of_the_start_page() {
    let folder = folder();
    let file = folder.path().join("products.token");
    fs::write(&file, "4711-secret\n").unwrap();
    let (_store, start) = start(&[FREE, ("PRODUCTS_TOKEN_FILE", file.to_str().unwrap())]);
    let html = page(&start.unwrap(), "/");
    assert!(html.contains(&format!("Bearer $(head -n1 {})\"", file.display())), "{html}");
    assert!(html.contains("Bearer SECRET_ORDERS_TOKEN\"") && !html.contains("4711-secret"), "{html}");
}

#[test]
fn without_a_start_page_nothing_leads_to_it() {
    let (store, start) = start(&[("STORE_LISTEN", "none")]);
    assert_eq!(start, None);
    assert!(!page(&store.urls[0], "/docs").contains("All services"));
    assert!(!store.log().contains("start page"), "{}", store.log());
}

#[test]
fn services_start_when_the_address_of_the_start_page_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (store, start) = start(&[("STORE_LISTEN", &address)]);
    assert_eq!(start, None);
    assert_eq!(get(&store.urls[2], "/readyz"), "HTTP/1.1 200 OK");
    let sentence = format!("WARN there is no start page, because {address} cannot be bound (");
    assert!(store.log().contains(&sentence) && store.log().contains("set STORE_LISTEN"), "{}", store.log());
    assert!(!page(&store.urls[0], "/docs").contains("All services"));
}

#[test]
fn the_start_page_is_served_beside_idle_and_broken_callers_and_ends_with_the_store() {
    let (mut store, start) = start(&[FREE]);
    let start = start.unwrap();
    let idle: Vec<TcpStream> =
        (0..40).map(|_| TcpStream::connect(start.trim_start_matches("http://")).unwrap()).collect();
    assert!(exchange(start.trim_start_matches("http://"), "\0\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(page(&start, "/").starts_with("HTTP/1.1 200 OK\r\n"));
    let still_idle: Vec<TcpStream> =
        (0..10).map(|_| TcpStream::connect(start.trim_start_matches("http://")).unwrap()).collect();
    store.signal("TERM");
    assert_eq!(store.exit_code(), Some(0), "{}", store.log());
    wait_until(|| get(&start, "/").is_empty(), "the page is gone");
    drop((idle, still_idle));
}
