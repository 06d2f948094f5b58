//! When a service that died is restarted, and when the store gives up.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};

/// The first pause. Each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a service has to run for the next pause to be the first one again.
const WELL: Duration = Duration::from_secs(60);

/// After this many deaths within [`WELL`], the store stops restarting a service.
pub(crate) const DEATHS: usize = 5;

/// What happens to a service that dies.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct RestartSetting {
    /// Whether to restart a service that dies
    #[arg(long, env = "RESTART", default_value = "on-failure", value_name = "WHEN")]
    pub(crate) restart: Restart,
}

/// When a service is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Restart {
    /// After a pause that grows from 500ms to 30s; 5 deaths within a minute stop the store
    OnFailure,
    /// Never: the first service that dies stops the store
    Never,
}

/// The last deaths of a service.
#[derive(Default)]
pub(crate) struct Deaths {
    /// Those within [`WELL`].
    recent: VecDeque<Instant>,
    pause: Option<Duration>,
}

impl Deaths {
    /// Notes a death at `now` of a service that was started at `started`. Returns the pause before the next start, or none if
    /// the service dies too often.
    pub(crate) fn record(&mut self, started: Instant, now: Instant) -> Option<Duration> {
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|death| now.duration_since(*death) >= WELL) {
            self.recent.pop_front();
        }
        if self.recent.len() >= DEATHS {
            return None;
        }
        let was_well = now.duration_since(started) >= WELL;
        let longer = self.pause.filter(|_| !was_well).map(|pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(longer.unwrap_or(FIRST_PAUSE));
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses, in milliseconds, after deaths of a service that runs so many seconds each time.
    fn pauses(runs: &[u64]) -> Vec<Option<u128>> {
        let (mut deaths, mut now) = (Deaths::default(), Instant::now());
        let record = |seconds: &u64| {
            let started = now;
            now += Duration::from_secs(*seconds);
            let pause = deaths.record(started, now);
            now += pause.unwrap_or_default();
            pause.map(|pause| pause.as_millis())
        };
        runs.iter().map(record).collect()
    }

    #[test]
    fn pauses_grow_until_a_service_has_been_well() {
        let some = |pauses: &[u128]| pauses.iter().copied().map(Some).collect::<Vec<_>>();
        let grown = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
        assert_eq!(pauses(&[20; 8]), some(&grown));
        assert_eq!(pauses(&[20, 20, 59, 60, 20]), some(&[500, 1000, 2000, 500, 1000]));
    }

    #[test]
    fn the_fifth_death_within_a_minute_is_the_last() {
        assert_eq!(pauses(&[0; 5]), [Some(500), Some(1000), Some(2000), Some(4000), None]);
        assert_eq!(pauses(&[100, 0, 0, 0, 0]), [Some(500), Some(1000), Some(2000), Some(4000), None]);
        assert!(pauses(&[15; 20]).iter().all(Option::is_some));
    }
}
