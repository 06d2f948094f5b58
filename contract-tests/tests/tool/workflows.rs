//! Workflows that call others, depend on others, and jump to other steps.

use super::{
    files::Files,
    service::{Flaw, KEY, Service},
};

const HEAD: &str = "
arazzo: 1.0.1
info: { title: Notes, version: 1.0.0 }
sourceDescriptions: [{ name: notes, type: openapi, url: ./notes.yaml }]
workflows:";

/// A workflow that passes.
const CREATES: &str = r#"
  - workflowId: creates
    steps:
      - stepId: a_note_is_created
        operationId: create_note
        requestBody: { contentType: application/json, payload: { text: Buy milk } }
        successCriteria: [{ condition: $statusCode == 201 }]
        outputs: { id: $response.body#/id }
    outputs: { id: $steps.a_note_is_created.outputs.id }"#;

fn files(workflows: &str) -> Files {
    let files = Files::new();
    files.write("steps.arazzo.yaml", &format!("{HEAD}{CREATES}{workflows}"));
    files
}

fn arguments(service: &Service) -> [&str; 6] {
    ["replay", "steps.arazzo.yaml", "--server", &service.url, "--token", KEY]
}

#[test]
fn a_step_that_calls_a_workflow_is_judged_by_its_own_criteria() {
    let service = Service::start(Flaw::None);
    let files = files(
        "
  - workflowId: calls
    steps:
      - stepId: it_creates
        workflowId: creates
        successCriteria: [{ condition: $workflows.creates.outputs.id == 0 }]",
    );
    let ran = files.run(&[&arguments(&service)[..], &["calls"]].concat());
    let ran = ran.expect(1, "FAILED calls::it_creates\nexpected:   $workflows.creates.outputs.id == 0");
    assert!(ran.out.contains("\n1 passed, 1 failed\n"), "{}", ran.out);
}

#[test]
fn a_step_of_a_workflow_that_is_called_has_its_own_name() {
    let service = Service::start(Flaw::Silent);
    let files = files("\n  - workflowId: calls\n    steps: [{ stepId: it_creates, workflowId: creates }]");
    let ran = files.run(&[&arguments(&service)[..], &["calls", "--out", "out"]].concat());
    ran.expect(1, "FAILED calls::creates.a_note_is_created\n");
    let again = ["again", "out/failed/001-calls--creates-a-note-is-created.json", "--token", KEY];
    files.run(&again).expect(1, "FAILED calls::creates.a_note_is_created\n");
}

#[test]
fn a_failed_step_is_named_after_any_other_steps() {
    let service = Service::start(Flaw::None);
    let files = files(
        "
  - workflowId: depends
    dependsOn: [creates]
    steps:
      - { stepId: there_is_another, operationId: get_note, parameters: [{ name: id, in: path, value: 999 }], successCriteria: [{ condition: $statusCode == 200 }] }
  - workflowId: goes
    steps:
      - { stepId: first, operationId: get_notes, onSuccess: [{ name: on, type: goto, stepId: third }] }
      - { stepId: second, operationId: get_notes }
      - { stepId: third, operationId: get_note, parameters: [{ name: id, in: path, value: 999 }] }",
    );
    let arguments = [&arguments(&service)[..], &["depends", "goes", "--out", "out", "-v"]].concat();
    let ran = files.run(&arguments).expect(1, "FAILED depends::there_is_another\n");
    for says in [
        "passed depends::creates.a_note_is_created\n",
        "passed goes::first\n",
        "not reached goes::second\n",
        "FAILED goes::third\nexpected:   a status from 200 to 399, since the step has no criteria\n",
    ] {
        assert!(ran.out.contains(says), "{says} is not in:\n{}", ran.out);
    }
    for (number, name) in [("001", "depends::there_is_another"), ("002", "goes::third")] {
        let file = format!("out/failed/{number}-{}.json", name.replace([':', '_'], "-"));
        files.run(&["again", &file, "--token", KEY]).expect(1, &format!("FAILED {name}\n"));
    }
}

#[test]
fn a_step_that_is_tried_again_is_judged_by_its_last_attempt() {
    let service = Service::start(Flaw::None);
    // A note more is there each time; the workflow that is called before each attempt makes it.
    let files = files(
        "
  - workflowId: waits
    steps:
      - stepId: there_are_two
        operationId: get_note
        parameters: [{ name: id, in: path, value: 2 }]
        successCriteria: [{ condition: $statusCode == 200 }]
        onFailure: [{ name: once_more, type: retry, workflowId: creates, retryLimit: 5, retryAfter: 0 }]",
    );
    let ran = files.run(&[&arguments(&service)[..], &["waits", "-v"]].concat());
    ran.expect(0, "passed waits::there_are_two\n");
}
