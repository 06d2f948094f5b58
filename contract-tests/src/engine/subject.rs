//! The subject of a test: workflows, the documents that they use, and a profile. It is chosen once in the life of a process.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use enumset::EnumSet;
use roas_arazzo::{v1_0, v1_1, validation::Validate};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    engine::{
        openapi::{self, Normal, files},
        profile::Profile,
    },
    standard,
};

/// The file name of a profile next to the workflows.
pub const PROFILE: &str = "contract.yaml";

/// The subject of a test.
pub struct Subject {
    /// The file that was named.
    pub path: PathBuf,
    /// The workflows, if there are any.
    pub workflows: Option<v1_1::Description>,
    /// The services, each of which asks only those before it.
    pub services: Vec<Service>,
    /// The house rules.
    pub profile: Profile,
    /// The documented responses that need not be seen.
    pub waivers: Vec<String>,
    /// What cannot be tested, one sentence each.
    pub unjudged: Vec<String>,
}

/// A service, and what it promises.
pub struct Service {
    /// Its name.
    pub name: &'static str,
    /// Its document as a workflow names it.
    pub url: String,
    /// The document.
    pub document: Value,
    /// The services that it asks.
    pub asks: Vec<String>,
}

/// The parts of a description besides the workflows.
#[derive(Deserialize)]
struct Sources {
    #[serde(default, rename = "sourceDescriptions")]
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    name: String,
    url: String,
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default, rename = "x-asks")]
    asks: Vec<String>,
}

static SUBJECT: OnceLock<Subject> = OnceLock::new();

/// The subject of this process: the chosen one, or else the default.
///
/// # Panics
/// The standard cannot be read.
pub fn subject() -> &'static Subject {
    SUBJECT.get_or_init(|| {
        Subject::read(Path::new(standard::DESCRIPTION), None).unwrap_or_else(|sentence| panic!("{sentence}"))
    })
}

/// Chooses the subject of this process.
///
/// # Errors
/// Something was chosen before.
pub fn choose(subject: Subject) -> Result<(), String> {
    SUBJECT.set(subject).map_err(|_| "a process can test only one contract, and another is in use".into())
}

impl Subject {
    /// Reads an Arazzo description or an OpenAPI document, what it refers to, and a profile: the named one, or one beside it.
    ///
    /// # Errors
    /// One of them cannot be read, or is none. The sentence names it.
    pub fn read(path: &Path, profile: Option<&Path>) -> Result<Self, String> {
        let text = files::text(path)?;
        let at = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let value = files::parse(&text).map_err(|error| at(&error))?;
        let (workflows, services, unjudged) = if value["arazzo"].is_string() {
            let workflows = workflows(&value).map_err(|error| at(&error))?;
            let sources = Sources::deserialize(&value).map_err(|error| at(&error))?.sources;
            let (services, unjudged) = services(path, sources)?;
            (Some(workflows), services, unjudged)
        } else if ["openapi", "swagger"].iter().any(|key| !value[*key].is_null()) {
            let source =
                Source { name: service_name(path), url: file_name(path), kind: None, asks: Vec::new() };
            let (mut services, mut unjudged) = (Vec::new(), Vec::new());
            adopt(source, openapi::parsed(value, path)?, &mut services, &mut unjudged);
            (None, services, unjudged)
        } else {
            return Err(at(
                &"this is neither an Arazzo description (`arazzo: 1.0.1`) nor an OpenAPI document (`openapi: 3.…`)",
            ));
        };
        let profile_path = match profile {
            Some(path) => Some(path.to_owned()),
            None => Some(path.with_file_name(PROFILE)).filter(|beside| beside.exists()),
        };
        let mut waivers = Vec::new();
        let profile = match profile_path {
            None => Profile::default(),
            Some(path) => {
                let profile = Profile::parse(&files::text(&path)?)
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                if let Some(file) = &profile.waivers {
                    let text = files::text(&openapi::files::beside(&path, file))?;
                    let lines = text.lines().map(str::trim);
                    waivers.extend(
                        lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned),
                    );
                }
                profile
            }
        };
        let subject = Self { path: path.to_owned(), workflows, services, profile, waivers, unjudged };
        subject.check_names().map_err(|error| at(&error))?;
        Ok(subject)
    }

    /// The same for callers who know nothing of what is newer than their contract.
    #[must_use]
    pub fn of_callers(self) -> Self {
        Self { profile: self.profile.of_callers(), ..self }
    }

    /// A profile that names a workflow means one that is there.
    fn check_names(&self) -> Result<(), String> {
        let Some(workflows) = &self.workflows else { return Ok(()) };
        let known: BTreeSet<&str> =
            workflows.workflows.iter().map(|workflow| workflow.workflow_id.as_str()).collect();
        match self.profile.common_workflows.iter().find(|name| !known.contains(name.as_str())) {
            Some(name) => Err(format!("the profile names the workflow `{name}`, which does not exist")),
            None => Ok(()),
        }
    }
}

/// The workflows of an Arazzo description, in the form of 1.1.
fn workflows(value: &Value) -> Result<v1_1::Description, String> {
    let version = value["arazzo"].as_str().unwrap_or_default();
    let no = |error: &dyn std::fmt::Display| {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        format!("this is not an Arazzo {version} description: {}", lines.join("; "))
    };
    if version.starts_with("1.1") {
        let description: v1_1::Description =
            serde_json::from_value(value.clone()).map_err(|error| no(&error))?;
        description.validate(EnumSet::empty()).map_err(|error| no(&error))?;
        return Ok(description);
    }
    if !version.starts_with("1.0") {
        return Err(format!("Arazzo {version} cannot be read, only 1.0 and 1.1"));
    }
    let description: v1_0::Description = serde_json::from_value(value.clone()).map_err(|error| no(&error))?;
    description.validate(EnumSet::empty()).map_err(|error| no(&error))?;
    Ok(description.into())
}

/// The services that `sources` name from the file at `path`.
fn services(path: &Path, sources: Vec<Source>) -> Result<(Vec<Service>, Vec<String>), String> {
    let (mut services, mut unjudged) = (Vec::new(), Vec::new());
    for Source { name, url, kind, asks } in sources {
        if kind.as_deref().is_some_and(|kind| kind != "openapi") {
            unjudged.push(format!("the source {name}, which is not an OpenAPI document"));
            continue;
        }
        if url.contains("://") {
            return Err(format!(
                "{}: the source {name} is at {url}, which is not fetched; save it next to this file and name that",
                path.display()
            ));
        }
        let document = openapi::read(&files::beside(path, &url))?;
        adopt(Source { name, url, kind, asks }, document, &mut services, &mut unjudged);
    }
    if services.is_empty() {
        return Err(format!("{}: `sourceDescriptions` does not name an OpenAPI document", path.display()));
    }
    Ok((services, unjudged))
}

/// Adds a service, and what of its document cannot be judged.
fn adopt(source: Source, document: Normal, services: &mut Vec<Service>, unjudged: &mut Vec<String>) {
    let Source { name, url, asks, .. } = source;
    unjudged.extend(document.unjudged.into_iter().map(|what| format!("{name}, {what}")));
    // A process judges one contract from its start to its end.
    let name: &'static str = Box::leak(name.into_boxed_str());
    services.push(Service { name, url, document: document.json, asks });
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The service whose document is at `path`: `notes` for `notes.openapi.yaml`.
fn service_name(path: &Path) -> String {
    file_name(path).split('.').next().filter(|name| !name.is_empty()).unwrap_or("service").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_that_need_no_other_form_are_judged_as_they_are() {
        let subject = subject();
        assert_eq!(subject.unjudged, Vec::<String>::new());
        for service in &subject.services {
            let text = files::text(&subject.path.with_file_name(&service.url)).unwrap();
            // A field that is an object and has a description of its own becomes a schema of its own.
            if text.contains("\"allOf\"") {
                continue;
            }
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), service.document, "{}", service.name);
        }
    }
}
