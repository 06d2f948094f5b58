//! The menu: prompts for a command and its arguments, until the customer leaves.

mod actions;
mod form;
mod raw_mode;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::block_in_place,
};

use self::{form::Form, raw_mode::RawMode};
use super::{
    addresses::Addresses,
    code::Code,
    failure::Failure,
    prompt::{self, Exit},
    show,
    store::Store,
};

/// What the menu offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    CreateProduct,
    ListProducts,
    ShowProduct,
    ReplaceProduct,
    CreateOrder,
    ShowOrder,
    CreatePayment,
    ShowPayment,
    Check,
    Demo,
    Seed,
    Leave,
}

const CHOICES: [(Choice, &str); 12] = [
    (Choice::CreateProduct, "Create a product"),
    (Choice::ListProducts, "List products"),
    (Choice::ShowProduct, "Show a product"),
    (Choice::ReplaceProduct, "Replace a product"),
    (Choice::CreateOrder, "Create an order"),
    (Choice::ShowOrder, "Show an order"),
    (Choice::CreatePayment, "Create a payment"),
    (Choice::ShowPayment, "Show a payment"),
    (Choice::Check, "Check the services"),
    (Choice::Demo, "Walk through a purchase"),
    (Choice::Seed, "Fill the store with products"),
    (Choice::Leave, "Leave"),
];

const HELP: &str = "Arrows or typing choose, Enter goes on, Esc leaves";

/// Why an action of the menu ended without a result.
enum Stop {
    /// The customer left a prompt.
    Exit(Exit),
    Failed(Failure),
}

impl From<Exit> for Stop {
    fn from(exit: Exit) -> Self {
        Self::Exit(exit)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

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
                show::out("Back in the menu. Nothing was sent.\n")?;
            }
            Err(Stop::Exit(Exit::Interrupted)) => return Err(Failure::interrupted("")),
            Err(Stop::Exit(Exit::Failed(error))) => return Err(error.into()),
            Err(Stop::Failed(failure)) if matches!(failure.code, Code::Interrupted | Code::OutputClosed) => {
                return Err(failure);
            }
            Err(Stop::Failed(failure)) => {
                show::failure(&failure, false);
                if form.has_drafts() {
                    show::out("What you typed is kept: press Enter to change it.\n")?;
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
