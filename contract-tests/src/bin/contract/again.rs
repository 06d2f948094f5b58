//! `contract again`: a failure as a file, and the same question once more.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use contract_tests::engine::{
    checks::{self, Outcome, Verdict},
    deployment::SERVICES,
    session::{Scope, Session},
};
use serde::{Deserialize, Serialize};

use crate::{
    arguments::{Again, Place, Target},
    output::say,
    report::redacted,
    selection,
};

/// A failure, with what it takes to ask again. No token is in it.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The check, and the step of it.
    check: String,
    /// What was expected and what came, for people.
    told: String,
    /// The workflows or the document.
    file: PathBuf,
    profile: Option<PathBuf>,
    /// `notes=http://127.0.0.1:8000`
    servers: Vec<String>,
    inputs: Vec<String>,
}

/// Writes each failure to a file. Returns where they are.
pub(crate) fn keep(
    target: &Target,
    folder: &Path,
    session: &Session,
    verdicts: &[Verdict],
) -> Result<Vec<PathBuf>, String> {
    let folder = folder.join("failed");
    let no = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // Those of the run before are answered by this one.
    for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|extension| extension == "json") {
            fs::remove_file(&path).map_err(|error| no(&path, &error))?;
        }
    }
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut kept = Vec::new();
    for verdict in verdicts {
        let Outcome::Failed(failure) = &verdict.outcome else { continue };
        fs::create_dir_all(&folder).map_err(|error| no(&folder, &error))?;
        let url = |service: &&str| format!("{service}={}", session.deployment.service(service).url);
        let record = Kept {
            check: verdict.name.clone(),
            told: redacted(&failure.to_string(), &session.deployment),
            file: absolute(&target.file),
            profile: target.profile.as_deref().map(absolute),
            servers: SERVICES.iter().map(url).collect(),
            inputs: target.place.inputs.clone(),
        };
        let name: String =
            verdict.name.chars().map(|it| if it.is_alphanumeric() { it } else { '-' }).take(100).collect();
        let path = folder.join(format!("{:03}-{name}.json", kept.len() + 1));
        let text = serde_json::to_string_pretty(&record).map_err(|error| no(&path, &error))?;
        fs::write(&path, text).map_err(|error| no(&path, &error))?;
        kept.push(path);
    }
    Ok(kept)
}

pub(crate) fn run(arguments: &Again) -> Result<bool, String> {
    let path = arguments.file.display();
    let text = fs::read_to_string(&arguments.file).map_err(|error| format!("{path}: {error}"))?;
    let kept: Kept = serde_json::from_str(&text)
        .map_err(|error| format!("{path}: this is no file of `replay --out`: {error}"))?;
    let place = Place {
        servers: kept.servers.iter().chain(&arguments.place.servers).cloned().collect(),
        tokens: arguments.place.tokens.clone(),
        headers: arguments.place.headers.clone(),
        timeout: arguments.place.timeout,
        inputs: kept.inputs.iter().chain(&arguments.place.inputs).cloned().collect(),
    };
    let chosen = selection::choose_file(&kept.file, kept.profile.as_deref(), &place, true)?;
    let checks = checks::all(&chosen.deployment);
    let check = checks.iter().find(|check| check.names().contains(&kept.check));
    let check =
        check.ok_or_else(|| format!("{}: there is no check {} any more", kept.file.display(), kept.check))?;
    let session =
        Session::with_scope(chosen.deployment, Scope::Whole).patient(Duration::from_secs(place.timeout));
    let mut passed = true;
    for verdict in check.run(&session) {
        match verdict.outcome {
            Outcome::Passed => say(&format!("passed {}", verdict.name)),
            Outcome::NotReached => say(&format!("not reached {}", verdict.name)),
            Outcome::Failed(failure) => {
                passed = false;
                say(&format!("FAILED {}\n{failure}", verdict.name));
            }
        }
    }
    Ok(passed)
}
