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

/// Tests services against their OpenAPI documents and Arazzo workflows, and proves that the tests would notice a fault.
///
/// Exit codes: 0 everything passed, 1 something failed, 2 the test could not be run.
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
    /// Forward the requests of callers, validate every response against the documents, and show the ledger at the end (Ctrl-C)
    Watch(Watch),
    /// List what changed from one document to another, and whether it breaks callers
    Compare(Compare),
    /// Rerun a failed check, from a file that `replay --out` wrote
    Again(Again),
    /// Write a small document, a workflow and house rules to start from
    Example(Example),
}

/// The subject of the test, and where its services are.
#[derive(Args)]
pub(crate) struct Target {
    /// An Arazzo description, or an OpenAPI document (YAML or JSON)
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
    /// The house rules [default: `contract.yaml` next to FILE, if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) profile: Option<PathBuf>,
    /// Test newer services as callers of FILE see them: additional fields, operations and error messages are accepted
    #[arg(long)]
    pub(crate) as_caller: bool,
}

/// Where services are, and what they ask for.
#[derive(Args)]
pub(crate) struct Place {
    /// URL of a service: `notes=http://127.0.0.1:8000`; or just the URL if there is only one [default: NOTES_URL, or the server in the document]
    #[arg(long = "server", value_name = "NAME=URL")]
    pub(crate) servers: Vec<String>,
    /// Token of a service, sent as its document says [default: NOTES_TOKEN]
    #[arg(long = "token", value_name = "NAME=TOKEN")]
    pub(crate) tokens: Vec<String>,
    /// Header for every request to a service: `notes=X-Api-Key: secret`
    #[arg(long = "header", value_name = "NAME=HEADER: VALUE")]
    pub(crate) headers: Vec<String>,
    /// Input of the workflows; `notes_token` is set by --token
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// How many seconds a response may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,
}

/// Which checks are run.
#[derive(Args)]
pub(crate) struct Filter {
    /// Run only checks whose name contains one of these texts
    pub(crate) only: Vec<String>,
    /// Skip checks whose name contains this text
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
    /// Name the checks that passed, too
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
    /// Inject only faults whose name contains this text
    #[arg(long = "fault", value_name = "TEXT")]
    pub(crate) faults: Vec<String>,
    /// List the faults without sending requests
    #[arg(long)]
    pub(crate) list: bool,
    /// Run only the workflows, and skip the generated cases
    #[arg(long)]
    pub(crate) workflows_only: bool,
    /// Name the faults that were noticed, too, and what noticed them
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Write the traffic to this file as HAR 1.2, which developer tools import; the credentials of the documents are omitted
    #[arg(long, value_name = "FILE")]
    pub(crate) har: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Compare {
    /// The document that callers rely on
    pub(crate) old: PathBuf,
    /// The document that will replace it
    pub(crate) new: PathBuf,
    /// List non-breaking changes, too
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Args)]
pub(crate) struct Again {
    /// A file that `replay --out` wrote
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Args)]
pub(crate) struct Example {
    /// The folder to write to
    #[arg(default_value = "contract")]
    pub(crate) folder: PathBuf,
}
