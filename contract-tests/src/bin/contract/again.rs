//! `contract again`: writes a failure to a file, and repeats its requests.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use contract_tests::engine::{
    checks::{self, Outcome, Verdict},
    deployment::{Deployment, SERVICES},
    session::{Scope, Session},
};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{Again, Place, Target},
    output::say,
    secrets::Secrets,
    selection,
};

/// A failure, with what it takes to repeat it. No token and no value of an input or a header is in it.
#[derive(Serialize, Deserialize)]
struct StoredFailure {
    /// The check, and the step of it.
    check: String,
    /// What was expected and what came, for people.
    told: String,
    /// The workflows or the document.
    file: PathBuf,
    profile: Option<PathBuf>,
    #[serde(default)]
    as_caller: bool,
    /// `notes=http://127.0.0.1:8000`
    servers: Vec<String>,
    /// The names of the inputs that it was given.
    inputs: Vec<String>,
    /// The names of the headers that it was given, each behind its service: `notes=X-Tenant`.
    #[serde(default)]
    headers: Vec<String>,
}

/// Writes each failure to a file. Returns where they are.
pub(crate) fn keep(
    target: &Target,
    folder: &Path,
    session: &Session,
    verdicts: &[Verdict],
    secrets: &Secrets,
) -> Result<Vec<PathBuf>, String> {
    let folder = folder.join("failed");
    let no = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // The files of the previous run are replaced. Files of other programs are kept.
    for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "json") && read(&path).is_ok() {
            fs::remove_file(&path).map_err(|error| no(&path, &error))?;
        }
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut kept = Vec::new();
    for verdict in verdicts {
        let Outcome::Failed(failure) = &verdict.outcome else { continue };
        fs::create_dir_all(&folder).map_err(|error| no(&folder, &error))?;
        let url = |service: &&str| format!("{service}={}", session.deployment.service(service).url);
        let record = StoredFailure {
            check: verdict.name.clone(),
            told: secrets.redacted(failure.kept()),
            file: absolute(&target.file),
            profile: target.profile.as_deref().map(absolute),
            as_caller: target.as_caller,
            servers: SERVICES.iter().map(url).collect(),
            inputs: session.deployment.inputs.iter().map(|(name, _)| name.clone()).collect(),
            headers: headers(&session.deployment),
        };
        // A name has 255 bytes at most, which are fewer letters in most languages.
        let letter = |it: char| if it.is_ascii_alphanumeric() { it } else { '-' };
        let name: String = verdict.name.chars().map(letter).take(100).collect();
        let path = folder.join(format!("{:03}-{name}.json", kept.len() + 1));
        let text = serde_json::to_string_pretty(&record).map_err(|error| no(&path, &error))?;
        fs::write(&path, text).map_err(|error| no(&path, &error))?;
        kept.push(path);
    }
    Ok(kept)
}

/// The names of the headers that were given, each behind its service.
fn headers(deployment: &Deployment) -> Vec<String> {
    let of = |service: &&'static str| {
        let names = deployment.headers(service).iter().map(|(name, _)| name.to_lowercase());
        let service = *service;
        names.map(move |name| format!("{service}={name}"))
    };
    SERVICES.iter().flat_map(of).collect()
}

/// Reads what [`keep`] wrote.
fn read(path: &Path) -> Result<StoredFailure, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{shown}: this is not a file of `replay --out`: {error}"))
}

pub(crate) fn run(arguments: &Again) -> Result<bool, String> {
    let kept = read(&arguments.file)?;
    let is_given = |name: &&String| {
        arguments.place.inputs.iter().any(|given| given.split('=').next() == Some(name.as_str()))
    };
    if let Some(name) = kept.inputs.iter().find(|name| !is_given(name)) {
        return Err(format!(
            "the file does not contain the value of an input: pass it again with --input {name}=…"
        ));
    }
    let place = Place {
        servers: kept.servers.iter().chain(&arguments.place.servers).cloned().collect(),
        tokens: arguments.place.tokens.clone(),
        headers: arguments.place.headers.clone(),
        timeout: arguments.place.timeout,
        inputs: arguments.place.inputs.clone(),
    };
    let target =
        Target { file: kept.file.clone(), place, profile: kept.profile.clone(), as_caller: kept.as_caller };
    let chosen = selection::choose(&target, true)?;
    let given = headers(&chosen.deployment);
    if let Some(header) = kept.headers.iter().find(|header| !given.contains(header)) {
        return Err(format!(
            "the file does not contain the value of a header: pass it again with --header '{header}: …'"
        ));
    }
    let checks = checks::all(&chosen.deployment);
    let check = checks.iter().find(|check| check.has(&kept.check));
    let check =
        check.ok_or_else(|| format!("{}: there is no longer a check {}", kept.file.display(), kept.check))?;
    let session = Session::with_scope(chosen.deployment, Scope::Whole)
        .with_timeout(Duration::from_secs(target.place.timeout));
    let mut passed = true;
    for verdict in check.run(&session) {
        match verdict.outcome {
            Outcome::Passed => say(&format!("passed {}", verdict.name)),
            Outcome::NotReached => say(&format!("not reached {}", verdict.name)),
            Outcome::NotJudged(why) => say(&format!("not judged {}: {why}", verdict.name)),
            Outcome::Failed(failure) => {
                passed = false;
                say(&format!("FAILED {}\n{failure}", verdict.name));
            }
        }
    }
    Ok(passed)
}
