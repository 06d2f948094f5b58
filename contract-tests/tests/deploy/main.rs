//! The files in `services/store/deploy`, and the store behind other programs: `cargo test --test deploy`.
//!
//! It needs `systemd-analyze`, `haproxy`, `nginx`, `prometheus` and PostgreSQL, on the PATH, in `/usr/sbin`, or named by `NGINX_PROGRAM` and so
//! on. The units run in a machine of systemd-nspawn (package `systemd-container`), and the image with `podman`; both need root.
//! `STATIC_STORE` names a static binary to put into the image. A test that cannot run here is shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod container;
mod instances;
mod machine;
mod operation;
mod prefix;
mod prometheus;
mod proxies;
mod proxy;
mod recorder;
mod units;

use std::{path::PathBuf, process::ExitCode};

use contract_tests::harness::{postgres, programs};
use libtest_mimic::{Arguments, Trial};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trial = |program: &str, name: &str, check: Box<dyn FnOnce() + Send>| {
        let missing = find(program).err();
        if let Some(reason) = missing.as_ref().filter(|_| !arguments.list) {
            eprintln!("skipped: {name}, because {reason}");
        }
        Trial::test(name, move || {
            check();
            Ok(())
        })
        .with_ignored_flag(missing.is_some())
    };
    let mut trials = vec![
        trial("systemd-analyze", "systemd::the_units_are_valid", Box::new(units::are_valid)),
        trial("systemd-analyze", "systemd::a_service_is_exposed_to_little", Box::new(units::are_hardened)),
        Trial::test("every_setting_of_a_unit_and_a_container_exists", || {
            units::settings_exist();
            Ok(())
        }),
        Trial::test("systemd::every_service_of_a_machine_is_backed_up", || {
            units::back_up_what_is_there();
            Ok(())
        }),
    ];
    let in_machine: [(&str, fn()); 7] = [
        ("nspawn::services_run_without_rights", operation::run_without_rights),
        ("nspawn::a_service_that_dies_is_started_again", operation::start_again),
        ("nspawn::a_token_is_changed_by_restarts", operation::change_a_token),
        ("nspawn::a_backup_is_restored", operation::back_up_and_restore),
        ("podman::a_container_runs_without_rights", container::run_without_rights),
        ("podman::a_container_says_whether_it_is_healthy", container::tell_health),
        ("podman::data_outlive_a_container", container::keep_data),
    ];
    let no_machine = if arguments.list { None } else { machine::obstacle() };
    for (name, check) in in_machine {
        let no_podman = name.starts_with("podman").then(|| find("podman").err()).flatten();
        let obstacle = no_machine.as_ref().or(no_podman.as_ref());
        if let Some(obstacle) = obstacle {
            eprintln!("skipped: {name}, because {obstacle}");
        }
        let trial = Trial::test(name, move || {
            check();
            Ok(())
        });
        trials.push(trial.with_ignored_flag(obstacle.is_some()));
    }
    for kind in [proxy::Kind::HaProxy, proxy::Kind::Nginx] {
        let program = kind.program();
        let name = |name: &str| format!("{program}::{name}");
        trials.extend([
            trial(
                program,
                &name("requests_go_through_and_a_stop_is_noticed"),
                Box::new(move || proxies::forward(kind)),
            ),
            trial(
                program,
                &name("a_create_is_sent_once_and_a_read_may_be_repeated"),
                Box::new(move || proxies::repeat_what_is_safe(kind)),
            ),
            trial(
                program,
                &name("forwarding_headers_of_callers_are_replaced"),
                Box::new(move || proxies::name_the_caller(kind)),
            ),
        ]);
    }
    let no_instances = find("haproxy").err().or(postgres::is_missing().map(str::to_owned));
    let name = "haproxy::an_instance_that_stops_or_dies_is_not_missed";
    if let Some(reason) = no_instances.as_ref().filter(|_| !arguments.list) {
        eprintln!("skipped: {name}, because {reason}");
    }
    let trial = Trial::test(name, || {
        instances::lose_one();
        Ok(())
    });
    trials.push(trial.with_ignored_flag(no_instances.is_some()));
    trials.extend(prefix::trials(&arguments));
    trials.extend(prometheus::trials());
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A program that is not ours, such as `nginx`, which `NGINX_PROGRAM` can name.
fn find(program: &str) -> Result<PathBuf, String> {
    programs::find(&format!("{}_PROGRAM", program.to_uppercase().replace('-', "_")), program)
}

/// A file of the deployment.
fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../services/store/deploy", name].iter().collect()
}
