//! The template of a service: its files, with placeholders for names, and parts for services that call another.

use std::collections::BTreeSet;

/// What the template is filled with.
pub(crate) struct Names {
    /// The service, in the plural: `shipments`.
    pub(crate) things: String,
    /// One of what it keeps: `shipment`.
    pub(crate) thing: String,
    /// The port that it listens on by default.
    pub(crate) port: u16,
    /// The service that it calls, if it calls one.
    pub(crate) upstream: Option<Upstream>,
}

/// A service that is called.
#[derive(Clone, Default)]
pub(crate) struct Upstream {
    /// Its name: `orders`.
    pub(crate) things: String,
    /// One of what it keeps: `order`.
    pub(crate) thing: String,
    /// Whether the numbers of one of its things are in range, as Rust.
    pub(crate) checks: String,
}

/// The files of a service: their paths below its folder, and their texts.
pub(crate) fn files(names: &Names) -> Vec<(&'static str, String)> {
    let templates = [
        ("Cargo.toml", include_str!("../template/Cargo.toml.txt")),
        ("src/main.rs", include_str!("../template/main.rs.txt")),
        ("src/lib.rs", include_str!("../template/lib.rs.txt")),
        ("src/api.rs", include_str!("../template/api.rs.txt")),
        ("src/db/mod.rs", include_str!("../template/db/mod.rs.txt")),
        ("src/db/sqlite.rs", include_str!("../template/db/sqlite.rs.txt")),
        ("src/db/postgres.rs", include_str!("../template/db/postgres.rs.txt")),
        ("src/db/row.rs", include_str!("../template/db/row.rs.txt")),
    ];
    templates.map(|(path, template)| (path, filled(template, names))).into()
}

/// The types that every service has, which none of its own can be called.
pub(crate) fn types() -> BTreeSet<String> {
    let alone = Names { things: String::new(), thing: String::new(), port: 0, upstream: None };
    let asking =
        Names { things: String::new(), thing: String::new(), port: 0, upstream: Some(Upstream::default()) };
    let sources = [alone, asking].into_iter().flat_map(|names| files(&names));
    let mut types = BTreeSet::new();
    for (_, text) in sources.filter(|(path, _)| path.ends_with(".rs")) {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let words =
            code.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_'));
        types.extend(words.filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned));
    }
    types
}

/// The workflow that asks for every documented response that depends on what the service keeps. `prerequisites` are its first
/// steps, which create what it refers to, and `services` are those that are asked in all.
pub(crate) fn workflow(names: &Names, prerequisites: &str, services: &[String]) -> String {
    let tokens: Vec<String> = services.iter().map(|service| format!("{service}_token")).collect();
    let properties: Vec<String> = tokens.iter().map(|token| format!("{token}: {{ type: string }}")).collect();
    filled(include_str!("../template/workflow.yaml.txt"), names)
        .replace("@tokens@", &tokens.join(", "))
        .replace("@token_properties@", &properties.join(", "))
        .replace("@prerequisites@", prerequisites)
}

/// The settings of its unit, with its tokens.
pub(crate) fn tokens(names: &Names) -> String {
    filled(include_str!("../template/tokens.conf.txt"), names)
}

/// `template` with the names in their places, and without the parts that are for others.
fn filled(template: &str, names: &Names) -> String {
    let text = part(template, "@if asks@", names.upstream.is_some());
    let text = part(&text, "@if alone@", names.upstream.is_none());
    let upstream = names.upstream.clone().unwrap_or_default();
    // SQLite's application_id tells the files of one program from those of others.
    let id = names.things.bytes().fold(0_u32, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into()));
    let places = [
        ("@things@", names.things.clone()),
        ("@thing@", names.thing.clone()),
        ("@Things@", camel(&names.things)),
        ("@Thing@", camel(&names.thing)),
        ("@THINGS@", names.things.to_uppercase()),
        ("@THING@", names.thing.to_uppercase()),
        ("@A thing@", sentence(&names.thing)),
        ("@An other@", sentence(&upstream.thing)),
        ("@port@", names.port.to_string()),
        ("@OTHERS@", upstream.things.to_uppercase()),
        ("@OTHER@", upstream.thing.to_uppercase()),
        ("@Other@", camel(&upstream.thing)),
        ("@checks@", upstream.checks),
        ("@others@", upstream.things),
        ("@other@", upstream.thing),
        ("@application_id@", format!("0x{:08x}", id & 0x7fff_ffff)),
    ];
    places.iter().fold(text, |text, (place, name)| text.replace(place, name))
}

/// Keeps the parts between `mark` and `@end@`, or leaves them out.
fn part(text: &str, mark: &str, is_kept: bool) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once(mark) {
        kept += before;
        let (inside, after) = after.split_once("@end@").unwrap_or((after, ""));
        if is_kept {
            kept += inside;
        }
        rest = after;
    }
    kept + rest
}

/// `Shipping note` for `shipping_note`.
fn sentence(name: &str) -> String {
    camel(&name.replace('_', " "))
}

/// `ShippingNote` for `shipping_note`.
pub(crate) fn camel(name: &str) -> String {
    let word = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => String::new(),
    };
    name.split('_').map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_filled() {
        let (things, thing, checks) = ("orders".into(), "order".into(), "true".into());
        let upstream = Upstream { things, thing, checks };
        for upstream in [None, Some(upstream)] {
            let names =
                Names { things: "shipping_notes".into(), thing: "shipping_note".into(), port: 1, upstream };
            let others = [("workflow", workflow(&names, "", &[])), ("tokens", tokens(&names))];
            for (path, text) in files(&names).into_iter().chain(others) {
                let text = text.replace("@.", "").replace("store@shipping_notes", "");
                assert!(!text.contains('@'), "{path}:\n{text}");
            }
        }
    }

    #[test]
    fn a_name_of_several_words_is_a_type() {
        assert_eq!(camel("shipping_notes"), "ShippingNotes");
        assert_eq!(sentence("shipping_note"), "Shipping note");
    }
}
