//! Persons are derived anew from all that is registered on them, and what differs is stored.

use crate::configure::config::{self, Config};
use crate::error::{OrRaise, Refusal};
use crate::pg::person::{FoundPerson, Stored};
use crate::pg::table::StoredAt;
use crate::pg::{self, ActivityRow};
use crate::score::history;
use crate::score::writer::{Change, Outcome, Writer, difference};
use pgrx::datum::{Date, DatumWithOid};
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::derive;
use scoring::record::{Record, RecordKind};
use scoring::rule::Rule;
use scoring::scorecard::MAIN;
use scoring::shortcut::{self, Unclear};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};

thread_local! {
    /// Persons who were derived anew, or lost activities, in this transaction: rows of a later trigger may have been part of it.
    /// `None` when they are too many to be remembered.
    static DERIVED: RefCell<Option<BTreeSet<i64>>> = const { RefCell::new(Some(BTreeSet::new())) };
}

/// So many persons are remembered at most.
const REMEMBERED: usize = 1_000;

/// Called when a transaction ends.
pub fn forget_derived() {
    DERIVED.set(Some(BTreeSet::new()));
}

/// Whether a person was, or may have been, derived anew or lost activities in this transaction.
pub fn has_derived(person_id: i64) -> bool {
    DERIVED.with_borrow(|derived| derived.as_ref().is_none_or(|derived| derived.contains(&person_id)))
}

fn note_derived(person_id: i64) {
    DERIVED.with_borrow_mut(|derived| {
        if derived.as_ref().is_some_and(|derived| derived.len() >= REMEMBERED) {
            *derived = None;
        }
        if let Some(derived) = derived {
            derived.insert(person_id);
        }
    });
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

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ids(&self) -> HashSet<i64> {
        self.0.iter().map(|(person_id, _)| *person_id).collect()
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
    /// Finds a person, derives it anew and stores what differs, by which it is locked. `day` is that of its latest
    /// new activity: what happened after the last run's day counts at once. `false` when there is none.
    fn find_and_derive(&mut self, person_id: i64, day: Option<Day>) -> bool {
        let Some(seen) = self.look_at(person_id) else { return false };
        if self.writes_or_leaves(&seen) && self.try_derive(person_id, &seen, day) {
            return true;
        }
        let Some(locked) = self.lock(person_id, seen) else { return false };
        self.derive(person_id, &locked, day);
        true
    }

    /// Whether deriving a person writes its row or else nothing at all, so that it need not be locked first.
    fn writes_or_leaves(&self, seen: &FoundPerson) -> bool {
        let is_main_alone = || self.config.rulebook(self.persons().tenant(seen)).configuration.cards.is_main_alone();
        !self.is_run || (!pg::transaction_has_one_snapshot() && is_main_alone())
    }

    /// Derives a locked person anew and stores what differs.
    pub fn derive(&mut self, person_id: i64, locked: &FoundPerson, day: Option<Day>) {
        if !self.try_derive(person_id, locked, day) {
            error!("leadscore: a locked person was changed");
        }
    }

    /// The same for a person who was only looked at, and is locked by it. `false`, and nothing is done, when somebody
    /// else writes it.
    fn try_derive(&mut self, person_id: i64, seen: &FoundPerson, day: Option<Day>) -> bool {
        note_derived(person_id);
        let config = self.config;
        let mut stored = self.persons().stored(seen);
        let today = config.day(pg::now());
        if self.is_run {
            stored.scored_through = stored.scored_through.filter(|&through| through > config.scored_on);
        }
        stored.scored_through = stored.scored_through.max(day.filter(|&day| day > config.scored_on && day <= today));
        let registered = self.history(person_id);
        let by_rules = self.seen(person_id, seen);
        let history = history::history(config, by_rules.rulebook, &registered);
        let person = by_rules.person(self.persons(), seen);
        let standing = derive::derive(&by_rules.rulebook.configuration, &person, history, self.standpoint(&stored))
            .map_err(|refusal| Refusal::from(refusal).of_person(person_id))
            .or_raise();

        let (surplus, missing) = difference(registered.records(), standing.records);
        let due = registered.due();
        let is_due_otherwise = due.as_ref().and_then(|due| due.on) != standing.due_on;
        let changes_rows = !surplus.is_empty() || !missing.is_empty() || is_due_otherwise;
        let new = Stored {
            score: standing.scores[0],
            last_activity_at: standing.last_activity_at,
            penalised: standing.is_penalised,
            ..stored
        };
        let change = Change { rows: changes_rows, scores: Some(&standing.scores) };
        self.try_store(person_id, seen, new, &change, (&surplus, &missing), || {
            if is_due_otherwise {
                registered.set_due(due, standing.due_on);
            }
        })
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
            activities = history::activities_of(config, seen.rulebook, &registered, is_wanted);
        }
        if activities.iter().any(|activity| activity.day > at.reach) {
            return false;
        }
        let mut records = registered.records_by(rules);
        records.retain(|(_, record)| record.kind == RecordKind::Activity);
        // They may be of another scorecard until the next run, if a rule was moved.
        if records.iter().any(|(_, record)| record.card != MAIN) {
            return false;
        }
        let derived = shortcut::activity_records(&person, activities, at);
        let counted = |record: &Record| i128::from(record.counted(at));
        let gained = derived.iter().map(counted).sum::<i128>() - records.iter().map(|(_, r)| counted(r)).sum::<i128>();
        stored.score = Refusal::score(person_id, i128::from(stored.score) + gained).or_raise();
        let (surplus, missing) = difference(records, derived);
        self.store(person_id, locked, stored, &Change { rows: true, scores: None }, (&surplus, &missing));
        true
    }
}

impl Writer<'_> {
    /// Takes away what deleted activities of a person gave it.
    fn lose(&mut self, person_id: i64, deleted: &[ActivityRow]) {
        note_derived(person_id);
        let Some(seen) = self.look_at(person_id) else { return };
        let is_done = match self.try_lose(person_id, &seen, deleted) {
            Ok(is_done) => is_done,
            Err(Unclear) => self.try_derive(person_id, &seen, None),
        };
        if is_done {
            return;
        }
        let Some(locked) = self.lock(person_id, seen) else { return };
        if self.try_lose(person_id, &locked, deleted) != Ok(true) {
            self.derive(person_id, &locked, None);
        }
    }

    /// Takes away what deleted activities gave, where that is their own records alone, so that nothing else of the person need
    /// be read. `Ok(false)`, and nothing is done, when somebody else writes the person.
    fn try_lose(&mut self, person_id: i64, found: &FoundPerson, deleted: &[ActivityRow]) -> Result<bool, Unclear> {
        let config = self.config;
        let mut stored = self.persons().stored(found);
        let at = self.standpoint(&stored);
        let is_behind = |row: &ActivityRow| {
            stored.last_activity_at.is_some_and(|last| row.occurred_at < last) && config.day(row.occurred_at) <= at.reach
        };
        if !config.live || !deleted.iter().all(is_behind) {
            return Err(Unclear);
        }
        let seen = self.seen(person_id, found);
        let person = seen.person(self.persons(), found);
        let registered = self.history(person_id);
        let mut surplus = Vec::new();
        let mut lost = 0;
        for row in deleted {
            let (places, records): (Vec<StoredAt>, Vec<Record>) = registered.records_of(row.activity_id).into_iter().unzip();
            let matching = seen.rulebook.matching(&row.activity_type, row.attributes.as_ref());
            if !shortcut::takes_its_records_alone(
                &seen.rulebook.configuration,
                &person,
                config.day(row.occurred_at),
                matching,
                &records,
            ) {
                return Err(Unclear);
            }
            lost += records.iter().map(|record| i128::from(record.counted(at))).sum::<i128>();
            surplus.extend(places);
        }
        stored.score = Refusal::score(person_id, i128::from(stored.score) - lost).or_raise();
        let change = Change { rows: !surplus.is_empty(), scores: None };
        Ok(self.try_store(person_id, found, stored, &change, (&surplus, &[]), || ()))
    }
}

/// Takes away what deleted activities gave the persons that are still there.
pub fn rescore_lost(config: &Config, mut deleted: Vec<ActivityRow>) {
    deleted.sort_by_key(|row| row.person_id);
    let by_person = || deleted.chunk_by(|a, b| a.person_id == b.person_id);
    let mut writer = Writer::open(config, by_person().map(|rows| rows[0].person_id));
    for rows in by_person() {
        writer.lose(rows[0].person_id, rows);
    }
    writer.close();
}

/// Derives persons anew, each once. Returns those that are not there.
pub fn rescore(config: &Config, persons: ToDerive) -> Vec<i64> {
    rescore_with(config, persons, false).1
}

fn rescore_with(config: &Config, persons: ToDerive, in_run: bool) -> (Outcome, Vec<i64>) {
    if persons.is_empty() {
        return (Outcome::default(), Vec::new());
    }
    let persons = persons.sorted();
    let mut writer = Writer::open(config, persons.iter().map(|(person_id, _)| *person_id));
    writer.is_run = in_run;
    let missing = rescore_by(&mut writer, ToDerive(persons));
    (writer.close(), missing)
}

/// Derives persons anew by a writer that is open. Returns those that are not there.
pub fn rescore_by(writer: &mut Writer, persons: ToDerive) -> Vec<i64> {
    let mut missing = Vec::new();
    for (person_id, day) in persons.sorted() {
        if !writer.find_and_derive(person_id, day) {
            missing.push(person_id);
        }
    }
    missing
}

/// `_rescore(bigint[], date[], boolean)`: derives persons anew, with the days of what is new to them if any are given,
/// and returns what changed as the four counts of `leadscore._outcome`. In a run they are brought to its day, and rows
/// that stay the same are not written.
pub fn rescore_ids(ids: Vec<Option<i64>>, days: Option<Vec<Option<Date>>>, in_run: bool) -> Vec<i64> {
    let config = config::current(pg::own_schema());
    let mut persons = ToDerive::default();
    let days = days.unwrap_or_default();
    for (nth, person_id) in ids.into_iter().enumerate() {
        let day = days.get(nth).and_then(|day| day.as_ref()).map(|day| Day(day.to_pg_epoch_days()));
        if let Some(person_id) = person_id {
            persons.push(person_id, day);
        }
    }
    rescore_with(&config, persons, in_run).0.counts()
}

/// A person for whom some activity rules, whose points simply add up, apply now or no longer.
pub struct ByRules {
    pub person_id: i64,
    pub rules: Vec<i32>,
    /// Where the version of its row is that came of the change.
    pub at: Option<StoredAt>,
}

/// Derives such persons anew.
pub fn rescore_rules(config: &Config, mut changed: Vec<ByRules>) {
    changed.sort_by_key(|changed| changed.person_id);
    // Rows are locked and read once each.
    if changed.windows(2).any(|pair| pair[0].person_id == pair[1].person_id) {
        rescore(config, changed.into_iter().map(|changed| changed.person_id).collect());
        return;
    }
    let mut writer = Writer::open(config, changed.iter().map(|changed| changed.person_id));
    for ByRules { person_id, rules, at } in changed {
        let Some(seen) = writer.look_at_version(person_id, at) else { continue };
        if let Some(locked) = writer.lock(person_id, seen) {
            note_derived(person_id);
            if !writer.derive_rules(person_id, &locked, &rules) {
                writer.derive(person_id, &locked, None);
            }
        }
    }
    writer.close();
}
