//! `contract watch --har`.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use contract_tests::engine::exchange::http_client;
use serde_json::{Value, json};

use super::{
    files::Files,
    scripted::{self, Reply},
    service::{Flaw, KEY, Service},
    watch::{RESPONSE_TIMEOUT, Watching},
};

/// What a watcher has written, which must be whole.
fn archive(files: &Files) -> Value {
    let archive = serde_json::from_str(&files.read("seen.har")).unwrap();
    let schema = serde_json::from_str(include_str!("har.schema.json")).unwrap();
    let validator = jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(&archive)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{archive:#}");
    archive
}

fn watch(files: &Files, server: &str, more: &[&str]) -> Watching {
    Watching::start(files, &[&["--server", server, "--har", "seen.har"], more].concat())
}

#[test]
fn an_archive_has_every_exchange_and_its_errors() {
    let (files, service) = (Files::new(), Service::start(Flaw::Silent));
    let watching = watch(&files, &service.url, &[]);
    assert_eq!(archive(&files)["log"]["entries"], json!([]));
    let client = http_client(RESPONSE_TIMEOUT);
    let notes = format!("{}/notes", watching.url);
    let post = client.post(&notes).header("X-Api-Key", KEY).header("Content-Type", "application/json");
    assert_eq!(post.body(r#"{"text":"Buy milk"}"#).send().unwrap().status(), 201);
    let get = client.get(format!("{notes}/7?full=a%20b")).header("X-Api-Key", KEY);
    assert_eq!(get.send().unwrap().status(), 404);
    // What was seen is there before the watcher ends, however it ends.
    let archive = archive(&files);
    let entries = archive["log"]["entries"].as_array().unwrap();
    let [post, get] = &entries[..] else { panic!("{archive:#}") };
    assert_eq!(post["request"]["method"], "POST");
    assert_eq!(post["request"]["url"], format!("{}/notes", service.url));
    let sent = json!({ "mimeType": "application/json", "text": r#"{"text":"Buy milk"}"# });
    assert_eq!(post["request"]["postData"], sent);
    assert_eq!(post["response"]["content"]["text"], r#"{"id":1}"#);
    assert!(post["comment"].as_str().unwrap().contains("\"text\" is a required property"), "{post:#}");
    assert_eq!(get["request"]["queryString"], json!([{ "name": "full", "value": "a b" }]));
    assert_eq!(
        (&get["response"]["status"], &get["response"]["statusText"]),
        (&404.into(), &"Not Found".into())
    );
    assert_eq!(get["comment"], Value::Null);
    assert_eq!(watching.stop().0, Some(1));
}

#[test]
fn an_archive_has_no_credential_in_it() {
    for (scheme, header, path) in [
        ("{ type: http, scheme: bearer }", ("Authorization", "Bearer of-the-caller"), "/notes"),
        ("{ type: apiKey, in: header, name: X-Key }", ("x-key", "of-the-caller"), "/notes"),
        ("{ type: apiKey, in: cookie, name: key }", ("Cookie", "key=of-the-caller"), "/notes"),
        (
            "{ type: apiKey, in: query, name: 'a key' }",
            ("X-Other", "fine"),
            "/notes?a%20key=of-the-caller&b=1",
        ),
    ] {
        let files = Files::new();
        let document = files.read("notes.yaml");
        files.write("notes.yaml", &document.replace("{ type: apiKey, in: header, name: X-Api-Key }", scheme));
        let url = scripted::start(|_| {
            Reply::new(200, json!(["tell-nobody"])).header("Set-Cookie", "session=of-the-caller")
        });
        // The token of the tool is in the response, and that of the caller is in the request.
        let watching = watch(&files, &url, &["--token", "tell-nobody"]);
        let client = http_client(RESPONSE_TIMEOUT);
        client.get(format!("{}{path}", watching.url)).header(header.0, header.1).send().unwrap();
        watching.stop();
        let text = archive(&files).to_string();
        assert!(!text.contains("of-the-caller") && !text.contains("tell-nobody"), "{scheme}: {text}");
        assert!(text.contains("<secret of notes>"), "{scheme}: {text}");
    }
}

#[test]
fn an_archive_omits_credentials_that_a_service_repeats() {
    for (scheme, header, path) in [
        ("{ type: http, scheme: bearer }", ("Authorization", "Bearer of/the caller"), "/notes"),
        ("{ type: apiKey, in: header, name: X-Key }", ("x-key", "of/the caller"), "/notes"),
        ("{ type: apiKey, in: cookie, name: key }", ("Cookie", "theme=dark; key=of/the caller"), "/notes"),
        ("{ type: apiKey, in: query, name: key }", ("X-Other", "fine"), "/notes?key=of%2Fthe%20caller&b=1"),
    ] {
        let files = Files::new();
        let document = files.read("notes.yaml");
        files.write("notes.yaml", &document.replace("{ type: apiKey, in: header, name: X-Api-Key }", scheme));
        let url = scripted::start(|asked| match asked.path.contains("picture") {
            true => Reply::bytes(200, b"\xffof/the caller".to_vec()),
            false => Reply::new(
                302,
                json!({ "you": "of/the caller", "session": "new-and-secret", "theme": "dark" }),
            )
            .header("Link", "</notes?key=of%2Fthe%20caller&after=1>; rel=\"next\"")
            .header("Location", "/login?for=of/the caller")
            .header("Set-Cookie", "session=new-and-secret; Path=/"),
        });
        let watching = watch(&files, &url, &[]);
        let client = http_client(RESPONSE_TIMEOUT);
        for path in [path.to_owned(), path.replace("/notes", "/picture")] {
            client.get(format!("{}{path}", watching.url)).header(header.0, header.1).send().unwrap();
        }
        watching.stop();
        let text = archive(&files).to_string();
        for told in
            ["the caller", "the%20caller", "new-and-secret", &BASE64_STANDARD.encode(b"\xffof/the caller")]
        {
            assert!(!text.contains(told), "{scheme}: {told} is in {text}");
        }
        for kept in ["rel=\\\"next\\\"", "/login?for=", r#"\"theme\":\"dark\""#] {
            assert!(text.contains(kept), "{scheme}: {kept} is not in {text}");
        }
    }
}

#[test]
fn an_archive_has_binary_bodies_as_base64_unless_they_have_a_secret() {
    let files = Files::new();
    let url = scripted::start(|asked| {
        let secret = if asked.path.contains("secret") { "tell-nobody" } else { "" };
        Reply::bytes(200, [b"\xff\xfe", secret.as_bytes()].concat()).of_type("image/png")
    });
    let watching = watch(&files, &url, &["--token", "tell-nobody"]);
    for path in ["/picture", "/secret"] {
        http_client(RESPONSE_TIMEOUT).get(format!("{}{path}", watching.url)).send().unwrap();
    }
    watching.stop();
    let archive = archive(&files);
    let content = |index: usize| archive["log"]["entries"][index]["response"]["content"].clone();
    assert_eq!(
        content(0),
        json!({ "size": 2, "mimeType": "image/png", "text": "//4=", "encoding": "base64" })
    );
    assert_eq!(content(1), json!({ "size": 13, "mimeType": "image/png" }));
}

#[test]
fn an_archive_that_cannot_be_written_is_said_and_costs_no_request() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    let arguments = ["watch", "notes.yaml", "--server", &service.url, "--har", "none/seen.har"];
    files.run(&arguments).expect(2, "contract: none/seen.har: ");
    // A disk that is full from the beginning.
    std::os::unix::fs::symlink("/dev/full", files.path("full.har")).unwrap();
    files
        .run(&["watch", "notes.yaml", "--server", &service.url, "--har", "full.har"])
        .expect(2, "full.har: ");
    assert!(fs::read_dir(files.path("none")).is_err());
}

#[test]
fn an_archive_is_whole_when_the_disk_gets_full() {
    let (files, service) = (Files::new(), Service::start(Flaw::None));
    let watching = watch(&files, &service.url, &[]);
    let get = |status| {
        let get =
            http_client(RESPONSE_TIMEOUT).get(format!("{}/notes", watching.url)).header("X-Api-Key", KEY);
        assert_eq!(get.send().unwrap().status(), status);
    };
    get(200);
    let whole = fs::read(files.path("seen.har")).unwrap();
    // The next exchange is not all that fits, and its beginning does.
    watching.limit_file_size(whole.len() + 100);
    get(200);
    get(200);
    assert_eq!(watching.stop().0, Some(2));
    assert_eq!(archive(&files)["log"]["entries"].as_array().unwrap().len(), 1);
    assert!(fs::read(files.path("seen.har")).unwrap() == whole, "it is not as it was");
}
