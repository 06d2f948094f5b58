//! Files of YAML or JSON, each read once.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use serde_json::{Map, Value};

/// The largest file that is read: a description is text that people wrote.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Files that were read.
pub struct Files(BTreeMap<PathBuf, Value>);

impl Files {
    /// A file that was read already, which may be a pipe and cannot be read again.
    pub(super) fn with(path: &Path, value: Value) -> Self {
        Self(BTreeMap::from([(path.to_owned(), value)]))
    }

    /// What is in a file.
    ///
    /// # Errors
    /// It cannot be read, or is neither YAML nor JSON.
    pub fn open(&mut self, path: &Path) -> Result<&Value, String> {
        if !self.0.contains_key(path) {
            let value = parse(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
            self.0.insert(path.to_owned(), value);
        }
        Ok(&self.0[path])
    }
}

/// The text of a file.
///
/// # Errors
/// It cannot be read. The sentence names it.
pub fn text(path: &Path) -> Result<String, String> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => at(&"there is no such file"),
        _ => at(&error),
    })?;
    if metadata.is_dir() {
        return Err(at(&"this is a folder; name the file in it"));
    }
    if metadata.len() > LARGEST {
        return Err(at(&"the file is larger than 64 MiB"));
    }
    let bytes = fs::read(path).map_err(|error| at(&error))?;
    String::from_utf8(bytes).map_err(|_| at(&"the file is not UTF-8"))
}

/// Reads YAML or JSON, which is YAML almost always; what YAML cannot read, JSON's reader explains.
///
/// # Errors
/// It is neither. The sentence says where and why.
pub fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with(['{', '[']) {
        if let Ok(value) = serde_json::from_str(text) {
            return Ok(value);
        }
        // A flow mapping of YAML begins like JSON.
        return yaml(text).or_else(|_| {
            serde_json::from_str(text).map_err(|error| format!("this is not valid JSON: {error}"))
        });
    }
    yaml(text)
}

fn yaml(text: &str) -> Result<Value, String> {
    let mut value: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(text).map_err(|error| format!("this is not valid YAML: {error}"))?;
    value.apply_merge().map_err(|error| format!("this is not valid YAML: {error}"))?;
    json(value)
}

/// YAML as JSON: keys become texts, such as the statuses of responses.
fn json(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(flag) => flag.into(),
        Yaml::Number(number) => serde_json::to_value(number).map_err(|error| error.to_string())?,
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(json).collect::<Result<Vec<_>, _>>()?.into(),
        Yaml::Tagged(tagged) => json(tagged.value)?,
        Yaml::Mapping(mapping) => {
            let mut object = Map::new();
            for (key, value) in mapping {
                let key = match json(key)? {
                    Value::String(text) => text,
                    Value::Array(_) | Value::Object(_) => return Err("a key is not a string".into()),
                    other => other.to_string(),
                };
                object.insert(key, json(value)?);
            }
            object.into()
        }
    })
}

/// Where `reference` leads that stands in the file `from`, without the part behind `#`.
pub(crate) fn beside(from: &Path, reference: &str) -> PathBuf {
    let folder = from.parent().unwrap_or(Path::new(""));
    // `./a/../b.yaml` and `b.yaml` are one file.
    let mut path = PathBuf::new();
    for component in folder.join(reference).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}
