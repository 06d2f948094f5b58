//! The client against a running store: the console, in a pseudo-terminal too, and the examples:
//! `cargo test --test client`.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod commands;
mod customer;
mod errors;
mod evolution;
mod examples;
mod menu;
mod output;
mod prompts;
mod reservations;
mod retries;
mod terminal;
mod tls;
mod tools;

use std::{
    env,
    process::{Command, ExitCode, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use contract_tests::{
    engine::{deployment::variable, exchange::Response},
    harness::{proxy::Proxy, store::Store},
};
use libtest_mimic::{Arguments, Failed, Trial};

const CONSOLE: &str = env!("CARGO_BIN_EXE_console-under-test");

/// A test and its name.
type Case = (&'static str, fn(&Console));

/// Names each case after its module.
macro_rules! cases {
    ($($module:ident: $($case:ident)*;)*) => {
        &[$($((concat!(stringify!($module), "::", stringify!($case)), $module::$case),)*)*]
    };
}

const CASES: &[Case] = cases! {
    commands:
        the_console_drives_all_three_services
        json_output_is_the_response_of_the_service
        a_list_has_the_requested_length
        a_replacement_with_an_etag_spares_a_product_that_has_changed
        a_command_with_a_key_can_be_repeated
        every_help_has_examples
        shells_complete_commands;
    errors:
        an_error_message_comes_with_advice
        invalid_arguments_are_not_sent
        the_advice_on_a_wrong_token_names_its_variable
        an_unreachable_service_is_named_with_its_address
        a_silent_service_is_named
        the_service_to_blame_is_named
        tokens_are_set_as_those_of_the_services
        an_error_inside_a_service_names_its_trace
        an_undocumented_response_is_an_error
        errors_are_printed_as_json
        usage_errors_are_printed_as_json
        control_characters_are_escaped
        an_empty_variable_counts_as_unset_except_for_a_token;
    evolution:
        a_client_has_the_status_and_the_text_of_an_unknown_error
        the_console_shows_an_unknown_error_with_its_status
        an_unknown_value_of_an_enum_is_an_undocumented_response;
    output:
        only_terminals_get_colours
        a_table_fits_the_terminal
        a_list_in_a_pipe_has_tabs
        a_list_in_a_terminal_goes_through_the_pager
        a_closed_output_is_no_failure
        a_failed_write_is_a_failure
        every_command_survives_a_closed_or_full_output;
    reservations:
        the_console_reserves_stock_and_gives_it_back;
    retries:
        a_create_without_a_response_is_retried_and_creates_once
        a_create_is_not_retried_before_retry_after
        a_service_that_fails_slowly_is_asked_once
        the_console_waits_longer_than_it_tells_the_service;
    tls:
        a_service_is_reached_over_tls;
    tools:
        the_demo_explains_a_purchase_and_its_errors
        the_demo_shows_who_gets_the_last_piece
        an_interrupted_demo_says_what_it_created
        a_seed_continues_after_an_interruption_and_creates_nothing_twice
        a_failed_seed_says_how_to_continue
        a_check_shows_services_that_are_ready
        a_check_explains_services_that_are_not_ready
        a_check_reports_a_wrong_token;
    menu:
        the_menu_leads_through_a_purchase
        the_menu_replaces_a_product_from_its_current_fields
        a_reservation_during_a_replacement_is_not_lost
        the_menu_checks_demonstrates_and_fills_the_store
        a_product_is_found_by_its_name_and_by_its_id
        what_was_typed_is_kept_after_a_refusal
        an_unreachable_service_does_not_end_the_menu
        a_long_list_is_shown_a_screen_at_a_time
        without_a_terminal_there_is_no_menu;
    prompts:
        the_menu_checks_input_with_every_key
        escape_returns_to_the_menu_and_leaves_it
        control_d_leaves_from_anywhere
        control_c_leaves_with_130_from_anywhere
        the_menu_fits_a_narrow_terminal
        the_menu_works_without_colours;
    examples:
        the_purchase_succeeds
        every_error_is_handled
        a_retried_create_creates_once;
};

fn main() -> ExitCode {
    if let Some(code) = env::args().nth(1).and_then(|argument| examples::example(&argument)) {
        return code;
    }
    let trial = |(name, case): Case| {
        Trial::test(format!("client::{name}"), move || {
            case(&Console::start(&[]));
            Ok::<(), Failed>(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), CASES.iter().copied().map(trial).collect()).exit_code()
}

/// A proxy before products that loses the first response. It counts the requests.
fn losing_the_first_response(store: &Store) -> (Proxy, Arc<AtomicUsize>) {
    let proxy = Proxy::start("products");
    proxy.forward_to(store.services[0].url());
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    proxy.tamper(Some(Arc::new(move |request, forward| {
        let response = forward(&request);
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Response { status: 502, ..Response::default() },
            _ => response,
        }
    })));
    (proxy, sent)
}

/// A running store, and the console that drives it.
struct Console {
    store: Store,
}

impl Console {
    fn start(settings: &[(&str, &str)]) -> Self {
        Self { store: Store::start(env!("CARGO_BIN_EXE_store-under-test"), settings) }
    }

    /// The variables with the addresses of the services.
    fn addresses(&self) -> impl Iterator<Item = (String, &str)> {
        self.store.services.iter().map(|process| (variable(process.service(), "URL"), process.url()))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(CONSOLE);
        command.args(line.split(' ')).envs(self.addresses());
        command
    }

    /// The output of a command that succeeds.
    #[track_caller]
    fn succeeds(&self, line: &str) -> String {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        assert!(status.success(), "{line}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// A command that fails prints only `reason`.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, reason: &str) {
        fails(self.command(line), code, reason);
    }
}

/// The error output of `command`, which fails with `code` and contains `reason`.
#[track_caller]
fn fails(mut command: Command, code: i32, reason: &str) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stdout.as_slice()), (Some(code), b"".as_slice()), "{message}");
    assert!(message.contains(reason), "{message}");
    message
}
