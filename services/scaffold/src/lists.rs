//! The lists in the repository that a new service is added to.

use std::{fs, path::Path};

use serde_json::Value;

use crate::template::{self, Names, Upstream};

/// The files that have such a list, and that of the packages.
pub(crate) const CHANGED: [&str; 8] =
    ["Cargo.lock", WORKFLOWS, MANIFEST, MEMBERS, SCRAPED, BACKUP, HAPROXY, NGINX];

const WORKFLOWS: &str = "openapi/store.arazzo.yaml";
const MANIFEST: &str = "services/store/Cargo.toml";
const MEMBERS: &str = "services/store/src/lib.rs";
const SCRAPED: &str = "services/store/deploy/prometheus/prometheus.yml";
const BACKUP: &str = "services/store/deploy/systemd/store-backup.service";
const HAPROXY: &str = "services/store/deploy/haproxy.cfg";
const NGINX: &str = "services/store/deploy/nginx.conf";

/// How much greater the port of a second instance, and of a proxy, is than that of a service.
const OF_SECOND: u16 = 1000;
pub(crate) const OF_PROXY: u16 = 3000;

/// What a new service adds to the repository.
pub(crate) fn added(names: &Names) -> [String; 3] {
    let Names { things, .. } = names;
    [
        format!("services/{things}"),
        format!("openapi/{things}.json"),
        format!("services/store/deploy/systemd/store@{things}.service.d"),
    ]
}

/// The settings of its unit.
pub(crate) fn tokens(names: &Names) -> String {
    format!("services/store/deploy/systemd/store@{}.service.d/tokens.conf", names.things)
}

/// The ports that stand for a service with this port in some list: its own, and those of a second instance and of a proxy.
pub(crate) fn ports(port: u16) -> [u16; 3] {
    [port, port.saturating_add(OF_SECOND), port.saturating_add(OF_PROXY)]
}

/// The services that there are, and their ports, as their documents say.
///
/// # Errors
/// A document cannot be read.
pub(crate) fn services(root: &Path) -> Result<Vec<(String, u16)>, String> {
    let folder = root.join("openapi");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut services = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(service) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        let document = document(root, service)?;
        let urls =
            document["servers"].as_array().into_iter().flatten().filter_map(|server| server["url"].as_str());
        let port = urls.filter_map(|url| url.rsplit(':').next()?.parse().ok()).next();
        services.extend(port.map(|port| (service.to_owned(), port)));
    }
    Ok(services)
}

/// The service called `things` as one that another calls, from its document.
///
/// # Errors
/// It has no operation that reads one thing.
pub(crate) fn upstream(root: &Path, things: String) -> Result<Upstream, String> {
    let document = document(root, &things)?;
    let get = &document["paths"][format!("/{things}/{{id}}")]["get"];
    let Some(thing) = get["operationId"].as_str().and_then(|id| id.strip_prefix("get_")) else {
        return Err(format!("{things} cannot be asked: it has no operation get_… at /{things}/{{id}}"));
    };
    let schema = &get["responses"]["200"]["content"]["application/json"]["schema"]["$ref"];
    let schema = schema.as_str().and_then(|schema| document.pointer(schema.trim_start_matches('#')));
    let checks = checks(thing, schema.unwrap_or(&Value::Null));
    Ok(Upstream { thing: thing.to_owned(), things, checks })
}

/// Whether the numbers of a `thing` are in the ranges that its `schema` has, as Rust.
fn checks(thing: &str, schema: &Value) -> String {
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
    let checks: Vec<String> =
        schema["properties"].as_object().into_iter().flatten().filter_map(check).collect();
    if checks.is_empty() { "true".to_owned() } else { checks.join(" && ") }
}

/// Adds a service to every list.
///
/// # Errors
/// A list cannot be found, read or written.
pub(crate) fn add(root: &Path, names: &Names) -> Result<(), String> {
    add_to_workflows(root, names)?;
    // Last, since the client reads the list of the workflows again when the store has another package.
    add_to_scraped(root, names)?;
    add_to_backup(root, names)?;
    add_to_proxies(root, names)?;
    add_to_store(root, names)
}

fn add_to_store(root: &Path, names: &Names) -> Result<(), String> {
    let Names { things, .. } = names;
    let dependency = format!("{things} = {{ path = \"../{things}\" }}");
    edit(root, MANIFEST, |text| after_last(text, |line| line.contains(" = { path = \"../"), &dependency))?;
    let member =
        format!("    Member::new({things}::SERVICE, &{things}::SCHEMA, {things}::document, {things}::main),");
    edit(root, MEMBERS, |text| after_last(text, |line| line.starts_with("    Member::new("), &member))
}

fn add_to_scraped(root: &Path, names: &Names) -> Result<(), String> {
    let target = format!("          - 127.0.0.1:{} # {}", names.port, names.things);
    edit(root, SCRAPED, |text| after_last(text, |line| line.contains("- 127.0.0.1:"), &target))
}

/// It is backed up before the others, since it may refer to their things.
fn add_to_backup(root: &Path, names: &Names) -> Result<(), String> {
    edit(root, BACKUP, |text| {
        let (before, listed) = text.split_once("for name in ")?;
        Some(format!("{before}for name in {} {listed}", names.things))
    })
}

fn add_to_proxies(root: &Path, names: &Names) -> Result<(), String> {
    let Names { things, .. } = names;
    let [port, second, proxy] = ports(names.port);
    edit(root, HAPROXY, |text| {
        let bind = format!("    bind :{proxy} name {things}");
        let text = after_last(text, |line| line.starts_with("    bind :"), &bind)?;
        Some(format!(
            "{}\n\nbackend {things}\n    server {things} 127.0.0.1:{port}\n    # server {things}-2 127.0.0.1:{second}\n",
            text.trim_end()
        ))
    })?;
    let is_selected = |line: &str| {
        let port = line.trim_start().split_once(" store_").map(|(port, _)| port);
        port.is_some_and(|port| port.parse::<u16>().is_ok())
    };
    edit(root, NGINX, |text| {
        let upstream = format!(
            "upstream store_{things} {{ server 127.0.0.1:{port} max_fails=2 fail_timeout=2s; keepalive 64; keepalive_timeout 60s; }}"
        );
        let text = after_last(text, |line| line.starts_with("upstream store_"), &upstream)?;
        let selected = format!("    {proxy} store_{things};");
        let text = after_last(&text, is_selected, &selected)?;
        after_last(&text, |line| line.starts_with("    listen "), &format!("    listen {proxy};"))
    })
}

fn add_to_workflows(root: &Path, names: &Names) -> Result<(), String> {
    let mut services = Vec::new();
    let mut prerequisites = String::new();
    if let Some(upstream) = &names.upstream {
        steps_that_create(root, &upstream.things, &mut services, &mut prerequisites)?;
    }
    services.push(names.things.clone());
    let workflow = template::workflow(names, &prerequisites, &services);
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
    edit(root, WORKFLOWS, |text| {
        let text = after_last(
            text,
            |line| line.starts_with("  - { name: ") && line.contains("type: openapi"),
            &source,
        )?;
        let text =
            after_last(&text, |line| line.contains("_token: { name: Authorization, in: header"), &token)?;
        let (workflows, components) = text.split_once("\ncomponents:")?;
        Some(format!("{}\n{}\ncomponents:{components}", workflows.trim_end(), workflow.trim_end()))
    })
}

/// Adds a step that creates a thing of `service`, after steps that create what it refers to, by the example in its document.
fn steps_that_create(
    root: &Path,
    service: &str,
    services: &mut Vec<String>,
    steps: &mut String,
) -> Result<(), String> {
    if services.iter().any(|known| known == service) {
        return Ok(());
    }
    let document = document(root, service)?;
    let operation = &document["paths"][format!("/{service}")]["post"];
    let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let body = body.as_str().and_then(|body| document.pointer(body.trim_start_matches('#')));
    let id = operation["operationId"].as_str();
    let (Some(id), Some(thing), Some(example)) =
        (id, id.and_then(|id| id.strip_prefix("create_")), body.and_then(|body| body["example"].as_object()))
    else {
        return Err(format!(
            "{service} cannot be asked: it has no operation create_… at /{service} with an example"
        ));
    };
    let mut fields = Vec::new();
    for (name, value) in example {
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
    Ok(())
}

/// The document of a service.
fn document(root: &Path, service: &str) -> Result<Value, String> {
    let path = root.join("openapi").join(format!("{service}.json"));
    serde_json::from_str(&read(&path)?).map_err(|error| {
        format!(
            "{} is not JSON ({error}): write it anew with `cargo run -p scaffold -- emit {service}`, or delete it",
            path.display()
        )
    })
}

fn edit(root: &Path, file: &str, change: impl FnOnce(&str) -> Option<String>) -> Result<(), String> {
    let path = root.join(file);
    let changed = change(&read(&path)?)
        .ok_or_else(|| format!("{file} has no list of services that this command recognizes"))?;
    fs::write(&path, changed).map_err(|error| format!("{}: {error}", path.display()))
}

/// The text of a file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read ({error})", path.display()))
}

/// `text` with a line more after the last that `is_meant`.
fn after_last(text: &str, is_meant: impl Fn(&str) -> bool, line: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().rposition(|line| is_meant(line))?;
    lines.insert(last + 1, line);
    Some(lines.join("\n") + "\n")
}
