//! What else happens to a store while it serves: callers hang up, tokens change, backups are made.

use std::{
    fs,
    io::Read,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use contract_tests::{
    engine::{
        deployment::{SERVICES, variable},
        session::Session,
    },
    harness::{
        caller::{CREATE, Caller, fill},
        development::token,
        ending,
        folders::new_folder,
        process::command,
        store::Store,
    },
};
use tempfile::TempDir;

use crate::PROGRAM;

/// How often callers hang up.
const HANG_UP: Duration = Duration::from_millis(50);

/// What callers send before they hang up: half a header, half a body, a whole request, and one for a list that is long.
const BROKEN_OFF: [&str; 4] = [
    CREATE,
    "POST /{service} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    "POST /{service} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{json}",
    "GET /products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n",
];

/// Sends requests, and hangs up before the end of their responses.
pub(crate) fn hang_up(session: &Session, is_over: &AtomicBool) {
    let all = BROKEN_OFF.iter().flat_map(|text| SERVICES.iter().map(move |service| (text, service)));
    let mut all = all.cycle();
    while !is_over.load(Ordering::Relaxed) {
        let (text, service) = all.next().unwrap();
        let mut caller = Caller::connect(session, service);
        caller.send(fill(text, session, service));
        if text.starts_with("GET") {
            let _ = caller.stream.read(&mut [0; 512]);
        }
        drop(caller);
        thread::sleep(HANG_UP);
    }
}

/// A file for the token of each service.
pub(crate) struct TokenFiles(Vec<TokenFile>);

struct TokenFile {
    variable: String,
    path: String,
    token: String,
    _folder: TempDir,
}

impl TokenFiles {
    pub(crate) fn new() -> Self {
        let file = |service: &&'static str| {
            let folder = new_folder();
            let path = folder.path().join("token").to_str().unwrap().to_owned();
            TokenFile {
                variable: variable(service, "TOKEN_FILE"),
                path,
                token: token(service),
                _folder: folder,
            }
        };
        let files = Self(SERVICES.iter().map(file).collect());
        files.change(0);
        files
    }

    pub(crate) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|file| (file.variable.as_str(), file.path.as_str()))
    }

    /// Makes another second token valid. The first one stays.
    pub(crate) fn change(&self, number: u64) {
        for TokenFile { path, token, .. } in &self.0 {
            let next = Path::new(path).with_extension("next");
            fs::write(&next, format!("{token},old-{number}")).unwrap();
            fs::rename(&next, path).unwrap();
        }
    }
}

/// A backup, which is made again and again.
pub(crate) struct Backups(TempDir);

impl Backups {
    pub(crate) fn new() -> Self {
        Self(new_folder())
    }

    pub(crate) fn make(&self, store: &Store) {
        let backup = self.0.path().join("backup");
        let arguments = ["backup", "--force", backup.to_str().unwrap()];
        let data = store.database("products").parent().unwrap().to_owned();
        let output = ending::output(&mut command(PROGRAM, &arguments, &data));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
