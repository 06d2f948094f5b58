//! Properties: checks a statement on many values, and shrinks a value for which it fails.

use proptest::{
    prelude::*,
    test_runner::{FileFailurePersistence, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::engine::failure::Failure;

/// How many cases are tried, and which.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How many cases of each property.
    pub cases: u32,
    /// The same cases every time, or others each time, with those that failed kept in `contract-tests/regressions`.
    pub always_the_same: bool,
}

/// Tries `check` on many values.
///
/// # Errors
/// It fails for one of them. The message has the simplest that was found.
pub fn run<S: Strategy>(
    effort: Effort,
    values: S,
    check: impl Fn(S::Value) -> Result<(), Failure>,
) -> Result<(), String> {
    let regressions = concat!(env!("CARGO_MANIFEST_DIR"), "/regressions/failed.txt");
    let persistence = || -> Box<dyn proptest::test_runner::FailurePersistence> {
        Box::new(FileFailurePersistence::Direct(regressions))
    };
    let config = ProptestConfig {
        cases: effort.cases,
        failure_persistence: (!effort.always_the_same).then(persistence),
        max_shrink_iters: 500,
        ..ProptestConfig::default()
    };
    let mut runner = match effort.always_the_same {
        true => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        false => TestRunner::new(config),
    };
    let outcome =
        runner.run(&values, |value| check(value).map_err(|failure| TestCaseError::fail(failure.to_string())));
    outcome.map_err(|error| match error {
        TestError::Fail(reason, value) => format!("{reason}\nsimplest:   {value:?}"),
        TestError::Abort(reason) => reason.to_string(),
    })
}
