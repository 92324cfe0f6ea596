//! What follows for persons is stored: records, the row, other scorecards, changes of category,
//! and the way back into the application's own tables.

use crate::configure::config::Config;
use crate::pg::history::{Histories, History};
use crate::pg::person::{FoundPerson, Persons, Stored};
use crate::pg::records::Records;
use crate::pg::table::StoredAt;
use crate::pg::tables::{CategoryChange, OtherScore};
use crate::pg::{self, Statement};
use crate::score::history::Seen;
use crate::score::person_trigger;
use crate::score::write_back::{self, Moved};
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::person::Standpoint;
use scoring::record::Record;
use scoring::scorecard::{MAIN, MAIN_NAME};
use std::cell::Cell;
use std::collections::HashMap;

/// What was changed (`leadscore._outcome`).
#[derive(Default)]
pub struct Outcome {
    pub records_added: usize,
    pub records_removed: usize,
    pub persons_changed: usize,
    pub categories_changed: usize,
}

impl Outcome {
    /// As the four counts of `leadscore._outcome`.
    pub fn counts(&self) -> Vec<i64> {
        [self.records_added, self.records_removed, self.persons_changed, self.categories_changed].map(|count| count as i64).into()
    }
}

/// What changed of a person, on any of its scorecards.
#[derive(Default)]
struct Changed {
    /// Score or category.
    score: bool,
    category: bool,
}

impl Changed {
    fn add(&mut self, other: Changed) {
        self.score |= other.score;
        self.category |= other.category;
    }
}

/// Writes what follows for persons, in the order of their ids.
pub struct Writer<'c> {
    pub config: &'c Config,
    persons: Persons<'c>,
    /// The only person to be written, if it was looked at already and nothing has been written since.
    looked_at: Cell<Option<(i64, FoundPerson)>>,
    histories: Histories<'c>,
    /// Opened when the first of them is written.
    records: Option<Records<'c>>,
    moved: Vec<Moved>,
    pub changes: Vec<CategoryChange>,
    /// Of persons for whom none is stored, the days on which the night must look at them again.
    pub dues: Vec<(i64, Day)>,
    others: Vec<OtherScore>,
    /// Whether a run brings persons to its day. Otherwise a person's row is written even if nothing changes:
    /// a transaction with an older snapshot must notice that something happened.
    pub is_run: bool,
    pub outcome: Outcome,
}

/// What becomes of a person besides its row.
pub struct Change<'s> {
    /// Whether any of its rows elsewhere changes: its records, or the day on which it is due.
    pub rows: bool,
    /// The scores on all scorecards, by their places; `None` where only `main`'s can have changed.
    pub scores: Option<&'s [i64]>,
}

impl<'c> Writer<'c> {
    /// Locks the rows of attached tables to which scores of these persons go back, and opens
    /// leadscore's tables.
    pub fn open(config: &'c Config, ids: impl Iterator<Item = i64>) -> Writer<'c> {
        pg::make_changes_visible();
        let persons = config.tables.persons();
        let mut looked_at = Vec::new();
        if config.writes_back() {
            looked_at = write_back::lock_sources_of(config, &persons, ids.collect());
        }
        Writer {
            config,
            persons,
            // Of several, what is written of one may change another, by triggers of somebody else's.
            looked_at: Cell::new(if looked_at.len() == 1 { looked_at.pop() } else { None }),
            histories: config.tables.histories(),
            records: None,
            moved: Vec::new(),
            changes: Vec::new(),
            dues: Vec::new(),
            others: Vec::new(),
            is_run: false,
            outcome: Outcome::default(),
        }
    }

    pub fn persons(&self) -> &Persons<'c> {
        &self.persons
    }

    /// What is stored of persons, to be asked while the writer is at work.
    pub fn histories(&self) -> Histories<'c> {
        self.histories.clone()
    }

    /// What is stored of a person who is locked.
    pub fn history(&self, person_id: i64) -> History<'c> {
        self.histories.of(person_id)
    }

    /// A person as it stands now, whom others may be writing. `None` when there is none.
    pub fn look_at(&self, person_id: i64) -> Option<FoundPerson> {
        match self.looked_at.take() {
            Some((known, person)) if known == person_id => Some(person),
            _ => self.persons.look_at(person_id),
        }
    }

    /// The same; it is found without a search if the version at a place still is the latest one.
    pub fn look_at_version(&self, person_id: i64, at: Option<StoredAt>) -> Option<FoundPerson> {
        at.and_then(|at| self.persons.look_at_version(person_id, at)).or_else(|| self.look_at(person_id))
    }

    /// Locks a person who was looked at until the transaction ends. `None` when it is gone.
    pub fn lock(&self, person_id: i64, seen: FoundPerson) -> Option<FoundPerson> {
        self.persons.lock(person_id, seen)
    }

    /// Finds a person and locks it. `None` when there is none.
    pub fn find_and_lock(&self, person_id: i64) -> Option<FoundPerson> {
        self.look_at(person_id).and_then(|seen| self.lock(person_id, seen))
    }

    /// A person who was found, as rules see it.
    pub fn seen(&self, person_id: i64, found: &FoundPerson) -> Seen<'c> {
        Seen::of(self.config, &self.persons, found, || self.history(person_id).has_refused())
    }

    /// The days for which a person's records are looked at.
    pub fn standpoint(&self, stored: &Stored) -> Standpoint {
        Standpoint::through(self.config.scored_on, stored.scored_through)
    }

    /// Deletes score records of one person and inserts others, by the time the writer is closed.
    pub fn exchange(&mut self, person_id: i64, surplus: &[StoredAt], missing: &[Record]) {
        if !surplus.is_empty() || !missing.is_empty() {
            self.outcome.records_removed += surplus.len();
            self.outcome.records_added += missing.len();
            let records = self.records.get_or_insert_with(|| self.config.tables.records());
            records.delete(surplus);
            records.insert(person_id, missing);
        }
    }

    /// Stores what becomes of a person who is locked, or was only looked at and is locked by it, and exchanges its records and, if it
    /// is another, the day that is due. `false`, and nothing is done, when somebody else writes the person.
    pub fn try_store(
        &mut self,
        person_id: i64,
        seen: &FoundPerson,
        new: Stored,
        change: &Change,
        (surplus, missing): (&[StoredAt], &[Record]),
        set_due: impl FnOnce(),
    ) -> bool {
        // Triggers of others fire in the statement by which a row is written then. They find all as it will be, and may change it.
        let by_statement = self.persons.takes_statement();
        if by_statement {
            if !seen.is_locked {
                return false;
            }
            self.exchange(person_id, surplus, missing);
            if let Some(records) = self.records.take() {
                records.close();
            }
            set_due();
            return self.try_settle(person_id, seen, new, change);
        }
        let is_written = self.try_settle(person_id, seen, new, change);
        if is_written {
            self.exchange(person_id, surplus, missing);
            set_due();
        }
        is_written
    }

    /// The same for a locked person, whose due day stays.
    pub fn store(
        &mut self,
        person_id: i64,
        locked: &FoundPerson,
        new: Stored,
        change: &Change,
        records: (&[StoredAt], &[Record]),
    ) {
        if !self.try_store(person_id, locked, new, change, records, || ()) {
            error!("leadscore: a locked person was changed");
        }
    }

    /// Stores what becomes of a person who is locked or was only looked at: its row, and a category that changes. Says whether nobody
    /// else wrote it meanwhile. Otherwise nothing is done.
    fn try_settle(&mut self, person_id: i64, seen: &FoundPerson, new: Stored, change: &Change) -> bool {
        let before = self.persons.stored(seen);
        let is_active = self.persons.is_active(seen);
        let configuration = &self.config.rulebook(self.persons.tenant(seen)).configuration;
        let kind = self.persons.kind(seen);
        let category = if is_active { configuration.category(MAIN, kind, new.score) } else { None };
        let new = Stored { category, ..new };
        let must_write = new != before || change.rows || (!self.is_run && !seen.is_own);
        if must_write && !self.persons.try_update(seen, new) || !must_write && self.persons.is_held(seen) {
            return false;
        }
        let mut changed = self.note(person_id, seen, before, new);
        if let Some(scores) = change.scores
            && !configuration.cards.is_main_alone()
        {
            changed.add(self.note_others(person_id, seen, scores));
        }
        self.outcome.persons_changed += usize::from(changed.score);
        self.outcome.categories_changed += usize::from(changed.category);
        true
    }

    fn scored_on(&self, stored: &Stored) -> Day {
        self.standpoint(stored).reach
    }

    /// Notes what became of a person: a category that changes, a score that goes back.
    fn note(&mut self, person_id: i64, found: &FoundPerson, before: Stored, new: Stored) -> Changed {
        let category = new.category;
        let mut changed = Changed { score: (new.score, category) != (before.score, before.category), category: false };
        if !changed.score {
            return changed;
        }
        if category != before.category && !self.config.is_renamed(MAIN_NAME, before.category, category) {
            changed.category = true;
            self.changes.push(CategoryChange {
                person_id,
                card: MAIN_NAME.into(),
                tenant: self.persons.tenant(found).map(str::to_owned),
                from: before.category.map(str::to_owned),
                to: category.map(str::to_owned),
                score: new.score,
                scored_on: self.scored_on(&new),
            });
        }
        if self.config.writes_back() {
            self.moved.push(Moved {
                person_id,
                source: self.persons.source(found).map(|(number, key)| (number, key.to_owned())),
                score: new.score,
                category: category.map(str::to_owned),
            });
        }
        changed
    }

    /// Notes scores on other scorecards than `main` that are not as they are stored.
    fn note_others(&mut self, person_id: i64, found: &FoundPerson, scores: &[i64]) -> Changed {
        let stored: HashMap<u16, (i64, Option<String>)> = self
            .config
            .tables
            .history(person_id)
            .other_scores()
            .into_iter()
            .map(|(card, score, category)| (card, (score, category)))
            .collect();
        self.store_others(person_id, found, scores, &stored, true)
    }

    /// Notes the scores on other scorecards than `main` of a person who has none yet.
    pub fn note_new_others(&mut self, person_id: i64, found: &FoundPerson, scores: &[i64]) {
        self.store_others(person_id, found, scores, &HashMap::new(), false);
    }

    fn store_others(
        &mut self,
        person_id: i64,
        found: &FoundPerson,
        scores: &[i64],
        stored: &HashMap<u16, (i64, Option<String>)>,
        tells_changes: bool,
    ) -> Changed {
        let mut changed = Changed::default();
        let config = self.config;
        let configuration = &config.rulebook(self.persons.tenant(found)).configuration;
        let is_active = self.persons.is_active(found);
        let kind = self.persons.kind(found).to_owned();
        for (card, name) in configuration.cards.others() {
            let score = scores.get(card as usize).copied().unwrap_or_default();
            let category = if is_active { configuration.category(card, &kind, score) } else { None };
            let before = stored.get(&card);
            if before.is_some_and(|(known, known_category)| *known == score && known_category.as_deref() == category) {
                continue;
            }
            let from = before.and_then(|(_, category)| category.clone());
            let is_other = from.as_deref() != category && !config.is_renamed(name, from.as_deref(), category);
            changed.score |= before.is_some();
            if tells_changes && before.is_some() && is_other {
                changed.category = true;
                self.changes.push(CategoryChange {
                    person_id,
                    card: name.to_owned(),
                    tenant: self.persons.tenant(found).map(str::to_owned),
                    from,
                    to: category.map(str::to_owned),
                    score,
                    scored_on: self.scored_on(&self.persons.stored(found)),
                });
            }
            self.others.push(OtherScore { person_id, card: name.to_owned(), score, category: category.map(str::to_owned) });
        }
        // Of scorecards that are gone.
        if stored.keys().any(|card| *card as usize >= configuration.cards.count()) {
            FORGET_OTHERS.with(|statement| statement.run(&[DatumWithOid::from(person_id)]));
        }
        changed
    }

    /// Notes the changes of category, and brings scores back to the application's own tables, when
    /// all persons are done.
    pub fn close(self) -> Outcome {
        let Writer { config, persons, records, mut moved, changes, dues, others, outcome, .. } = self;
        if let Some(records) = records {
            records.close();
        }
        // Whose other scores go back, though main's stayed.
        if config.writes_back() && !others.is_empty() {
            let known: std::collections::HashSet<i64> = moved.iter().map(|moved| moved.person_id).collect();
            let mut ids: Vec<i64> = others.iter().map(|other| other.person_id).filter(|id| !known.contains(id)).collect();
            ids.dedup();
            for person_id in ids {
                if let Some(found) = persons.look_at(person_id) {
                    let stored = persons.stored(&found);
                    moved.push(Moved {
                        person_id,
                        source: persons.source(&found).map(|(number, key)| (number, key.to_owned())),
                        score: stored.score,
                        category: stored.category.map(str::to_owned),
                    });
                }
            }
        }
        let is_by_statement = persons.wrote_by_statement();
        if is_by_statement {
            // Triggers of others may have changed what was written.
            moved.retain_mut(|moved| {
                let Some(found) = persons.look_at(moved.person_id) else { return false };
                let stored = persons.stored(&found);
                (moved.score, moved.category) = (stored.score, stored.category.map(str::to_owned));
                true
            });
        }
        drop(persons);
        if !dues.is_empty() {
            config.tables.insert_dues(&dues);
        }
        store_others(others);
        log_categories(config, changes);
        write_back::write_back_moved(config, moved);
        if is_by_statement {
            person_trigger::score_left(config);
        }
        outcome
    }
}

thread_local! {
    static STORE_OTHERS: Statement = const { Statement::new(
        "INSERT INTO leadscore.person_score AS s (person_id, scorecard, score, category)
         SELECT * FROM unnest($1, $2, $3, $4)
         ON CONFLICT (person_id, scorecard) DO UPDATE SET score = EXCLUDED.score, category = EXCLUDED.category",
    ) };
    static FORGET_OTHERS: Statement = const { Statement::new(
        "DELETE FROM leadscore.person_score s
         WHERE s.person_id = $1 AND NOT EXISTS (SELECT FROM leadscore.scorecard c WHERE c.scorecard = s.scorecard)",
    ) };
    static LOG_CATEGORIES: Statement = const { Statement::new(
        "INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on, scorecard, tenant)
         SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)",
    ) };
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// So many scores are stored by one statement.
const AT_ONCE: usize = 100_000;

/// Writes scores on other scorecards than `main`.
fn store_others(others: Vec<OtherScore>) {
    for others in others.chunks(AT_ONCE) {
        STORE_OTHERS.with(|statement| {
            statement.run(&[
                DatumWithOid::from(column(others, |other| other.person_id)),
                DatumWithOid::from(column(others, |other| other.card.clone())),
                DatumWithOid::from(column(others, |other| other.score)),
                DatumWithOid::from(column(others, |other| other.category.clone())),
            ]);
        });
    }
}

/// Writes changes of category.
fn log_categories(config: &Config, changes: Vec<CategoryChange>) {
    if changes.is_empty() || config.tables.insert_changes(&changes) {
        return;
    }
    LOG_CATEGORIES.with(|statement| {
        statement.run(&[
            DatumWithOid::from(column(&changes, |change| change.person_id)),
            DatumWithOid::from(column(&changes, |change| change.from.clone())),
            DatumWithOid::from(column(&changes, |change| change.to.clone())),
            DatumWithOid::from(column(&changes, |change| change.score)),
            DatumWithOid::from(column(&changes, |change| pg::date(change.scored_on))),
            DatumWithOid::from(column(&changes, |change| change.card.clone())),
            DatumWithOid::from(column(&changes, |change| change.tenant.clone())),
        ]);
    });
}

/// Which of the stored records are to go, and which of the derived ones are to be added. Copies
/// of a record cannot come about by leadscore, but somebody may have inserted them.
pub fn difference(stored: Vec<(StoredAt, Record)>, derived: Vec<Record>) -> (Vec<StoredAt>, Vec<Record>) {
    let mut missing = derived;
    let mut places: HashMap<Record, Vec<usize>> = HashMap::new();
    // Up to so many, comparing each with each is faster than hashing them.
    let few = missing.len() <= 32;
    if !few {
        for (place, record) in missing.iter().enumerate() {
            places.entry(*record).or_default().push(place);
        }
    }
    let mut surplus = Vec::new();
    let mut kept = vec![false; missing.len()];
    for (at, record) in stored {
        let place = if few {
            (0..missing.len()).find(|&place| !kept[place] && missing[place] == record)
        } else {
            places.get_mut(&record).and_then(Vec::pop)
        };
        match place {
            Some(place) => kept[place] = true,
            None => surplus.push(at),
        }
    }
    let mut place = 0;
    missing.retain(|_| {
        place += 1;
        !kept[place - 1]
    });
    (surplus, missing)
}
