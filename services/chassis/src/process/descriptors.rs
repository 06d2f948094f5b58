//! The limit on file descriptors. Each connection takes one, and the usual soft limit of 1,024 is too low for the connections that
//! a service accepts.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    server::RESERVE,
    settings::{Limits, StartupError},
};

/// How many descriptors are for anything but connections: the database, which every reader opens, the log and the runtime.
const FILES: u64 = 128;

/// Raises the soft limit as far as allowed.
///
/// # Errors
/// The hard limit is too low for `limits`.
pub(crate) fn raise_limit(limits: &Limits) -> Result<(), StartupError> {
    let needed = needed(limits);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Some(maximum) = maximum.filter(|maximum| *maximum < needed) {
        return Err(too_few(limits, needed, maximum));
    }
    // Some systems refuse the hard limit that they report, so try what is needed after that.
    for wanted in [maximum, Some(needed)] {
        if setrlimit(Resource::Nofile, Rlimit { current: wanted, maximum }).is_ok() {
            return Ok(());
        }
    }
    match current {
        Some(current) if current < needed => Err(too_few(limits, needed, current)),
        _ => Ok(()),
    }
}

/// One descriptor for each connection, and one for each upstream call, of which a request makes one at a time.
fn needed(limits: &Limits) -> u64 {
    let connections = u64::from(limits.max_connections) + RESERVE as u64;
    connections + connections.min(limits.max_requests.into()) + FILES
}

fn too_few(limits: &Limits, needed: u64, allowed: u64) -> StartupError {
    let connections = limits.max_connections;
    let fitting = allowed.saturating_sub(FILES + 2 * RESERVE as u64) / 2;
    let advice = match fitting {
        0 => String::new(),
        fitting => format!(", or set MAX_CONNECTIONS to {fitting} or less"),
    };
    StartupError::new(format!(
        "MAX_CONNECTIONS is {connections}, which needs {needed} file descriptors, but this process is limited to {allowed}: \
         raise the hard limit (ulimit -Hn){advice}."
    ))
}
