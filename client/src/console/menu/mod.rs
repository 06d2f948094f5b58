//! The menu: prompts for commands and their arguments, until the customer leaves.

mod actions;
mod form;
mod choice;
mod raw_mode;

use clap::builder::styling::Style;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use self::{
    choice::{CHOICES, Choice, Stop},
    form::Form,
    raw_mode::RawMode,
};
use super::{
    addresses::Addresses,
    code::Code,
    failure::Failure,
    prompt::{self, Exit},
    show,
    store::Store,
};

const HELP: &str = "Arrows or typing choose, Enter continues, Esc leaves";

/// Shows the menu until the customer leaves: with Esc, Ctrl-D or the last choice, or with Ctrl-C, which is an interruption. In
/// a prompt, Esc returns to the menu.
pub(super) async fn run(store: &Store, addresses: &Addresses) -> Result<(), Failure> {
    let _raw_mode = RawMode::new()?;
    // While a request is in flight, Ctrl-C is a signal.
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut form = Form::default();
    prompt::title("The store")?;
    loop {
        match turn(store, addresses, &mut form, &mut interrupts).await {
            Ok(Choice::Leave) | Err(Stop::Exit(Exit::Leave)) => break,
            Ok(_) => form.clear(),
            Err(Stop::Exit(Exit::Back)) => {
                form.clear();
                show::say(Style::new(), "Back in the menu. Nothing was sent.")?;
            }
            Err(Stop::Exit(Exit::Interrupted)) => return Err(Failure::interrupted("")),
            Err(Stop::Exit(Exit::Failed(error))) => return Err(error.into()),
            Err(Stop::Failed(failure)) if matches!(failure.code, Code::Interrupted | Code::OutputClosed) => {
                return Err(failure);
            }
            Err(Stop::Failed(failure)) => {
                show::failure(&failure, false);
                if form.has_drafts() {
                    show::say(Style::new(), "What you typed is kept: press Enter to change it.")?;
                }
            }
        }
        show::out("\n")?;
    }
    prompt::outro("Goodbye.")?;
    Ok(())
}

/// Prompts for a choice and does it.
async fn turn(
    store: &Store,
    addresses: &Addresses,
    form: &mut Form,
    interrupts: &mut Signal,
) -> Result<Choice, Stop> {
    let items = CHOICES.map(|(choice, label)| (choice, label.to_owned()));
    let start = CHOICES.iter().position(|(choice, _)| *choice == form.choice).unwrap_or_default();
    let ask =
        || prompt::pick("What would you like to do?", HELP, &items, start, &mut String::new(), |_| vec![]);
    let choice = match block_in_place(ask) {
        Err(Exit::Back) => return Ok(Choice::Leave),
        result => result?,
    };
    form.begin(choice);
    let acted = tokio::select! {
        // The demo and the seed say themselves what they have done.
        biased;
        acted = actions::act(choice, store, addresses, form) => acted,
        _ = interrupts.recv() => Err(Exit::Interrupted.into()),
    };
    acted.map(|()| choice)
}
