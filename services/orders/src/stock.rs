//! The stock rule: an order is accepted if and only if the stock covers its quantity.

use chassis::values::{Count, Quantity};

/// The decision on an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is enough.
    Accepted,
    /// There is less than was asked for.
    NotEnough,
}

/// Decides about an order for `quantity` of a product of which there are `stock`.
pub fn decide(quantity: Quantity, stock: Count) -> Decision {
    if quantity.get() <= stock.get() { Decision::Accepted } else { Decision::NotEnough }
}

#[cfg(test)]
mod tests {
    use chassis::values::MAX_SAFE_INTEGER as MAX;
    use proptest::prelude::*;

    use super::*;

    fn accepts(quantity: i64, stock: i64) -> bool {
        decide(Quantity::new(quantity).unwrap(), Count::new(stock).unwrap()) == Decision::Accepted
    }

    #[test]
    fn the_last_one_can_be_ordered_and_one_more_cannot() {
        assert!(accepts(20, 20));
        assert!(!accepts(21, 20));
        assert!(!accepts(1, 0));
        assert!(accepts(MAX, MAX));
        assert!(!accepts(MAX, MAX - 1));
    }

    proptest! {
        #[test]
        fn an_order_is_accepted_if_and_only_if_something_would_be_left_or_nothing(
            quantity in 1..=MAX,
            stock in 0..=MAX,
        ) {
            prop_assert_eq!(accepts(quantity, stock), stock - quantity >= 0);
        }

        #[test]
        fn more_stock_never_turns_an_order_down(quantity in 1..=MAX, stock in 0..MAX) {
            prop_assert!(!accepts(quantity, stock) || accepts(quantity, stock + 1));
        }
    }
}
