//! The arrow to the sum, for single persons: locks them, derives them anew and stores what
//! differs. `sql/rescore.sql` does the same for a set.

use crate::score::calendar::{Day, worth};
use crate::configure::config::{self, Config};
use crate::score::derive::{self, Silence};
use crate::error::OrRaise;
use crate::pg::person::{CategoryChange, FoundPerson, Persons, Records, Stored};
use crate::pg::table::StoredAt;
use crate::pg::{self, Statement};
use crate::score::registered::{self, Registered};
use crate::score::scoring::{self, Person, Record, Rule, Unclear};
use crate::score::write_back::{self, Moved};
use pgrx::datum::{Date, DatumWithOid};
use pgrx::prelude::*;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

/// Up to so many persons, deriving one after the other is faster than the set-based statements.
const FEW: usize = 200;

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

/// `_note_derived()`.
pub fn note_derived() {
    DERIVED.set(true);
}

/// Persons that are to be derived anew, each with the latest day of its new activities, if it
/// has any.
#[derive(Default)]
pub struct Unclears {
    ids: Vec<i64>,
    days: Vec<Option<Day>>,
}

/// Runs a statement of our own.
pub fn run(statement: &str, args: &[DatumWithOid]) {
    pg::with_search_path_pinned(|| Spi::run_with_args(statement, args)).unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// Persons of whom some are being scored, in the order of their ids.
pub struct Desk<'c> {
    config: &'c Config,
    persons: Persons<'c>,
    /// Opened when the first of them is written.
    records: Option<Records<'c>>,
    moved: Vec<Moved>,
    changes: Vec<CategoryChange>,
    /// Of persons for whom none is stored, the days on which the night must look at them again.
    dues: Vec<(i64, Day)>,
    /// Whether a person's row is written even if nothing changes.
    touches: bool,
    outcome: Outcome,
}

/// What a run or a part of it changed (`leadscore._outcome`).
#[derive(Default)]
struct Outcome {
    records_added: usize,
    records_removed: usize,
    persons_changed: usize,
    categories_changed: usize,
}

impl<'c> Desk<'c> {
    /// Locks the rows of attached tables to which scores of these persons go back, and opens
    /// leadscore's tables.
    pub fn open(config: &'c Config, ids: impl Iterator<Item = i64>) -> Desk<'c> {
        pg::make_changes_visible();
        if config.writes_back() {
            write_back::lock_sources_of(config, ids.collect());
        }
        Desk {
            config,
            persons: config.tables.persons(),
            records: None,
            moved: Vec::new(),
            changes: Vec::new(),
            dues: Vec::new(),
            touches: true,
            outcome: Outcome::default(),
        }
    }

    /// A person as it stands now, whom others may be writing. `None` when there is none.
    pub fn look_at(&self, person_id: i64) -> Option<FoundPerson> {
        self.persons.look_at(person_id)
    }

    /// Locks a person who was looked at until the transaction ends. `None` when it is gone.
    pub fn lock(&self, person_id: i64, seen: FoundPerson) -> Option<FoundPerson> {
        self.persons.lock(person_id, seen)
    }

    /// Finds a person and locks it. `None` when there is none.
    fn find_and_lock(&self, person_id: i64) -> Option<FoundPerson> {
        self.look_at(person_id).and_then(|seen| self.lock(person_id, seen))
    }

    /// What is stored of a locked person.
    pub fn stored<'p>(&self, locked: &'p FoundPerson) -> Stored<'p> {
        self.persons.stored(locked)
    }

    /// The moment since which a locked person is known.
    pub fn since(&self, locked: &FoundPerson) -> pg_sys::TimestampTz {
        self.persons.since(locked)
    }

    /// A locked person as rules see it.
    pub fn person<'p>(&self, locked: &'p FoundPerson, stored: &Stored) -> Person<'p> {
        Person {
            kind: self.persons.kind(locked),
            status: self.persons.status(locked),
            score: stored.score,
            reach: stored.scored_through.unwrap_or(self.config.scored_on).max(self.config.scored_on),
            last_day: self.config.scored_on,
            penalised: stored.penalised,
        }
    }

    /// Deletes score records of one person and inserts others, by the time the desk is closed.
    pub fn exchange(&mut self, person_id: i64, surplus: &[StoredAt], missing: &[Record]) {
        if !surplus.is_empty() || !missing.is_empty() {
            let records = self.records.get_or_insert_with(|| self.config.tables.records());
            records.delete(surplus);
            records.insert(person_id, missing);
        }
    }

    /// Stores what becomes of a locked person: its row, and a category that changes. The row is
    /// written even if nothing changes, unless this transaction wrote it already: a transaction
    /// with an older snapshot must notice that something happened. In a run nobody needs to.
    pub fn settle(&mut self, person_id: i64, locked: &FoundPerson, new: Stored) {
        if !self.try_settle(person_id, locked, new) {
            error!("leadscore: a locked person was changed");
        }
    }

    /// The same for a person who was only looked at, and is locked by it: says whether nobody else
    /// wrote it meanwhile. Otherwise nothing is done.
    pub fn try_settle(&mut self, person_id: i64, seen: &FoundPerson, new: Stored) -> bool {
        let before = self.persons.stored(seen);
        let category = scoring::category(&self.config.bands, self.persons.kind(seen), new.score);
        let new = Stored { category, ..new };
        if (new != before || (self.touches && !seen.is_own)) && !self.persons.try_update(seen, new) {
            return false;
        }
        self.note(person_id, seen, before, new);
        true
    }

    /// Notes what became of a person: a category that changes, a score that goes back.
    fn note(&mut self, person_id: i64, locked: &FoundPerson, before: Stored, new: Stored) {
        let category = new.category;
        if category != before.category {
            let scored_on = new.scored_through.unwrap_or(self.config.scored_on).max(self.config.scored_on);
            self.changes.push(CategoryChange {
                person_id,
                from: before.category.map(str::to_owned),
                to: category.map(str::to_owned),
                score: new.score,
                scored_on,
            });
            self.outcome.categories_changed += 1;
        }
        self.outcome.persons_changed += usize::from((new.score, category) != (before.score, before.category));
        if (new.score, category) != (before.score, before.category) && self.config.writes_back() {
            self.moved.push(Moved {
                person_id,
                source: self.persons.source(locked).map(|(number, key)| (number, key.to_owned())),
                score: new.score,
                category: category.map(str::to_owned),
            });
        }
    }

    /// Derives a locked person anew and stores what differs. `day` is that of its latest new
    /// activity: what happened after the last run's day counts at once.
    fn derive(&mut self, person_id: i64, locked: &FoundPerson, day: Option<Day>) -> Result<(), Unclear> {
        let config = self.config;
        let mut stored = self.stored(locked);
        let today = config.time_zone.day(pg::now()).ok_or(Unclear)?;
        stored.scored_through = stored.scored_through.max(day.filter(|&day| day > config.scored_on && day <= today));
        let person = self.person(locked, &stored);
        let history = config.tables.history(person_id);
        let Registered { since, activities, adjustments, silences } =
            Registered::on(config, &history, &person, self.since(locked))?;
        let standing =
            derive::derive(&person, since, activities, &adjustments, silences.into_iter(), config.scored_on).or_raise();

        let (surplus, missing) = difference(history.records(), standing.records);
        self.outcome.records_removed += surplus.len();
        self.outcome.records_added += missing.len();
        self.exchange(person_id, &surplus, &missing);
        history.set_due(standing.due_on);
        self.settle(
            person_id,
            locked,
            Stored {
                score: standing.score,
                last_activity_at: standing.last_activity_at,
                penalised: standing.penalised,
                ..stored
            },
        );
        Ok(())
    }

    /// Derives a locked person anew as far as some activity rules go, none of them capped, and
    /// stores what differs: nothing else has changed.
    fn derive_rules(&mut self, person_id: i64, locked: &FoundPerson, rules: &[i32]) -> Result<(), Unclear> {
        let config = self.config;
        let mut stored = self.stored(locked);
        let person = self.person(locked, &stored);
        let history = config.tables.history(person_id);
        let is_wanted = |rule: &Rule| rules.contains(&rule.rule_id);
        let activities = if config.rules().any(|rule| is_wanted(rule) && rule.applies_to(&person)) {
            let mut activities = registered::activities(config, &history, is_wanted)?;
            activities.retain(|activity| !activity.matching.is_empty());
            activities
        } else {
            Vec::new()
        };
        if activities.iter().any(|activity| activity.day > person.reach) {
            return Err(Unclear);
        }
        let mut records = history.records();
        records.retain(|(_, r)| r.activity_id.is_some() && r.rule_id.is_some_and(|id| rules.contains(&id)));
        let derived = derive::activity_records(&person, &activities, config.scored_on);
        let counted = |record: &Record| i128::from(derive::counted(record, person.reach, config.scored_on));
        let gained = derived.iter().map(counted).sum::<i128>() - records.iter().map(|(_, r)| counted(r)).sum::<i128>();
        stored.score = i64::try_from(i128::from(stored.score) + gained).map_err(|_| scoring::out_of_range()).or_raise();
        let (surplus, missing) = difference(records, derived);
        self.exchange(person_id, &surplus, &missing);
        self.settle(person_id, locked, stored);
        Ok(())
    }

    /// Derives a locked person anew, or leaves it for later when that takes a query.
    pub fn derive_or_note(&mut self, person_id: i64, locked: &FoundPerson, day: Option<Day>, unclears: &mut Unclears) {
        DERIVED.set(true);
        if self.derive(person_id, locked, day).is_err() {
            unclears.ids.push(person_id);
            unclears.days.push(day);
        }
    }

    /// Brings persons, whom nobody else scores meanwhile, through days; they come in the order of
    /// their ids. Returns those who are to be derived anew.
    fn pass_all(&mut self, passings: &[Passing], last_day: Day) -> Vec<i64> {
        let config = self.config;
        let persons = config.tables.persons();
        let mut left = Vec::new();
        if persons.is_most(passings.len()) {
            persons.each_latest(|person_id, seen| {
                if let Ok(at) = passings.binary_search_by_key(&person_id, |passing| passing.person_id)
                    && !self.pass(seen, &passings[at], last_day)
                {
                    left.push(person_id);
                }
            });
        } else {
            for passing in passings {
                if let Some(seen) = self.look_at(passing.person_id)
                    && !self.pass(&seen, passing, last_day)
                {
                    left.push(passing.person_id);
                }
            }
        }
        left
    }

    /// Brings a person who was looked at through days. `false`, and nothing is done, if it is to be
    /// derived anew.
    fn pass(&mut self, seen: &FoundPerson, passing: &Passing, last_day: Day) -> bool {
        let person_id = passing.person_id;
        let Some((new, mut silence)) = self.passed(seen, passing, last_day) else { return false };
        if !self.try_settle(person_id, seen, new) {
            // Its row was changed otherwise since.
            let Some(locked) = self.find_and_lock(person_id) else { return true };
            let Some((new, anew)) = self.passed(&locked, passing, last_day) else { return false };
            silence = anew;
            self.settle(person_id, &locked, new);
        }
        if let Some(silence) = silence {
            self.outcome.records_added += silence.records.len();
            self.exchange(person_id, &[], &silence.records);
            self.dues.extend(silence.due_on.map(|day| (person_id, day)));
        }
        true
    }

    /// What becomes of a person in days; `None` if more has to be known than its row.
    fn passed<'p>(&self, seen: &'p FoundPerson, passing: &Passing, last_day: Day) -> Option<(Stored<'p>, Option<Silence>)> {
        let mut stored = self.stored(seen);
        let mut points = passing.points;
        let silence = if passing.is_due { Some(self.silence(passing.person_id, seen, &stored, last_day)?) } else { None };
        if let Some(silence) = &silence {
            points += silence.records.iter().map(|record| i128::from(record.points)).sum::<i128>();
            stored.penalised = silence.penalised;
        }
        stored.score = i64::try_from(i128::from(stored.score) + points).map_err(|_| scoring::out_of_range()).or_raise();
        Some((stored, silence))
    }

    /// What days of silence bring to a person for whom something is due; `None` if that may be
    /// something else, or if only its activities tell how long it is silent.
    fn silence(&self, person_id: i64, seen: &FoundPerson, stored: &Stored, last_day: Day) -> Option<Silence> {
        let config = self.config;
        let latest = stored.last_activity_at.map_or(self.since(seen), |last| last.max(self.since(seen)));
        let touch = config.time_zone.day(latest)?;
        let person = self.person(seen, stored);
        let silences = || config.rules().filter(|rule| rule.inactivity && rule.applies_to(&person));
        let tells_all = touch <= last_day
            && stored.scored_through.is_none_or(|day| day <= last_day)
            && silences().all(|rule| rule.takes_all && !rule.online)
            && config.tables.history(person_id).adjustments().is_empty();
        tells_all.then(|| derive::silence(touch, silences(), last_day, config.scored_on))
    }

    /// As [`Desk::close`], and says what changed as the four counts of `leadscore._outcome`.
    fn close_counting(mut self) -> Vec<i64> {
        let Outcome { records_added, records_removed, persons_changed, categories_changed } = std::mem::take(&mut self.outcome);
        self.close();
        [records_added, records_removed, persons_changed, categories_changed].into_iter().map(|count| count as i64).collect()
    }

    /// Notes the changes of category, and brings scores back to the application's own tables, when
    /// all persons are done.
    pub fn close(self) {
        let Desk { config, persons, records, moved, changes, dues, .. } = self;
        if let Some(records) = records {
            records.close();
        }
        drop(persons);
        if !dues.is_empty() {
            config.tables.insert_dues(&dues);
        }
        log_categories(config, changes);
        write_back::write_back_moved(config, moved);
    }
}

thread_local! {
    static LOG_CATEGORIES: Statement = const { Statement::new(
        "INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on)
         SELECT * FROM unnest($1, $2, $3, $4, $5)",
    ) };
}

/// Writes changes of category.
fn log_categories(config: &Config, changes: Vec<CategoryChange>) {
    if changes.is_empty() || config.tables.insert_changes(&changes) {
        return;
    }
    fn column<T>(changes: &[CategoryChange], of: impl Fn(&CategoryChange) -> T) -> Vec<T> {
        changes.iter().map(of).collect()
    }
    LOG_CATEGORIES.with(|statement| {
        statement.run(&[
            DatumWithOid::from(column(&changes, |change| change.person_id)),
            DatumWithOid::from(column(&changes, |change| change.from.clone())),
            DatumWithOid::from(column(&changes, |change| change.to.clone())),
            DatumWithOid::from(column(&changes, |change| change.score)),
            DatumWithOid::from(column(&changes, |change| pg::date(change.scored_on))),
        ]);
    });
}

/// Which of the stored records are to go, and which of the derived ones are to be added. Copies
/// of a record cannot come about by leadscore, but somebody may have inserted them.
fn difference(stored: Vec<(StoredAt, Record)>, derived: Vec<Record>) -> (Vec<StoredAt>, Vec<Record>) {
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

/// Derives persons anew, each once.
pub fn derive_anew(config: &Config, ids: Vec<i64>) {
    let days = vec![None; ids.len()];
    derive_unclear(config, Unclears { ids, days });
}

/// `_rescore_each(bigint[])`: derives persons anew, one after the other, and returns what changed
/// as the four counts of `leadscore._outcome`.
pub fn rescore_each(ids: Vec<Option<i64>>) -> Vec<i64> {
    let config = config::current(pg::own_schema());
    let mut ids: Vec<i64> = ids.into_iter().flatten().collect();
    ids.sort_unstable();
    let mut unclears = Unclears::default();
    let mut desk = Desk::open(&config, ids.iter().copied());
    desk.touches = false;
    for person_id in ids {
        if let Some(locked) = desk.find_and_lock(person_id) {
            desk.derive_or_note(person_id, &locked, None, &mut unclears);
        }
    }
    let counts = desk.close_counting();
    derive_as_set(unclears);
    counts
}

/// Derives persons anew for whom some activity rules, none of them capped, apply now or no longer.
pub fn derive_rules(config: &Config, mut changed: Vec<(i64, Vec<i32>)>) {
    changed.sort_unstable();
    // Rows are locked and read once each.
    let twice = changed.windows(2).any(|pair| pair[0].0 == pair[1].0);
    if twice || changed.len() > FEW || pg::transaction_has_one_snapshot() {
        return derive_anew(config, changed.into_iter().map(|(person_id, _)| person_id).collect());
    }
    let mut desk = Desk::open(config, changed.iter().map(|(person_id, _)| *person_id));
    let mut left_over = Unclears::default();
    for (person_id, rules) in changed {
        let Some(locked) = desk.find_and_lock(person_id) else { continue };
        DERIVED.set(true);
        if desk.derive_rules(person_id, &locked, &rules).is_err() {
            desk.derive_or_note(person_id, &locked, None, &mut left_over);
        }
    }
    desk.close();
    derive_as_set(left_over);
}

/// What a person goes through when days pass.
struct Passing {
    person_id: i64,
    /// What ends and decays, in points.
    points: i128,
    /// Whether something else is due.
    is_due: bool,
}

/// `_pass_days(bigint[], bigint[], bigint[], bigint[], date, date)`: takes from persons what their ended
/// records gave (`lost`, points), what the decaying ones lose between two days, and what silence
/// takes from those who are `due`, which nothing else may be. Those who are `left_out` are for
/// others to derive. Returns the four counts of `leadscore._outcome`, and who is to be derived anew.
pub fn pass_days(
    ids: Vec<Option<i64>>,
    lost: Vec<Option<i64>>,
    due: Vec<Option<i64>>,
    left_out: Vec<Option<i64>>,
    last_day: Date,
    today: Date,
) -> (Vec<i64>, Vec<i64>) {
    let config = config::current(pg::own_schema());
    let (last_day, today) = (Day(last_day.to_pg_epoch_days()), Day(today.to_pg_epoch_days()));
    pg::make_changes_visible();
    let ended = ids
        .into_iter()
        .zip(lost)
        .filter_map(|(id, points)| Some(Passing { person_id: id?, points: i128::from(points?), is_due: false }));
    let due = due.into_iter().flatten().map(|person_id| Passing { person_id, points: 0, is_due: true });
    let mut passings: Vec<Passing> = ended.chain(due).collect();
    config.tables.each_decaying(|person_id, record| {
        if record.counts_from <= last_day && record.counts_until.is_none_or(|end| end > today) {
            let on = |day| i128::from(worth(record.points, record.counts_from, record.decays_until, day));
            passings.push(Passing { person_id, points: on(today) - on(last_day), is_due: false });
        }
    });
    passings.sort_by_key(|passing| passing.person_id);
    passings.dedup_by(|later, kept| {
        let is_one = later.person_id == kept.person_id;
        if is_one {
            kept.points += later.points;
            kept.is_due |= later.is_due;
        }
        is_one
    });
    let left_out: HashSet<i64> = left_out.into_iter().flatten().collect();
    passings.retain(|passing| (passing.points != 0 || passing.is_due) && !left_out.contains(&passing.person_id));

    let mut desk = Desk::open(&config, passings.iter().map(|passing| passing.person_id));
    desk.touches = false;
    let mut left = desk.pass_all(&passings, last_day);
    // However the persons were read, changes are told in one order.
    desk.changes.sort_by_key(|change| change.person_id);
    left.extend(left_out);
    (desk.close_counting(), left)
}

impl Unclears {
    pub fn new(ids: Vec<i64>, days: Vec<Option<Day>>) -> Unclears {
        Unclears { ids, days }
    }

    pub fn push(&mut self, person_id: i64, day: Option<Day>) {
        self.ids.push(person_id);
        self.days.push(day);
    }
}

/// Derives persons anew, with the days of their new activities. Returns those that were looked
/// for one by one and are not there.
pub fn derive_unclear(config: &Config, unclears: Unclears) -> Vec<i64> {
    let mut missing = Vec::new();
    let mut wanted: Vec<(i64, Option<Day>)> = unclears.ids.into_iter().zip(unclears.days).collect();
    wanted.sort_unstable();
    // Of each person the latest day.
    wanted.reverse();
    wanted.dedup_by_key(|(person_id, _)| *person_id);
    wanted.reverse();
    let mut left_over = Unclears::default();
    // What a snapshot of the past shows decides nothing: SQL raises the serialization error.
    if wanted.len() > FEW || pg::transaction_has_one_snapshot() {
        (left_over.ids, left_over.days) = wanted.into_iter().unzip();
    } else {
        let mut desk = Desk::open(config, wanted.iter().map(|(person_id, _)| *person_id));
        for (person_id, day) in wanted {
            match desk.find_and_lock(person_id) {
                Some(locked) => desk.derive_or_note(person_id, &locked, day, &mut left_over),
                None => missing.push(person_id),
            }
        }
        desk.close();
    }
    derive_as_set(left_over);
    missing
}

/// Derives persons anew by the set-based statements.
pub fn derive_as_set(unclears: Unclears) {
    let Unclears { ids, days } = unclears;
    if ids.is_empty() {
        return;
    }
    if days.iter().any(Option::is_some) {
        let days: Vec<Option<Date>> = days.into_iter().map(|day| day.map(pg::date)).collect();
        run("SELECT leadscore._reach($1, $2)", &[DatumWithOid::from(ids.clone()), DatumWithOid::from(days)]);
    }
    run("SELECT leadscore._rescore($1)", &[DatumWithOid::from(ids)]);
}
