//! Reports for other programs: JUnit, which CI servers read, and CTRF (<https://ctrf.io>).

use std::{
    fmt::Write as _,
    fs::File,
    io::Write as _,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use contract_tests::engine::checks::{Outcome, Verdict};
use serde_json::{Value, json};

use crate::secrets::Secrets;

/// A report that was asked for.
pub(crate) struct Wanted {
    format: Format,
    path: PathBuf,
}

/// The same, with the file that it is written to.
pub(crate) struct Report {
    wanted: Wanted,
    file: File,
}

enum Format {
    Junit,
    Ctrf,
}

/// The reports that were asked for, such as `junit=report.xml`.
pub(crate) fn wanted(texts: &[String]) -> Result<Vec<Wanted>, String> {
    let report = |text: &String| {
        let (format, path) = text.split_once('=').unwrap_or_default();
        let format = match format {
            "junit" => Format::Junit,
            "ctrf" => Format::Ctrf,
            _ => return Err(format!("--report {text}: write it as junit=FILE or ctrf=FILE")),
        };
        if path.is_empty() {
            return Err(format!("--report {text}: name a file after the `=`"));
        }
        Ok(Wanted { format, path: path.into() })
    };
    texts.iter().map(report).collect()
}

impl Wanted {
    /// Makes the file, before anything is asked: no run is lost for a report that cannot be written.
    pub(crate) fn open(self) -> Result<Report, String> {
        let file = File::create(&self.path).map_err(|error| format!("{}: {error}", self.path.display()))?;
        Ok(Report { wanted: self, file })
    }
}

impl Report {
    /// Writes the report.
    pub(crate) fn write(mut self, verdicts: &[Verdict], secrets: &Secrets) -> Result<(), String> {
        let text = match self.wanted.format {
            Format::Junit => junit(verdicts, secrets),
            Format::Ctrf => format!("{:#}\n", ctrf(verdicts, secrets)),
        };
        self.file
            .write_all(text.as_bytes())
            .map_err(|error| format!("{}: {error}", self.wanted.path.display()))
    }
}

fn junit(verdicts: &[Verdict], secrets: &Secrets) -> String {
    let failed = verdicts.iter().filter(|verdict| matches!(verdict.outcome, Outcome::Failed(_))).count();
    let skipped = verdicts.iter().filter(|verdict| status_of(verdict) == "skipped").count();
    let time: Duration = verdicts.iter().map(|verdict| verdict.time).sum();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        xml,
        "<testsuite name=\"contract\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{:.3}\">",
        verdicts.len(),
        time.as_secs_f64()
    );
    for Verdict { name, outcome, time } in verdicts {
        let (class, case) = name.split_once("::").unwrap_or(("contract", name));
        let _ = write!(
            xml,
            "<testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            in_xml(class),
            in_xml(case),
            time.as_secs_f64()
        );
        xml += &match outcome {
            Outcome::Passed => "/>\n".to_owned(),
            Outcome::NotReached => "><skipped/></testcase>\n".to_owned(),
            Outcome::NotJudged(why) => {
                format!("><skipped message=\"{}\"/></testcase>\n", in_xml(&secrets.redacted(why)))
            }
            Outcome::Failed(failure) => {
                let text = secrets.redacted(failure.kept());
                let first = text.lines().next().unwrap_or_default();
                format!("><failure message=\"{}\">{}</failure></testcase>\n", in_xml(first), in_xml(&text))
            }
        };
    }
    xml + "</testsuite>\n</testsuites>\n"
}

/// Text as it stands in XML, which has no control characters.
fn in_xml(text: &str) -> String {
    let may_be = |letter: &char| matches!(letter, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().map(|letter| if may_be(&letter) { letter } else { '\u{fffd}' }).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn ctrf(verdicts: &[Verdict], secrets: &Secrets) -> Value {
    let count = |status: &str| verdicts.iter().filter(|verdict| status_of(verdict) == status).count();
    let stop = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time: Duration = verdicts.iter().map(|verdict| verdict.time).sum();
    let tests = verdicts.iter().map(|verdict| {
        let mut test = json!({
            "name": verdict.name,
            "status": status_of(verdict),
            "duration": milliseconds(verdict.time),
        });
        if let Outcome::Failed(failure) = &verdict.outcome {
            let text = secrets.redacted(failure.kept());
            test["message"] = text.lines().next().unwrap_or_default().into();
            test["trace"] = text.into();
        }
        if let Outcome::NotJudged(why) = &verdict.outcome {
            test["message"] = secrets.redacted(why).into();
        }
        test
    });
    json!({
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": { "name": "contract", "version": env!("CARGO_PKG_VERSION") },
            "summary": {
                "tests": verdicts.len(),
                "passed": count("passed"),
                "failed": count("failed"),
                "skipped": count("skipped"),
                "pending": 0,
                "other": 0,
                "start": milliseconds(stop.saturating_sub(time)),
                "stop": milliseconds(stop),
            },
            "tests": tests.collect::<Vec<_>>(),
        },
    })
}

fn status_of(verdict: &Verdict) -> &'static str {
    match verdict.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed(_) => "failed",
        Outcome::NotReached | Outcome::NotJudged(_) => "skipped",
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
