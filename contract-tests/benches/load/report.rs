//! The results as tables.

use std::thread;

use hdrhistogram::Histogram;

/// All that was measured in one run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) lines: Vec<Line>,
    pub(crate) figures: Vec<Figure>,
    /// The names of other implementations of the store.
    pub(crate) peers: Vec<String>,
    /// The peak memory of each service, in MiB.
    pub(crate) memory: Vec<(&'static str, f64)>,
}

/// Work of many callers. Rates are a second, ratios are to the limit in the same round, all of them medians.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) limit: f64,
    pub(crate) rate: f64,
    pub(crate) ratio: f64,
    /// The ratio of a service that does the same and promises nothing.
    pub(crate) barest: Option<f64>,
    /// What has to reach the goal: the ratio, or that to the barest service if there is one.
    pub(crate) share: f64,
    pub(crate) goal: f64,
    /// For one request, of all services that work at it.
    pub(crate) microseconds_of_cpu: f64,
    /// How many writes shared a commit, on average.
    pub(crate) group: Option<f64>,
    /// In microseconds, asked as fast as possible.
    pub(crate) busy: Histogram<u64>,
    /// In microseconds, asked at a fixed rate.
    pub(crate) steady: Histogram<u64>,
    /// The ratios of other implementations, in the order of [`Report::peers`].
    pub(crate) peers: Vec<f64>,
}

impl Line {
    pub(crate) fn is_reached(&self) -> bool {
        self.share >= self.goal
    }
}

/// A single figure.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) target: Target,
    pub(crate) unit: &'static str,
    pub(crate) explanation: String,
}

/// What a figure has to reach.
pub(crate) enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Figure {
    fn is_reached(&self) -> bool {
        match self.target {
            Target::AtLeast(least) => self.value >= least,
            Target::AtMost(most) => self.value <= most,
        }
    }

    fn target(&self) -> String {
        let (word, value) = match self.target {
            Target::AtLeast(value) => ("at least", value),
            Target::AtMost(value) => ("at most", value),
        };
        format!("{word} {value}{}", self.unit)
    }
}

impl Report {
    /// Prints everything, for people.
    pub(crate) fn print(&self) {
        let cores = thread::available_parallelism().map_or(0, usize::from);
        println!(
            "\n{cores} cores, which callers and services share; ratios are to bare hyper in the same round; barest is the\n\
             ratio of hyper and SQLite doing no more than what has to be done; share is the ratio to that, or to bare hyper\n"
        );
        let peers: String = self.peers.iter().map(|peer| format!(" {peer:>10}")).collect();
        println!(
            "{:<25} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} {:>6} {:>6}{peers}   p50, p99, p99.9 in ms",
            "", "ratio", "barest", "share", "goal", "a sec.", "limit", "CPU µs", "group"
        );
        for line in &self.lines {
            let Line { name, ratio, share, goal, rate, limit, microseconds_of_cpu, .. } = line;
            let verdict = if line.is_reached() { "" } else { "  MISSED" };
            let peers: String = line.peers.iter().map(|peer| format!(" {peer:>10.3}")).collect();
            let barest = line.barest.map(|barest| format!("{barest:.2}")).unwrap_or_default();
            let group = line.group.map(|group| format!("{group:.1}")).unwrap_or_default();
            let (busy, steady) = (quantiles(&line.busy), quantiles(&line.steady));
            print!(
                "{name:<25} {ratio:>6.2} {barest:>6} {share:>6.2} {goal:>6.2} {rate:>7.0} {limit:>7.0} {microseconds_of_cpu:>6.1} {group:>6}"
            );
            println!("{peers}   {busy} busy, {steady} steady{verdict}");
        }
        println!();
        for figure in &self.figures {
            let verdict = if figure.is_reached() { "" } else { "  MISSED" };
            println!(
                "{:<36} {:>6.2}{:<4} {:<16} {}{verdict}",
                figure.name,
                figure.value,
                figure.unit,
                figure.target(),
                figure.explanation
            );
        }
        for (service, mib) in &self.memory {
            println!("{service:<8} had {mib:.1} MiB of memory at most");
        }
    }
}

fn quantiles(microseconds: &Histogram<u64>) -> String {
    let quantile = |quantile| format!("{:.2}", microseconds.value_at_quantile(quantile) as f64 / 1e3);
    [0.5, 0.99, 0.999].map(quantile).join(" ")
}
