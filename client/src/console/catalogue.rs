//! Generates any number of plausible products, the same for the same seed.

use uuid::Uuid;

use super::arguments::NewProduct;

/// Things to sell, with their lowest and highest price.
const THINGS: [(&str, u32, u32); 36] = [
    ("armchair", 180, 900),
    ("backpack", 35, 180),
    ("bedside table", 60, 320),
    ("bookshelf", 80, 650),
    ("bread knife", 15, 95),
    ("candle holder", 8, 60),
    ("coffee grinder", 25, 240),
    ("coffee table", 90, 700),
    ("cutting board", 12, 85),
    ("desk", 150, 1400),
    ("desk lamp", 20, 190),
    ("dining chair", 50, 380),
    ("espresso machine", 120, 1900),
    ("fountain pen", 18, 420),
    ("frying pan", 20, 160),
    ("headphones", 30, 550),
    ("keyboard", 25, 260),
    ("kettle", 20, 140),
    ("laptop stand", 18, 110),
    ("mixing bowl", 8, 70),
    ("monitor", 110, 1300),
    ("mouse", 12, 130),
    ("mug", 6, 35),
    ("notebook", 4, 30),
    ("office chair", 90, 1200),
    ("picture frame", 7, 90),
    ("radio", 40, 330),
    ("raincoat", 45, 290),
    ("rug", 60, 1100),
    ("serving tray", 14, 80),
    ("tea towel", 5, 25),
    ("teapot", 16, 130),
    ("umbrella", 12, 95),
    ("vase", 9, 210),
    ("wall clock", 15, 230),
    ("water bottle", 10, 55),
];

const MATERIALS: [&str; 16] = [
    "Ash", "Bamboo", "Birch", "Brass", "Ceramic", "Cherry", "Copper", "Cotton", "Glass", "Linen", "Marble",
    "Oak", "Steel", "Stone", "Walnut", "Wool",
];

const VARIANTS: [&str; 14] = [
    "",
    "",
    "",
    ", black",
    ", blue",
    ", compact",
    ", green",
    ", grey",
    ", large",
    ", red",
    ", set of two",
    ", small",
    ", white",
    ", yellow",
];

/// The cents of a price.
const ENDINGS: [u32; 5] = [0, 50, 90, 95, 99];

/// The `index`th product of `seed`, and its idempotency key.
pub(super) fn product(seed: u64, index: u64) -> (NewProduct, Uuid) {
    let key =
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("a product of the store: {seed}/{index}").as_bytes());
    let mut chance = Chance(key.as_u128());
    let (thing, least, most) = chance.one_of(&THINGS);
    let material = chance.one_of(&MATERIALS);
    let variant = chance.one_of(&VARIANTS);
    let cents = (least + chance.below(most - least)) * 100 + chance.one_of(&ENDINGS);
    // One in twenty is sold out.
    let stock = if chance.below(20) == 0 { 0 } else { 1 + chance.below(400) };
    let name = format!("{material} {thing}{variant}");
    (NewProduct { name, price: f64::from(cents) / 100.0, stock: stock.into() }, key)
}

/// A random number, from which choices are taken.
struct Chance(u128);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        let rest = self.0 % u128::from(bound);
        self.0 /= u128::from(bound);
        rest as u32
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u32) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::limits;

    /// A key must never be sent with another product, or a store that was seeded responds with `Idempotency key reused`.
    #[test]
    fn a_seed_always_makes_the_same_products() {
        let all: String = (0..1000).map(|index| format!("{:?}\n", product(1, index))).collect();
        assert!(
            all.starts_with(
                "(NewProduct { name: \"Birch mixing bowl, compact\", price: 35.95, stock: 274 }, "
            )
        );
        assert_eq!(
            Uuid::new_v5(&Uuid::NAMESPACE_OID, all.as_bytes()).to_string(),
            "f639846f-5e7f-5fe8-a4a3-389ea37a0fc8"
        );
    }

    #[test]
    fn products_differ_and_are_within_the_limits() {
        let products: Vec<_> = (0..1000).map(|index| product(7, index)).collect();
        for (NewProduct { name, price, stock }, _) in &products {
            assert!(
                limits::NAME.text(name).is_ok() && limits::PRICE.number(&price.to_string()).is_ok(),
                "{name}"
            );
            assert!(limits::STOCK.integer(&stock.to_string()).is_ok(), "{name}");
        }
        let keys: std::collections::HashSet<_> = products.iter().map(|(_, key)| key).collect();
        let names: std::collections::HashSet<_> = products.iter().map(|(product, _)| &product.name).collect();
        assert_eq!(keys.len(), 1000);
        assert!(names.len() > 800, "{}", names.len());
        assert_ne!(product(8, 0).1, product(7, 0).1);
    }
}
