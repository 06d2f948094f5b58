//! File descriptors: each connection takes one, and the usual soft limit of 1,024 is less than the connections that a service
//! takes on.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    server::RESERVE,
    settings::{Limits, StartupError},
};

/// How many descriptors go to what is no connection: the database, which its readers open several times, the log, the runtime.
const FILES: u64 = 128;

/// Raises the soft limit to what is allowed.
///
/// # Errors
/// That is too little for `limits`.
pub(crate) fn raise_limit(limits: &Limits) -> Result<(), StartupError> {
    let needed = needed(limits);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Some(maximum) = maximum.filter(|maximum| *maximum < needed) {
        return Err(too_few(limits, needed, maximum));
    }
    // Some systems have a lower limit than they say, so the whole is tried first, then what is needed.
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

/// A descriptor for each connection, and one for each call to another service, of which a request in flight makes one at a time.
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
        "MAX_CONNECTIONS is {connections}, which takes {needed} file descriptors, and this process may have {allowed}: raise \
         its hard limit (ulimit -Hn){advice}."
    ))
}
