//! `contract example`.

use serde_json::{Value, json};

use super::{
    files::Files,
    scripted::{self, Asked, Reply},
};

#[test]
fn the_example_passes_its_own_checks() {
    let files = Files::new();
    files.run(&["example", "new"]).expect(0, "contract replay new/notes.arazzo.yaml");
    files.run(&["example", "new"]).expect(2, "new/notes.openapi.yaml already exists");
    let ran = files.run(&["replay", "new/notes.arazzo.yaml", "--list"]).expect(0, "notes::it_is_in_the_list");
    assert!(ran.out.contains("notes create_note::with_text_too_long"), "{}", ran.out);
    let url = scripted::start(of_the_example());
    let arguments = ["replay", "new/notes.arazzo.yaml", "--server", &url, "-v"];
    let ran = files.run(&arguments).expect(0, " 0 failed");
    assert!(ran.out.contains("passed notes::it_is_in_the_list\n"), "{}", ran.out);
    assert!(ran.out.contains("passed notes create_note::with_text_too_long\n"), "{}", ran.out);
}

/// A service that keeps what the document of `contract example` promises.
fn of_the_example() -> impl FnMut(&Asked) -> Reply {
    let mut notes: Vec<Value> = Vec::new();
    move |asked| {
        let refused = |status, error: &str| Reply::new(status, json!({ "error": error }));
        let id = asked.path.strip_prefix("/notes/").map(|id| id.parse().unwrap_or(0_usize));
        match (asked.method.as_str(), asked.path.as_str(), id) {
            ("GET", "/notes", _) => Reply::new(200, notes.clone().into()),
            ("POST", "/notes", _) => {
                let text = asked.body["text"].as_str().filter(|it| (1..=200).contains(&it.chars().count()));
                let Some(text) = text else { return refused(400, "This is not a note") };
                let note = json!({ "id": notes.len() + 1, "text": text });
                notes.push(note.clone());
                Reply::new(201, note)
            }
            ("GET", _, Some(id)) => match id.checked_sub(1).and_then(|index| notes.get(index)) {
                Some(note) => Reply::new(200, note.clone()),
                None => refused(404, "No such note"),
            },
            _ => refused(404, "No such path"),
        }
    }
}
