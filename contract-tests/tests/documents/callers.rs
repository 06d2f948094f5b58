//! What callers would see break who know an older contract, also where the documents are the same: the workflows and documents
//! that they know are played against the store of today.

use std::{fs, path::Path, process::Command, sync::Arc};

use contract_tests::{
    engine::{
        compatibility::is_major,
        contract::CONTRACT,
        deployment::{Deployment, SERVICES, folder},
        exchange::{Answer, Request},
        faults::fault::{Forward, Tamper},
    },
    harness::{folders::new_folder, proxy::Proxy, store::Store},
};
use libtest_mimic::Failed;
use serde_json::Value;

use super::{PROGRAM, base};

const WORKFLOWS: &str = "store.arazzo.yaml";

/// Plays the contract of `base`.
pub(crate) fn of_the_base(base: &str) -> Result<(), Failed> {
    let place = new_folder();
    let files = base::files(base, "openapi").into_iter().chain(["contract-tests/waivers.txt".to_owned()]);
    for path in files {
        let Some(text) = base::file(base, &path) else { continue };
        let to = place.path().join(path);
        fs::create_dir_all(to.parent().expect("a folder"))?;
        fs::write(to, text)?;
    }
    let contract = place.path().join("openapi");
    let is_told = SERVICES.iter().any(|service| {
        let old = fs::read_to_string(contract.join(format!("{service}.json"))).unwrap_or_default();
        let old: Value = serde_json::from_str(&old).unwrap_or_default();
        is_major(&old, &CONTRACT.document(service).json)
    });
    if is_told || !contract.join(WORKFLOWS).exists() {
        return Ok(());
    }
    let store = Store::start(PROGRAM, &[]);
    match play(&contract, &store.deployment()) {
        (true, _) => Ok(()),
        (false, said) => Err(format!(
            "Callers that know the contract of {base} would see this break:\n{said}\n\
             If it is meant, raise the major version in Cargo.toml."
        )
        .into()),
    }
}

/// Lets products change what no document says.
pub(crate) fn are_told() -> Result<(), Failed> {
    let list = |change: fn(&Request, &mut Vec<Value>)| -> Tamper {
        Arc::new(move |request: Request, forward: Forward<'_>| {
            let answer = forward(&request);
            match answer.json() {
                Value::Array(mut items) => {
                    change(&request, &mut items);
                    Answer { body: Value::from(items).to_string().into(), ..answer }
                }
                _ => answer,
            }
        })
    };
    let noticed = "FAILED pages::the_whole_list_is_by_ascending_id\n";
    for (what, tamper) in [
        ("a list has the newest first", list(|_, items| items.reverse())),
        (
            "a list without a limit ends after one",
            list(|request, items| {
                items.truncate(if request.path.contains("limit=") { items.len() } else { 1 })
            }),
        ),
    ] {
        let store = Store::start(PROGRAM, &[]);
        let proxy = Proxy::start("products");
        proxy.forward_to(&store.deployment().service("products").url);
        proxy.tamper(Some(tamper));
        let deployment = store.deployment().with_url("products", proxy.url().into());
        let (passed, said) = play(&folder(), &deployment);
        if passed || !said.contains(noticed) {
            return Err(format!("{what}, and this is all that is said:\n{said}").into());
        }
    }
    Ok(())
}

/// Plays the contract in a folder as its callers see it. Returns whether all of it holds, and what does not.
fn play(contract: &Path, deployment: &Deployment) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contract"));
    command.arg("replay").arg(contract.join(WORKFLOWS)).arg("--as-caller");
    for service in SERVICES.iter() {
        let address = deployment.service(service);
        command.args(["--server", &format!("{service}={}", address.url)]);
        command.args(["--token", &format!("{service}={}", address.token)]);
    }
    let output = command.output().expect("the tool");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}
