//! Generates a client of each service, from its document in `openapi/`. The services are those of the contract, in `openapi/store.arazzo.yaml`.
//!
//! With the feature `mocks`, there are mocks of each service, too.

#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

mod generator;

use std::{env, fs, path::Path};

use serde_json::Value;

/// The contract, which lists the services.
const CONTRACT: &str = "../openapi/store.arazzo.yaml";

/// It changes with the list. The workflows beside the list change more often, and are no reason to generate anything.
const CHANGES_WITH_LIST: &str = "../services/store/Cargo.toml";

fn main() -> Result<(), String> {
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    let write = |name: &str, code: String| {
        let generated = Path::new(&out).join(name).with_extension("rs");
        fs::write(generated, code).map_err(|error| format!("{out}: {error}"))
    };
    let services = services().map_err(|error| format!("{CONTRACT}: {error}"))?;
    for service in &services {
        let path = Path::new(CONTRACT).with_file_name(service).with_extension("json");
        println!("cargo::rerun-if-changed={}", path.display());
        let (client, mocks) = read(&path)
            .and_then(|document| {
                generator::generate(service, document, env::var_os("CARGO_FEATURE_MOCKS").is_some())
            })
            .map_err(|error| {
                format!(
                    "{}: {error}. Write it anew with: cargo run -p scaffold -- emit {service}",
                    path.display()
                )
            })?;
        write(service, client)?;
        if let Some(mocks) = mocks {
            write(&format!("{service}_mocks"), mocks)?;
        }
    }
    let modules: String = services.iter().map(|service| format!("service!({service});\n")).collect();
    write(
        "services",
        format!(
            "{modules}/// The names of the services, each of which calls only those before it.\npub const SERVICES: &[&str] = &{services:?};\n"
        ),
    )
}

/// The names of the services.
fn services() -> Result<Vec<String>, String> {
    println!("cargo::rerun-if-changed={CHANGES_WITH_LIST}");
    let text = fs::read_to_string(CONTRACT).map_err(|error| error.to_string())?;
    let contract: Value = serde_yaml_ng::from_str(&text).map_err(|error| error.to_string())?;
    let sources = contract["sourceDescriptions"].as_array().into_iter().flatten();
    let names = sources.map(|source| source["name"].as_str().map(str::to_owned));
    names
        .collect::<Option<Vec<_>>>()
        .filter(|names| !names.is_empty())
        .ok_or_else(|| "it names no services".to_owned())
}

fn read(document: &Path) -> Result<Value, String> {
    let text = fs::read_to_string(document).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("it is not JSON ({error})"))
}
