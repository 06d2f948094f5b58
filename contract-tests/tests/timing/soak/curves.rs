//! What was measured, window by window, and whether it grows.

use std::fmt::Write;

/// A figure, and how much of it the last third may have if the middle one had some: `factor` times as much, and `plus`.
pub(crate) struct Allowance {
    pub(crate) figure: &'static str,
    pub(crate) factor: f64,
    pub(crate) plus: f64,
}

struct Curve {
    name: String,
    allowance: &'static Allowance,
    values: Vec<f64>,
}

impl Curve {
    /// The medians of the three thirds.
    fn thirds(&self) -> [f64; 3] {
        let count = self.values.len();
        [0..count / 3, count / 3..count * 2 / 3, count * 2 / 3..count].map(|third| {
            let mut values = self.values[third].to_vec();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        })
    }

    /// What is wrong if it grows.
    fn drift(&self) -> Option<String> {
        let [_, middle, last] = self.thirds();
        let most = middle * self.allowance.factor + self.allowance.plus;
        (last > most).then(|| {
            format!(
                "{}: {} grow from {middle:.1} in the middle third to {last:.1} in the last one, and {most:.1} are allowed",
                self.name, self.allowance.figure
            )
        })
    }
}

/// All figures of a soak.
#[derive(Default)]
pub(crate) struct Curves(Vec<Curve>);

impl Curves {
    /// Notes the figure of what is called `name` in the current window.
    pub(crate) fn note(&mut self, name: &str, allowance: &'static Allowance, value: f64) {
        let known =
            self.0.iter_mut().find(|curve| curve.name == name && curve.allowance.figure == allowance.figure);
        match known {
            Some(curve) => curve.values.push(value),
            None => self.0.push(Curve { name: name.into(), allowance, values: vec![value] }),
        }
    }

    /// A sentence for each figure that grows more than it may.
    pub(crate) fn drifts(&self) -> Vec<String> {
        self.0.iter().filter_map(Curve::drift).collect()
    }

    /// The thirds of each figure, for people.
    pub(crate) fn summary(&self) -> String {
        let mut summary = "medians of the first, the middle and the last third\n".to_owned();
        for curve in &self.0 {
            let [first, middle, last] = curve.thirds();
            let name = format!("{}: {}", curve.name, curve.allowance.figure);
            // A text can always be written into a string.
            let _ = writeln!(summary, "{name:<48} {first:>9.2} {middle:>9.2} {last:>9.2}");
        }
        summary
    }

    /// All values as comma-separated text, with a line for each figure.
    pub(crate) fn table(&self) -> String {
        let line = |curve: &Curve| {
            let values: String = curve.values.iter().map(|value| format!(",{value:.3}")).collect();
            format!("\"{}: {}\"{values}\n", curve.name, curve.allowance.figure)
        };
        self.0.iter().map(line).collect()
    }
}

#[test]
fn only_growth_beyond_the_allowance_is_a_drift() {
    const BYTES: Allowance = Allowance { figure: "bytes", factor: 1.1, plus: 4.0 };
    let drifts = |values: &[f64]| {
        let mut curves = Curves::default();
        values.iter().for_each(|value| curves.note("it", &BYTES, *value));
        curves.drifts()
    };
    assert!(drifts(&[1.0, 9.0, 99.0, 100.0, 100.0, 100.0, 114.0, 114.0, 500.0]).is_empty());
    let sentence =
        "it: bytes grow from 100.0 in the middle third to 115.0 in the last one, and 114.0 are allowed";
    assert_eq!(drifts(&[1.0, 9.0, 99.0, 100.0, 100.0, 100.0, 115.0, 115.0, 10.0]), [sentence]);
}
