//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "Examples:
  contract example notes
  contract replay notes/notes.arazzo.yaml --server notes=http://127.0.0.1:8000
  contract replay openapi.json --server http://127.0.0.1:8000/api --token secret
  contract prove notes/notes.arazzo.yaml --server notes=http://127.0.0.1:8000
  contract watch openapi.json --server http://127.0.0.1:8000 --har seen.har
  contract compare old.yaml new.yaml";

/// Judges services by their OpenAPI documents and Arazzo workflows, and proves that the workflows would notice a fault.
///
/// Exit codes: 0 everything passed, 1 something failed, 2 it could not be judged.
#[derive(Parser)]
#[command(name = "contract", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the workflows, and the cases generated from the documents, and show what was seen
    Replay(Replay),
    /// Inject one fault at a time, and list those that nothing notices
    Prove(Prove),
    /// Pass on what callers send, judge every response by the documents, and show the ledger at the end (Ctrl-C)
    Watch(Watch),
    /// List what changed from one document to another, and whether it breaks callers
    Compare(Compare),
    /// Rerun a failed check, from a file that `replay --out` wrote
    Again(Again),
    /// Write a small document, workflow and profile to begin with
    Example(Example),
}

/// What is judged, and where it is.
#[derive(Args)]
pub(crate) struct Target {
    /// An Arazzo description, or an OpenAPI document (YAML or JSON)
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The house rules [default: `contract.yaml` beside FILE, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Judge newer services as callers of FILE see them: additional fields, operations and refusals are no failures
    #[arg(long)]
    pub(crate) as_caller: bool,
}

/// Where services are, and what they ask for.
#[derive(Args)]
pub(crate) struct Place {
    /// Where a service is: `notes=http://127.0.0.1:8000`; without a name if there is one only [default: NOTES_URL, or the server of the document]
    #[arg(long = "server", value_name = "NAME=URL")]
    pub(crate) servers: Vec<String>,
    /// The token of a service, sent as its document says [default: NOTES_TOKEN]
    #[arg(long = "token", value_name = "NAME=TOKEN")]
    pub(crate) tokens: Vec<String>,
    /// A header of every request to a service: `notes=X-Api-Key: secret`
    #[arg(long = "header", value_name = "NAME=HEADER: VALUE")]
    pub(crate) headers: Vec<String>,
    /// An input of the workflows; `notes_token` is one already
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// How many seconds a response may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

/// Which checks are run.
#[derive(Args)]
pub(crate) struct Filter {
    /// Only the checks with one of these in their names
    pub(crate) only: Vec<String>,
    /// Not those with this in their names
    #[arg(long, value_name = "TEXT")]
    pub(crate) skip: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// List the checks without sending requests
    #[arg(long)]
    pub(crate) list: bool,
    /// Name those that passed as well
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Write the ledger, as `ledger.json` and `index.html`, to this folder, and each failure to a file in `failed`
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
    /// Write a report for other programs: `junit=FILE` or `ctrf=FILE`
    #[arg(long, value_name = "FORMAT=FILE")]
    pub(crate) report: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Prove {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Only the faults with this in their names
    #[arg(long = "fault", value_name = "TEXT")]
    pub(crate) faults: Vec<String>,
    /// List the faults without sending requests
    #[arg(long)]
    pub(crate) list: bool,
    /// Let only the workflows count, and not the cases that are generated
    #[arg(long)]
    pub(crate) workflows_only: bool,
    /// Name the faults that were noticed as well, and what noticed them
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Write what was seen to this file as HAR 1.2, which developer tools import; no credential is in it
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The document that callers rely on
    pub(crate) old: PathBuf,
    /// The document that is to replace it
    pub(crate) new: PathBuf,
    /// List the changes that break nobody, too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct Again {
    /// What `replay --out` wrote
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Args)]
pub(crate) struct Example {
    /// Where they are written
    #[arg(default_value = "contract")]
    pub(crate) folder: PathBuf,
}
