//! The faults that a stub can inject, by their names.

use chassis::settings::StartupError;
use faults::{
    fault::{Fault, Place},
    network::{self, Failure, How},
    table,
};

use crate::member::Member;

/// How many names an error tells at most.
const SUGGESTED: usize = 10;

/// The faults that were chosen.
pub(super) struct Chosen {
    faults: Vec<Fault>,
    failures: Vec<Failure>,
}

/// What a front does: alters requests and responses, and how bytes are sent.
#[derive(Clone, Default)]
pub(super) struct Faults {
    pub(super) tampers: Vec<faults::fault::Tamper>,
    pub(super) wire: Option<network::Wire>,
}

impl Chosen {
    /// The faults with these names, of which those that run must have them. A name may be written as the suite writes the name
    /// of its test.
    ///
    /// # Errors
    /// There is no fault of that name, or its service is not running.
    pub(super) fn find(
        all: &'static [Member],
        running: &'static [Member],
        names: &[&String],
    ) -> Result<Self, StartupError> {
        let (known_faults, known_failures) = known(all);
        let mut chosen = Self { faults: Vec::new(), failures: Vec::new() };
        for name in names {
            let fault = known_faults.iter().find(|fault| plain(&fault.name) == plain(name));
            let failure = known_failures.iter().find(|failure| plain(&failure.name) == plain(name));
            let service = match (fault, failure) {
                (Some(fault), _) => service(fault),
                (None, Some(failure)) => failure.service,
                (None, None) => return Err(unknown(name, all)),
            };
            if !running.iter().any(|member| member.info.name == service) {
                return Err(StartupError::new(format!(
                    "`{name}` is a fault of {service}, which is not running: add {service} to the services."
                )));
            }
            match (fault, failure) {
                (Some(fault), _) => chosen.faults.push(fault.clone()),
                (None, failure) => chosen.failures.extend(failure.cloned()),
            }
        }
        match chosen.failures.iter().find(|one| chosen.has_another_wire(one)) {
            Some(one) => Err(StartupError::new(format!(
                "`{}` cannot be combined with another fault of the same connections: choose one of them.",
                one.name
            ))),
            None => Ok(chosen),
        }
    }

    /// Whether the connections of its service fail in another way as well.
    fn has_another_wire(&self, failure: &Failure) -> bool {
        let How::Wire(wire) = failure.how else { return false };
        let is_another = |other: &How| matches!(other, How::Wire(other) if *other != wire);
        self.failures.iter().any(|other| other.service == failure.service && is_another(&other.how))
    }

    /// What happens to requests of callers to this service, if something does.
    pub(super) fn before(&self, service: &str) -> Option<Faults> {
        let mut before = self.at(|place| matches!(place, Place::Before(name) if name == service));
        for failure in self.failures.iter().filter(|failure| failure.service == service) {
            match &failure.how {
                How::Wire(wire) => before.wire = Some(*wire),
                How::Response(tamper) => before.tampers.push(tamper.clone()),
            }
        }
        Some(before).filter(|faults| !faults.tampers.is_empty() || faults.wire.is_some())
    }

    /// What happens to requests of other services to this one, if something does.
    pub(super) fn between(&self, service: &str) -> Option<Faults> {
        let between = self.at(|place| matches!(place, Place::Between(name) if name == service));
        Some(between).filter(|faults| !faults.tampers.is_empty())
    }

    fn at(&self, is_there: impl Fn(Place) -> bool) -> Faults {
        let here = self.faults.iter().filter(|fault| is_there(fault.place));
        Faults { tampers: here.map(|fault| fault.tamper.clone()).collect(), wire: None }
    }

    /// Their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let faults = self.faults.iter().map(|fault| fault.name.as_str());
        faults.chain(self.failures.iter().map(|failure| failure.name.as_str()))
    }
}

/// Every name, by its service.
pub(super) fn list(members: &'static [Member]) -> String {
    let (faults, failures) = known(members);
    let mut text = String::new();
    for Member { info, .. } in members {
        text += &format!("{}:\n", info.name);
        let of_service = faults.iter().filter(|fault| service(fault) == info.name);
        let failing = failures.iter().filter(|failure| failure.service == info.name);
        let names = of_service.map(|fault| &fault.name).chain(failing.map(|failure| &failure.name));
        text.extend(names.map(|name| format!("  {name}\n")));
    }
    text
}

fn known(members: &'static [Member]) -> (Vec<Fault>, Vec<Failure>) {
    (table::all(), members.iter().flat_map(|member| network::failures(member.info.name)).collect())
}

fn service(fault: &Fault) -> &'static str {
    let (Place::Before(service) | Place::Between(service)) = fault.place;
    service
}

/// A name as the suite writes it in the name of a test.
fn plain(name: &str) -> String {
    name.trim().replace([' ', '\''], "_").to_lowercase()
}

/// Names the faults that have a word of the name.
fn unknown(name: &str, members: &'static [Member]) -> StartupError {
    let list = list(members);
    let name = name.trim();
    let is_alike = |known: &&str| known.starts_with("  ") && plain(known).contains(&plain(name));
    let alike: Vec<&str> =
        list.lines().filter(is_alike).map(str::trim).filter(|_| !name.is_empty()).take(SUGGESTED).collect();
    StartupError::new(match alike.is_empty() {
        true => format!("there is no fault `{name}`: `store stub --fault list` lists them."),
        false => format!("there is no fault `{name}`: choose `{}`.", alike.join("`, `")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::MEMBERS;

    fn find(running: usize, names: &[&str]) -> Result<Chosen, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Chosen::find(MEMBERS, &MEMBERS[..running], &names.iter().collect::<Vec<_>>())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn each_name_stands_for_one_fault() {
        let list = list(MEMBERS);
        let names: Vec<String> = list.lines().filter(|line| line.starts_with("  ")).map(plain).collect();
        assert_eq!(BTreeSet::from_iter(&names).len(), names.len());
        assert!(names.len() > 200, "{}", names.len());
        for name in list.lines().filter_map(|line| line.strip_prefix("  ")) {
            let found = find(3, &[name]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(found.names().collect::<Vec<_>>(), [name]);
        }
    }

    #[test]
    fn faults_are_where_they_belong() {
        let chosen = find(3, &["Products_says_nothing", "the stock is ignored"]).unwrap();
        assert_eq!(chosen.before("products").unwrap().wire, Some(network::Wire::SaysNothing));
        assert_eq!(chosen.between("products").unwrap().tampers.len(), 1);
        assert!(chosen.before("orders").is_none() && chosen.between("orders").is_none());
    }

    #[test]
    fn a_name_that_cannot_be_used_is_explained() {
        for (running, names, sentence) in [
            (
                3,
                &["orders melts"][..],
                "there is no fault `orders melts`: `store stub --fault list` lists them.",
            ),
            (3, &["orders is full "], ""),
            (3, &["orders drips"], "choose `orders drips the head`, `orders drips the body`."),
            (3, &[""], "`store stub --fault list` lists them."),
            (1, &["orders is full"], "which is not running: add orders to the services."),
            (3, &["orders hangs up", "orders never ends"], "cannot be combined with another fault"),
        ] {
            let told = find(running, names).err().unwrap_or_default();
            assert!(told.contains(sentence) && (sentence.is_empty() == told.is_empty()), "{names:?}: {told}");
        }
    }
}
