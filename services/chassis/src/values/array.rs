//! Arrays.

use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::value::{Parsed, Problems, Value};

/// An array of at most `MAX` items. It may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Array<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Array<T, MAX> {
    /// `items`, if they are not too many.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (items.len() <= MAX).then_some(Self(items))
    }

    /// The items themselves.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }

    /// The items themselves.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Value, const MAX: usize> Value for Array<T, MAX> {
    fn read(json: &str) -> Parsed<Self> {
        if json == "null" {
            return Parsed::Missing;
        }
        let items = match serde_json::from_str::<Vec<&RawValue>>(json) {
            Ok(items) if items.len() <= MAX => items,
            _ => return Parsed::Invalid,
        };
        let mut problems = Problems::default();
        let mut read = |(index, item): (usize, &&RawValue)| {
            problems.check(format_args!("[{index}]"), T::read(item.get()).missing_is_invalid())
        };
        let values: Vec<T> = items.iter().enumerate().filter_map(&mut read).collect();
        if values.len() == items.len() { Parsed::Value(Self(values)) } else { Parsed::InvalidParts(problems) }
    }

    fn requirement() -> String {
        format!("an array of at most {MAX} items")
    }
}

impl<T: Type, const MAX: usize> Type for Array<T, MAX> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = T::RawValueType;

    fn name() -> std::borrow::Cow<'static, str> {
        format!("array_{MAX}_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            items: Some(Box::new(T::schema_ref())),
            max_items: Some(MAX),
            ..MetaSchema::new("array")
        }))
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a T::RawValueType> + 'a> {
        Box::new(self.0.iter().filter_map(Type::as_raw_value))
    }
}

impl<T: ParseFromJSON, const MAX: usize> ParseFromJSON for Array<T, MAX> {
    fn parse_from_json(value: Option<serde_json::Value>) -> ParseResult<Self> {
        let items = Vec::parse_from_json(value).map_err(ParseError::propagate)?;
        Self::new(items).ok_or_else(|| ParseError::custom(format!("an array of at most {MAX} items")))
    }
}

impl<T: ToJSON, const MAX: usize> ToJSON for Array<T, MAX> {
    fn to_json(&self) -> Option<serde_json::Value> {
        self.0.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Count;

    type Counts = Array<Count, 3>;

    #[test]
    fn an_array_has_at_most_so_many_items() {
        assert_eq!(Counts::read("[]"), Parsed::Value(Array(Vec::new())));
        assert_eq!(
            Counts::read("[1, 2.0]"),
            Parsed::Value(Array([1, 2].map(|count| Count::new(count).unwrap()).into()))
        );
        assert_eq!(Counts::read("[1, 2, 3, 4]"), Parsed::Invalid);
        let counts = Counts::new(vec![Count::ZERO; 3]).unwrap();
        assert_eq!(counts.as_slice(), [Count::ZERO; 3]);
        assert_eq!(counts.into_vec(), [Count::ZERO; 3]);
        assert_eq!(Counts::new(vec![Count::ZERO; 4]), None);
        assert_eq!(Counts::read("{}"), Parsed::Invalid);
        assert_eq!(Counts::read("null"), Parsed::Missing);
    }

    #[test]
    fn an_invalid_item_is_named_by_its_index() {
        let invalid = |index| format!("[{index}] must be {}", Count::requirement());
        let problems = Problems { is_missing: false, invalid: vec![invalid(1), invalid(2)] };
        assert_eq!(Counts::read("[1, -1, null]"), Parsed::InvalidParts(problems));
    }

    #[test]
    fn an_error_names_a_few_problems_of_many() {
        let json = format!("[{}0]", "-1,".repeat(1000));
        let Parsed::InvalidParts(problems) = Array::<Count, 5000>::read(&json) else {
            panic!("-1 is not a count")
        };
        assert_eq!(problems.invalid.len(), 20);
    }
}
