//! `contract example`.

use std::{
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::files::Files;

/// The texts of all notes. The id of the first is 1.
type Notes = Arc<Mutex<Vec<String>>>;

#[test]
fn the_example_passes_its_own_checks() {
    let files = Files::new();
    files.run(&["example", "new"]).expect(0, "contract replay new/notes.arazzo.yaml");
    files.run(&["example", "new"]).expect(2, "new/notes.openapi.yaml is there already");
    let url = start();
    let ran = files.run(&["replay", "new/notes.arazzo.yaml", "--server", &url, "-v"]).expect(0, " 0 failed");
    for name in [
        "passed notes::it_is_in_the_list",
        "passed notes create_note::with_text_too_long",
        "passed notes create_note::what_is_created_can_be_read",
    ] {
        assert!(ran.out.contains(name), "{name} is not in:\n{}", ran.out);
    }
}

/// Starts a service that does what the example says, and returns where it is. It runs until the test's process ends.
fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || serve(listener));
    url
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let notes = Notes::default();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let notes = notes.clone();
        let answer = service_fn(move |request| respond(request, notes.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

async fn respond(request: Request<Incoming>, notes: Notes) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, body) = answer(&mut notes.lock().unwrap(), head.method.as_str(), head.uri.path(), &body);
    let response = Response::builder().status(status).header("Content-Type", "application/json");
    Ok(response.body(Full::new(body.to_string().into())).unwrap())
}

fn answer(notes: &mut Vec<String>, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
    let note = |(text, id): (&String, usize)| json!({ "id": id, "text": text });
    match (method, path.strip_prefix("/notes/")) {
        ("GET", None) if path == "/notes" => (200, notes.iter().zip(1..).map(note).collect()),
        ("POST", None) if path == "/notes" => {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            match body["text"].as_str().filter(|text| (1..=200).contains(&text.chars().count())) {
                Some(text) => {
                    notes.push(text.to_owned());
                    (201, note((&text.to_owned(), notes.len())))
                }
                None => (400, json!({ "error": "This is no note" })),
            }
        }
        ("GET", Some(id)) => {
            let found = notes.iter().zip(1..).find(|(_, known)| id.parse() == Ok(*known));
            found.map_or_else(|| (404, json!({ "error": "No such note" })), |found| (200, note(found)))
        }
        _ => (404, json!({ "error": "No such path" })),
    }
}
