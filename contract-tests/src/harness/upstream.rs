//! A fake upstream that fails in a chosen way.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Map, Value};
use socket2::SockRef;

use super::address::Reserved;

/// How many connections may wait to be taken.
const BACKLOG: i32 = 1024;

/// How an upstream responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultMode {
    /// As it should.
    Well,
    /// As it should, but it takes a second.
    TakesASecond,
    /// As it should and on connections that are kept, but each response takes 800 milliseconds.
    IsSlow,
    /// The connection is refused.
    Refuses,
    /// Connections are taken, and that is all.
    SaysNothing,
    /// As it should on the first connection, and not at all on those that follow.
    RespondsWellOnce,
    /// A byte of the head at a time.
    DripsTheHead,
    /// A byte of the body at a time.
    DripsTheBody,
    /// The connection breaks in the middle of the body.
    BreaksOff,
    /// A page for people.
    RespondsWithHtml,
    /// JSON of another shape.
    RespondsWithOtherJson,
    /// The right shape, but with a text where an integer should be.
    RespondsWithWrongTypes,
    /// What was asked for, and beside it a text that is none.
    RespondsWithInvalidUtf8,
    /// The right shape, but this number of it, counted from 0, is out of the range that its document has.
    RespondsWithOutOfRange(usize),
    /// Something else than what was asked for.
    RespondsWithAnotherId,
    /// Somewhere else.
    Redirects,
    /// Another status, with this body, or with what was asked for all the same.
    RespondsWithStatus(u16, Option<&'static str>),
    /// A body without end.
    NeverEnds,
    /// The first connection breaks; then all is well.
    BreaksOffOnce,
    /// The first response is a 503; then all is well.
    IsFullOnce,
    /// The first response is a 503 that asks to be left alone for so many seconds; then all is well.
    IsFullFor(u64),
    /// The requests that it got, with the token, as text or as JSON.
    Echoes(u16, Echo),
    /// As it should, but each connection is reset after the first response.
    Resets,
    /// As it should, but each connection is closed after the first response, without a word.
    HangsUp,
    /// As it should, but on each connection to the first request only.
    FallsSilent,
}

/// What an echo is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// The head of the request, as text.
    Text,
    /// An object that has the head of the request in each of its fields.
    Json,
    /// The head of the request, in a JSON text that does not end.
    BrokenJson,
}

/// An upstream.
pub struct FakeUpstream {
    address: SocketAddr,
    /// Reserves the address while the upstream does not listen.
    reserved: Option<Reserved>,
    response: &'static str,
    mode: Arc<Mutex<FaultMode>>,
    conversations: Arc<AtomicUsize>,
    /// Tells the listening thread to end.
    closed: Arc<AtomicBool>,
}

impl FakeUpstream {
    /// An upstream that sends `response` to every request, as far as `mode` lets it.
    pub fn start(response: &'static str, mode: FaultMode) -> Self {
        let reserved = Reserved::new();
        let mut upstream = Self {
            address: reserved.address(),
            reserved: Some(reserved),
            response,
            mode: Arc::new(Mutex::new(mode)),
            conversations: Arc::default(),
            closed: Arc::default(),
        };
        if mode != FaultMode::Refuses {
            upstream.listen();
        }
        upstream
    }

    /// How often it was asked so far.
    pub fn conversations(&self) -> usize {
        self.conversations.load(Ordering::Relaxed)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it responds as it should.
    pub fn recover(&mut self) {
        *self.mode.lock().expect("the mode") = FaultMode::Well;
        self.listen();
    }

    fn listen(&mut self) {
        let Some(socket) = self.reserved.take().map(Reserved::into_socket) else { return };
        socket.listen(BACKLOG).expect("a listener");
        let listener = TcpListener::from(socket);
        let (mode, response, closed) = (self.mode.clone(), self.response, self.closed.clone());
        let conversations = self.conversations.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if closed.load(Ordering::Relaxed) {
                    return;
                }
                let mut current = mode.lock().expect("the mode");
                let this_time = *current;
                if this_time == FaultMode::RespondsWellOnce {
                    *current = FaultMode::SaysNothing;
                }
                if matches!(
                    this_time,
                    FaultMode::BreaksOffOnce | FaultMode::IsFullOnce | FaultMode::IsFullFor(_)
                ) {
                    *current = FaultMode::Well;
                }
                // A caller that hangs up ends the connection, which is not a failure of the test.
                let conversations = conversations.clone();
                thread::spawn(move || converse(stream, this_time, response, &conversations));
            }
        });
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        // Wakes the thread, so that it sees it.
        let _ = TcpStream::connect(self.address);
    }
}

fn converse(
    mut stream: TcpStream,
    mode: FaultMode,
    response: &str,
    conversations: &AtomicUsize,
) -> std::io::Result<()> {
    let head = read_head(&mut stream)?;
    conversations.fetch_add(1, Ordering::Relaxed);
    let whole = |status: u16, media_type: &str, body: &str| {
        let length = body.len();
        let is_kept = matches!(
            mode,
            FaultMode::HangsUp | FaultMode::FallsSilent | FaultMode::IsSlow | FaultMode::Resets
        );
        let connection = if is_kept { "keep-alive" } else { "close" };
        format!(
            "HTTP/1.1 {status} So\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\nConnection: {connection}\r\n\r\n{body}"
        )
    };
    let json = |body: &str| whole(200, "application/json", body);
    let text = match mode {
        FaultMode::Well | FaultMode::HangsUp | FaultMode::RespondsWellOnce => json(response),
        FaultMode::FallsSilent => {
            stream.write_all(json(response).as_bytes())?;
            // Until the caller gives up.
            return std::io::copy(&mut stream, &mut std::io::sink()).map(drop);
        }
        FaultMode::Resets => {
            stream.write_all(json(response).as_bytes())?;
            return SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        FaultMode::IsFullFor(seconds) => whole(503, "application/json", r#"{"error":"Service unavailable"}"#)
            .replacen("\r\n", &format!("\r\nRetry-After: {seconds}\r\n"), 1),
        FaultMode::Echoes(status, echo) => {
            let head = serde_json::Value::from(head);
            match echo {
                Echo::Text => whole(status, "text/plain", head.as_str().unwrap_or_default()),
                Echo::Json => {
                    let fields = ["error", "detail", "id", "name", "price", "stock", "product_id", "status"];
                    let fields = fields.map(|field| format!("\"{field}\":{head}"));
                    whole(status, "application/json", &format!("{{{}}}", fields.join(",")))
                }
                Echo::BrokenJson => whole(status, "application/json", &format!("{{{head}:{head}")),
            }
        }
        FaultMode::IsSlow => loop {
            thread::sleep(Duration::from_millis(800));
            stream.write_all(json(response).as_bytes())?;
            read_head(&mut stream)?;
        },
        FaultMode::TakesASecond => {
            thread::sleep(Duration::from_secs(1));
            json(response)
        }
        FaultMode::Refuses | FaultMode::SaysNothing => {
            // Until the caller gives up.
            return stream.read(&mut [0]).map(drop);
        }
        FaultMode::DripsTheHead => return drip(&mut stream, "", &json(response)),
        FaultMode::DripsTheBody => {
            let text = json(response);
            let (head, body) = text.split_at(text.len() - response.len());
            return drip(&mut stream, head, body);
        }
        FaultMode::BreaksOff | FaultMode::BreaksOffOnce => {
            let text = json(response);
            text[..text.len() - 2].to_owned()
        }
        FaultMode::RespondsWithHtml => whole(200, "text/html", "<html><body>It works!</body></html>"),
        FaultMode::RespondsWithOtherJson => json(r#"{"state": "ok"}"#),
        FaultMode::RespondsWithWrongTypes => json(&response.replacen("1", "\"1\"", 1)),
        FaultMode::RespondsWithInvalidUtf8 => {
            let body = response.replacen('}', ",\"note\":\"?\"}", 1);
            let bytes = json(&body).into_bytes();
            let bytes: Vec<u8> =
                bytes.into_iter().map(|byte| if byte == b'?' { 0xff } else { byte }).collect();
            return stream.write_all(&bytes);
        }
        FaultMode::RespondsWithOutOfRange(index) => {
            let mut fields: Map<String, Value> = serde_json::from_str(response).unwrap_or_default();
            let numbers = fields.values_mut().filter(|value| value.is_number());
            numbers.skip(index).take(1).for_each(|number| *number = 9_007_199_254_740_992_u64.into());
            json(&Value::from(fields).to_string())
        }
        FaultMode::RespondsWithAnotherId => json(&response.replacen("1", "2", 1)),
        FaultMode::Redirects => {
            "HTTP/1.1 307 So\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".into()
        }
        FaultMode::RespondsWithStatus(status, body) => {
            whole(status, "application/json", body.unwrap_or(response))
        }
        FaultMode::IsFullOnce => whole(503, "application/json", r#"{"error":"Service unavailable"}"#),
        FaultMode::NeverEnds => {
            stream.write_all(
                b"HTTP/1.1 200 So\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
            )?;
            loop {
                stream.write_all(&[b"1000\r\n".as_slice(), &[b' '; 0x1000], b"\r\n"].concat())?;
            }
        }
    };
    stream.write_all(text.as_bytes())
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn drip(stream: &mut TcpStream, at_once: &str, rest: &str) -> std::io::Result<()> {
    stream.write_all(at_once.as_bytes())?;
    rest.bytes().try_for_each(|byte| {
        thread::sleep(Duration::from_millis(250));
        stream.write_all(&[byte])
    })
}
