//! The default subject of a test: this store. The engine itself knows no store.

/// The workflows of the store, beside its documents and its house rules.
pub const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi/store.arazzo.yaml");
