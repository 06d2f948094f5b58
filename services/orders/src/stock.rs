//! The stock rule: an order is accepted if and only if there is as much as it asks for.
//!
//! Accepting it changes no stock: the check is all that is promised.

/// What becomes of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is enough.
    Accepted,
    /// There is less than was asked for.
    NotEnough,
}

/// Decides about an order for `quantity` of a product of which there are `stock`; neither is negative.
pub fn decide(quantity: i64, stock: i64) -> Decision {
    if quantity <= stock { Decision::Accepted } else { Decision::NotEnough }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_one_can_be_ordered_and_one_more_cannot() {
        assert_eq!(decide(20, 20), Decision::Accepted);
        assert_eq!(decide(21, 20), Decision::NotEnough);
        assert_eq!(decide(1, 0), Decision::NotEnough);
        assert_eq!(decide(i64::MAX, i64::MAX), Decision::Accepted);
    }

    proptest! {
        #[test]
        fn an_order_is_accepted_if_and_only_if_the_stock_covers_it(quantity in 1..=i64::MAX, stock in 0..=i64::MAX) {
            prop_assert_eq!(decide(quantity, stock) == Decision::Accepted, stock - quantity >= 0);
        }

        #[test]
        fn more_stock_never_turns_an_order_down(quantity in 1..=i64::MAX, stock in 0..i64::MAX) {
            if decide(quantity, stock) == Decision::Accepted {
                prop_assert_eq!(decide(quantity, stock + 1), Decision::Accepted);
            }
        }
    }
}
