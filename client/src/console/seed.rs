//! Fills a store with products, and creates each of them only once, even if the command is repeated.

use std::{fmt, time::Instant};

use clap::builder::styling::Style;
use console::Term;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Value, json};

use super::{arguments::Seed, catalogue, failure::Failure, show, store::Store, waiting};

/// How often a create is sent before the command fails, with growing pauses: about half a minute.
const TRIES: u32 = 10;

/// In a terminal with fewer columns, the bar is omitted.
const NARROW: u16 = 60;

/// Creates the products of `seed` that do not exist yet.
pub(super) async fn run(store: &Store, seed: &Seed, json: bool) -> Result<(), Failure> {
    let Seed { products, seed: number, concurrency } = *seed;
    let started = Instant::now();
    let _line = waiting::Line::claim();
    let bar = bar(products);
    let mut created: u64 = 0;

    let all = async {
        let highest_before = highest_id(store).await?;
        let create = async |index| {
            let (product, key) = catalogue::product(number, index);
            store.create_product_with_retries(&product, &key.to_string(), TRIES).await
        };
        let mut responses = stream::iter(0..products).map(create).buffer_unordered(concurrency as usize);
        while let Some(product) = responses.try_next().await? {
            created += u64::from(product["id"].as_u64() > Some(highest_before));
            bar.inc(1);
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = all => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted("")),
    };
    let done = bar.position();
    bar.finish_and_clear();

    if let Err(failure) = outcome {
        let rest = format!(
            "{done} of {products} products exist. The same command continues with the rest and creates nothing twice."
        );
        let advice = [failure.advice.as_str(), rest.as_str()].join(" ").trim_start().to_owned();
        return Err(Failure { advice, ..failure });
    }
    let seconds = started.elapsed().as_secs_f64();
    let rate = (products as f64 / seconds).round();
    if json {
        let report: Value =
            json!({ "products": products, "created": created, "seconds": seconds, "per_second": rate });
        return show::out(&format!("{report}\n"));
    }
    let report = format!(
        "{products} products exist: {created} new and {} old. It took {seconds:.1} seconds, {rate} products a second.",
        products - created
    );
    show::say(Style::new(), &report)
}

/// A bar on standard error, if that is a terminal that can draw it.
fn bar(products: u64) -> ProgressBar {
    let width = Term::stderr().size().1;
    let template = match width {
        ..NARROW => "{human_pos}/{human_len}, {eta} left",
        _ => "{wide_bar:.cyan/dim} {human_pos}/{human_len}, {rate} a second, {eta} left",
    };
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        let _ = write!(text, "{:.0}", state.per_sec());
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = match waiting::is_dumb() {
        true => ProgressBar::hidden(),
        false => ProgressBar::new(products),
    };
    bar.set_length(products);
    bar.with_style(style.with_key("rate", rate))
}

/// The id of the newest product, or 0: products with a higher id were created later.
async fn highest_id(store: &Store) -> Result<u64, Failure> {
    let is_any_above = async |id: u64| {
        let after = Some(id).filter(|id| *id > 0);
        store.products(Some(1), after).next(1).await.map(|page| page.is_some())
    };
    if !is_any_above(0).await? {
        return Ok(0);
    }
    let (mut low, mut high) = (0, 1);
    while is_any_above(high).await? {
        (low, high) = (high, high * 2);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match is_any_above(middle).await? {
            true => low = middle,
            false => high = middle,
        }
    }
    Ok(high)
}
