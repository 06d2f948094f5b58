//! The client against a running store: the console, in a pseudo-terminal too, and the examples:
//! `cargo test -p contract-tests --test client`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod commands;
mod errors;
mod examples;
mod menu;
mod output;
mod terminal;
mod tools;

use std::{
    env,
    process::{Command, ExitCode, Output},
};

use contract_tests::{engine::deployment::variable, harness::store::Store};
use libtest_mimic::{Arguments, Failed, Trial};

const CONSOLE: &str = env!("CARGO_BIN_EXE_console-under-test");

/// What is to be shown, and how.
type Case = (&'static str, fn(&Console));

/// Each case by its name.
macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case),)*)*]
    };
}

const CASES: &[Case] = cases! {
    commands:
        all_three_services_are_driven
        machines_get_what_the_service_answered
        a_list_is_as_long_as_was_asked_for
        a_command_with_a_key_can_be_repeated
        a_create_that_gets_no_answer_is_sent_again_and_done_once
        help_has_examples_everywhere
        shells_complete_commands;
    errors:
        a_refusal_is_told_with_what_can_be_done
        what_the_document_rules_out_is_not_sent
        a_wrong_token_is_told_with_the_variable_that_sets_it
        a_service_that_is_down_is_named_with_its_address
        what_only_the_log_can_explain_is_told_with_the_id_in_the_log
        a_service_that_answers_something_else_is_told
        machines_get_errors_as_json
        control_characters_are_shown_and_not_obeyed
        a_variable_that_is_set_but_empty_is_as_unset_except_a_token
        a_create_is_not_sent_again_before_the_service_says_so;
    output:
        only_a_terminal_gets_colours
        a_table_fits_the_terminal
        whoever_stops_reading_is_no_failure
        what_cannot_be_written_is_a_failure
        nobody_need_read_anything;
    tools:
        a_demo_explains_a_purchase_and_its_refusals
        a_seed_goes_on_after_an_interruption_and_creates_nothing_twice
        a_seed_that_cannot_go_on_says_how_to
        a_check_tells_what_is_up
        a_check_tells_what_is_not_up
        a_check_tells_a_wrong_token;
    menu:
        a_purchase_is_made_at_the_menu
        what_is_typed_is_checked_as_it_is_typed
        escape_leads_back_and_out
        control_c_leads_back_and_out
        a_service_that_is_down_does_not_end_the_menu
        a_long_list_is_shown_by_the_screen
        the_menu_fits_a_narrow_terminal
        the_menu_needs_no_colours
        without_a_terminal_there_is_no_menu;
    examples:
        something_is_bought
        every_refusal_is_handled
        what_is_sent_twice_is_created_once;
};

fn main() -> ExitCode {
    if let Some(code) = env::args().nth(1).and_then(|argument| examples::example(&argument)) {
        return code;
    }
    let trial = |(name, case): Case| {
        Trial::test(format!("client::{name}"), move || {
            case(&Console::start());
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().copied().map(trial).collect()).exit_code()
}

/// A store, and the program that drives it.
struct Console {
    store: Store,
}

impl Console {
    fn start() -> Self {
        Self { store: Store::start(env!("CARGO_BIN_EXE_store-under-test"), &[]) }
    }

    /// The variables that say where the store is.
    fn addresses(&self) -> impl Iterator<Item = (String, &str)> {
        self.store.services.iter().map(|process| (variable(process.service(), "URL"), process.url()))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(CONSOLE);
        command.args(line.split(' ')).envs(self.addresses());
        command
    }

    /// What is printed by a command that does what it is to do.
    #[track_caller]
    fn does(&self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        assert!(status.success(), "{line}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// A command that does not is told why, and nothing else.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, reason: &str) {
        fails(self.command(line), code, reason);
    }
}

/// What `command` tells when it fails with `code`, which has `reason` in it.
#[track_caller]
fn fails(mut command: Command, code: i32, reason: &str) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(code), b"".as_slice()), "{told}");
    assert!(told.contains(reason), "{told}");
    told
}
