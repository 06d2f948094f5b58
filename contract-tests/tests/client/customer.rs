//! A customer at the menu.

use crate::{Console, terminal::Terminal};

pub(crate) const ENTER: &str = "\r";
pub(crate) const DOWN: &str = "\u{1b}[B";
pub(crate) const BACKSPACE: &str = "\u{7f}";
pub(crate) const ESCAPE: &str = "\u{1b}";
pub(crate) const CONTROL_C: &str = "\u{3}";
pub(crate) const CONTROL_D: &str = "\u{4}";
pub(crate) const CONTROL_U: &str = "\u{15}";

/// The footer of a prompt for a line of text.
pub(crate) const LINE_HELP: &str = "└  Enter continues, Esc goes back, Ctrl-U clears the line";

/// A customer at the menu.
pub(crate) struct Customer {
    pub(crate) terminal: Terminal,
}

impl Customer {
    pub(crate) fn start(console: &Console, width: u16, variables: &[(&str, &str)]) -> Self {
        let customer = Self { terminal: Terminal::start(console, width, "", variables) };
        customer.is_at_the_menu();
        customer
    }

    #[track_caller]
    pub(crate) fn is_at_the_menu(&self) {
        self.terminal.shows("◆  What would you like to do?");
    }

    /// Searches for the choice, and takes it.
    #[track_caller]
    pub(crate) fn chooses(&mut self, choice: &str) {
        self.is_at_the_menu();
        self.takes(choice);
    }

    /// Searches a list, and takes what it finds.
    #[track_caller]
    pub(crate) fn takes(&mut self, what: &str) {
        self.terminal.types(what);
        self.terminal.shows("│  Search:");
        self.terminal.shows(&format!("● {what}"));
        self.terminal.types(ENTER);
    }

    #[track_caller]
    pub(crate) fn enters(&mut self, prompt: &str, text: &str) {
        self.terminal.shows(&format!("◆  {prompt}"));
        self.terminal.types(text);
        self.terminal.types(ENTER);
    }

    /// Takes the first product in the list.
    #[track_caller]
    pub(crate) fn takes_the_first_product(&mut self) {
        self.terminal.shows("◆  Product\n│  ● ");
        self.terminal.types(ENTER);
    }

    #[track_caller]
    pub(crate) fn leaves(mut self) {
        self.chooses("Leave");
        self.terminal.ends_with(&["└  Goodbye."]);
        assert_eq!(self.terminal.ends(), 0);
        assert!(self.terminal.has_cursor());
    }
}
