//! `contract compare`: what changed from one document to another, and whether it breaks callers.

use contract_tests::engine::{compatibility, openapi};

use crate::{
    arguments::Compare,
    output::{counted, say},
};

pub(crate) fn run(arguments: &Compare) -> Result<bool, String> {
    let (old, new) = (openapi::read(&arguments.old)?, openapi::read(&arguments.new)?);
    let changes = compatibility::changes(&old.json, &new.json, &[]);
    let breaking = changes.iter().filter(|change| change.is_breaking).count();
    for change in changes.iter().filter(|change| change.is_breaking || arguments.all) {
        let verdict = if change.is_breaking { "breaks callers" } else { "compatible" };
        say(&format!("{verdict:<15} {}: {}", change.operation, change.message));
    }
    for what in old.unjudged.iter().filter(|what| !new.unjudged.contains(what)) {
        say(&format!("not judged      {what} (in the old document)"));
    }
    for what in &new.unjudged {
        say(&format!("not judged      {what}"));
    }
    let (before, now) = (compatibility::version(&old.json), compatibility::version(&new.json));
    say(&format!("{}, {breaking} breaking ({before} to {now})", counted(changes.len(), "change")));
    if breaking > 0 && compatibility::is_major(&old.json, &new.json) {
        say("the major version was raised, so callers are told");
        return Ok(true);
    }
    Ok(breaking == 0)
}
