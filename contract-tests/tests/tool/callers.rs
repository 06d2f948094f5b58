//! `contract replay --as-caller`: an older contract, and what would break for its callers in a newer service.

use serde_json::{Value, json};

use super::{
    files::Files,
    scripted::{self, Asked, Reply},
};

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: { title: Tasks, version: 1.0.0 }
paths:
  /tasks:
    get:
      operationId: list_tasks
      responses:
        200: { description: All, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Task" } } } } }
    post:
      operationId: create_task
      requestBody: { required: true, content: { application/json: { schema: { $ref: "#/components/schemas/NewTask" } } } }
      responses:
        201: { description: The task, content: { application/json: { schema: { $ref: "#/components/schemas/Task" } } } }
        422: { description: "`Too long`", content: { application/json: { schema: { $ref: "#/components/schemas/Refused" } } } }
components:
  schemas:
    NewTask: { type: object, required: [text], properties: { text: { type: string, minLength: 1, maxLength: 9 }, urgent: { type: boolean } } }
    Task: { type: object, required: [id, text, urgent], properties: { id: { type: integer }, text: { type: string }, urgent: { type: boolean } } }
    Refused: { type: object, required: [error], properties: { error: { type: string, enum: [Too long] } } }
"##;

const STEPS: &str = r##"
arazzo: 1.0.1
info: { title: Tasks, version: 1.0.0 }
sourceDescriptions: [{ name: tasks, type: openapi, url: ./tasks.yaml }]
workflows:
  - workflowId: day
    steps:
      - stepId: a_task_is_created
        operationId: create_task
        requestBody: { contentType: application/json, payload: { text: first } }
        successCriteria: [{ condition: $statusCode == 201 }, { condition: $response.body#/urgent == false }]
      - stepId: another_is_created
        operationId: create_task
        requestBody: { contentType: application/json, payload: { text: second, urgent: true } }
        successCriteria: [{ condition: $statusCode == 201 }, { condition: $response.body#/urgent == true }]
      - stepId: the_newest_is_last
        operationId: list_tasks
        successCriteria: [{ condition: $statusCode == 200 }, { condition: $response.body#/1/text == "second" }]
      - stepId: a_long_one_is_refused
        operationId: create_task
        requestBody: { contentType: application/json, payload: { text: longer than nine } }
        successCriteria: [{ condition: $statusCode >= 400 }]
"##;

const PROFILE: &str =
    "texts_in_backticks: true\nclosed_objects: true\nfields_in_order: true\nall_must_be_seen: true\n";

fn files() -> Files {
    let files = Files::new();
    files.write("tasks.yaml", DOCUMENT);
    files.write("tasks.arazzo.yaml", STEPS);
    files.write("contract.yaml", PROFILE);
    files
}

/// Tasks, as the document has them.
#[derive(Default)]
struct Tasks(Vec<Value>);

impl Tasks {
    fn respond(&mut self, asked: &Asked) -> Reply {
        if asked.method == "GET" {
            return Reply::new(200, self.0.clone().into());
        }
        match asked.body["text"].as_str() {
            Some(text) if (1..=9).contains(&text.chars().count()) => {}
            _ => return Reply::new(422, json!({ "error": "Too long" })),
        }
        let urgent = asked.body["urgent"].as_bool().unwrap_or_default();
        let task = json!({ "id": self.0.len() + 1, "text": asked.body["text"], "urgent": urgent });
        self.0.push(task.clone());
        Reply::new(201, task)
    }
}

/// Starts tasks whose responses are altered.
fn start(mut alter: impl FnMut(&Asked, Reply) -> Reply + Send + 'static) -> String {
    let mut tasks = Tasks::default();
    scripted::start(move |asked| {
        let reply = tasks.respond(asked);
        alter(asked, reply)
    })
}

#[test]
fn newer_additions_are_not_failures_for_callers() {
    let newer = [
        // Another field, in front of the others.
        |_: &Asked, reply: Reply| match reply.json() {
            Value::Object(mut fields) if fields.contains_key("id") => {
                fields.shift_insert(0, "since".into(), "2026".into());
                Reply::new(201, fields.into())
            }
            _ => reply,
        },
        // Another text.
        |_: &Asked, reply: Reply| match reply.json()["error"].is_string() {
            true => Reply::new(422, json!({ "error": "Nine characters at most" })),
            false => reply,
        },
        // Another refusal.
        |_: &Asked, reply: Reply| match reply.json()["error"].is_string() {
            true => Reply::new(413, json!({ "title": "Too large" })),
            false => reply,
        },
    ];
    for (index, alter) in newer.into_iter().enumerate() {
        let files = files();
        let replay = |more: &[&str]| {
            let url = start(alter);
            files.run(&[&["replay", "tasks.arazzo.yaml", "--server", &url], more].concat())
        };
        assert_eq!(replay(&[]).code, Some(1), "{index}");
        replay(&["--as-caller"]).expect(0, ", 0 failed");
    }
}

#[test]
fn breaking_behaviour_that_documents_do_not_show_is_found() {
    let files = files();
    files.run(&["compare", "tasks.yaml", "tasks.yaml"]).expect(0, "0 changes, 0 breaking");
    let replay = |url: &str| {
        files.run(&["replay", "tasks.arazzo.yaml", "--as-caller", "--out", "out", "--server", url])
    };
    replay(&start(|_, reply| reply)).expect(0, ", 0 failed");
    let reversed = start(|asked, reply| match reply.json() {
        Value::Array(mut tasks) if asked.method == "GET" => {
            tasks.reverse();
            Reply::new(200, tasks.into())
        }
        _ => reply,
    });
    replay(&reversed)
        .expect(1, "FAILED day::the_newest_is_last\nexpected:   $response.body#/1/text == \"second\"");
    // What failed as callers see it is asked again as they see it.
    let again = files.run(&["again", "out/failed/001-day--the-newest-is-last.json"]);
    again.expect(1, "FAILED day::the_newest_is_last");
    let other_default = start(|asked, reply| match reply.json() {
        Value::Object(mut task) if task.contains_key("id") && asked.body.get("urgent").is_none() => {
            task["urgent"] = true.into();
            Reply::new(201, task.into())
        }
        _ => reply,
    });
    replay(&other_default)
        .expect(1, "FAILED day::a_task_is_created\nexpected:   $response.body#/urgent == false");
    let narrower = start(|asked, reply| match asked.body["text"].as_str() {
        Some(text) if text.chars().count() > 8 => {
            Reply::new(422, json!({ "error": "Eight characters at most" }))
        }
        _ => reply,
    });
    replay(&narrower).expect(1, "FAILED tasks create_task::with_text_as_long_as_it_may_be");
}
