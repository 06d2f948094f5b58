//! Values as poem-openapi needs them.

/// Implements the traits that `#[derive(Object)]` requires of a field's type. Parsing goes through `Value::read`, so that there
/// is one set of rules. The type has a function `schema` for the document.
macro_rules! impl_openapi_type {
    ([$($generics:tt)*] $ty:ty) => {
        impl<$($generics)*> poem_openapi::types::Type for $ty {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                Self::requirement().into()
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                poem_openapi::registry::MetaSchemaRef::Inline(Box::new(Self::schema()))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl<$($generics)*> poem_openapi::types::ParseFromJSON for $ty {
            fn parse_from_json(value: Option<serde_json::Value>) -> poem_openapi::types::ParseResult<Self> {
                match Self::read(&value.unwrap_or_default().to_string()) {
                    Parsed::Value(value) => Ok(value),
                    _ => Err(poem_openapi::types::ParseError::custom(Self::requirement())),
                }
            }
        }

        impl<$($generics)*> poem_openapi::types::ToJSON for $ty {
            fn to_json(&self) -> Option<serde_json::Value> {
                serde_json::to_value(self).ok()
            }
        }
    };
}

pub(super) use impl_openapi_type;
