//! Enums of strings.

#[doc(hidden)]
pub use super::value::{Parameter, Parsed, Value};

/// Declares an enum whose variants are texts on the wire, as a value and a parameter.
///
/// ```
/// chassis::text_enum! {
///     /// How a parcel is sent.
///     pub enum Shipping {
///         Standard = "STANDARD",
///         Express = "EXPRESS",
///     }
/// }
/// assert_eq!(Shipping::Express.as_str(), "EXPRESS");
/// ```
///
/// The crate that uses it depends on `poem-openapi` and `serde`.
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$variant_attribute:meta])* $variant:ident = $text:tt),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ::poem_openapi::Enum, ::serde::Serialize)]
        $visibility enum $name {
            $($(#[$variant_attribute])* #[oai(rename = $text)] #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// The text on the wire.
            #[allow(dead_code, reason = "an enum that is only read needs no text")]
            $visibility fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl $crate::values::text_enum::Value for $name {
            fn read(json: &str) -> $crate::values::text_enum::Parsed<Self> {
                $crate::values::text_enum::read(json)
            }

            fn requirement() -> String {
                $crate::values::text_enum::one_of(&[$($text),+])
            }
        }

        impl $crate::values::text_enum::Parameter for $name {
            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// Reads an enum of texts.
pub fn read<T: Parameter>(json: &str) -> Parsed<T> {
    match json {
        "null" => Parsed::Missing,
        _ => {
            Parsed::from_option(serde_json::from_str(json).ok().and_then(|text: String| T::from_text(&text)))
        }
    }
}

/// Says that a value must be one of `texts`.
pub fn one_of(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    format!("one of {}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::values::{Parameter, Parsed, Value};

    crate::text_enum! {
        /// How big it is.
        enum Size {
            Small = "S",
            Large = "L",
        }
    }

    #[test]
    fn an_enum_is_one_of_its_texts() {
        assert_eq!(Size::read("\"S\""), Parsed::Value(Size::Small));
        assert_eq!(Size::read("\"\\u004c\""), Parsed::Value(Size::Large));
        assert_eq!(Size::read("null"), Parsed::Missing);
        for json in ["\"s\"", "\"\"", "\"M\"", "0", "[\"S\"]"] {
            assert_eq!(Size::read(json), Parsed::Invalid, "{json}");
        }
        assert_eq!(Size::requirement(), "one of \"S\", \"L\"");
        assert_eq!(serde_json::to_string(&Size::Large).unwrap(), "\"L\"");
        assert_eq!((Size::from_text("L"), Size::from_text("Large")), (Some(Size::Large), None));
        assert_eq!(Size::Small.as_str(), "S");
    }
}
