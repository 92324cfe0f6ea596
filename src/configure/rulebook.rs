//! The rules of one tenant, with what is looked up for each activity and each person prepared.

use crate::error::Refusal;
use crate::pg::{JsonPath, Jsonb};
use scoring::category::Category;
use scoring::configuration::Configuration;
use scoring::rule::{Rule, RuleKind};
use scoring::scorecard::Scorecard;
use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};

/// The rules of one tenant.
pub struct Rulebook {
    pub configuration: Configuration,
    /// What each rule asks of an activity's attributes, in the order of the rules.
    asked: Vec<Asked>,
    /// The rules for each activity type, by their places.
    by_type: HashMap<String, Vec<usize>>,
    /// What rules ask of a person's attributes.
    person_filters: Vec<(i32, JsonPath)>,
    /// The rules that fit who has no attributes, once somebody had none.
    fitting_none: OnceCell<Vec<i32>>,
}

struct Asked {
    condition: Option<Jsonb>,
    filter: Option<JsonPath>,
}

impl Asked {
    fn is_met(&self, attributes: Option<&Jsonb>) -> bool {
        self.has_condition(attributes) && self.filter.as_ref().is_none_or(|filter| filter.is_true(attributes))
    }

    fn has_condition(&self, attributes: Option<&Jsonb>) -> bool {
        match (&self.condition, attributes) {
            (None, _) => true,
            (Some(condition), Some(attributes)) => attributes.contains(condition),
            (Some(_), None) => false,
        }
    }
}

impl Rulebook {
    /// The rules that are in effect for a tenant; `online_types` are those that only the website brings.
    ///
    /// # Errors
    /// A refusal of scorecards that cannot be.
    pub fn new(
        tenant: Option<&str>,
        mut rules: Vec<Rule>,
        categories: Vec<Category>,
        scorecards: Vec<Scorecard>,
        activity_types: &HashSet<String>,
        online_types: &HashSet<String>,
    ) -> Result<Rulebook, Refusal> {
        for rule in &mut rules {
            rule.online = rule.kind == RuleKind::Inactivity
                && rule.named_types().next().is_some()
                && rule.named_types().all(|named| online_types.contains(named));
            rule.takes_all = !rule.asks_attributes() && activity_types.iter().all(|known| rule.is_for_type(known));
        }
        let configuration = Configuration::new(tenant, rules, categories, scorecards)?;
        let mut by_type: HashMap<String, Vec<usize>> = HashMap::new();
        for activity_type in activity_types {
            let places = configuration.rules.iter().enumerate().filter(|(_, rule)| rule.is_for_type(activity_type));
            by_type.insert(activity_type.clone(), places.map(|(place, _)| place).collect());
        }
        let asked = |rule: &Rule| Asked {
            condition: rule.condition.as_ref().map(|condition| Jsonb::parse(condition.get())),
            filter: rule.filter.as_deref().map(JsonPath::parse),
        };
        let person_filter = |rule: &Rule| rule.person_filter.as_deref().map(|path| (rule.rule_id, JsonPath::parse(path)));
        Ok(Rulebook {
            asked: configuration.rules.iter().map(asked).collect(),
            person_filters: configuration.rules.iter().filter_map(person_filter).collect(),
            fitting_none: OnceCell::new(),
            by_type,
            configuration,
        })
    }

    /// The rules that match an activity by its type and attributes.
    pub fn matching<'a>(&'a self, activity_type: &str, attributes: Option<&Jsonb>) -> impl Iterator<Item = &'a Rule> {
        self.places_matching(activity_type, attributes).map(|place| &self.configuration.rules[place])
    }

    /// The same by their places among the rules.
    pub fn places_matching(&self, activity_type: &str, attributes: Option<&Jsonb>) -> impl Iterator<Item = usize> {
        let places = self.by_type.get(activity_type).map_or(&[][..], Vec::as_slice);
        places.iter().copied().filter(move |&place| self.asked[place].is_met(attributes))
    }

    /// Those of the wanted rules that match an activity; its attributes are asked for if one of these asks.
    pub fn matching_of(
        &self,
        activity_type: &str,
        wanted: impl Fn(&Rule) -> bool,
        attributes: impl FnOnce() -> Option<Jsonb>,
    ) -> Vec<&Rule> {
        let rules = &self.configuration.rules;
        let of_type = self.by_type.get(activity_type).map_or(&[][..], Vec::as_slice);
        let mut places: Vec<usize> = of_type.iter().copied().filter(|&place| wanted(&rules[place])).collect();
        let asks = places.iter().any(|&place| rules[place].asks_attributes());
        let attributes = if asks { attributes() } else { None };
        places.retain(|&place| self.asked[place].is_met(attributes.as_ref()));
        places.into_iter().map(|place| &rules[place]).collect()
    }

    /// Whether a rule for this type asks for attributes.
    pub fn asks_attributes(&self, activity_type: &str) -> bool {
        let asks = |&place: &usize| self.configuration.rules[place].asks_attributes();
        self.by_type.get(activity_type).is_some_and(|places| places.iter().any(asks))
    }

    /// Whether an activity's attributes contain the condition of a rule.
    pub fn has_condition(&self, rule_id: i32, attributes: Option<&Jsonb>) -> bool {
        let place = self.configuration.rules.iter().position(|rule| rule.rule_id == rule_id);
        place.is_none_or(|place| self.asked[place].has_condition(attributes))
    }

    /// The rules whose `person_filter` is true for a person's attributes.
    pub fn fitting(&self, attributes: impl FnOnce() -> Option<Jsonb>) -> Vec<i32> {
        if self.person_filters.is_empty() {
            return Vec::new();
        }
        match attributes() {
            Some(attributes) => self.fitting_those(Some(&attributes)),
            None => self.fitting_none.get_or_init(|| self.fitting_those(None)).clone(),
        }
    }

    fn fitting_those(&self, attributes: Option<&Jsonb>) -> Vec<i32> {
        self.person_filters.iter().filter(|(_, path)| path.is_true(attributes)).map(|(rule_id, _)| *rule_id).collect()
    }
}
