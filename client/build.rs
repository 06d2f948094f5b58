//! Generates a client from each document in `openapi/`, with progenitor.
//!
//! A document lists the error messages of one version of a service. A later version may have more, and more statuses, so the
//! clients read both: each enum of error messages gets a variant [`UNKNOWN`], and an error response of any status has the body
//! that the documented ones have. All other enums stay as they are.
//!
//! With the feature `mocks`, there are mocks of each service, too.

#![allow(clippy::disallowed_macros, reason = "cargo reads what a build script prints")]

use std::{env, fs, path::Path};

use heck::ToUpperCamelCase;
use proc_macro2::{Group, TokenStream, TokenTree};
use progenitor::{GenerationSettings, Generator, HooksMode, InterfaceStyle, TypeImpl};
use quote::{format_ident, quote};
use serde_json::{Map, Value};

const DOCUMENTS: &str = "../openapi";

/// What the names of the schemas end in that are the body of an error, and the enum of its messages.
const BODY: &str = "ErrorBody";
const MESSAGE: &str = "ErrorMessage";

/// The variant for messages that the document does not have.
const UNKNOWN: &str = "Unknown";

/// The list of the services.
const SERVICES: &str = "src/lib.rs";

fn main() -> Result<(), String> {
    println!("cargo::rerun-if-changed={SERVICES}");
    let out = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    let services = fs::read_to_string(SERVICES).map_err(|error| format!("{SERVICES}: {error}"))?;
    // A document that is not in the list may be incomplete.
    for service in services.lines().filter_map(|line| line.strip_prefix("service!(")?.strip_suffix(");")) {
        let path = Path::new(DOCUMENTS).join(service).with_extension("json");
        println!("cargo::rerun-if-changed={}", path.display());
        let (client, mocks) = generate(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let write = |name: &str, code: String| {
            let generated = Path::new(&out).join(name).with_extension("rs");
            fs::write(generated, code).map_err(|error| format!("{out}: {error}"))
        };
        write(service, client)?;
        if let Some(mocks) = mocks {
            write(&format!("{service}_mocks"), mocks)?;
        }
    }
    Ok(())
}

/// The client of the document at `path`, and the mocks of its service if they are wanted.
fn generate(path: &Path) -> Result<(String, Option<String>), String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    for operation in operations(&mut document) {
        read_every_error(operation);
    }
    let none = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&none);
    let messages = schemas.iter().filter(|(name, _)| name.ends_with(MESSAGE));
    let bodies = schemas.iter().filter(|(name, _)| name.ends_with(BODY));

    let mut settings = GenerationSettings::new();
    settings.with_interface(InterfaceStyle::Builder);
    settings.with_hooks(HooksMode::Expected);
    settings.with_inner_type(quote!(crate::transport::Transport));
    let service = path.file_stem().unwrap_or_default().display();
    for (name, _) in messages.clone() {
        let path = format!("crate::{service}::types::{name}");
        settings.with_replacement(name, path, [TypeImpl::Display].into_iter());
    }
    let spec = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    let code = Generator::new(&settings).generate_tokens(&spec).map_err(|error| error.to_string())?;
    let messages = messages.map(|(name, schema)| message(name, schema));
    let bodies = bodies.map(|(name, schema)| body(name, schema));
    let client = with_types(code, &quote!(#(#messages)* #(#bodies)*));
    let port = port(&document)?;
    let client = quote! {
        #client
        /// The port at which the service listens by default, as its document says.
        pub const PORT: u16 = #port;
    };
    let mocks = env::var_os("CARGO_FEATURE_MOCKS")
        .map(|_| Generator::new(&settings).httpmock(&spec, &format!("crate::{service}")))
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
fn read_every_error(operation: &mut Value) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    let is_error = |status: &str| status.starts_with(['4', '5']);
    let documented = responses.iter().find(|(status, _)| is_error(status));
    let Some(error) = documented.map(|(_, response)| response.clone()) else { return };
    responses.retain(|status, _| !is_error(status));
    for class in ["4XX", "5XX"] {
        responses.insert(class.to_owned(), error.clone());
    }
}

/// The enum of the error messages `schema`.
fn message(name: &str, schema: &Value) -> TokenStream {
    let texts: Vec<&str> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let variants: Vec<_> = texts.iter().map(|text| format_ident!("{}", text.to_upper_camel_case())).collect();
    let docs = texts.iter().map(|text| format!("`{text}`"));
    let (name, unknown) = (format_ident!("{name}"), format_ident!("{UNKNOWN}"));
    quote! {
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
    }
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
