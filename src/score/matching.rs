//! Which rules match many activities: each activity type, and each value of attributes where a
//! rule asks for them, is looked at once.

use crate::configure::config::Config;
use crate::configure::rulebook::Rulebook;
use crate::pg::scan::Attributes;
use foldhash::fast::RandomState;
use scoring::rule::Rule;
use std::collections::HashMap;

/// So many values of attributes are remembered at most.
const REMEMBERED: usize = 1 << 16;

/// Sets of rules that match, each once.
pub struct Matching<'c> {
    config: &'c Config,
    sets: Vec<Vec<&'c Rule>>,
    places: HashMap<Vec<i32>, u32>,
    /// By name of the type, for each rulebook: the place of its types here is found by its address.
    types: Vec<HashMap<String, Type, RandomState>>,
    rulebooks: HashMap<usize, usize, RandomState>,
    /// The rulebook asked for last, which is often asked for next: its address and the place of its types.
    latest: (usize, usize),
    number_of_types: u32,
    by_attributes: HashMap<Vec<u8>, u32, RandomState>,
    /// Of the activity at hand: type and bytes of attributes.
    key: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Type {
    is_known: bool,
    number: u32,
    /// The set, unless a rule asks for attributes.
    place: Option<u32>,
}

impl<'c> Matching<'c> {
    pub fn new(config: &'c Config) -> Self {
        Matching {
            config,
            sets: Vec::new(),
            places: HashMap::new(),
            types: Vec::new(),
            rulebooks: HashMap::default(),
            latest: (0, 0),
            number_of_types: 0,
            by_attributes: HashMap::default(),
            key: Vec::new(),
        }
    }

    /// The place of the set of a tenant's rules that match an activity; `None` if there is no such type.
    pub fn of_known(&mut self, rulebook: &'c Rulebook, activity_type: &str, attributes: Attributes) -> Option<u32> {
        let kind = self.kind(rulebook, activity_type);
        kind.is_known.then(|| self.place(rulebook, kind, activity_type, attributes))
    }

    /// The place of the set of a tenant's rules that match an activity.
    pub fn of(&mut self, rulebook: &'c Rulebook, activity_type: &str, attributes: Attributes) -> u32 {
        let kind = self.kind(rulebook, activity_type);
        self.place(rulebook, kind, activity_type, attributes)
    }

    /// The set at a place.
    pub fn set(&self, place: u32) -> &[&'c Rule] {
        &self.sets[place as usize]
    }

    fn kind(&mut self, rulebook: &'c Rulebook, activity_type: &str) -> Type {
        let of_rulebook = self.types_of(rulebook);
        if let Some(kind) = self.types[of_rulebook].get(activity_type) {
            return *kind;
        }
        let place = if rulebook.asks_attributes(activity_type) {
            None
        } else {
            Some(self.keep(rulebook.matching(activity_type, None).collect()))
        };
        let kind = Type { is_known: self.config.knows_type(activity_type), number: self.number_of_types, place };
        self.number_of_types += 1;
        self.types[of_rulebook].insert(activity_type.to_owned(), kind);
        kind
    }

    fn types_of(&mut self, rulebook: &Rulebook) -> usize {
        let address = std::ptr::from_ref(rulebook).addr();
        if self.latest.0 != address {
            let place = *self.rulebooks.entry(address).or_insert_with(|| {
                self.types.push(HashMap::default());
                self.types.len() - 1
            });
            self.latest = (address, place);
        }
        self.latest.1
    }

    fn place(&mut self, rulebook: &'c Rulebook, kind: Type, activity_type: &str, attributes: Attributes) -> u32 {
        if let Some(place) = kind.place {
            return place;
        }
        let bytes = attributes.bytes();
        if let Some(bytes) = bytes {
            self.key.clear();
            self.key.extend_from_slice(&kind.number.to_ne_bytes());
            self.key.extend_from_slice(bytes);
            if let Some(&place) = self.by_attributes.get(&self.key) {
                return place;
            }
        }
        let place = self.keep(rulebook.matching(activity_type, attributes.copy().as_ref()).collect());
        if bytes.is_some() {
            if self.by_attributes.len() >= REMEMBERED {
                self.by_attributes.clear();
            }
            self.by_attributes.insert(self.key.clone(), place);
        }
        place
    }

    /// The place of a set of rules.
    pub fn keep(&mut self, set: Vec<&'c Rule>) -> u32 {
        let ids = set.iter().map(|rule| rule.rule_id).collect();
        *self.places.entry(ids).or_insert_with(|| {
            self.sets.push(set);
            self.sets.len() as u32 - 1
        })
    }
}
