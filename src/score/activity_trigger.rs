//! The arrow from activity to score: what activities that are inserted, updated or deleted give,
//! in the same statement. New rows are scored one person at a time, by what a backend keeps of
//! the rules; persons whose score cannot follow from the new rows alone are rescored from their history.

use crate::arrive::progress::{Progress, TELL_EVERY};
use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::error::{OrRaise, Refusal};
use crate::pg::person::FoundPerson;
use crate::pg::table::StoredAt;
use crate::pg::tables::{NewActivity, Tables};
use crate::pg::{self, ActivityRow, ChangedRows, Jsonb, LocalDays, scan};
use crate::score::matching::Matching;
use crate::score::rescore::{self, ToDerive, run};
use crate::score::writer::{Change, Writer};
use pgrx::datum::{Date, DatumWithOid};
use pgrx::prelude::*;
use scoring::activity::Activity;
use scoring::calendar::Day;
use scoring::record::Record;
use scoring::shortcut::{self, Kept, Present, Unclear};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::collections::HashMap;
use std::ptr;

/// Up to so many rows a statement, setting up set-based statements costs more than it saves.
const FEW: i64 = 32;

/// So many new rows are held in memory at once, at 40 bytes a row.
const BATCH: i64 = 1 << 20;

/// `AFTER INSERT … FOR EACH STATEMENT` on `leadscore.activity`.
pub fn activity_inserted<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let inserted = ChangedRows::new(trigger);
    if inserted.count() > 0 {
        let schema = pg::schema_of(trigger.relid()?);
        let mut config = config::current(schema);
        if !config.live {
            let mut registered_now = false;
            inserted.each(&config.tables, |row| registered_now |= row.recorded_at == pg::now());
            if !registered_now {
                // A restore brings the rows with what belongs to them.
                return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
            }
            run("SELECT leadscore._go_live()", &[]);
            config = config::current(schema);
        }
        score(&config, &inserted);
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// `AFTER UPDATE … FOR EACH STATEMENT` on `leadscore.activity`: only what a rule can see counts
/// as a change.
pub fn activity_updated<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let (old, new) = (ChangedRows::old(trigger), ChangedRows::new(trigger));
    if new.count() > 0 {
        let config = config::current(pg::schema_of(trigger.relid()?));
        if new.count() <= FEW {
            let pairs = old.read(&config.tables).into_iter().zip(new.read(&config.tables));
            update_few(&config, pairs.filter(|(old, new)| !old.is_same(new)).collect());
        } else {
            update_many(&config, &old, &new);
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// `AFTER DELETE … FOR EACH STATEMENT` on `leadscore.activity`.
pub fn activity_deleted<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let deleted = ChangedRows::old(trigger);
    if deleted.count() > 0 {
        let config = config::current(pg::schema_of(trigger.relid()?));
        if deleted.count() <= FEW && !config.deferred {
            rescore::rescore_lost(&config, deleted.read(&config.tables));
            return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
        }
        let ids = if deleted.count() <= FEW {
            deleted.read(&config.tables).iter().map(|row| row.person_id).collect()
        } else {
            persons_of(&deleted)
        };
        if config.deferred {
            config.tables.insert_pending(&ids.into_iter().collect::<ToDerive>().sorted());
        } else {
            rescore::rescore(&config, ids.into_iter().collect());
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Raises the error of an unacceptable row; returns when it is acceptable.
fn check(person_id: i64, activity_type: &str, occurred_at: i64) {
    run(
        "SELECT leadscore._refuse_activity($1, $2, $3)",
        &[DatumWithOid::from(person_id), DatumWithOid::from(activity_type), DatumWithOid::from(pg::timestamptz(occurred_at))],
    );
}

fn refuse(person_id: i64, activity_type: &str, occurred_at: i64) -> ! {
    check(person_id, activity_type, occurred_at);
    error!("leadscore: an activity of person {person_id} is refused")
}

/// Raises the serialization error of a transaction whose snapshot does not show a person who is there.
fn refuse_unseen(tables: &Tables, person_id: i64) {
    if pg::transaction_has_one_snapshot() && tables.is_there_by_now(person_id) {
        pg::refuse_snapshot();
    }
}

/// Refuses the first new activity of a person who does not exist.
fn refuse_of(inserted: &ChangedRows, tables: &Tables, person_id: i64) -> ! {
    refuse_unseen(tables, person_id);
    inserted.each(tables, |row| {
        if row.person_id == person_id {
            refuse(row.person_id, row.activity_type, row.occurred_at);
        }
    });
    error!("leadscore: person {person_id} does not exist")
}

/// The day of an activity that is acceptable by itself; refuses any other.
fn accepted_day(config: &Config, row: &ActivityRow) -> Day {
    match config.time_zone.day(row.occurred_at) {
        Some(day) if pg::is_within_calendar(row.occurred_at) && config.knows_type(&row.activity_type) => day,
        _ => refuse(row.person_id, &row.activity_type, row.occurred_at),
    }
}

/// Derives the persons of updated activities anew: those that they had and those that they have.
fn update_few(config: &Config, changes: Vec<(ActivityRow, ActivityRow)>) {
    let mut persons = ToDerive::default();
    for (old, new) in &changes {
        persons.push(old.person_id, None);
        persons.push(new.person_id, Some(accepted_day(config, new)));
    }
    if !changes.is_empty() {
        if !config.live {
            run("SELECT leadscore._go_live()", &[]);
        }
        let missing = if config.deferred {
            config.tables.insert_pending(&persons.sorted());
            // Rows of attached tables are brought to whoever has their key by then.
            let is_missing = |row: &&ActivityRow| !row.is_attached && !config.tables.is_there_by_now(row.person_id);
            changes.iter().map(|(_, new)| new).filter(is_missing).map(|row| row.person_id).collect()
        } else {
            rescore::rescore(config, persons)
        };
        if let Some((_, new)) = changes.iter().find(|(_, new)| missing.contains(&new.person_id)) {
            refuse_unseen(&config.tables, new.person_id);
            refuse(new.person_id, &new.activity_type, new.occurred_at);
        }
    }
}

/// A new activity that is acceptable by itself.
struct ScoredActivity {
    person_id: i64,
    activity_id: i64,
    occurred_at: pg_sys::TimestampTz,
    day: Day,
    /// The place of the rules that match it.
    matching: u32,
}

/// New activities and the rules that match them.
struct Batch<'c> {
    rows: Vec<ScoredActivity>,
    matching: Matching<'c>,
    days: LocalDays,
    /// Of what, if it is told, how much is done, and how much there is.
    progress: Option<(Progress, i64)>,
}

impl<'c> Batch<'c> {
    fn new(config: &'c Config) -> Self {
        Batch { rows: Vec::new(), matching: Matching::new(config), days: LocalDays::of(config.time_zone), progress: None }
    }

    /// Persons are locked in the order of their ids, everywhere.
    fn sort(&mut self) {
        self.rows.sort_unstable_by_key(|row| (row.person_id, row.occurred_at, row.activity_id));
    }

    fn add(&mut self, rulebook: &'c Rulebook, row: &scan::ActivityRow) {
        let day = self.days.day(row.occurred_at).filter(|_| pg::is_within_calendar(row.occurred_at));
        let matching = self.matching.of_known(rulebook, row.activity_type, row.attributes);
        let (Some(day), Some(matching)) = (day, matching) else { refuse(row.person_id, row.activity_type, row.occurred_at) };
        let (person_id, activity_id, occurred_at) = (row.person_id, row.activity_id, row.occurred_at);
        self.rows.push(ScoredActivity { person_id, activity_id, occurred_at, day, matching });
    }
}

/// The rules for a person; they are looked up once for activities of one person that follow one another.
struct Rulebooks<'c> {
    config: &'c Config,
    latest: Option<(i64, &'c Rulebook)>,
}

impl<'c> Rulebooks<'c> {
    fn of(&mut self, person_id: i64) -> &'c Rulebook {
        match self.latest {
            Some((known, rulebook)) if known == person_id || !self.config.has_tenants() => rulebook,
            _ => {
                let tenant = self.config.has_tenants().then(|| self.config.tables.tenant_of(person_id)).flatten();
                let rulebook = self.config.rulebook(tenant.as_deref());
                self.latest = Some((person_id, rulebook));
                rulebook
            }
        }
    }
}

const TABLE: &str = "SELECT s.source::text FROM inserted a JOIN leadscore.source s ON s.source_id = a.source_id LIMIT 1";

/// So many rows come from an attached table at once when it is attached or brought in step: that
/// takes long, and is told.
fn progress(inserted: &ChangedRows) -> Option<(Progress, i64)> {
    if inserted.count() < TELL_EVERY {
        return None;
    }
    let table = pg::in_own_settings(|| {
        Spi::connect(|client| {
            inserted.register();
            let row = client.select(TABLE, Some(1), &[])?.next();
            row.map_or(Ok(None), |row| row.get::<String>(1))
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))?;
    Some((Progress::on(table), inserted.count()))
}

/// Marks the persons of new activities as pending.
fn defer(config: &Config, inserted: &ChangedRows) {
    let mut days = LocalDays::of(config.time_zone);
    let mut persons: HashMap<i64, (Day, bool)> = HashMap::new();
    inserted.each(&config.tables, |row| {
        let day = days.day(row.occurred_at).filter(|_| pg::is_within_calendar(row.occurred_at));
        let Some(day) = day.filter(|_| config.knows_type(row.activity_type)) else {
            refuse(row.person_id, row.activity_type, row.occurred_at)
        };
        let person = persons.entry(row.person_id).or_insert((day, true));
        *person = (day.max(person.0), row.is_attached && person.1);
    });
    // Those of attached tables alone are brought to whoever has their key by then. The others need not be in the snapshot of the
    // transaction, by which nothing is derived.
    let known = config.tables.persons_to_read();
    for (person_id, _) in persons.iter().filter(|(_, (_, are_attached))| !are_attached) {
        if known.look_at_latest(*person_id).is_none() {
            refuse_of(inserted, &config.tables, *person_id);
        }
    }
    let mut pending: Vec<(i64, Option<Day>)> = persons.into_iter().map(|(person_id, (day, _))| (person_id, Some(day))).collect();
    pending.sort_unstable();
    config.tables.insert_pending(&pending);
}

fn score(config: &Config, inserted: &ChangedRows) {
    if config.deferred {
        return defer(config, inserted);
    }
    // Locking persons batch by batch would not be in the one order.
    if inserted.count() > BATCH {
        lock_all(inserted);
    }
    let mut batch = Batch::new(config);
    let mut rulebooks = Rulebooks { config, latest: None };
    batch.progress = progress(inserted);
    inserted.each(&config.tables, |row| {
        batch.add(rulebooks.of(row.person_id), &row);
        if batch.rows.len() as i64 == BATCH {
            score_batch(config, inserted, &mut batch);
        }
    });
    score_batch(config, inserted, &mut batch);
}

/// Activities that were inserted without firing a trigger, with their ids; their types are known and their moments within
/// the calendar.
fn batch_of<'c>(config: &'c Config, added: &[(i64, &NewActivity)]) -> Batch<'c> {
    let mut rulebooks = Rulebooks { config, latest: None };
    let mut batch = Batch::new(config);
    // What is alike in all that rules ask for is looked at once.
    let mut places = HashMap::new();
    for (activity_id, new) in added {
        let Some(day) = config.time_zone.day(new.occurred_at) else { refuse(new.person_id, new.activity_type, new.occurred_at) };
        let rulebook = rulebooks.of(new.person_id);
        let attributes = new.attributes.filter(|_| rulebook.asks_attributes(new.activity_type));
        let matching = *places.entry((ptr::from_ref(rulebook), new.activity_type, attributes)).or_insert_with(|| {
            let attributes = attributes.map(Jsonb::parse);
            batch.matching.keep(rulebook.matching(new.activity_type, attributes.as_ref()).collect())
        });
        batch.rows.push(ScoredActivity {
            person_id: new.person_id,
            activity_id: *activity_id,
            occurred_at: new.occurred_at,
            day,
            matching,
        });
    }
    batch
}

/// Scores an activity that was inserted without firing a trigger, and whose person may be going or changing its key. `false`,
/// and nothing is done, where it is gone, or where `is_still` does not say that the activity is its own.
pub fn score_new(config: &Config, activity_id: i64, new: &NewActivity, is_still: impl Fn() -> bool) -> bool {
    let is_lost = Cell::new(false);
    score_rows(config, &mut batch_of(config, &[(activity_id, new)]), |person_id, found| {
        if found.is_none() {
            refuse_unseen(&config.tables, person_id);
        }
        let found = found.filter(|_| is_still());
        is_lost.set(found.is_none());
        found
    });
    !is_lost.get()
}

/// Scores activities that were inserted without firing a trigger, by a writer that has their persons locked.
pub fn score_added(writer: &mut Writer, added: &[(i64, NewActivity)]) {
    if !added.is_empty() {
        let config = writer.config;
        let rows: Vec<(i64, &NewActivity)> = added.iter().map(|(activity_id, new)| (*activity_id, new)).collect();
        score_by(writer, &mut batch_of(config, &rows), |person_id, found| {
            found.or_else(|| error!("leadscore: person {person_id} is locked and gone"))
        });
    }
}

/// Activities that are inserted without firing a trigger, in the order of their persons, and scored many at a time.
pub struct Inserted<'c> {
    config: &'c Config,
    /// The attached table that they come from.
    source_id: i32,
    batch: Batch<'c>,
    rulebooks: Rulebooks<'c>,
}

impl<'c> Inserted<'c> {
    pub fn new(config: &'c Config, source_id: i32, progress: Option<(Progress, i64)>) -> Inserted<'c> {
        let mut batch = Batch::new(config);
        batch.progress = progress;
        Inserted { config, source_id, batch, rulebooks: Rulebooks { config, latest: None } }
    }

    /// Whether those that were added are to be scored before one of this person comes.
    pub fn is_full(&self, person_id: i64) -> bool {
        self.batch.rows.len() as i64 >= BATCH && self.batch.rows.last().is_some_and(|row| row.person_id != person_id)
    }

    pub fn add(&mut self, row: &scan::ActivityRow) {
        self.batch.add(self.rulebooks.of(row.person_id), row);
    }

    /// Scores those that were added, all of which are stored.
    pub fn score(&mut self) {
        let (config, source_id) = (self.config, self.source_id);
        score_rows(config, &mut self.batch, |person_id, found| {
            found.or_else(|| {
                refuse_unseen(&config.tables, person_id);
                run(FIRST_OF, &[DatumWithOid::from(person_id), DatumWithOid::from(source_id)]);
                error!("leadscore: person {person_id} does not exist")
            })
        });
    }
}

const FIRST_OF: &str = "SELECT leadscore._refuse_activity(a.person_id, a.activity_type, a.occurred_at)
    FROM leadscore.activity a WHERE a.person_id = $1 AND a.source_id = $2 ORDER BY a.activity_id LIMIT 1";

fn score_batch(config: &Config, inserted: &ChangedRows, batch: &mut Batch) {
    score_rows(config, batch, |person_id, found| found.or_else(|| refuse_of(inserted, &config.tables, person_id)));
}

/// Scores new activities of the persons whom `admit` leaves: it is asked for each who was found, or was not, and again once
/// one is locked.
fn score_rows(config: &Config, batch: &mut Batch, admit: impl Fn(i64, Option<FoundPerson>) -> Option<FoundPerson>) {
    batch.sort();
    let by_person = || batch.rows.chunk_by(|a, b| a.person_id == b.person_id);
    if config.deferred {
        let known = config.tables.persons_to_read();
        let mut persons: Vec<_> = by_person().map(|rows| (rows[0].person_id, rows.iter().map(|row| row.day).max())).collect();
        // Nothing is derived by the snapshot of the transaction, so that it need not show them.
        persons.retain(|(person_id, _)| admit(*person_id, known.look_at_latest(*person_id)).is_some());
        config.tables.insert_pending(&persons);
        batch.rows.clear();
        return;
    }
    let mut writer = Writer::open(config, by_person().map(|rows| rows[0].person_id));
    score_by(&mut writer, batch, admit);
    writer.close();
}

fn score_by(writer: &mut Writer, batch: &mut Batch, admit: impl Fn(i64, Option<FoundPerson>) -> Option<FoundPerson>) {
    let config = writer.config;
    batch.sort();
    for rows in batch.rows.chunk_by(|a, b| a.person_id == b.person_id) {
        let person_id = rows[0].person_id;
        if let Some((progress, total)) = &mut batch.progress {
            progress.advance(rows.len(), "activities scored", || *total);
        }
        let Some(seen) = admit(person_id, writer.look_at(person_id)) else { continue };
        // A row that is written next need not be locked, unless somebody else is writing it.
        let scored = match rescore::has_derived(person_id) {
            true => Ok(false),
            false => score_person(writer, &seen, rows, &batch.matching),
        };
        if scored == Ok(true) {
            continue;
        }
        let Some(locked) = admit(person_id, writer.lock(person_id, seen)) else { continue };
        let is_as_inserted = || {
            let rulebook = config.rulebook(writer.persons().tenant(&locked));
            !derived_already(config, rows) && are_unchanged(config, rulebook, rows, &batch.matching)
        };
        let tells_all = scored.is_ok() && (!rescore::has_derived(person_id) || is_as_inserted());
        if !tells_all || score_person(writer, &locked, rows, &batch.matching) != Ok(true) {
            writer.derive(person_id, &locked, rows.iter().map(|row| row.day).max());
        }
    }
    batch.rows.clear();
}

/// Whether records of these activities of one person are stored already.
fn derived_already(config: &Config, rows: &[ScoredActivity]) -> bool {
    let is_one = |id: Option<i64>| rows.iter().any(|row| Some(row.activity_id) == id);
    config.tables.history(rows[0].person_id).records().iter().any(|(_, record)| is_one(record.activity_id))
}

/// Whether these activities of one person are still as they were inserted: a row trigger of somebody else's may have changed
/// or deleted them. Of many, deriving the person anew is as quick as asking.
fn are_unchanged(config: &Config, rulebook: &Rulebook, rows: &[ScoredActivity], matching: &Matching) -> bool {
    let history = config.tables.history(rows[0].person_id);
    let is_unchanged = |row: &ScoredActivity| {
        let mut found = false;
        history.activity(row.activity_id, |activity| {
            let asks = rulebook.asks_attributes(activity.activity_type);
            let attributes = if asks { activity.attributes.copy() } else { None };
            let rules = rulebook.matching(activity.activity_type, attributes.as_ref()).map(|rule| rule.rule_id);
            found =
                activity.occurred_at == row.occurred_at && rules.eq(matching.set(row.matching).iter().map(|rule| rule.rule_id));
        });
        found
    };
    rows.len() as i64 <= FEW && rows.iter().all(is_unchanged)
}

/// Scores the new activities of one person, in order of time. `false`, and nothing is done, when
/// the person was only looked at and somebody else writes it.
fn score_person(writer: &mut Writer, found: &FoundPerson, rows: &[ScoredActivity], matching: &Matching) -> Result<bool, Unclear> {
    let config = writer.config;
    let person_id = rows[0].person_id;
    let mut stored = writer.persons().stored(found);
    let since = writer.persons().since(found);
    let seen = writer.seen(person_id, found);
    let person = seen.person(writer.persons(), found);
    let mut present = Present {
        score: stored.score,
        at: writer.standpoint(&stored),
        last_day: config.scored_on,
        is_penalised: stored.penalised,
    };
    // Only a capped rule asks.
    let histories = writer.histories();
    let history = OnceCell::new();
    let history = || history.get_or_init(|| histories.of(person_id));
    let stored_records = OnceCell::new();
    let stored_records = || stored_records.get_or_init(|| history().records());
    let read = || stored_records().iter().map(|(_, record)| *record).collect();
    let instant = |activity_id| history().instant(activity_id);
    let mut kept = Kept::new(&read, &instant);
    for row in rows {
        present.last_day = config.day(stored.last_activity_at.map_or(since, |at| at.max(since)));
        let activity = Activity {
            activity_id: row.activity_id,
            occurred_at: row.occurred_at,
            day: row.day,
            matching: Cow::Borrowed(matching.set(row.matching)),
        };
        let configuration = &seen.rulebook.configuration;
        shortcut::score_activity(configuration, &person, &mut present, &activity, &mut kept).map_err(Refusal::from).or_raise()?;
        stored.last_activity_at = stored.last_activity_at.max(Some(row.occurred_at));
    }
    stored.score = present.score;
    let changes_records = !kept.added().is_empty() || !kept.displaced().is_empty();
    let change = Change { rows: changes_records, scores: None };
    let is_displaced = |record: &Record| kept.displaced().contains(record);
    let surplus: Vec<StoredAt> = match kept.displaced() {
        [] => Vec::new(),
        _ => stored_records().iter().filter(|(_, record)| is_displaced(record)).map(|(at, _)| *at).collect(),
    };
    Ok(writer.try_store(person_id, found, stored, &change, (&surplus, kept.added()), || ()))
}

const FIRST_UNACCEPTABLE: &str = "SELECT leadscore._refuse_activity(a.person_id, a.activity_type, a.occurred_at)
    FROM inserted a
    WHERE NOT isfinite(a.occurred_at) OR a.occurred_at NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC'
       OR a.activity_type NOT IN (SELECT t.activity_type FROM leadscore.activity_type t)";

const DISTINCT_PERSONS: &str = "SELECT array_agg(DISTINCT a.person_id ORDER BY a.person_id) FROM inserted a";

const LOCK_PERSONS: &str = "SELECT leadscore._lock_persons($1)";

const WITHOUT_PERSON: &str = "SELECT leadscore._refuse_activity(a.person_id, a.activity_type, a.occurred_at)
    FROM inserted a
    WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = a.person_id)";

/// The persons of updated activities, and the days of those that are new to them.
const CHANGED: &str = "WITH before AS (
        SELECT activity_id, person_id, activity_type, occurred_at, attributes FROM old_row
    ), after AS (
        SELECT activity_id, person_id, activity_type, occurred_at, attributes FROM new_row
    ), changed AS (
        SELECT person_id, NULL::timestamptz AS occurred_at FROM (TABLE before EXCEPT ALL TABLE after) b
        UNION ALL
        SELECT person_id, occurred_at FROM (TABLE after EXCEPT ALL TABLE before) a
    )
    SELECT array_agg(c.person_id),
           array_agg(CASE WHEN isfinite(c.occurred_at) THEN (c.occurred_at AT TIME ZONE s.time_zone)::date END)
    FROM changed c CROSS JOIN leadscore.settings s";

const FIRST_UNACCEPTABLE_CHANGE: &str = "SELECT leadscore._refuse_activity(n.person_id, n.activity_type, n.occurred_at)
    FROM new_row n
    WHERE n.person_id = ANY ($1)
      AND (NOT isfinite(n.occurred_at) OR n.occurred_at NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC'
           OR NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = n.activity_type)
           OR (n.person_id = ANY ($2) AND (n.source_id IS NULL OR $3)))";

fn update_many(config: &Config, old: &ChangedRows, new: &ChangedRows) {
    let refuse_any = |client: &mut pgrx::spi::SpiClient, ids: &[i64], missing: Vec<i64>| {
        client
            .update(
                FIRST_UNACCEPTABLE_CHANGE,
                None,
                &[DatumWithOid::from(ids.to_vec()), DatumWithOid::from(missing), DatumWithOid::from(!config.deferred)],
            )
            .map(|_| ())
    };
    let changed = pg::in_own_settings(|| {
        Spi::connect_mut(|client| -> Result<_, pgrx::spi::Error> {
            old.register();
            let changed = client.update(CHANGED, Some(1), &[])?.first();
            let (ids, days) = (pg::value_of::<Vec<i64>>(&changed, 1)?, pg::value_of::<Vec<Option<Date>>>(&changed, 2)?);
            if let Some(ids) = &ids {
                let known = config.tables.persons_to_read();
                // At once they are looked for when they are derived.
                let is_missing = |person_id: &i64| config.deferred && known.look_at_latest(*person_id).is_none();
                refuse_any(client, ids, ids.iter().copied().filter(is_missing).collect())?;
            }
            Ok(ids.zip(days))
        })
    });
    let Some((ids, days)) = changed.unwrap_or_else(|e| error!("leadscore: {e}")) else { return };
    if !config.live {
        run("SELECT leadscore._go_live()", &[]);
    }
    let mut persons = ToDerive::default();
    for (&person_id, day) in ids.iter().zip(days) {
        persons.push(person_id, day.map(|day| Day(day.to_pg_epoch_days())));
    }
    if config.deferred {
        config.tables.insert_pending(&persons.sorted());
        return;
    }
    let missing = rescore::rescore(config, persons);
    // A person that was just going is gone by now.
    if !missing.is_empty() {
        missing.iter().for_each(|person_id| refuse_unseen(&config.tables, *person_id));
        pg::in_own_settings(|| {
            Spi::connect_mut(|client| {
                new.register();
                refuse_any(client, &ids, missing)
            })
        })
        .unwrap_or_else(|e| error!("leadscore: {e}"));
    }
}

const PERSONS: &str = "SELECT array_agg(DISTINCT o.person_id) FROM old_row o
    WHERE EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = o.person_id)";

/// The persons of deleted activities that are still there.
fn persons_of(deleted: &ChangedRows) -> Vec<i64> {
    pg::in_own_settings(|| {
        Spi::connect(|client| {
            deleted.register();
            pg::value_of::<Vec<i64>>(&client.select(PERSONS, Some(1), &[])?.first(), 1)
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
    .unwrap_or_default()
}

/// Locks the persons of all new rows at once, and refuses rows that are not acceptable.
fn lock_all(inserted: &ChangedRows) {
    pg::in_own_settings(|| {
        Spi::connect_mut(|client| -> Result<_, pgrx::spi::Error> {
            inserted.register();
            client.update(FIRST_UNACCEPTABLE, None, &[])?;
            let ids = pg::value_of::<Vec<i64>>(&client.update(DISTINCT_PERSONS, Some(1), &[])?.first(), 1)?.unwrap_or_default();
            let wanted = ids.len() as i64;
            let locked = client.update(LOCK_PERSONS, Some(1), &[DatumWithOid::from(ids)])?.first().get_one::<i64>()?;
            if locked != Some(wanted) {
                client.update(WITHOUT_PERSON, None, &[])?;
            }
            Ok(())
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"));
}
