//! The tool reads files as people write them.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use contract_tests::harness::ending::{LONG, output_within};
use tempfile::TempDir;

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: { title: Notes, version: 2.1.0 }
servers: [{ url: "{scheme}://127.0.0.1:1", variables: { scheme: { default: http } } }]
security: [{ key: [] }]
paths:
  /notes:
    get:
      responses:
        200:
          description: All of them
          content: { application/json: { schema: { type: array, items: { $ref: "schemas.yaml#/Note" } } } }
        default: { $ref: "#/components/responses/Refused" }
    post:
      operationId: create_note
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "schemas.yaml#/NewNote" } } }
      responses:
        201:
          description: The note
          content: { application/json: { schema: { $ref: "schemas.yaml#/Note" } } }
        4XX: { $ref: "#/components/responses/Refused" }
  /notes/{id}:
    parameters: [{ $ref: "#/components/parameters/Id" }]
    get:
      operationId: get_note
      responses:
        200:
          description: The note
          content: { application/json: { schema: { $ref: "schemas.yaml#/Note" } } }
        4XX: { $ref: "#/components/responses/Refused" }
    delete:
      operationId: delete_note
      responses:
        204: { description: It is gone }
        404: { $ref: "#/components/responses/Refused" }
        4XX: { $ref: "#/components/responses/Refused" }
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Api-Key }
  parameters:
    Id: { name: id, in: path, required: true, schema: { type: integer, exclusiveMinimum: 0 } }
  responses:
    Refused:
      description: Why not
      content: { application/problem+json: { schema: { $ref: "schemas.yaml#/Problem" } } }
"##;

const SCHEMAS: &str = r##"
NewNote:
  type: object
  required: [text]
  properties:
    text: { type: string, minLength: 1, maxLength: 20, examples: [Buy milk] }
    urgent: { type: [boolean, "null"] }
Note:
  allOf:
    - { type: object, required: [id], properties: { id: { type: integer, readOnly: true } } }
    - { type: object, required: [text], properties: { text: { type: string } } }
Problem:
  type: object
  required: [title, status]
  properties: { title: { type: string }, status: { type: integer } }
"##;

const STEPS: &str = r##"
arazzo: 1.0.1
info: { title: Notes, version: 1.0.0 }
sourceDescriptions: [{ name: notes, type: openapi, url: ./notes.yaml }]
workflows:
  - workflowId: life
    steps:
      - stepId: a_note_is_created
        operationId: create_note
        requestBody: { contentType: application/json, payload: { text: Buy milk } }
        successCriteria:
          - condition: $statusCode == 201
          - condition: $response.body#/text == "Buy milk"
        outputs: { id: $response.body#/id }
"##;

const MORE_STEPS: &str = r##"
      - stepId: it_can_be_read
        operationId: $sourceDescriptions.notes.get_note
        parameters: [{ name: id, in: path, value: $steps.a_note_is_created.outputs.id }]
        successCriteria:
          - condition: $statusCode == 200
          - condition: $response.body#/id == $steps.a_note_is_created.outputs.id
          - condition: $response.body#/text == "Buy milk"
      - stepId: it_is_deleted
        operationId: delete_note
        parameters: [{ name: id, in: path, value: $steps.a_note_is_created.outputs.id }]
        successCriteria: [{ condition: $statusCode == 204 }]
      - stepId: it_is_gone
        operationId: get_note
        parameters: [{ name: id, in: path, value: $steps.a_note_is_created.outputs.id }]
        successCriteria: [{ condition: $statusCode == 404 }]
"##;

/// A folder with a document, `good.arazzo.yaml` and `weak.arazzo.yaml`.
pub(crate) struct Files {
    pub(crate) folder: TempDir,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self { folder };
        files.write("notes.yaml", DOCUMENT);
        files.write("schemas.yaml", SCHEMAS);
        files.write("good.arazzo.yaml", &format!("{}{}", STEPS.trim_end(), MORE_STEPS));
        files.write("weak.arazzo.yaml", STEPS);
        files
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the tool in the folder.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
        command.args(arguments).current_dir(self.folder.path());
        Ran::from(output_within(LONG, command.env_remove("NOTES_URL").env_remove("NOTES_TOKEN")))
    }
}

/// What the tool said, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// It ended like this and said that.
    #[track_caller]
    pub(crate) fn expect(self, code: i32, says: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, Some(code), "{all}");
        assert!(all.contains(says), "`{says}` is not in:\n{all}");
        self
    }
}
