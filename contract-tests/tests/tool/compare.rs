//! `contract compare`.

use super::files::Files;

#[test]
fn a_breaking_change_is_named_and_fails() {
    let files = Files::new();
    let schemas = files.read("schemas.yaml").replace("maxLength: 20", "maxLength: 10");
    files.write("narrow.yaml", &schemas);
    files.write("new.yaml", &files.read("notes.yaml").replace("schemas.yaml", "narrow.yaml"));
    files.run(&["compare", "notes.yaml", "notes.yaml"]).expect(0, "0 changes, 0 breaking (2.1.0 to 2.1.0)");
    let ran = files.run(&["compare", "notes.yaml", "new.yaml"]).expect(1, "1 change, 1 breaking");
    assert!(ran.out.starts_with("breaks callers  create_note: "), "{}", ran.out);
    assert!(ran.out.contains("20") && ran.out.contains("10"), "{}", ran.out);
    let ran = files.run(&["compare", "new.yaml", "notes.yaml", "--all"]).expect(0, "1 change, 0 breaking");
    assert!(ran.out.starts_with("compatible      create_note: "), "{}", ran.out);
}

#[test]
fn a_new_major_version_may_break() {
    let files = Files::new();
    let new = files
        .read("notes.yaml")
        .replace("version: 2.1.0", "version: 3.0.0")
        .replace("    delete:", "    put:");
    files.write("new.yaml", &new);
    files.run(&["compare", "notes.yaml", "new.yaml"]).expect(0, "delete_note: DELETE /notes/{id} is gone");
    // Without quotes, YAML reads a number.
    for (name, version) in [("notes.yaml", "2.0"), ("new.yaml", "3.0")] {
        let text = files.read(name);
        let text = text.replace("version: 2.1.0", &format!("version: {version}"));
        files.write(name, &text.replace("version: 3.0.0", &format!("version: {version}")));
    }
    files.run(&["compare", "notes.yaml", "new.yaml"]).expect(0, "breaking (2.0 to 3.0)");
}

#[test]
fn parts_of_the_old_document_that_cannot_be_compared_are_named() {
    let files = Files::new();
    files.write("old.yaml", &files.read("notes.yaml").replace("\npaths:", "\nwebhooks: { a: {} }\npaths:"));
    files
        .run(&["compare", "old.yaml", "notes.yaml"])
        .expect(0, "not judged      webhooks: the service sends these requests itself (in the old document)");
}
