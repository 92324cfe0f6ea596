//! What is registered on a person.

use crate::calendar::Day;
use crate::rule::Rule;
use std::borrow::Cow;

/// An activity with the rules that match its type and attributes, whomever they are for.
#[derive(Debug, Clone)]
pub struct Activity<'r> {
    pub activity_id: i64,
    /// The instant, in microseconds since 2000-01-01 UTC.
    pub occurred_at: i64,
    /// The local day of it.
    pub day: Day,
    pub matching: Cow<'r, [&'r Rule]>,
}

impl Activity<'_> {
    /// Whether a rule matches it.
    pub fn matches(&self, rule: &Rule) -> bool {
        self.matching.iter().any(|matching| matching.rule_id == rule.rule_id)
    }
}

/// Puts the newest first: the later instant, then the higher id.
pub fn newest_first(activities: &mut [Activity]) {
    activities.sort_by_key(|activity| std::cmp::Reverse((activity.occurred_at, activity.activity_id)));
}

/// A manual adjustment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjustment {
    pub adjustment_id: i64,
    pub points: i32,
    pub from_day: Day,
    pub until_day: Option<Day>,
    /// The place of its scorecard in the configuration.
    pub card: u16,
}

/// All that is registered on a person.
#[derive(Debug, Clone, Default)]
pub struct History<'r> {
    pub activities: Vec<Activity<'r>>,
    pub adjustments: Vec<Adjustment>,
}
