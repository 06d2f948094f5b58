//! A collector of spans, for tests: it accepts any request over HTTP, and reads its body as OTLP.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{span::SpanKind, status::StatusCode},
};
use prost::Message;

/// A server that accepts every HTTP request, and records it.
pub(crate) struct Collector {
    pub(crate) url: String,
    pub(crate) received: Arc<Mutex<Vec<Received>>>,
}

pub(crate) struct Received {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// A span as it was exported. Ids are as they are in headers; the parent of a span that has none is empty.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) service: String,
    /// What it says of its service.
    pub(crate) resource: HashMap<String, String>,
    pub(crate) kind: SpanKind,
    pub(crate) name: String,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: String,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) is_error: bool,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let everything = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let everything = everything.clone();
                // A caller that hangs up has sent nothing.
                thread::spawn(move || receive(&stream, &everything));
            }
        });
        Self { url, received }
    }

    pub(crate) fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::new();
        for received in self.received.lock().unwrap().iter() {
            assert!(received.head.starts_with("POST /v1/traces "), "{}", received.head);
            let request = ExportTraceServiceRequest::decode(received.body.as_slice()).unwrap();
            for of_service in request.resource_spans {
                let resource = attributes(&of_service.resource.unwrap().attributes);
                let all = of_service.scope_spans.into_iter().flat_map(|scope| scope.spans);
                spans.extend(all.map(|span| Span {
                    service: resource["service.name"].clone(),
                    resource: resource.clone(),
                    kind: span.kind(),
                    trace: hexadecimal(&span.trace_id),
                    id: hexadecimal(&span.span_id),
                    parent: hexadecimal(&span.parent_span_id),
                    attributes: attributes(&span.attributes),
                    is_error: span.status.is_some_and(|status| status.code() == StatusCode::Error),
                    name: span.name,
                }));
            }
        }
        spans
    }
}

/// Reads a request, and answers it when it is among those that were received.
fn receive(stream: &TcpStream, everything: &Mutex<Vec<Received>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body)?;
    everything.lock().unwrap().push(Received { head, body });
    let mut stream = stream;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn attributes(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    let value = |attribute: &KeyValue| attribute.value.as_ref()?.value.as_ref().map(text);
    attributes.iter().filter_map(|attribute| Some((attribute.key.clone(), value(attribute)?))).collect()
}
