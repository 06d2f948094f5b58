//! A real browser, for the page that shows a document.

pub mod swagger_ui;
pub mod chromium;
