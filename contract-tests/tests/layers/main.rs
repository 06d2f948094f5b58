//! The architecture: modules are layers, and no dependency runs back up.
//!
//! A file declares its modules from the top layer down. A module may use its own submodules; of all others, it may use only those
//! declared below it or below one of its ancestors. So there is no cycle among the files or the packages of the workspace.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says why by panicking")]

mod promises;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use contract_tests::engine::deployment::SERVICES;
use serde_json::Value;
use syn::{
    Item, ItemMod, ItemUse, Macro, UseTree, Visibility,
    visit::{self, Visit},
};

/// The files of a crate, by the path of their module.
type Modules = BTreeMap<Vec<String>, Module>;

/// A file.
struct Module {
    source: syn::File,
    /// Its submodules that are files, from the top down.
    layers: Vec<String>,
}

#[test]
fn no_module_uses_one_above_it() {
    let mut upward = Vec::new();
    for package in packages() {
        for target in package["targets"].as_array().unwrap() {
            // The files of a test or a benchmark share what stands at its root.
            if !["lib", "bin"].iter().any(|kind| target["kind"][0] == *kind) {
                continue;
            }
            let root = Path::new(target["src_path"].as_str().unwrap());
            upward
                .extend(upward_arrows(root).into_iter().map(|arrow| format!("{}: {arrow}", target["name"])));
        }
    }
    assert!(upward.is_empty(), "these use what stands above them:\n{}", upward.join("\n"));
}

#[test]
fn packages_form_no_circle() {
    let needs: BTreeMap<String, Vec<String>> = packages()
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap().iter();
            let local = dependencies.filter(|dependency| dependency["path"].is_string());
            (text(&package["name"]), local.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect();
    let mut left = needs.clone();
    // A package whose needs are all gone stands on those that were taken away before.
    while let Some(name) = left
        .iter()
        .find(|(_, needed)| needed.iter().all(|needed| !left.contains_key(needed)))
        .map(|(name, _)| name.clone())
    {
        left.remove(&name);
    }
    assert!(left.is_empty(), "these packages need each other: {left:?}");
}

#[test]
fn every_list_has_the_services_of_the_contract() {
    let services = &SERVICES[..];
    let of_store: Vec<&str> = store::services().collect();
    assert_eq!(of_store, services, "MEMBERS in services/store/src/lib.rs");
    assert_eq!(client::SERVICES, services, "the clients");
}

#[test]
fn an_upward_dependency_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    fs::create_dir(folder.path().join("low")).unwrap();
    write(
        "lib.rs",
        "extern crate self as own; mod high; mod low; pub use low::deep::Deep as Shown; pub use std::fmt; pub struct Root;",
    );
    write(
        "high.rs",
        "use crate::low::deep; use own::{Root, Shown, fmt}; fn call(own: u8) { super::low::work(); own::low::work(own) }",
    );
    write("low/mod.rs", "mod deep; mod deeper; use self::deep::Deep; pub struct Own; fn work() {}");
    write("low/deep.rs", "use super::deeper::Deeper; #[cfg(test)] mod tests { use crate::high::A; }");
    write("low/deeper.rs", "pub struct Deeper;");
    let root = folder.path().join("lib.rs");
    assert_eq!(upward_arrows(&root), [""; 0]);

    let up = [
        ("fn call() { own::high::A }", "low::deeper uses high"),
        ("use own::high::A;", "low::deeper uses high"),
        ("use own::{Shown, Root};", "low::deeper uses low::deep"),
        ("use crate::high::{A, B};", "low::deeper uses high"),
        ("use super::super::{high, Root};", "low::deeper uses high"),
        ("use super::{deep::Deep, deep};", "low::deeper uses low::deep"),
        ("fn own() -> super::Own { todo!() }", "low::deeper uses low"),
        ("fn call() { println!(\"{}\", crate::high::A) }", "low::deeper uses high"),
    ];
    for (text, arrow) in up {
        write("low/deeper.rs", text);
        assert!(
            upward_arrows(&root).iter().any(|found| found == arrow),
            "{text}: {:?}",
            upward_arrows(&root)
        );
    }
}

/// Every arrow of the crate with this root that runs up, in words.
fn upward_arrows(root: &Path) -> Vec<String> {
    let mut modules = Modules::new();
    read(root, root.parent().unwrap(), Vec::new(), &mut modules);
    let own = Own::of(&modules[&Vec::new()]);
    let mut arrows = Vec::new();
    for (user, module) in &modules {
        let mut paths = Paths { own: own.clone(), module: user.clone(), found: Vec::new() };
        paths.visit_file(&module.source);
        for path in paths.found {
            let used = owner(&modules, &path);
            if !is_below(&modules, user, used) {
                arrows.push(format!("{} uses {}", named(user), named(used)));
            }
        }
    }
    arrows.sort();
    arrows.dedup();
    arrows
}

/// The name by which a crate knows itself, as `extern crate self as client` says, and where the names lead that it exports.
#[derive(Clone, Default)]
struct Own {
    name: Option<String>,
    exports: BTreeMap<String, Vec<String>>,
}

impl Own {
    fn of(root: &Module) -> Self {
        let mut own = Self::default();
        for layer in &root.layers {
            own.exports.insert(layer.clone(), vec![layer.clone()]);
        }
        for item in &root.source.items {
            match item {
                Item::ExternCrate(item) if item.ident == "self" => {
                    own.name = item.rename.as_ref().map(|(_, name)| name.to_string());
                }
                Item::Use(item) if matches!(item.vis, Visibility::Public(_)) => own.export(&item.tree, &[]),
                _ => {}
            }
        }
        // What comes from elsewhere is of no layer.
        own.exports.retain(|_, path| root.layers.contains(&path[0]));
        own
    }

    fn export(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.export(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.export(tree, before)),
            UseTree::Name(name) => drop(self.exports.insert(name.ident.to_string(), with(&name.ident))),
            UseTree::Rename(name) => drop(self.exports.insert(name.rename.to_string(), with(&name.ident))),
            UseTree::Glob(_) => {}
        }
    }

    /// Where a path leads that begins with the crate's own name. None if it is no such path, or leads to what the root itself
    /// declares, which the crate uses as any program does.
    fn within(&self, path: &[String]) -> Option<Vec<String>> {
        let [first, exported, rest @ ..] = path else { return None };
        let exported = self.exports.get(exported).filter(|_| self.name.as_ref() == Some(first))?;
        Some([exported, rest].concat())
    }
}

/// Reads a file and the files of its modules, which are in `folder`.
fn read(file: &Path, folder: &Path, path: Vec<String>, modules: &mut Modules) {
    let source = syn::parse_file(&fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut layers = Vec::new();
    for item in &source.items {
        let Item::Mod(ItemMod { attrs, ident, content: None, .. }) = item else { continue };
        let name = ident.to_string();
        let candidates = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
        // A module with a `#[path]` is a file of another crate, and a module of tests is not a layer.
        if attrs.iter().any(|attribute| attribute.path().is_ident("path") || is_test(attribute)) {
            continue;
        }
        let file = candidates.iter().find(|file| file.exists()).unwrap();
        let below = [path.clone(), vec![name.clone()]].concat();
        read(file, &folder.join(&name), below, modules);
        layers.push(name);
    }
    modules.insert(path, Module { source, layers });
}

/// Whether an attribute is `#[cfg(test)]`.
fn is_test(attribute: &syn::Attribute) -> bool {
    attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Ident>().is_ok_and(|name| name == "test")
}

/// The module that `path` leads to, or to an item of.
fn owner<'a>(modules: &Modules, path: &'a [String]) -> &'a [String] {
    let lengths = (0..=path.len()).rev();
    lengths.map(|length| &path[..length]).find(|path| modules.contains_key(*path)).unwrap_or_default()
}

/// Whether `user` may use `used`: one of its own submodules, or one that is declared below it or its ancestors.
fn is_below(modules: &Modules, user: &[String], used: &[String]) -> bool {
    let common = user.iter().zip(used).take_while(|(one, other)| one == other).count();
    let parent = &user[..common];
    match (user.get(common), used.get(common)) {
        // An ancestor, or the module itself.
        (_, None) => user == used,
        (None, Some(_)) => true,
        (Some(above), Some(below)) => {
            let layers = &modules[parent].layers;
            let layer = |name| layers.iter().position(|layer| layer == name);
            layer(below) > layer(above)
        }
    }
}

/// Collects the paths that a module uses, from the root of its crate.
struct Paths {
    own: Own,
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    /// Notes a path that begins with `crate`, the crate's own name, `self` or `super`; others lead to items that are in scope already.
    fn note(&mut self, segments: &[String]) {
        let own = self.own.within(segments);
        let mut path = match segments.first().map(String::as_str) {
            _ if own.is_some() => Vec::new(),
            Some("crate") => Vec::new(),
            Some("self" | "super") => self.module.clone(),
            _ => return,
        };
        for segment in own.as_deref().unwrap_or(segments) {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(path.pop()),
                name => path.push(name.to_owned()),
            }
        }
        self.found.push(path);
    }

    fn note_tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.note_tree(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(tree, before)),
            UseTree::Name(name) => self.note(&with(&name.ident)),
            UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            UseTree::Glob(_) => self.note(before),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // A module that only tests use is not a layer of the program.
        if !module.attrs.iter().any(is_test) {
            self.module.push(module.ident.to_string());
            visit::visit_item_mod(self, module);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.note_tree(&item.tree, &[]);
    }

    // `pub(crate)` uses nothing.
    fn visit_visibility(&mut self, _visibility: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.note(&path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        // Paths in the arguments of a macro are tokens.
        let text = call.tokens.to_string().replace(" :: ", "::");
        for word in text.split(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter)) {
            self.note(&word.split("::").map(str::to_owned).collect::<Vec<_>>());
        }
        visit::visit_macro(self, call);
    }
}

fn named(path: &[String]) -> String {
    if path.is_empty() { "the root".to_owned() } else { path.join("::") }
}

fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
