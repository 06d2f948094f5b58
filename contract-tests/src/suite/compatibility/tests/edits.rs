//! Edits of a document.

use serde_json::Value;

pub(super) fn at<'a>(document: &'a mut Value, pointer: &str) -> &'a mut Value {
    document.pointer_mut(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
}

pub(super) fn push(array: &mut Value, value: Value) {
    array.as_array_mut().unwrap().push(value);
}

pub(super) fn remove(object: &mut Value, key: &str) {
    object.as_object_mut().unwrap().shift_remove(key).unwrap();
}

/// Renames a field of a schema.
pub(super) fn rename(schema: &mut Value, from: &str, to: &str) {
    let field = schema["properties"][from].take();
    remove(&mut schema["properties"], from);
    schema["properties"][to] = field;
    for name in schema["required"].as_array_mut().unwrap().iter_mut().filter(|name| *name == from) {
        *name = to.into();
    }
}
