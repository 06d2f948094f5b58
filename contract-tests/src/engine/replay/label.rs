//! Labels each request with its workflow and its step: the runner does not report them, so each request carries them in a header,
//! which is removed before the request is sent.

use roas_arazzo::v1_1;
use roas_arazzo_executor::HttpRequest;
use serde_json::json;

const HEADER: &str = "Contract-Step";

/// A step, and the workflow that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The workflow that was asked for, or one that it calls or depends on.
    pub workflow: String,
    /// The step.
    pub step: String,
}

impl Label {
    /// Whether it is this one.
    pub fn is(&self, workflow: &str, step: &str) -> bool {
        self.workflow == workflow && self.step == step
    }
}

/// The description with a label on each step that sends a request.
pub(super) fn on_each(description: &v1_1::Description) -> v1_1::Description {
    let mut labelled = description.clone();
    for workflow in &mut labelled.workflows {
        for step in workflow.steps.iter_mut().filter(|step| step.workflow_id.is_none()) {
            let value = json!([workflow.workflow_id, step.step_id]).to_string();
            let parameter = json!({ "name": HEADER, "in": "header", "value": value });
            let parameter = serde_json::from_value(parameter).expect("a parameter");
            step.parameters.push(v1_1::ReusableOr::Item(parameter));
        }
    }
    labelled
}

/// The label of a request, which has none afterwards.
pub(super) fn taken_off(request: &mut HttpRequest) -> Label {
    let index = request.headers.iter().position(|(name, _)| name == HEADER).expect("a label");
    let (_, value) = request.headers.remove(index);
    let (workflow, step) = serde_json::from_str(&value).expect("a workflow and a step");
    Label { workflow, step }
}
