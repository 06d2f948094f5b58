//! The properties that no list of requests can show: in any interleaving, every response is the one that a small model predicts,
//! and the stock rule holds.
//!
//! They hold for any faithful implementation. The rows that they create have names of their own, so they can run against a store
//! with other data.

mod concurrency;
mod creation;
mod interleavings;
mod requests;

use proptest::prelude::*;

use self::{
    concurrency::while_the_stock_changes,
    creation::{all_at_once, in_pages, once_it_is_there, without_a_trace},
    interleavings::in_any_interleaving,
    requests::*,
};

use crate::engine::{
    failure::Failure,
    property::{Effort, run},
    replay::case::Finding,
    session::{Scope, Session},
};

/// Something that is true of every store.
pub struct Property {
    /// As a sentence.
    pub name: &'static str,
    /// Which stores keep it.
    pub scope: Scope,
    /// Tries to show that it is not.
    pub check: fn(&Session, Effort) -> Result<Finding, String>,
}

/// Every property.
pub const PROPERTIES: [Property; 8] = [
    Property {
        name: "an_order_is_accepted_if_and_only_if_the_stock_covers_it_at_every_edge",
        scope: Scope::Common,
        check: |session, _| kept(at_every_edge(session)),
    },
    Property {
        name: "an_order_is_accepted_if_and_only_if_the_stock_covers_it",
        scope: Scope::Common,
        check: |session, effort| kept(for_any_stock_and_quantity(session, effort)),
    },
    Property {
        name: "every_response_matches_a_model_in_any_interleaving",
        scope: Scope::Common,
        check: |session, effort| kept(in_any_interleaving(session, effort)),
    },
    Property {
        name: "a_refused_order_leaves_no_trace",
        scope: Scope::Common,
        check: |session, _| kept(without_a_trace(session)),
    },
    Property {
        name: "a_missing_item_can_be_used_once_it_exists",
        scope: Scope::Common,
        check: |session, _| once_it_is_there(session).map_err(|failure| failure.to_string()),
    },
    Property {
        name: "concurrent_creates_get_distinct_ids",
        scope: Scope::Common,
        check: |session, effort| kept(all_at_once(session, effort)),
    },
    Property {
        name: "the_pages_add_up_to_the_list",
        scope: Scope::Whole,
        check: |session, _| kept(in_pages(session)),
    },
    Property {
        name: "concurrent_orders_keep_to_a_stock_that_the_product_had",
        scope: Scope::Common,
        check: |session, effort| kept(while_the_stock_changes(session, effort)),
    },
];

fn kept<E: ToString>(result: Result<(), E>) -> Result<Finding, String> {
    result.map(|()| Finding::Kept).map_err(|error| error.to_string())
}

fn at_every_edge(session: &Session) -> Result<(), Failure> {
    for stock in [0, 1, 2, 20, 99, 100, 101, 999, 1000, 1001, MAX - 1, MAX] {
        let product = create_product(session, &unique("edge"), 1.0, stock)?;
        for quantity in [1, stock.saturating_sub(1), stock, stock + 1, 10 * stock, MAX] {
            if (1..=MAX).contains(&quantity) {
                order(session, product, quantity, stock)?;
            }
        }
    }
    Ok(())
}

fn for_any_stock_and_quantity(session: &Session, effort: Effort) -> Result<(), String> {
    let amount = prop_oneof![4 => 0..200_u64, 1 => 0..100_000_u64, 1 => 0..=MAX];
    let near = (amount.clone(), -2..3_i64)
        .prop_map(|(stock, distance)| (stock, stock.saturating_add_signed(distance).clamp(1, MAX)));
    let any = prop_oneof![near, (amount.clone(), amount.prop_map(|quantity| quantity.max(1)))];
    run(effort, any, |(stock, quantity)| {
        let product = create_product(session, &unique("any"), 1.0, stock)?;
        order(session, product, quantity, stock)
    })
}
