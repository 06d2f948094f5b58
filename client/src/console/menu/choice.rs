//! What the menu offers.

use crate::console::{failure::Failure, prompt::Exit};

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
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

pub(super) const CHOICES: [(Choice, &str); 12] = [
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

/// Why an action of the menu ended without a result.
pub(super) enum Stop {
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
