//! `contract watch --har`: the traffic as HTTP Archive 1.2, which the developer tools of browsers import.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use contract_tests::engine::{
    contract::CONTRACT,
    deployment::SERVICES,
    exchange::{Request, Response, escaped},
};
use percent_encoding::percent_decode_str;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::secrets::{Secrets, parts, place};

/// A cookie that is shorter, such as `dark`, may be a word of any text, and is taken out of the headers alone.
const LONG: usize = 8;

/// What closes the list of exchanges and the archive.
const END: &[u8] = b"\n]}}\n";

/// An archive that is whole after each exchange, so that it need not be kept in memory, and nothing is lost with this process.
pub(crate) struct Archive {
    path: PathBuf,
    file: File,
    /// Where [`END`] begins.
    end: u64,
    is_empty: bool,
    /// Why nothing more is written.
    broken: Option<String>,
    secrets: Secrets,
}

/// An exchange that was seen.
pub(crate) struct Seen<'a> {
    /// The address of the service.
    pub(crate) url: &'a str,
    pub(crate) request: &'a Request,
    pub(crate) response: &'a Response,
    pub(crate) began: SystemTime,
    pub(crate) took: Duration,
    /// Why it is not as documented, in a line.
    pub(crate) complaint: Option<&'a str>,
}

impl Archive {
    /// Makes the file, before anything is seen.
    pub(crate) fn create(path: &Path, secrets: Secrets) -> Result<Self, String> {
        let no = |error: io::Error| format!("{}: {error}", path.display());
        let file = File::create(path).map_err(no)?;
        let creator = json!({ "name": "contract", "version": env!("CARGO_PKG_VERSION") });
        let beginning = format!(r#"{{"log":{{"version":"1.2","creator":{creator},"entries":["#);
        let mut archive = Self { path: path.into(), file, end: 0, is_empty: true, broken: None, secrets };
        archive.put(beginning.as_bytes()).map_err(no)?;
        Ok(archive)
    }

    /// Adds an exchange. What went wrong is told by [`Archive::close`].
    pub(crate) fn add(&mut self, seen: &Seen<'_>) {
        if self.broken.is_some() {
            return;
        }
        let separator = if self.is_empty { "\n" } else { ",\n" };
        let put = entry(seen, &self.secrets).and_then(|entry| {
            self.put(format!("{separator}{entry}").as_bytes()).map_err(|error| {
                // What was written of it is taken back, so that the rest can be read.
                let _ = self.file.set_len(self.end).and_then(|()| self.put(b""));
                error.to_string()
            })
        });
        match put {
            Ok(()) => self.is_empty = false,
            Err(reason) => self.broken = Some(format!("{}: {reason}", self.path.display())),
        }
    }

    /// Whether everything is in the file.
    pub(crate) fn close(self) -> Result<(), String> {
        self.broken.map_or(Ok(()), Err)
    }

    /// Writes `bytes` over the end, and the end behind them.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&[bytes, END].concat())?;
        self.end += bytes.len() as u64;
        Ok(())
    }
}

/// An exchange as the format has it (<http://www.softwareishard.com/blog/har-12-spec/#entries>).
fn entry(seen: &Seen<'_>, secrets: &Secrets) -> Result<Value, String> {
    let Seen { url, request, response, began, took, complaint } = seen;
    let milliseconds = took.as_secs_f64() * 1000.0;
    let known = Credentials::of(&request.service);
    // A service may write what it was shown into its response.
    let own = known.shown(request, response)?;
    let url = known.without_query(&format!("{url}{}", request.path));
    let mut asked = json!({
        "method": request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": known.without_headers(&request.headers),
        "queryString": query(&url),
        "headersSize": -1,
        "bodySize": request.body.len(),
    });
    if !request.body.is_empty() {
        let media_type = header(&request.headers, "content-type");
        asked["postData"] = json!({ "mimeType": media_type, "text": String::from_utf8_lossy(&request.body) });
    }
    let mut content =
        json!({ "size": response.body.len(), "mimeType": header(&response.headers, "content-type") });
    match std::str::from_utf8(&response.body) {
        Ok(text) => content["text"] = text.into(),
        // Nothing is found in Base64 that might have to be taken out.
        Err(_) if [secrets, &own].iter().any(|it| it.are_in(&String::from_utf8_lossy(&response.body))) => {}
        Err(_) => {
            content["text"] = BASE64_STANDARD.encode(&response.body).into();
            content["encoding"] = "base64".into();
        }
    }
    let reason = StatusCode::from_u16(response.status).ok().and_then(|status| status.canonical_reason());
    let mut entry = json!({
        "startedDateTime": humantime::format_rfc3339_millis(*began).to_string(),
        "time": milliseconds,
        "request": asked,
        "response": {
            "status": response.status,
            "statusText": reason.unwrap_or_default(),
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": known.without_headers(&response.headers),
            "content": content,
            "redirectURL": header(&response.headers, "location"),
            "headersSize": -1,
            "bodySize": response.body.len(),
        },
        "cache": {},
        "timings": { "send": 0, "wait": milliseconds, "receive": 0 },
    });
    if let Some(complaint) = complaint {
        entry["comment"] = (*complaint).into();
    }
    redact(&mut entry, &[secrets, &own]);
    Ok(entry)
}

/// Takes secrets out of every text.
fn redact(value: &mut Value, secrets: &[&Secrets]) {
    match value {
        Value::String(text) => {
            secrets.iter().for_each(|secrets| *text = secrets.redacted(text));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, secrets)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn query(url: &str) -> Vec<Value> {
    let url = Url::parse(url).ok();
    let pairs = url.iter().flat_map(Url::query_pairs);
    pairs.map(|(name, value)| json!({ "name": name, "value": value })).collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Where a caller of a service sends its credential: its own secret, which this program does not know.
struct Credentials {
    service: String,
    headers: Vec<String>,
    parameters: Vec<String>,
}

impl Credentials {
    fn of(service: &str) -> Self {
        let mut known = Self {
            service: service.into(),
            headers: ["authorization", "proxy-authorization", "cookie", "set-cookie"].map(Into::into).into(),
            parameters: Vec::new(),
        };
        if !SERVICES.contains(&service) {
            return known;
        }
        let schemes = &CONTRACT.document(service).json["components"]["securitySchemes"];
        for (_, scheme) in schemes.as_object().into_iter().flatten() {
            match (scheme["in"].as_str(), scheme["name"].as_str()) {
                (Some("header"), Some(name)) => known.headers.push(name.to_lowercase()),
                (Some("query"), Some(name)) => known.parameters.push(name.to_owned()),
                _ => {}
            }
        }
        known
    }

    /// What the caller has shown in these places, or was given to show.
    fn shown(&self, request: &Request, response: &Response) -> Result<Secrets, String> {
        let headers = request.headers.iter().chain(&response.headers);
        let headers = headers.filter(|(name, _)| self.is_secret(name));
        let mut shown: Vec<String> = headers
            .flat_map(|(name, value)| {
                let is_long = |part: &&str| !name.to_lowercase().contains("cookie") || part.len() >= LONG;
                parts(name, value).into_iter().filter(is_long)
            })
            .map(str::to_owned)
            .collect();
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let values = query.split('&').filter_map(|pair| pair.split_once('='));
        for (_, value) in values.filter(|(name, _)| self.is_parameter(name)) {
            shown.extend([value.to_owned(), decoded(value)]);
        }
        Secrets::shown(&self.service, shown.iter().map(String::as_str))
    }

    fn is_secret(&self, header: &str) -> bool {
        self.headers.contains(&header.to_lowercase())
    }

    fn is_parameter(&self, name: &str) -> bool {
        self.parameters.contains(&decoded(name))
    }

    fn without_headers(&self, headers: &[(String, String)]) -> Vec<Value> {
        let shown = |(name, value): &(String, String)| {
            let value = if self.is_secret(name) { place(&self.service) } else { value.clone() };
            json!({ "name": name, "value": value })
        };
        headers.iter().map(shown).collect()
    }

    /// `url` without the values of such parameters. Any other stays as it was written.
    fn without_query(&self, url: &str) -> String {
        let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
        let shown = |pair: &str| {
            let name = pair.split('=').next().unwrap_or_default();
            match self.is_parameter(name) {
                true => format!("{}={}", escaped(&decoded(name)), escaped(&place(&self.service))),
                false => pair.to_owned(),
            }
        };
        format!("{path}?{}", query.split('&').map(shown).collect::<Vec<_>>().join("&"))
    }
}
