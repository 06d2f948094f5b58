//! What would break for callers that know an older contract, even if the documents are the same: the older workflows and documents
//! are run against the current store.

use std::{fs, path::Path, process::Command, sync::Arc};

use contract_tests::{
    engine::{
        compatibility::is_major,
        contract::CONTRACT,
        deployment::{Deployment, SERVICES, folder},
        exchange::{Request, Response},
        faults::fault::{Forward, Tamper},
        openapi::files,
        subject::Subject,
    },
    harness::{
        ending::{LONG, output_within},
        folders::new_folder,
        proxy::Proxy,
        store::Store,
    },
};
use libtest_mimic::{Completion, Failed};
use serde_json::Value;

use super::{PROGRAM, base};

const WORKFLOWS: &str = "store.arazzo.yaml";

/// Plays the contract of `base`.
pub(crate) fn of_the_base(base: &str) -> Result<Completion, Failed> {
    let place = new_folder();
    let files = base::files(base, "openapi").into_iter().chain(["contract-tests/waivers.txt".to_owned()]);
    for path in files {
        let Some(text) = base::file(base, &path) else { continue };
        let to = place.path().join(path);
        fs::create_dir_all(to.parent().expect("a folder"))?;
        fs::write(to, text)?;
    }
    let contract = place.path().join("openapi");
    if !contract.join(WORKFLOWS).exists() {
        return Ok(Completion::ignored_with(format!("{base} has no openapi/{WORKFLOWS}")));
    }
    if is_told(&contract)? {
        return Ok(Completion::ignored_with(format!("the major version is higher than in {base}")));
    }
    let store = Store::start(PROGRAM, &[]);
    match play(&contract, &store.deployment())? {
        (true, _) => Ok(Completion::Completed),
        (false, said) => Err(format!(
            "Callers that know the contract of {base} would see this break:\n{said}\n\
             If it is meant, raise the major version in Cargo.toml."
        )
        .into()),
    }
}

/// Whether a major version tells the callers of an older contract that something broke. A service that is newer than that has none.
fn is_told(contract: &Path) -> Result<bool, Failed> {
    for service in known(contract)?.into_iter().filter(|service| SERVICES.contains(service)) {
        let old: Value =
            serde_json::from_str(&fs::read_to_string(contract.join(format!("{service}.json")))?)?;
        if is_major(&old, &CONTRACT.document(service).json) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The services of an older contract.
fn known(contract: &Path) -> Result<Vec<&'static str>, Failed> {
    Ok(Subject::read(&contract.join(WORKFLOWS), None)?.services.iter().map(|service| service.name).collect())
}

/// A contract that is older than a service is played all the same.
pub(crate) fn know_no_newer_service() -> Result<(), Failed> {
    let newer = "payments";
    let place = new_folder();
    for service in SERVICES.iter() {
        let name = format!("{service}.json");
        fs::copy(folder().join(&name), place.path().join(&name))?;
    }
    let mut older = files::parse(&files::text(&folder().join(WORKFLOWS))?)?;
    for (list, name) in [("sourceDescriptions", "name"), ("workflows", "workflowId")] {
        let items = older[list].as_array_mut().expect("a list");
        items.retain(|item| {
            item[name] != newer && !item.to_string().contains(&format!("$sourceDescriptions.{newer}."))
        });
    }
    fs::remove_file(place.path().join(format!("{newer}.json")))?;
    fs::write(place.path().join(WORKFLOWS), older.to_string())?;
    assert!(!is_told(place.path())?, "no major version is higher");

    notices("a list is reversed", place.path(), list(|_, items| items.reverse()))
}

/// Lets products change what no document says.
pub(crate) fn are_told() -> Result<(), Failed> {
    for (what, tamper) in [
        ("a list has the newest first", list(|_, items| items.reverse())),
        (
            "a list without a limit ends after one",
            list(|request, items| {
                items.truncate(if request.path.contains("limit=") { items.len() } else { 1 })
            }),
        ),
    ] {
        notices(what, &folder(), tamper)?;
    }
    Ok(())
}

/// Alters the lists that a service answers.
fn list(change: fn(&Request, &mut Vec<Value>)) -> Tamper {
    Arc::new(move |request: Request, forward: Forward<'_>| {
        let response = forward(&request);
        match response.json() {
            Value::Array(mut items) => {
                change(&request, &mut items);
                Response { body: Value::from(items).to_string().into(), ..response }
            }
            _ => response,
        }
    })
}

/// Whether callers who know this contract notice that products responds differently.
fn notices(what: &str, contract: &Path, tamper: Tamper) -> Result<(), Failed> {
    let store = Store::start(PROGRAM, &[]);
    let proxy = Proxy::start("products");
    proxy.forward_to(&store.deployment().service("products").url);
    proxy.tamper(Some(tamper));
    let deployment = store.deployment().with_url("products", proxy.url().into());
    let (passed, said) = play(contract, &deployment)?;
    match !passed && said.contains("FAILED pages::the_list_is_sorted_by_id\n") {
        true => Ok(()),
        false => Err(format!("{what}, and this is all that is said:\n{said}").into()),
    }
}

/// Plays the contract in a folder as its callers see it. Returns whether all of it holds, and what does not.
fn play(contract: &Path, deployment: &Deployment) -> Result<(bool, String), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
    command.arg("replay").arg(contract.join(WORKFLOWS)).arg("--as-caller");
    for service in known(contract)? {
        if !SERVICES.contains(&service) {
            return Ok((false, format!("{service} is no longer there")));
        }
        let address = deployment.service(service);
        command.args(["--server", &format!("{service}={}", address.url)]);
        command.args(["--token", &format!("{service}={}", address.token)]);
    }
    let output = output_within(LONG, &mut command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr))))
}
