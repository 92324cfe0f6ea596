//! Persons are derived anew from all that is registered on them, and what differs is stored.

use crate::configure::config::{self, Config};
use crate::error::{OrRaise, Refusal};
use crate::pg;
use crate::pg::person::{FoundPerson, Stored};
use crate::score::history;
use crate::score::writer::{Change, Outcome, Writer, difference};
use pgrx::datum::{Date, DatumWithOid};
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::derive;
use scoring::record::{Record, RecordKind};
use scoring::rule::Rule;
use scoring::shortcut;
use std::cell::Cell;

thread_local! {
    /// Whether persons were derived anew in this transaction: rows of a later trigger may have
    /// been part of it.
    static DERIVED: Cell<bool> = const { Cell::new(false) };
}

/// Called when a transaction ends.
pub fn forget_derived() {
    DERIVED.set(false);
}

/// Whether persons were derived anew in this transaction.
pub fn has_derived() -> bool {
    DERIVED.get()
}

/// Runs a statement of our own.
pub fn run(statement: &str, args: &[DatumWithOid]) {
    pg::in_own_settings(|| Spi::run_with_args(statement, args)).unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// Persons that are to be derived anew, each with the latest day of its new activities, if it
/// has any.
#[derive(Default)]
pub struct ToDerive(Vec<(i64, Option<Day>)>);

impl ToDerive {
    pub fn push(&mut self, person_id: i64, day: Option<Day>) {
        self.0.push((person_id, day));
    }

    /// Each person once, in the order of their ids, with the latest of its days.
    pub fn sorted(mut self) -> Vec<(i64, Option<Day>)> {
        self.0.sort_unstable_by(|a, b| (a.0, b.1).cmp(&(b.0, a.1)));
        self.0.dedup_by_key(|(person_id, _)| *person_id);
        self.0
    }
}

impl FromIterator<i64> for ToDerive {
    fn from_iter<I: IntoIterator<Item = i64>>(ids: I) -> ToDerive {
        ToDerive(ids.into_iter().map(|person_id| (person_id, None)).collect())
    }
}

impl Writer<'_> {
    /// Derives a locked person anew and stores what differs. `day` is that of its latest new
    /// activity: what happened after the last run's day counts at once.
    pub fn derive(&mut self, person_id: i64, locked: &FoundPerson, day: Option<Day>) {
        DERIVED.set(true);
        let config = self.config;
        let mut stored = self.persons().stored(locked);
        let today = config.day(pg::now());
        stored.scored_through = stored.scored_through.max(day.filter(|&day| day > config.scored_on && day <= today));
        let registered = self.history(person_id);
        let seen = self.seen(person_id, locked);
        let history = history::history(config, seen.rulebook, &registered);
        let person = seen.person(self.persons(), locked);
        let standing = derive::derive(&seen.rulebook.configuration, &person, history, self.standpoint(&stored))
            .map_err(Refusal::from)
            .or_raise();

        let (surplus, missing) = difference(registered.records(), standing.records);
        let change = Change { records: !surplus.is_empty() || !missing.is_empty(), scores: Some(&standing.scores) };
        self.exchange(person_id, &surplus, &missing);
        registered.set_due(standing.due_on);
        let new = Stored {
            score: standing.scores[0],
            last_activity_at: standing.last_activity_at,
            penalised: standing.is_penalised,
            ..stored
        };
        self.settle(person_id, locked, new, &change);
    }

    /// Derives a locked person anew as far as some activity rules go, whose points simply add up, and
    /// stores what differs: nothing else has changed. `false`, and nothing is done, if more has to be known.
    fn derive_rules(&mut self, person_id: i64, locked: &FoundPerson, rules: &[i32]) -> bool {
        let config = self.config;
        let mut stored = self.persons().stored(locked);
        let at = self.standpoint(&stored);
        let registered = self.history(person_id);
        let seen = self.seen(person_id, locked);
        let person = seen.person(self.persons(), locked);
        let is_wanted = |rule: &Rule| rules.contains(&rule.rule_id);
        let mut activities = Vec::new();
        if seen.rulebook.configuration.rules.iter().any(|rule| is_wanted(rule) && rule.applies_to(&person)) {
            activities = history::activities(config, seen.rulebook, &registered, is_wanted);
            activities.retain(|activity| !activity.matching.is_empty());
        }
        if activities.iter().any(|activity| activity.day > at.reach) {
            return false;
        }
        let mut records = registered.records();
        records.retain(|(_, r)| r.kind == RecordKind::Activity && r.rule_id.is_some_and(|id| rules.contains(&id)));
        let derived = shortcut::activity_records(&person, activities, at);
        let counted = |record: &Record| i128::from(record.counted(at));
        let gained = derived.iter().map(counted).sum::<i128>() - records.iter().map(|(_, r)| counted(r)).sum::<i128>();
        stored.score = i64::try_from(i128::from(stored.score) + gained).map_err(|_| Refusal::score_out_of_range()).or_raise();
        let (surplus, missing) = difference(records, derived);
        self.exchange(person_id, &surplus, &missing);
        self.settle(person_id, locked, stored, &Change { records: true, scores: None });
        true
    }
}

/// Derives persons anew, each once. Returns those that are not there.
pub fn rescore(config: &Config, persons: ToDerive) -> Vec<i64> {
    rescore_with(config, persons, true).1
}

fn rescore_with(config: &Config, persons: ToDerive, touches: bool) -> (Outcome, Vec<i64>) {
    let persons = persons.sorted();
    let mut missing = Vec::new();
    if persons.is_empty() {
        return (Outcome::default(), missing);
    }
    let mut writer = Writer::open(config, persons.iter().map(|(person_id, _)| *person_id));
    writer.touches = touches;
    for (person_id, day) in persons {
        match writer.find_and_lock(person_id) {
            Some(locked) => writer.derive(person_id, &locked, day),
            None => missing.push(person_id),
        }
    }
    (writer.close(), missing)
}

/// `_rescore(bigint[], date[], boolean)`: derives persons anew, with the days of what is new to them if any are given,
/// and returns what changed as the four counts of `leadscore._outcome`. With `touch` their rows are written even if they
/// stay the same.
pub fn rescore_ids(ids: Vec<Option<i64>>, days: Option<Vec<Option<Date>>>, touch: bool) -> Vec<i64> {
    let config = config::current(pg::own_schema());
    let mut persons = ToDerive::default();
    let days = days.unwrap_or_default();
    for (nth, person_id) in ids.into_iter().enumerate() {
        let day = days.get(nth).and_then(|day| day.as_ref()).map(|day| Day(day.to_pg_epoch_days()));
        if let Some(person_id) = person_id {
            persons.push(person_id, day);
        }
    }
    rescore_with(&config, persons, touch).0.counts()
}

/// Derives persons anew for whom some activity rules, whose points simply add up, apply now or no longer.
pub fn rescore_rules(config: &Config, mut changed: Vec<(i64, Vec<i32>)>) {
    changed.sort_unstable();
    // Rows are locked and read once each.
    if changed.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        rescore(config, changed.into_iter().map(|(person_id, _)| person_id).collect());
        return;
    }
    let mut writer = Writer::open(config, changed.iter().map(|(person_id, _)| *person_id));
    for (person_id, rules) in changed {
        if let Some(locked) = writer.find_and_lock(person_id) {
            DERIVED.set(true);
            if !writer.derive_rules(person_id, &locked, &rules) {
                writer.derive(person_id, &locked, None);
            }
        }
    }
    writer.close();
}
