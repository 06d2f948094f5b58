//! Generates the client of a document, with progenitor.
//!
//! A document lists the error messages of one version of a service. A later version may have more, and more statuses, so the
//! clients read both: each enum of error messages gets a variant [`UNKNOWN`], and an error response of any status has the body
//! that the documented ones have. All other enums stay as they are.
//!
//! The scaffold tries this on each document before it is written, so that none is written for which no client can be generated.

use heck::ToUpperCamelCase;
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

/// What the names of the schemas end in that are the body of an error, and the enum of its messages.
const BODY: &str = "ErrorBody";
const MESSAGE: &str = "ErrorMessage";

/// The variant for messages that the document does not have.
const UNKNOWN: &str = "Unknown";

/// The client of the `document` of `service`, and the mocks of the service if they are wanted.
pub(crate) fn generate(
    service: &str,
    mut document: Value,
    has_mocks: bool,
) -> Result<(String, Option<String>), String> {
    operations(&mut document).try_for_each(read_every_error)?;
    let none = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&none);
    let messages = schemas.iter().filter(|(name, _)| name.ends_with(MESSAGE));
    let bodies = schemas.iter().filter(|(name, _)| name.ends_with(BODY));

    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder);
    settings.with_hooks(HooksMode::Expected);
    settings.with_inner_type(quote!(crate::transport::Transport));
    for (name, _) in messages.clone() {
        let path = format!("crate::{service}::types::{name}");
        settings.with_replacement(name, path, [TypeImpl::Display].into_iter());
    }
    let spec = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let code = Generator::new(&settings).generate_tokens(&spec).map_err(|error| error.to_string())?;
    let messages: Vec<_> = messages.map(|(name, schema)| message(name, schema)).collect::<Result<_, _>>()?;
    let bodies = bodies.map(|(name, schema)| body(name, schema));
    let client = with_types(code, &quote!(#(#messages)* #(#bodies)*));
    let port = port(&document)?;
    let client = quote! {
        #client
        /// The port at which the service listens by default, as its document says.
        pub const PORT: u16 = #port;
    };
    let mocks = has_mocks
        .then(|| Generator::new(&settings).httpmock(&spec, &format!("crate::{service}")))
        .transpose()
        .map_err(|error| error.to_string())?;
    Ok((client.to_string(), mocks.map(|mocks| mocks.to_string())))
}

/// The port of the server in `document`.
fn port(document: &Value) -> Result<u16, String> {
    let url = document["servers"][0]["url"].as_str().unwrap_or_default();
    let port = url.rsplit_once(':').and_then(|(_, port)| port.trim_end_matches('/').parse().ok());
    port.ok_or_else(|| format!("the URL of its first server has no port: {url:?}"))
}

/// The client `code` with more `items` in its module `types`.
fn with_types(code: TokenStream, items: &TokenStream) -> TokenStream {
    let mut is_types = false;
    let tokens = code.into_iter().map(|token| match token {
        TokenTree::Group(group) if is_types => {
            is_types = false;
            let types = group.stream();
            Group::new(group.delimiter(), quote!(#types #items)).into()
        }
        token => {
            is_types = matches!(&token, TokenTree::Ident(name) if name == "types");
            token
        }
    });
    tokens.collect()
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    let operations = paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut());
    operations.filter(|operation| operation["responses"].is_object())
}

/// Gives every error status, documented or not, the body of the documented ones.
fn read_every_error(operation: &mut Value) -> Result<(), String> {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let Some(responses) = operation["responses"].as_object_mut() else { return Ok(()) };
    let is_error = |status: &str| status.starts_with(['4', '5']);
    let mut errors = responses.iter().filter(|(status, _)| is_error(status)).map(|(_, error)| error);
    let Some(error) = errors.next().cloned() else { return Ok(()) };
    let schema = |error: &Value| error["content"]["application/json"]["schema"].clone();
    if errors.any(|other| schema(other) != schema(&error)) {
        return Err(format!("{id} has two kinds of error: give all of them one type"));
    }
    responses.retain(|status, _| !is_error(status));
    for class in ["4XX", "5XX"] {
        responses.insert(class.to_owned(), error.clone());
    }
    Ok(())
}

/// The enum of the error messages `schema`.
fn message(name: &str, schema: &Value) -> Result<TokenStream, String> {
    let texts: Vec<&str> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let variants = variants(name, &texts)?;
    let docs = texts.iter().map(|text| format!("`{text}`"));
    let (name, unknown) = (format_ident!("{name}"), format_ident!("{UNKNOWN}"));
    Ok(quote! {
            /// An error message. A service of a later version may have others.
            #[derive(Clone, Debug, Eq, Hash, PartialEq, ::serde::Deserialize, ::serde::Serialize)]
            pub enum #name {
                #(#[doc = #docs] #[serde(rename = #texts)] #variants,)*
                /// A message that the document does not have. The status of the response says what kind of error it is.
                #[serde(untagged)]
                #unknown(::std::string::String),
            }

            impl #name {
                /// The message as the service wrote it.
                pub fn as_str(&self) -> &str {
                    match self {
                        #(Self::#variants => #texts,)*
                        Self::#unknown(text) => text,
                    }
                }
            }

            impl ::std::fmt::Display for #name {
                fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    formatter.write_str(self.as_str())
                }
            }
    })
}

/// The variants of the error messages `texts` of the enum `name`.
fn variants(name: &str, texts: &[&str]) -> Result<Vec<Ident>, String> {
    let mut known = vec![(UNKNOWN.to_owned(), None)];
    let mut variants = Vec::new();
    for text in texts {
        let variant = text.to_upper_camel_case();
        let is_identifier = variant.starts_with(char::is_alphabetic)
            && variant.chars().all(char::is_alphanumeric)
            && variant != "Self";
        if !is_identifier {
            return Err(format!(
                "the error message `{text}` in {name} would be the variant `{variant}` of an enum, which Rust does not \
                 allow: begin the message with a letter, and use other words"
            ));
        }
        if let Some((_, other)) = known.iter().find(|(other, _)| *other == variant) {
            return Err(match other {
                None => format!(
                    "the error message `{text}` in {name} would be the variant `{UNKNOWN}`, which stands for messages \
                     that are not documented: use other words"
                ),
                Some(other) => format!(
                    "the error messages `{other}` and `{text}` in {name} would both be the variant `{variant}`: use \
                     other words for one of them"
                ),
            });
        }
        variants.push(Ident::new(&variant, Span::call_site()));
        known.push((variant, Some(*text)));
    }
    Ok(variants)
}

/// What all bodies of errors have in common.
fn body(name: &str, schema: &Value) -> TokenStream {
    let message = schema["properties"]["error"]["$ref"].as_str().unwrap_or_default();
    let message = format_ident!("{}", message.rsplit('/').next().unwrap_or_default());
    let detail = match schema["properties"]["detail"].is_object() {
        true => quote!(self.detail.as_deref()),
        false => quote!(None),
    };
    let (name, unknown) = (format_ident!("{name}"), format_ident!("{UNKNOWN}"));
    quote! {
        impl crate::ErrorBody for #name {
            fn text(&self) -> &str {
                self.error.as_str()
            }

            fn detail(&self) -> Option<&str> {
                #detail
            }

            fn is_known(&self) -> bool {
                !matches!(self.error, #message::#unknown(_))
            }
        }
    }
}
