//! Settings: flags and environment variables, read and checked once at the start.
//!
//! A [`ServiceInfo`] describes a service by its name and port; flags, variables, defaults and help follow from it.
//! [`Settings`] are the settings of one service, to which it can add its own. [`Common`] are those that every program has.

mod service_settings;
pub mod command_line;
mod common;
mod old_names;
mod limits;
mod cors_origins;
mod trusted_proxies;
mod service_info;
mod database;
mod duration;
mod address;
mod public_url;
mod token_files;
mod token_setting;
mod token;
mod secret;
mod startup_error;

pub use self::{
    address::listen_address,
    common::{Common, LogFormat},
    cors_origins::CorsOrigins,
    database::{DatabaseSettings, DatabaseUrl},
    limits::Limits,
    public_url::PublicUrl,
    service_info::ServiceInfo,
    service_settings::{Settings, Upstream},
    startup_error::StartupError,
    token::Token,
    token_setting::{TokenSetting, TokenSource},
    trusted_proxies::TrustedProxies,
};
pub(crate) use self::{
    token::CurrentToken,
    token_files::{Reread, TokenFiles},
};
