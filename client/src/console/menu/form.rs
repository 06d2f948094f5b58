//! Keeps what the customer typed until a request with it succeeds.

use std::collections::HashMap;

use tokio::task::block_in_place;

use super::choice::Choice;
use crate::console::{
    limits::Field,
    prompt::{self, Exit},
};

/// The prompts of the current choice, with what was typed before a failure.
pub(super) struct Form {
    pub(super) choice: Choice,
    drafts: HashMap<&'static str, String>,
    /// The order of this session that was created or shown last.
    pub(super) last_order: Option<u64>,
}

impl Default for Form {
    fn default() -> Self {
        Self { choice: Choice::CreateProduct, drafts: HashMap::new(), last_order: None }
    }
}

impl Form {
    /// Begins to fill in the form of `choice`. What was typed for another choice is dropped.
    pub(super) fn begin(&mut self, choice: Choice) {
        if self.choice != choice {
            self.clear();
        }
        self.choice = choice;
    }

    pub(super) fn clear(&mut self) {
        self.drafts.clear();
    }

    pub(super) fn has_drafts(&self) -> bool {
        !self.drafts.is_empty()
    }

    pub(super) fn draft(&self, question: &str) -> Option<&str> {
        self.drafts.get(question).map(String::as_str)
    }

    pub(super) fn keep(&mut self, question: &'static str, text: String) {
        self.drafts.insert(question, text);
    }

    /// Prompts for a `field`. The prompt begins with what was typed before, or with `text`.
    pub(super) fn ask<T>(
        &mut self,
        question: &'static str,
        field: &Field,
        text: &str,
        parse: fn(&Field, &str) -> Result<T, String>,
    ) -> Result<T, Exit> {
        self.ask_with(question, &field.to_string(), text, |text| parse(field, text))
    }

    /// Prompts for a text that `parse` takes, and keeps it if it is not the `text` that was there before.
    pub(super) fn ask_with<T>(
        &mut self,
        question: &'static str,
        hint: &str,
        text: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Exit> {
        let begin = self.draft(question).unwrap_or(text);
        let (typed, value) = block_in_place(|| prompt::line(question, hint, begin, parse))?;
        match typed == text {
            // Next time, there may be another text.
            true => drop(self.drafts.remove(question)),
            false => self.keep(question, typed),
        }
        Ok(value)
    }
}
