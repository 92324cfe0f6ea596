//! A person with all that is registered on it, read by index scans, as the engine takes it.

use crate::configure::config::Config;
use crate::configure::rulebook::Rulebook;
use crate::pg::history::History as Stored;
use crate::pg::person::{FoundPerson, Persons};
use crate::pg::scan::ActivityRow;
use scoring::activity::{Activity, History};
use scoring::calendar::Day;
use scoring::person::Person;
use scoring::rule::Rule;

/// A person as rules see it; what it borrows from is here.
pub struct Seen<'c> {
    pub rulebook: &'c Rulebook,
    fits: Vec<i32>,
    since: Day,
    is_active: bool,
    is_unseen: bool,
}

impl<'c> Seen<'c> {
    /// A person whose row was found; `has_refused` says, if a rule asks, whether it may not be followed on the website.
    pub fn of(config: &'c Config, persons: &Persons, found: &FoundPerson, has_refused: impl FnOnce() -> bool) -> Seen<'c> {
        let rulebook = config.rulebook(persons.tenant(found));
        let is_unseen = rulebook.configuration.looks_at.consent && has_refused();
        Seen {
            fits: rulebook.fitting(|| persons.attributes(found)),
            since: config.day(persons.since(found)),
            is_active: persons.is_active(found),
            is_unseen,
            rulebook,
        }
    }

    pub fn person<'p>(&'p self, persons: &Persons, found: &'p FoundPerson) -> Person<'p> {
        Person {
            kind: persons.kind(found),
            status: persons.status(found),
            since: self.since,
            is_active: self.is_active,
            fits: &self.fits,
            is_unseen: self.is_unseen,
        }
    }
}

/// All that is registered on a person.
pub fn history<'c>(config: &Config, rulebook: &'c Rulebook, stored: &Stored) -> History<'c> {
    let mut activities = Vec::new();
    stored.each_activity(|activity| {
        let attributes = if rulebook.asks_attributes(activity.activity_type) { activity.attributes.copy() } else { None };
        let matching: Vec<&Rule> = rulebook.matching(activity.activity_type, attributes.as_ref()).collect();
        activities.push(activity_with(config, &activity, matching));
    });
    History { activities, adjustments: stored.adjustments() }
}

/// The activities of a person that some of the wanted rules match, each with these.
pub fn activities_of<'c>(
    config: &Config,
    rulebook: &'c Rulebook,
    stored: &Stored,
    wanted: impl Fn(&Rule) -> bool,
) -> Vec<Activity<'c>> {
    let mut activities = Vec::new();
    stored.each_activity(|activity| {
        let matching = rulebook.matching_of(activity.activity_type, &wanted, || activity.attributes.copy());
        if !matching.is_empty() {
            activities.push(activity_with(config, &activity, matching));
        }
    });
    activities
}

fn activity_with<'c>(config: &Config, row: &ActivityRow, matching: Vec<&'c Rule>) -> Activity<'c> {
    Activity {
        activity_id: row.activity_id,
        occurred_at: row.occurred_at,
        day: config.day(row.occurred_at),
        matching: matching.into(),
    }
}
