//! The units of systemd.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use contract_tests::{
    engine::deployment::{SERVICES, variable},
    harness::{ending, folders::new_folder, process},
};
use tempfile::TempDir;

use crate::{PROGRAM, file, find};

/// The units in a folder of their own, with the path of the program that is tested, and an instance for each service.
fn units() -> (TempDir, Vec<String>) {
    let folder = new_folder();
    let copy = |from: &Path, to: &str| {
        let text = fs::read_to_string(from).unwrap();
        assert!(to.ends_with(".conf") || to.ends_with(".timer") || text.contains("/usr/local/bin/store"));
        fs::write(folder.path().join(to), text.replace("/usr/local/bin/store", PROGRAM)).unwrap();
    };
    let mut units = vec!["store-backup.service".to_owned(), "store-backup.timer".to_owned()];
    for unit in &units {
        copy(&file("systemd").join(unit), unit);
    }
    for service in SERVICES.iter() {
        let unit = format!("store@{service}.service");
        copy(&file("systemd/store@.service"), &unit);
        let settings = format!("{unit}.d/tokens.conf");
        fs::create_dir(folder.path().join(format!("{unit}.d"))).unwrap();
        copy(&file("systemd").join(&settings), &settings);
        units.push(unit);
    }
    (folder, units)
}

pub(crate) fn are_valid() {
    let (folder, units) = units();
    for unit in &units {
        let output = verify(folder.path(), unit);
        assert_eq!(output, "", "{unit}");
    }
}

fn systemd_analyze() -> Command {
    Command::new(find("systemd-analyze").unwrap())
}

fn verify(folder: &Path, unit: &str) -> String {
    let output = systemd_analyze().args(["verify", "--man=no"]).arg(folder.join(unit)).output().unwrap();
    // It also reads the units of this machine.
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    let ours: Vec<&str> = lines.lines().filter(|line| line.contains("store")).collect();
    ours.join("\n")
}

pub(crate) fn are_hardened() {
    let (folder, units) = units();
    for unit in units.iter().filter(|unit| unit.ends_with(".service")) {
        // In tenths, of ten; the common default is about 95.
        let limit = if unit.starts_with("store@") { "15" } else { "35" };
        let output = systemd_analyze()
            .args(["security", "--no-pager", "--offline=true", &format!("--threshold={limit}")])
            .arg(folder.path().join(unit))
            .output()
            .unwrap();
        assert!(output.status.success(), "{unit}: {}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Runs what the backup's unit runs, on a machine that has all services but the last.
pub(crate) fn back_up_what_is_there() {
    let (absent, there) = SERVICES.split_last().unwrap();
    let folder = new_folder();
    let state = |service| folder.path().join(format!("state/private/store-{service}"));
    let start = |service| {
        let output = process::run_once(PROGRAM, service, &[("DATA_DIR", state(service).to_str().unwrap())]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    there.iter().for_each(|service| start(service));
    let output = ending::output(&mut backup(folder.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("there is no {absent} on this machine")), "{said}");
    for service in there {
        let days = backups(folder.path(), service);
        assert_eq!(days.len(), 1, "{days:?}");
        assert!(days[0].join(format!("{service}.db")).is_file(), "{days:?}");
    }

    // The file of a service that was moved to a server is not taken for its database, and a service that cannot be backed up
    // does not keep the others from it.
    start(absent);
    let [broken, moved] = [SERVICES[1], absent];
    fs::write(state(broken).join(format!("{broken}.db")), "no database").unwrap();
    fs::remove_dir_all(folder.path().join("backups")).unwrap();
    let url = variable(moved, "DATABASE_URL");
    let output = ending::output(backup(folder.path()).env(url, "postgres://db/store"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && told.contains(&format!("there is no backup of {broken}\n")),
        "{told}"
    );
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&format!("{moved} has its database on a server")), "{said}");
    for service in SERVICES.iter() {
        let is_backed_up = ![broken, moved].contains(service);
        assert_eq!(backups(folder.path(), service).len(), usize::from(is_backed_up), "{service}");
    }
}

/// The folders with the backups of a service, one a day.
fn backups(folder: &Path, service: &str) -> Vec<PathBuf> {
    let days = fs::read_dir(folder.join("backups/store").join(service));
    days.into_iter().flatten().map(|day| day.unwrap().path()).collect()
}

/// What the backup's unit runs, with the state of systemd and the backups in `folder`.
fn backup(folder: &Path) -> Command {
    let text = fs::read_to_string(file("systemd/store-backup.service")).unwrap();
    let (_, script) = text.split_once("ExecStart=/bin/sh -ec '").unwrap();
    let (script, _) = script.split_once("'\n").unwrap();
    let (_, listed) = script.split_once("for name in ").unwrap();
    let (listed, _) = listed.split_once("; do").unwrap();
    // Who calls comes before who is called.
    assert!(listed.split(' ').eq(SERVICES.iter().rev().copied()), "{listed}");
    let script = [
        ("\\\n", ""),
        ("$$", "$"),
        ("%%", "%"),
        ("%S", &format!("{}/state", folder.display())),
        ("/var/backups", &format!("{}/backups", folder.display())),
        ("/usr/local/bin/store", PROGRAM),
    ]
    .iter()
    .fold(script.to_owned(), |script, (from, to)| script.replace(from, to));
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", &script]);
    command
}

/// Each variable that a unit or a container sets is in the help of its service.
pub(crate) fn settings_exist() {
    let container = fs::read_to_string(file("container.env")).unwrap();
    for service in SERVICES.iter() {
        let help = process::help(PROGRAM, service);
        let texts = ["store@.service".to_owned(), format!("store@{service}.service.d/tokens.conf")]
            .map(|name| fs::read_to_string(file("systemd").join(name)).unwrap());
        let lines = texts.iter().flat_map(|text| text.lines());
        let mut variables: BTreeSet<&str> =
            lines.filter_map(|line| Some(line.strip_prefix("Environment=")?.split_once('=')?.0)).collect();
        assert!(variables.len() > 2, "{variables:?}");
        let own = format!("{}_", service.to_uppercase());
        let lines = container.lines().filter(|line| line.starts_with(&own));
        variables.extend(lines.filter_map(|line| Some(line.split_once('=')?.0)));
        for variable in variables {
            assert!(help.contains(&format!("[env: {variable}=")), "{service} has no {variable}: {help}");
        }
        // A service has its own token and those of the services that it calls.
        let needed = help.matches("_TOKEN_FILE=").count();
        assert_eq!(texts[1].matches("LoadCredential=").count(), needed, "{service}");
    }
}
