//! The two lists of faults: which test notices each hand-written fault, and which generated faults no request triggers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Mutex,
};

/// The detector of each fault, a line each. A failure elsewhere, such as a flake, is not a detection.
const DETECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/detectors.txt");

/// What no request through a proxy brings about in any operation, a line each.
const ABSENTEES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/absentees.txt");

/// Where the second column of the list of detectors begins.
const COLUMN: usize = 72;

/// Both lists, and what was found.
pub(crate) struct Lists {
    is_update: bool,
    /// The faults that are made by hand, and those that are made from a document.
    by_hand: BTreeSet<String>,
    generated: BTreeSet<String>,
    detectors: BTreeMap<String, String>,
    absentees: BTreeSet<String>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// What noticed each fault, by its name.
    noticed: BTreeMap<String, String>,
    /// Whether each fault never came about.
    absent: BTreeMap<String, bool>,
}

impl Lists {
    /// Reads the lists of these faults. What is not as they say is a failure, unless they are written anew.
    pub(crate) fn read(by_hand: BTreeSet<String>, generated: BTreeSet<String>, is_update: bool) -> Self {
        let detectors = fs::read_to_string(DETECTORS).unwrap_or_default();
        let pair = |line: &str| {
            let (fault, by) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{DETECTORS}: `{line}`"));
            (fault.trim_end().to_owned(), by.to_owned())
        };
        let absentees = fs::read_to_string(ABSENTEES).unwrap_or_default();
        Self {
            is_update,
            by_hand,
            generated,
            detectors: detectors.lines().map(pair).collect(),
            absentees: absentees.lines().map(str::to_owned).collect(),
            found: Mutex::default(),
        }
    }

    /// Whether every fault of the lists is there.
    pub(crate) fn gone(&self) -> Result<(), String> {
        let detected = self.detectors.keys().filter(|fault| !self.by_hand.contains(*fault));
        let known: BTreeSet<&str> = self.generated.iter().map(|fault| what(fault)).collect();
        let absent = self.absentees.iter().filter(|what| !known.contains(what.as_str()));
        let gone: Vec<&str> = detected.chain(absent).map(String::as_str).collect();
        if gone.is_empty() || self.is_update {
            return Ok(());
        }
        Err(format!("in detectors.txt or absentees.txt, but no fault: {}", gone.join(", ")))
    }

    /// Whether a fault is noticed by what its line says.
    pub(crate) fn is_noticed(&self, fault: &str, by: &str) -> Result<(), String> {
        self.found.lock().expect("the list").noticed.insert(fault.into(), by.into());
        match self.detectors.get(fault) {
            Some(expected) if expected == by => Ok(()),
            _ if self.is_update => Ok(()),
            Some(expected) => Err(format!("it should be noticed by {expected}")),
            None => Err("it is not in detectors.txt".into()),
        }
    }

    /// Whether a fault comes about, or the list has what need not.
    pub(crate) fn is_absent(&self, fault: &str, is_absent: bool) -> Result<(), String> {
        self.found.lock().expect("the list").absent.insert(fault.into(), is_absent);
        match (is_absent, self.absentees.contains(what(fault))) {
            _ if self.is_update => Ok(()),
            (true, false) => {
                Err("no request through a proxy brings it about, and absentees.txt does not have it".into())
            }
            (false, true) => Err("it is in absentees.txt and comes about".into()),
            (true, true) | (false, false) => Ok(()),
        }
    }

    /// Writes anew what is to be written. A run of a part of the faults leaves the lists as they are.
    pub(crate) fn conclude(&self) {
        let Found { noticed, absent } = &*self.found.lock().expect("the list");
        let lines: String = noticed.iter().map(|(fault, by)| format!("{fault:<COLUMN$}{by}\n")).collect();
        print!("{lines}");
        if self.is_update && noticed.len() == self.by_hand.len() {
            fs::write(DETECTORS, lines).expect("the list is written");
            for (fault, by) in noticed {
                match self.detectors.get(fault) {
                    Some(before) if before != by => {
                        println!("another detector: \"{fault}\" was noticed by {before}, and is by {by}");
                    }
                    _ => {}
                }
            }
        }
        if self.is_update && absent.len() == self.generated.len() {
            let absent = absent.iter().filter(|(_, is_absent)| **is_absent);
            let lines: BTreeSet<String> = absent.map(|(fault, _)| format!("{}\n", what(fault))).collect();
            fs::write(ABSENTEES, String::from_iter(lines)).expect("the list is written");
        }
    }
}

/// What a fault that is made from a document does, to whichever operation.
fn what(fault: &str) -> &str {
    fault.split_once(": ").map_or(fault, |(_, what)| what)
}
