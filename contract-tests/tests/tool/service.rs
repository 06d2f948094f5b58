//! A small service with notes, in memory, which may have a flaw.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

/// What callers show.
pub(crate) const KEY: &str = "secret-of-notes";

/// What the service does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// The key is not looked at.
    Open,
    /// A body that does not fit is stored.
    Lenient,
    /// A text is stored in upper case.
    Shouts,
    /// A body that does not fit is a failure of the service.
    Crashes,
    /// A refusal has a status that the document does not have.
    Undocumented,
    /// A note has no text.
    Silent,
    /// What is deleted can still be read.
    Keeps,
    /// The service stops when it is sent a body that does not fit.
    Stops,
}

/// A service that runs until the test ends.
pub(crate) struct Service {
    pub(crate) url: String,
}

struct Notes {
    flaw: Flaw,
    last: u64,
    notes: BTreeMap<u64, Value>,
}

type Answer = (u16, &'static str, Value);

impl Service {
    pub(crate) fn start(flaw: Flaw) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let notes = Arc::new(Mutex::new(Notes { flaw, last: 0, notes: BTreeMap::new() }));
        thread::spawn(move || serve(listener, notes));
        Self { url }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(listener: TcpListener, notes: Arc<Mutex<Notes>>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (stop, mut stopped) = tokio::sync::mpsc::channel::<()>(1);
    loop {
        let (stream, _) = tokio::select! {
            accepted = listener.accept() => accepted.unwrap(),
            _ = stopped.recv() => return,
        };
        let (notes, stop) = (notes.clone(), stop.clone());
        let answer = service_fn(move |request| respond(request, notes.clone(), stop.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
    }
}

async fn respond(
    request: Request<Incoming>,
    notes: Arc<Mutex<Notes>>,
    stop: tokio::sync::mpsc::Sender<()>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let key = head.headers.get("X-Api-Key").map(|key| key.as_bytes().to_vec());
    let (status, media_type, body) = {
        let mut notes = notes.lock().unwrap();
        notes.answer(&head.method, head.uri.path(), key.as_deref(), &body)
    };
    if status == 0 {
        let _ = stop.send(()).await;
        // The connection is never answered, since the runtime is gone before.
        std::future::pending::<()>().await;
    }
    let response = Response::builder().status(status);
    if body.is_null() {
        return Ok(response.body(Full::default()).unwrap());
    }
    let response = response.header("Content-Type", media_type);
    Ok(response.body(Full::new(body.to_string().into())).unwrap())
}

impl Notes {
    fn answer(&mut self, method: &Method, path: &str, key: Option<&[u8]>, body: &[u8]) -> Answer {
        let refused = |status: u16, title: &str| {
            (status, "application/problem+json", json!({ "title": title, "status": status }))
        };
        if key != Some(KEY.as_bytes()) && self.flaw != Flaw::Open {
            return refused(401, "Who are you?");
        }
        let id = path.strip_prefix("/notes/").filter(|id| !id.contains('/'));
        match (method.as_str(), id) {
            ("GET", None) if path == "/notes" => {
                (200, "application/json", self.notes.values().cloned().collect::<Vec<_>>().into())
            }
            ("POST", None) if path == "/notes" => self.create(body, refused),
            ("GET", Some(id)) => match id.parse().ok().and_then(|id: u64| self.notes.get(&id)) {
                Some(note) => (200, "application/json", note.clone()),
                None => refused(404, "No such note"),
            },
            ("DELETE", Some(id)) => {
                let id = id.parse().unwrap_or_default();
                match self.notes.contains_key(&id) {
                    true => {
                        if self.flaw != Flaw::Keeps {
                            self.notes.remove(&id);
                        }
                        (204, "", Value::Null)
                    }
                    false => refused(404, "No such note"),
                }
            }
            _ => refused(404, "No such path"),
        }
    }

    fn create(&mut self, body: &[u8], refused: impl Fn(u16, &str) -> Answer) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = body["text"].as_str().filter(|text| (1..=20).contains(&text.chars().count()));
        let is_urgent = body.get("urgent").is_none_or(|urgent| urgent.is_boolean() || urgent.is_null());
        let text = match (text.filter(|_| is_urgent), self.flaw) {
            (Some(text), Flaw::Shouts) => text.to_uppercase(),
            (Some(text), _) => text.to_owned(),
            (None, Flaw::Lenient) => "x".to_owned(),
            (None, Flaw::Crashes) => return refused(500, "Sorry"),
            (None, Flaw::Undocumented) => return refused(302, "Elsewhere"),
            (None, Flaw::Stops) => return (0, "", Value::Null),
            (None, _) => return refused(422, "This is no note"),
        };
        self.last += 1;
        let mut note = json!({ "id": self.last, "text": text });
        if self.flaw == Flaw::Silent {
            note.as_object_mut().unwrap().shift_remove("text");
        }
        self.notes.insert(self.last, note.clone());
        (201, "application/json", note)
    }
}
