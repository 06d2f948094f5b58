//! The lists in the repository that a new service is added to.

use std::{fs, path::Path};

use serde_json::Value;

use crate::template::{self, Names};

/// The services that there are, and their ports, as their documents say.
pub(crate) fn ports(root: &Path) -> Result<Vec<(String, u16)>, String> {
    let folder = root.join("openapi");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut ports = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(service) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        let document: Value = serde_json::from_str(&read(&path)?).unwrap_or_default();
        let urls =
            document["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
        let port = urls.filter_map(|url| url.rsplit(':').next()?.parse().ok()).next();
        ports.extend(port.map(|port| (service.to_owned(), port)));
    }
    Ok(ports)
}

/// Whether the numbers of a `thing` of `service` are in the ranges that its document has, as Rust.
pub(crate) fn checks(root: &Path, service: &str, thing: &str) -> Result<String, String> {
    let document: Value =
        serde_json::from_str(&read(&root.join(format!("openapi/{service}.json")))?).unwrap_or_default();
    let content = &document["paths"][format!("/{service}/{{id}}")]["get"]["responses"]["200"]["content"];
    let schema = content["application/json"]["schema"]["$ref"].as_str().unwrap_or_default();
    let schema = document.pointer(schema.trim_start_matches('#')).cloned().unwrap_or_default();
    let fields = schema["properties"].as_object().cloned().unwrap_or_default();
    let check = |(name, field): (&String, &Value)| {
        let (least, most) = (&field["minimum"], &field["maximum"]);
        let field_of = format!("{thing}.{name}");
        match field["type"].as_str()? {
            _ if name == "id" || most.is_null() => None,
            // Integers from 1 are `NonZero` in the generated types.
            "integer" if least.as_u64() >= Some(1) => Some(format!("{field_of}.get() <= {most}")),
            "integer" => Some(format!("{field_of} <= {most}")),
            "number" => Some(format!("({least}_f64..={most}_f64).contains(&{field_of})")),
            _ => None,
        }
    };
    let checks: Vec<String> = fields.iter().filter_map(check).collect();
    Ok(if checks.is_empty() { "true".to_owned() } else { checks.join(" && ") })
}

pub(crate) fn add_to_workspace(root: &Path, names: &Names) -> Result<(), String> {
    let line = format!("{0} = {{ path = \"services/{0}\" }}", names.things);
    edit(&root.join("Cargo.toml"), |text| {
        after_last(text, |line| line.contains("{ path = \"services/"), &line)
    })
}

pub(crate) fn add_to_client(root: &Path, names: &Names) -> Result<(), String> {
    let line = format!("service!({});", names.things);
    edit(&root.join("client/src/lib.rs"), |text| {
        after_last(text, |line| line.starts_with("service!("), &line)
    })
}

pub(crate) fn add_to_store(root: &Path, names: &Names) -> Result<(), String> {
    let dependency = format!("{}.workspace = true", names.things);
    edit(&root.join("services/store/Cargo.toml"), |text| {
        after_last(text, |line| line == "products.workspace = true", &dependency)
    })?;
    let member =
        format!("    Member::new({0}::SERVICE, &{0}::SCHEMA, {0}::document, {0}::main),", names.things);
    edit(&root.join("services/store/src/lib.rs"), |text| {
        after_last(text, |line| line.starts_with("    Member::new("), &member)
    })
}

pub(crate) fn add_to_scraped(root: &Path, names: &Names) -> Result<(), String> {
    let target = format!("          - 127.0.0.1:{} # {}", names.port, names.things);
    edit(&root.join("services/store/deploy/prometheus/prometheus.yml"), |text| {
        after_last(text, |line| line.contains("- 127.0.0.1:"), &target)
    })
}

/// It is backed up before the others, since it may refer to their things.
pub(crate) fn add_to_backup(root: &Path, names: &Names) -> Result<(), String> {
    edit(&root.join("services/store/deploy/systemd/store-backup.service"), |text| {
        let (before, listed) = text.split_once("for name in ")?;
        Some(format!("{before}for name in {} {listed}", names.things))
    })
}

pub(crate) fn add_to_workflows(root: &Path, names: &Names) -> Result<(), String> {
    let asks = names.upstream.as_ref().map(|upstream| format!(", x-asks: [{}]", upstream.things));
    let source = format!(
        "  - {{ name: {0}, type: openapi, url: {0}.json{1} }}",
        names.things,
        asks.unwrap_or_default()
    );
    let token = format!(
        "    {0}_token: {{ name: Authorization, in: header, value: \"Bearer {{$inputs.{0}_token}}\" }}",
        names.things
    );
    edit(&root.join("openapi/store.arazzo.yaml"), |text| {
        let text = after_last(
            text,
            |line| line.starts_with("  - { name: ") && line.contains("type: openapi"),
            &source,
        )?;
        let text =
            after_last(&text, |line| line.contains("_token: { name: Authorization, in: header"), &token)?;
        let (workflows, components) = text.split_once("\ncomponents:")?;
        let mut services = Vec::new();
        let mut prerequisites = String::new();
        if let Some(upstream) = &names.upstream {
            steps_that_create(root, &upstream.things, &mut services, &mut prerequisites)?;
        }
        services.push(names.things.clone());
        let workflow = template::workflow(names, &prerequisites, &services);
        Some(format!("{}\n{}\ncomponents:{components}", workflows.trim_end(), workflow.trim_end()))
    })
}

/// Adds a step that creates a thing of `service`, after steps that create what it refers to, by the example in its document.
fn steps_that_create(
    root: &Path,
    service: &str,
    services: &mut Vec<String>,
    steps: &mut String,
) -> Option<()> {
    if services.iter().any(|known| known == service) {
        return Some(());
    }
    let document: Value =
        serde_json::from_str(&read(&root.join(format!("openapi/{service}.json"))).ok()?).ok()?;
    let operation = &document["paths"][format!("/{service}")]["post"];
    let id = operation["operationId"].as_str()?;
    let body = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].as_str()?;
    let example = document.pointer(body.trim_start_matches('#'))?["example"].as_object()?.clone();
    let mut fields = Vec::new();
    for (name, value) in &example {
        let referred = name.strip_suffix("_id").map(|thing| (thing, format!("{thing}s")));
        let known = referred.filter(|(_, things)| root.join(format!("openapi/{things}.json")).exists());
        fields.push(match known {
            Some((thing, things)) => {
                steps_that_create(root, &things, services, steps)?;
                format!("{name}: $steps.there_is_{thing}.outputs.id")
            }
            None => format!("{name}: {value}"),
        });
    }
    services.push(service.to_owned());
    let thing = id.strip_prefix("create_")?;
    *steps += &format!(
        "      - stepId: there_is_{thing}
        description: The next steps refer to it.
        operationId: $sourceDescriptions.{service}.{id}
        parameters:
          - {{ reference: $components.parameters.{service}_token }}
        requestBody: {{ contentType: application/json, payload: {{ {} }} }}
        successCriteria:
          - condition: $statusCode == 201
        outputs: {{ id: $response.body#/id }}
",
        fields.join(", ")
    );
    Some(())
}

fn edit(path: &Path, change: impl FnOnce(&str) -> Option<String>) -> Result<(), String> {
    let text = read(path)?;
    let changed = change(&text)
        .ok_or_else(|| format!("{} has no list of services that this command recognizes", path.display()))?;
    fs::write(path, changed).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read ({error})", path.display()))
}

/// `text` with a line more after the last that `is_meant`.
fn after_last(text: &str, is_meant: impl Fn(&str) -> bool, line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| is_meant(line))?;
    lines.insert(last + 1, line);
    Some(lines.join("\n") + "\n")
}
