//! Settings: flags and environment variables, read once at the start and refused early.
//!
//! A [`ServiceInfo`] is the one description of a service: its flags, variables, defaults and help follow from its name and port.
//! [`Settings`] are what one service reads; a service adds those that only it knows as a type of its own.

mod service_settings;
pub mod command_line;
mod common;
mod old_names;
mod limits;
mod duration;
mod service_info;
mod token_setting;
mod token;
mod startup_error;

pub use self::{
    common::{Common, LogFormat},
    limits::Limits,
    service_info::ServiceInfo,
    service_settings::{Settings, Upstream},
    startup_error::StartupError,
    token::{Secret, Token},
    token_setting::TokenSetting,
};
