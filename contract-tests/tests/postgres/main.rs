//! The store on PostgreSQL: `cargo test --test postgres`.
//!
//! Tests the essential promises on PostgreSQL, with one and with two instances of each service, and what only a store with a server
//! can have: several instances, and a server that fails. With `STORE_ENGINE=postgres`, the targets `replay`,
//! `stock`, `faults` and `fuzz` run on PostgreSQL. Without a server (see `harness::postgres`), the tests are shown as ignored.

#![allow(clippy::disallowed_macros, reason = "a test prints what it finds")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod contract;
mod copy;
mod deadlock;
mod failover;
mod failures;
mod full_disk;
mod groups;
mod hosts;
mod instances;
mod lists;
mod load;
mod relay;
mod settling;
mod several;
mod startup;
mod telemetry;

use std::process::ExitCode;

use contract_tests::harness::postgres::{self, Disk};
use copy::{interrupted, refused};
use libtest_mimic::{Arguments, Completion, Trial};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store-under-test");

/// A test, with its name.
type Case = (&'static str, fn());

macro_rules! cases {
    ($($module:ident: $($case:ident),+;)+) => {
        [$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case as fn())),+),+]
    };
}

const CASES: [Case; 49] = cases! {
    contract: every_workflow_and_generated_case_passes, every_property_of_the_stock_holds,
        operations_fail_without_their_table_and_go_on_with_it, a_key_in_flight_is_refused;
    several: two_instances_pass_every_workflow_and_generated_case, every_property_of_the_stock_holds_at_two_instances,
        both_hold_while_instances_are_killed_and_restarted, killed_instances_lose_and_double_nothing,
        one_key_at_two_instances_at_once_creates_one_row, a_replaced_product_is_read_as_replaced_at_once,
        orders_with_reservations_at_two_instances_sell_nothing_twice, migrations_run_once_when_many_instances_start_at_once;
    lists: a_page_waits_for_a_product_that_is_yet_to_appear, a_whole_list_waits_for_a_product_between_two_chunks,
        a_list_with_old_gaps_does_not_wait, a_list_goes_on_after_the_deadline_of_its_request;
    settling: a_young_intent_of_a_crashed_instance_is_settled_once_it_is_old;
    failures: terminated_connections_lose_no_acknowledged_write, a_stored_value_that_is_out_of_range_is_a_500,
        a_write_is_cancelled_at_its_deadline, a_lock_is_waited_for_until_the_statement_timeout,
        a_lock_that_is_freed_in_time_is_only_waited_for, conflicts_of_transactions_are_tried_again,
        a_commit_whose_outcome_the_server_does_not_know_is_a_500;
    groups: each_caller_gets_its_own_row, a_refused_write_does_not_fail_others, a_deadline_that_passes_does_not_fail_others,
        a_write_whose_deadline_passes_while_it_is_collected_is_not_done,
        a_write_whose_caller_hangs_up_while_it_is_collected_is_not_done,
        those_that_wait_for_a_connection_in_vain_are_503_each, a_spoilt_row_does_not_fail_the_reads_of_others;
    deadlock: a_transaction_that_ends_a_deadlock_is_tried_again;
    startup: a_url_can_be_read_from_a_file, a_stop_ends_a_start_that_waits;
    copy: a_copied_store_responds_as_before_on_either_engine, a_file_that_is_copied_there_and_back_is_equal,
        a_server_can_be_copied_to_another, a_large_database_takes_no_more_memory_than_a_small_one;
    interrupted: a_killed_copy_to_a_server_goes_on, a_copy_that_is_stopped_with_ctrl_c_goes_on,
        a_killed_copy_to_a_file_goes_on, a_source_that_changes_meanwhile_is_noticed;
    refused: a_refused_copy_is_explained_in_a_sentence, a_database_in_use_is_not_copied,
        a_wrong_command_line_ends_with_2, a_full_disk_is_reported_and_the_copy_resumes_with_free_space;
    telemetry: reads_and_writes_are_spans_below_their_requests, metrics_tell_of_reads_writes_and_connections,
        a_read_that_hangs_is_seen_while_it_does_and_measured_when_it_is_given_up;
};

/// Those that need a server that a test can start, or whose socket it can reach.
const CASES_WITH_A_LOCAL_SERVER: [Case; 17] = cases! {
    failures: readyz_reports_a_killed_server_and_the_service_recovers, connections_that_run_out_are_503,
        a_lost_response_to_a_commit_is_a_500_and_the_key_makes_a_retry_safe,
        a_server_that_falls_silent_leaves_only_a_commit_unknown;
    groups: a_lost_response_to_the_commit_of_many_is_a_500_for_each,
        a_commit_of_many_without_a_response_is_a_500_for_each_at_its_deadline;
    failover: a_promoted_standby_has_every_acknowledged_write, a_failover_leaves_no_stock_taken_without_an_order,
        a_primary_that_hangs_is_given_up_at_the_deadline, a_write_that_no_standby_has_is_not_acknowledged;
    hosts: a_silent_host_leaves_time_for_the_next, a_host_that_takes_no_writes_is_passed_over;
    interrupted: a_copy_whose_server_is_killed_goes_on;
    settling: open_intents_stay_counted_while_the_database_is_away;
    startup: a_database_that_cannot_be_used_is_explained_in_a_sentence, a_password_is_shown_nowhere,
        tls_is_checked_as_sslmode_says;
};

fn main() -> ExitCode {
    let trials = |cases: &[Case], missing: Option<&'static str>| -> Vec<Trial> {
        let trial = |(name, test): &Case| {
            let (name, test) = (*name, *test);
            let run = move || match missing {
                Some(reason) => Ok(Completion::ignored_with(reason)),
                None => {
                    test();
                    Ok(Completion::Completed)
                }
            };
            Trial::ignorable_test(name, run)
        };
        cases.iter().map(trial).collect()
    };
    let full_disk =
        Trial::ignorable_test("full_disk::readyz_reports_a_full_disk_and_the_service_recovers", move || {
            let disk = postgres::is_not_installed().map_or_else(Disk::mount, |reason| Err(reason.to_owned()));
            Ok(match disk {
                Err(reason) => Completion::ignored_with(reason),
                Ok(disk) => {
                    full_disk::readyz_reports_a_full_disk_and_the_service_recovers(&disk);
                    Completion::Completed
                }
            })
        });
    let all = [
        trials(&CASES, postgres::is_missing()),
        trials(&CASES_WITH_A_LOCAL_SERVER, postgres::is_not_installed()),
        vec![full_disk],
    ];
    libtest_mimic::run(&Arguments::from_args(), all.into_iter().flatten().collect()).exit_code()
}
