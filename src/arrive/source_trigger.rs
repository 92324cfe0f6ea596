//! The arrow from the application's own tables: their changed rows become persons and
//! activities.

use crate::arrive::progress::Progress;
use crate::arrive::reach::{self, For, Lookups};
use crate::arrive::source::{self, Cell as Value, Image, Role, Source, image, values_of_key};
use crate::arrive::{take_few, waiting};
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::noted::{Note, Noted};
use crate::pg::meet::{self, Side};
use crate::pg::source::{self as rows, After, Held, Place, RowChange, Rows, Scratch};
use crate::pg::{self, Statement, TimeZone};
use crate::score::{rescore, write_back};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Changed rows are brought over at the latest when so many are noted, to bound memory.
const BATCH: usize = 10_000;

/// A changed row.
#[derive(Clone)]
struct Change {
    savepoint: u32,
    /// How many statements that write back it is within: what they change is brought over by themselves.
    level: u32,
    source: Rc<Source>,
    /// Where the row was stored before and after the change: a later change of the same row
    /// begins where this one ends.
    places: (Option<Place>, Option<Place>),
    /// The key that the row had, if it was there.
    before_key: Option<String>,
    after: Now,
    /// The row before, where it may have reached what it does not reach after.
    left: Vec<rows::FoundRow>,
}

impl Change {
    /// What leads on from the row as it was and as it is, as far as that is looked up.
    fn leads(&self) -> impl Iterator<Item = &[Option<Held>]> {
        let after = match &self.after {
            Now::Reaches(_, held) => Some(held.as_slice()),
            Now::Is(_) | Now::Passing(_) => None,
        };
        self.left.iter().map(|(_, held)| held.as_slice()).chain(after)
    }
}

/// What a row is after a change.
#[derive(Clone)]
enum Now {
    /// What it is, if it is anything.
    Is(Option<Image>),
    /// Its own columns, of which what they reach is looked up when it is brought over: it may change until then.
    Reaches(Vec<Option<Value>>, Vec<Option<Held>>),
    /// Its own columns for the time being: the same transaction has changed it again, by changes that need not concern what
    /// is read. What it is by now is looked up.
    Passing(Vec<Option<Value>>),
}

/// A changed row of a table that rows of an attached one reach, by one of the keys that it had or has.
#[derive(Clone)]
struct ReachedChange {
    savepoint: u32,
    level: u32,
    source: Rc<Source>,
    step: usize,
    key: Vec<String>,
    /// Whether no row had the key before.
    is_new: bool,
}

/// A row whose written-back columns the application overwrote.
#[derive(Clone)]
struct Overwritten {
    savepoint: u32,
    source: Rc<Source>,
    key: String,
}

impl Note for Change {
    fn savepoint(&self) -> u32 {
        self.savepoint
    }
}

impl Note for ReachedChange {
    fn savepoint(&self) -> u32 {
        self.savepoint
    }
}

impl Note for Overwritten {
    fn savepoint(&self) -> u32 {
        self.savepoint
    }
}

thread_local! {
    /// Rows whose row trigger fired and whose statement trigger has not yet.
    static NOTED: RefCell<Noted<Change>> = const { RefCell::new(Noted::new()) };
    static REACHED: RefCell<Noted<ReachedChange>> = const { RefCell::new(Noted::new()) };
    static OVERWRITTEN: RefCell<Noted<Overwritten>> = const { RefCell::new(Noted::new()) };
}

/// Forgets who may attach a table: no answer outlives the transaction or savepoint.
pub fn forget_admitted() {
    ADMITTED.set(None);
    ADMITTED_ROLE.set(None);
}

/// Forgets rows that were noted in a savepoint, or in one within it: it was rolled back.
pub fn forget_noted(savepoint: u32) {
    NOTED.with_borrow_mut(|noted| noted.forget(savepoint));
    REACHED.with_borrow_mut(|noted| noted.forget(savepoint));
    OVERWRITTEN.with_borrow_mut(|noted| noted.forget(savepoint));
}

/// The source whose trigger fired. Anybody may put the trigger function on a table of their own,
/// as partitions of an attached table need; there it does nothing.
fn source_of(config: &Config, trigger: &PgTrigger) -> Option<Rc<Source>> {
    let number: i32 = trigger.extra_args().ok()?.first()?.parse().ok()?;
    let relation = trigger.relid().ok()?;
    let of_number = || config.sources.iter().filter(|source| source.source_id == number);
    of_number()
        .find(|source| source.table.relation == relation.to_u32())
        .or_else(|| of_number().find(|source| is_within(relation, source.table.relation.into())))
        .cloned()
}

thread_local! {
    static ANCESTOR: Statement =
        const { Statement::new("SELECT FROM pg_partition_ancestors($1) a WHERE a.relid::oid = $2") };
}

/// Whether a relation is the other one or a partition of it, at any depth.
fn is_within(relation: pg_sys::Oid, whole: pg_sys::Oid) -> bool {
    relation == whole || ANCESTOR.with(|statement| statement.run(&[DatumWithOid::from(relation), DatumWithOid::from(whole)])) > 0
}

/// The zone in which columns without a zone are read.
fn zone(config: &Config, source: &Source) -> TimeZone {
    source.time_zone.as_deref().map_or(config.time_zone, TimeZone::named)
}

fn check_moment(source: &Source, image: &Image) {
    if let Some(moment) = image.moment
        && !pg::is_within_calendar(moment)
    {
        let column = source.parts.moment.and_then(|at| {
            let (step, at) = *source.parts.columns.get(at)?;
            source.at_step(step).columns().get(usize::try_from(at).ok()?).cloned()
        });
        Refusal::new(
            Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!(
                "column {} of {}, row {}: the moment is infinite or out of range",
                column.unwrap_or_default(),
                pg::name_of(source.table.relation),
                image.key
            ),
        )
        .detail("leadscore takes it as the moment of the activity or since when a person is known: between the years 1 and 9999.")
        .hint("Correct the value, or leave it NULL until it is known.")
        .raise();
    }
}

/// The owner of an attached table may put the trigger function on it once more, in a way in which
/// there is no row that has changed.
fn refuse_other_firing(source: &Source, trigger: &PgTrigger) {
    if !matches!((trigger.when(), trigger.level()), (Ok(PgTriggerWhen::After), PgTriggerLevel::Row)) {
        let (name, table) = (trigger.name().unwrap_or_default(), pg::name_of(source.table.relation));
        Refusal::new(
            Code::ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
            format!("trigger {} on {table} is none of leadscore's", pgrx::spi::quote_identifier(name)),
        )
        .detail("leadscore._source_row_changed() is for triggers AFTER a change FOR EACH ROW.")
        .hint(format!("DROP TRIGGER {} ON {table};", pgrx::spi::quote_identifier(name)))
        .raise();
    }
}

/// `AFTER INSERT OR DELETE OR UPDATE … FOR EACH ROW` on an attached table. It finds by itself that an UPDATE
/// concerns no bound column: PostgreSQL would read the expression of a WHEN anew for every statement.
pub fn note_source_row<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    // Which columns are bound cannot change while a statement runs. Without its row in leadscore.source
    // the table is being restored before it.
    if let Some(source) = source_of(&config::for_reading(), trigger)
        && source.is_bound()
    {
        refuse_other_firing(&source, trigger);
        note_change(&source, &RowChange::of(trigger));
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

fn note_change(source: &Rc<Source>, change: &RowChange) {
    let level = write_back::level();
    let is_overwritten = change.is_update() && source.writes_back() && write_back::may_overwrite();
    let lists = [source.own(), source.written()];
    let left = change.leaves_each(lists[..if is_overwritten { 2 } else { 1 }].iter().copied());
    let is_overwritten = is_overwritten && !left[1];
    if left[0] && !is_overwritten {
        return;
    }
    let config = config::present();
    let (before, after) = change.cells(source.own(), zone(&config, source));
    // Neither in a partition nor while changes are replayed does a statement trigger follow.
    let flush = change.in_partition() || pg::is_replaying();
    let mut full = false;
    if is_overwritten
        && let After::Row(cells) | After::Superseded(cells) = &after
        && let Some(key) = source.key_of(cells)
    {
        // A row that was changed further may have its first key again.
        let first_key = match (&after, &before) {
            (After::Superseded(_), Some(before)) => source.key_of(before).filter(|first| *first != key),
            _ => None,
        };
        for key in first_key.into_iter().chain([key]) {
            let (savepoint, source) = (pg::current_savepoint(), source.clone());
            OVERWRITTEN.with_borrow_mut(|rows| rows.add(Overwritten { savepoint, source, key }));
        }
    }
    let (after, is_passing) = match after {
        After::Row(cells) => (Some(cells), false),
        After::Superseded(cells) => (Some(cells), true),
        After::Gone => (None, false),
    };
    let is_nothing = |cells: &Option<Vec<Option<Value>>>| cells.as_deref().is_none_or(|cells| source.is_nothing(cells));
    let was_nothing = is_nothing(&before);
    if !left[0] && before != after && !(was_nothing && is_nothing(&after)) {
        // What is nothing by its own columns is neither an activity nor does it wait.
        let before_key = before.as_deref().filter(|_| !was_nothing).and_then(|cells| source.key_of(cells));
        let leads_on = reach::leads_on(source, 0);
        let led = before.as_ref().filter(|before| match &after {
            Some(after) => (0..before.len()).any(|at| leads_on(at) && before[at] != after[at]),
            None => !source.steps.is_empty(),
        });
        let left = led.map(|before| (before.clone(), change.held_before(source.own(), &leads_on))).into_iter().collect();
        let after = match after {
            Some(cells) if is_passing => Now::Passing(cells),
            Some(cells) if source.steps.is_empty() => Now::Is(image(source, &source.read(&[Some(cells)]))),
            Some(cells) => Now::Reaches(cells, change.held(source.own(), &leads_on)),
            None => Now::Is(None),
        };
        if let Now::Is(Some(image)) = &after {
            check_moment(source, image);
        }
        let same = match &after {
            Now::Is(after) => before.map_or(after.is_none(), |cells| image(source, &source.read(&[Some(cells)])) == *after),
            Now::Reaches(..) | Now::Passing(_) => false,
        };
        if !(same && source.steps.is_empty()) {
            full = NOTED.with_borrow_mut(|noted| {
                noted.add(Change {
                    savepoint: pg::current_savepoint(),
                    level,
                    source: source.clone(),
                    places: change.places(),
                    before_key,
                    after,
                    left,
                });
                noted.len() >= BATCH
            });
        }
    }
    if flush || full {
        bring_over(&config, source);
    }
    if flush {
        correct_overwritten(&config, source);
    }
}

/// `BEFORE INSERT OR DELETE OR UPDATE … FOR EACH STATEMENT` on an attached table to which scores are written back. A trigger
/// that came with the structure of a table, and names the source_id of another table in this database, does nothing.
pub fn source_begins<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if let Some(source) = source_of(&config::for_reading(), trigger)
        && source.writes_back()
    {
        write_back::source_begins(trigger.relid()?.to_u32());
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// `AFTER INSERT OR DELETE OR UPDATE … FOR EACH STATEMENT` on an attached table.
pub fn source_changed<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    // As after most statements.
    if NOTED.with_borrow(Noted::is_empty) && OVERWRITTEN.with_borrow(Noted::is_empty) && write_back::is_idle() {
        return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
    }
    let source = source_of(&config::for_reading(), trigger);
    if let Some(source) = &source
        && source.writes_back()
    {
        write_back::source_ends(source);
    }
    if let Some(source) = source
        && (source.writes_back() || NOTED.with_borrow(|noted| !noted.is_empty()))
    {
        let config = config::present();
        bring_over(&config, &source);
        correct_overwritten(&config, &source);
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Corrects what the application overwrote, and writes what was left until the statement ended.
fn correct_overwritten(config: &Config, source: &Source) {
    let rows = OVERWRITTEN.with_borrow_mut(|rows| rows.take(|row| row.source.is_same(source)));
    let keys: Vec<String> = rows.into_iter().map(|row| row.key).collect();
    if !keys.is_empty() {
        write_back::correct(source, keys);
    }
    write_back::write_queued(config, source.table.relation);
}

// --------------------------------------------------------------------------- what rows reach

/// The steps of attached tables that lead to the table whose trigger fired.
fn steps_to(config: &Config, trigger: &PgTrigger) -> Vec<(Rc<Source>, usize)> {
    let Ok(relation) = trigger.relid() else { return Vec::new() };
    let mut steps = Vec::new();
    for source in config.sources.iter().filter(|source| source.is_bound()) {
        for (nth, table) in source.steps.iter().enumerate() {
            if table.relation == relation.to_u32() || (table.partitioned && is_within(relation, table.relation.into())) {
                steps.push((source.clone(), nth + 1));
            }
        }
    }
    steps
}

/// `AFTER UPDATE … FOR EACH ROW`, and after INSERT and DELETE where a foreign key is deferrable, on a table that rows of
/// attached tables reach.
pub fn note_reached_row<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let steps = steps_to(&config::for_reading(), trigger);
    if steps.is_empty() || !matches!((trigger.when(), trigger.level()), (Ok(PgTriggerWhen::After), PgTriggerLevel::Row)) {
        return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
    }
    let change = RowChange::of(trigger);
    let left = change.leaves_each(steps.iter().map(|(source, step)| source.at_step(*step).columns()));
    let mut noted = 0;
    for ((source, step), _) in steps.iter().zip(left).filter(|(_, left)| !left) {
        let (table, to) = (source.at_step(*step), &source.parts.steps[step - 1].to);
        let names: Vec<String> = to.iter().filter_map(|&at| table.columns().get(at).cloned()).collect();
        // No moment is a key, so the zone does not matter.
        let (before, after) = change.cells(&names, TimeZone::named("UTC"));
        let after = match after {
            After::Row(cells) | After::Superseded(cells) => Some(cells),
            After::Gone => None,
        };
        let key =
            |cells: Vec<Option<Value>>| cells.into_iter().map(|cell| cell.map(|cell| cell.text)).collect::<Option<Vec<_>>>();
        let (before, after) = (before.and_then(key), after.and_then(key));
        let (savepoint, level) = (pg::current_savepoint(), write_back::level());
        let is_new = change.is_insert();
        let new = after.filter(|after| before.as_ref() != Some(after));
        for key in before.into_iter().chain(new) {
            noted += 1;
            REACHED.with_borrow_mut(|reached| {
                reached.add(ReachedChange { savepoint, level, source: source.clone(), step: *step, key, is_new });
            });
        }
    }
    if noted > 0 && (change.in_partition() || pg::is_replaying() || REACHED.with_borrow(|reached| reached.len() >= BATCH)) {
        bring_reached(&config::present());
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// The same for the statement.
pub fn reached_changed<'a>(_: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if REACHED.with_borrow(|reached| !reached.is_empty()) {
        bring_reached(&config::present());
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Reads again all rows of attached tables that reach the noted ones.
fn bring_reached(config: &Config) {
    let level = write_back::level();
    let mut changes = REACHED.with_borrow_mut(|noted| noted.take(|change| change.level == level));
    // Persons before activities, so that these find them.
    let order = |change: &ReachedChange| {
        let source = &change.source;
        (source.role != Role::Person, source.source_id, source.table.relation, change.step)
    };
    // Of several changes of a key the one that stays is not a mere INSERT.
    changes.sort_by(|a, b| (order(a), &a.key, a.is_new).cmp(&(order(b), &b.key, b.is_new)));
    changes.dedup_by(|a, b| order(a) == order(b) && a.key == b.key);
    have_rows_first(config, &changes);
    let mut met = HashSet::new();
    let mut groups: Vec<Vec<&ReachedChange>> = Vec::new();
    for changes in changes.chunk_by(|a, b| order(a) == order(b)) {
        let reached = changes[0].source.at_step(changes[0].step);
        let keys = changes.iter().map(|change| reach::meeting_key(change.key.iter().map(String::as_str)));
        let keys: Vec<u64> = keys.filter(|key| met.insert((reached.relation, *key))).collect();
        // Who has looked one of them up has committed by then, and is seen.
        meet::meet(reached.relation.into(), 0, &keys, Side::Changes);
        let changes: Vec<&ReachedChange> =
            changes.iter().filter(|change| !change.is_new || reach::may_have_missed(reached)).collect();
        groups.extend(changes.chunks(1_000).map(<[_]>::to_vec));
    }
    let noted = notes();
    let mut activities: Vec<(Rc<Source>, Vec<take_few::Row>)> = Vec::new();
    for (changes, rows) in groups.iter().zip(rows_alone(config, &groups)) {
        let source = &changes[0].source;
        let rows = rows.unwrap_or_else(|| rows_reached(config, changes, For::Reached(changes[0].step)));
        if rows.is_empty() {
            continue;
        }
        reach::note_read();
        rows.iter().filter_map(|(_, image)| image.as_ref()).for_each(|image| check_moment(source, image));
        match activities.last_mut() {
            _ if source.role == Role::Person => {
                take_few::have_persons(config, source, &rows, reach::scores(source, changes[0].step));
                store_all(config, source, rows, noted);
            }
            Some((latest, known)) if latest.is_same(source) => known.extend(rows),
            _ => activities.push((source.clone(), rows)),
        }
        if activities.iter().map(|(_, rows)| rows.len()).sum::<usize>() > BATCH {
            std::mem::take(&mut activities)
                .into_iter()
                .for_each(|(source, rows)| store_all(config, &source, each_once(rows), noted));
        }
    }
    store_together(config, activities.into_iter().map(|(source, rows)| (source, each_once(rows))).collect(), noted);
}

/// Whoever changes the row of a person has that row before looking up what it reaches. So those who change what only rows of
/// persons reach, and write scores back to them, have these rows before they are met. Where rows of activities reach it, too, it is
/// looked up before their persons are known, and they are met first.
fn have_rows_first(config: &Config, changes: &[ReachedChange]) {
    let activities = || config.sources.iter().filter(|source| source.role == Role::Activity);
    let activities_reach = |table: u32| activities().any(|source| source.steps.iter().any(|step| step.relation == table));
    let is_to_have = |change: &&ReachedChange| {
        let source = &change.source;
        source.role == Role::Person
            && !change.is_new
            && source.writes_back()
            && reach::scores(source, change.step)
            && !activities_reach(source.at_step(change.step).relation)
    };
    let to_have: Vec<&ReachedChange> = changes.iter().filter(is_to_have).collect();
    let is_beside = |a: &&ReachedChange, b: &&ReachedChange| a.source.is_same(&b.source) && a.step == b.step;
    for changes in to_have.chunk_by(is_beside).flat_map(|changes| changes.chunks(1_000)) {
        let rows = rows_reached(config, changes, For::All);
        write_back::lock_rows(&changes[0].source, rows.into_iter().filter_map(|(key, _)| key).collect());
    }
}

/// The rows that reach changed ones, for each of these lists in which all are of one step, as they are by now, which nobody else
/// brings over for what they reach before this transaction ends; `None` where they are yet to be read.
fn rows_alone(config: &Config, groups: &[Vec<&ReachedChange>]) -> Vec<Option<Vec<take_few::Row>>> {
    let committed = pg::completed_transactions();
    let (mut rows, mut count) = (Vec::with_capacity(groups.len()), 0);
    for changes in groups {
        let found = (count <= BATCH).then(|| rows_reached(config, changes, For::Reached(changes[0].step)));
        count += found.as_ref().map_or(0, Vec::len);
        rows.push(found);
    }
    let mut by_source: Vec<(&Source, Option<Vec<&str>>)> = Vec::new();
    for (changes, rows) in groups.iter().zip(&rows) {
        let keys = rows.as_ref().map(|rows| rows.iter().filter_map(|(key, _)| key.as_deref()));
        match by_source.last_mut() {
            Some((source, known)) if source.is_same(&changes[0].source) => match (known.as_mut(), keys) {
                (Some(known), Some(keys)) => known.extend(keys),
                _ => *known = None,
            },
            _ => by_source.push((&changes[0].source, keys.map(Iterator::collect))),
        }
    }
    by_source.into_iter().for_each(|(source, keys)| reach::meet_each_other(source, keys));
    // Who changed something else that they reach has been waited for.
    if pg::completed_transactions() != committed {
        rows.iter_mut().for_each(|rows| *rows = None);
    }
    rows
}

/// A row may reach changed ones in several steps.
fn each_once(mut rows: Vec<take_few::Row>) -> Vec<take_few::Row> {
    let mut keys = HashSet::new();
    rows.retain(|(key, _)| keys.insert(key.clone()));
    rows
}

/// The rows that reach changed ones in a step, as they are by now.
fn rows_reached(config: &Config, changes: &[&ReachedChange], whom: For) -> Vec<take_few::Row> {
    let (source, step) = (&*changes[0].source, changes[0].step);
    few_that_reach(config, changes, whom).unwrap_or_else(|()| {
        if whom != For::All {
            reach::meet_all_led_to(source, step);
        }
        let Some(owner) = reach::one_owner(source) else {
            let of_key = |change: &&ReachedChange| reach::all_that_reach(source, step, &change.key, zone(config, source), whom);
            return changes.iter().flat_map(of_key).filter_map(|cells| row_of(source, &cells)).collect();
        };
        let mut rows = Vec::new();
        let lists: Vec<Vec<String>> =
            (0..changes[0].key.len()).map(|column| changes.iter().map(|change| change.key[column].clone()).collect()).collect();
        let query = format!("SELECT {} {} WHERE {}", reach::columns(source), reach::from(source), reach::concerned(source, step));
        pg::as_role(owner, || {
            rows::read_table(&query, &lists, true, zone(config, source), |_| true, |cells| rows.extend(row_of(source, &cells)));
        });
        rows
    })
}

/// A row as it is, by its key.
fn row_of(source: &Source, cells: &[Option<Value>]) -> Option<take_few::Row> {
    let key = source.key_in(cells, &source.parts.key)?;
    Some((Some(key), image(source, &cells[..source.parts.columns.len()])))
}

/// A few rows that reach changed ones, without a query; `Err` where it takes one.
fn few_that_reach(config: &Config, changes: &[&ReachedChange], whom: For) -> Result<Vec<take_few::Row>, ()> {
    let (source, step) = (&*changes[0].source, changes[0].step);
    if changes.len() > pg::plans::FEW {
        return Err(());
    }
    pg::make_changes_visible();
    let mut rows = Vec::new();
    for change in changes {
        let found = reach::rows_that_reach(source, step, &change.key, zone(config, source), whom)?;
        rows.extend(found.iter().filter_map(|cells| row_of(source, cells)));
    }
    Ok(rows)
}

fn moment(image: Option<&Image>) -> Option<TimestampWithTimeZone> {
    image.and_then(|image| image.moment).map(pg::timestamptz)
}

/// Makes one change of several to the same row, such as an application's own trigger brings.
fn fold(changes: Vec<Change>) -> Vec<Change> {
    let mut folded: Vec<Change> = Vec::with_capacity(changes.len());
    let mut by_place: HashMap<Place, usize> = HashMap::new();
    for change in changes {
        let earlier = change.places.0.and_then(|place| by_place.remove(&place));
        let ends = change.places.1;
        let at = match earlier {
            Some(at) => {
                folded[at].after = change.after;
                folded[at].left.extend(change.left);
                at
            }
            None => {
                folded.push(change);
                folded.len() - 1
            }
        };
        if let Some(place) = ends {
            by_place.insert(place, at);
        }
    }
    folded
}

/// Brings the noted changes of a source to persons or activities. Where a table is attached as activities several times, those of
/// all its attachments are brought over together: one after the other, two statements could each wait for a person whom the other
/// has.
fn bring_over(config: &Config, source: &Rc<Source>) {
    let level = write_back::level();
    let is_beside = |other: &Source| {
        source.role == Role::Activity && other.role == Role::Activity && other.table.relation == source.table.relation
    };
    let is_own = |change: &Change| change.level == level && (change.source.is_same(source) || is_beside(&change.source));
    let mut attachments: Vec<(Rc<Source>, Vec<Change>)> = vec![(source.clone(), Vec::new())];
    for change in NOTED.with_borrow_mut(|noted| noted.take(is_own)) {
        match attachments.iter_mut().find(|(source, _)| change.source.is_same(source)) {
            Some((_, changes)) => changes.push(change),
            None => attachments.push((change.source.clone(), vec![change])),
        }
    }
    let leads: Vec<(&Source, Vec<&[Option<Held>]>)> =
        attachments.iter().map(|(source, changes)| (&**source, changes.iter().flat_map(Change::leads).collect())).collect();
    reach::meet_ahead(&leads);
    let rows = |(source, changes): (Rc<Source>, Vec<Change>)| (source.clone(), rows_now(config, &source, changes));
    let attachments: Vec<(Rc<Source>, Vec<take_few::Row>)> = attachments.into_iter().map(rows).collect();
    if attachments.len() > 1 {
        return store_together(config, attachments, notes());
    }
    attachments.into_iter().for_each(|(source, rows)| store(config, &source, rows));
}

/// How many changes were ever noted.
fn notes() -> u64 {
    NOTED.with_borrow(Noted::added) + REACHED.with_borrow(Noted::added)
}

/// What the rows of noted changes are by now.
fn rows_now(config: &Config, source: &Source, changes: Vec<Change>) -> Vec<take_few::Row> {
    let zone = zone(config, source);
    let mut lookups = Lookups::default();
    let (mut rows, mut passing, mut torn) = (Vec::new(), Vec::new(), Vec::new());
    for Change { before_key, after, left, places, .. } in fold(changes) {
        // Who changes what the row no longer reaches must not read it as it was.
        for (own, held) in left {
            pg::make_changes_visible();
            reach::reach(source, own, held, zone, For::Row, &mut lookups);
            if lookups.breaks_off(source) {
                torn.extend(before_key.clone());
            }
        }
        match after {
            Now::Is(after) => rows.push((before_key, after)),
            Now::Reaches(own, held) => rows.push((before_key, image_now(source, own, held, zone, &mut lookups))),
            Now::Passing(given) => passing.push((before_key, given, places.1)),
        }
    }
    // What the row reached is gone, too, as by a cascade. Whoever changes what is behind it has met nobody by then, but has the
    // rows that it leads to.
    if !torn.is_empty() {
        reach::meet_each_other(source, Some(torn.iter().map(String::as_str).collect()));
    }
    let (mut by_key, mut made) = (Vec::new(), Vec::new());
    for (before_key, given, place) in passing {
        match by_now(source, before_key, given, place, zone) {
            ByNow::AsGiven(row) => rows.push(*row),
            ByNow::Renumbered(row) => {
                made.extend(row.1.as_ref().map(|image| (image.key.clone(), image.tenant.clone())));
                rows.push(*row);
            }
            ByNow::OfKeys(rows) => by_key.extend(rows),
        }
    }
    // Who was taken for a new person makes way for the one who has got its key, unless it is to get another itself.
    made.retain(|(key, tenant)| {
        rows.iter().all(|(before_key, _)| before_key.as_ref() != Some(key))
            && config.tables.attached_person(&source.person_kind, key, tenant.as_deref()).0.is_some()
    });
    rows.extend(made.into_iter().map(|(key, _)| (Some(key), None)));
    if !by_key.is_empty() {
        let keys = |(before_key, after): &take_few::Row| [before_key.clone(), after.as_ref().map(|image| image.key.clone())];
        let mut told: HashSet<String> = rows.iter().flat_map(keys).flatten().collect();
        rows.extend(by_key.into_iter().filter(|(key, _)| told.insert(key.clone())).map(|(key, image)| (Some(key), image)));
    }
    rows.retain(|(before_key, after)| before_key.is_some() || after.is_some());
    rows
}

/// What a row is, from its own columns and what they reach by now.
fn image_now(
    source: &Source,
    own: Vec<Option<Value>>,
    held: Vec<Option<Held>>,
    zone: TimeZone,
    lookups: &mut Lookups,
) -> Option<Image> {
    pg::make_changes_visible();
    let image = image(source, &reach::reach(source, own, held, zone, For::Row, lookups));
    image.iter().for_each(|image| check_moment(source, image));
    image
}

/// What a row is that was changed further after a change.
enum ByNow {
    /// The later changes do not concern what is read.
    AsGiven(Box<take_few::Row>),
    /// They do, and were brought over already, though not that it is the row of a person who had another key.
    Renumbered(Box<take_few::Row>),
    /// They do, and were brought over already: what the rows are that have its keys.
    OfKeys(Vec<(String, Option<Image>)>),
}

fn by_now(source: &Source, before_key: Option<String>, given: Vec<Option<Value>>, place: Option<Place>, zone: TimeZone) -> ByNow {
    pg::make_changes_visible();
    let given_key = source.key_of(&given);
    let mut found = reach::rows_of_key(source, &source.key_values(&given).unwrap_or_default(), zone);
    let is_as_given = matches!(found.as_slice(), [(own, _)] if own[..given.len()] == given);
    let image = |found: &mut Vec<rows::FoundRow>| {
        found.pop().and_then(|(own, held)| image_now(source, own, held, zone, &mut Lookups::default()))
    };
    if is_as_given {
        return ByNow::AsGiven(Box::new((before_key, image(&mut found))));
    }
    let mut rows = Vec::new();
    if let Some(key) = before_key.filter(|key| Some(key) != given_key.as_ref()) {
        if source.role == Role::Person
            && let Some(now) = place.and_then(|place| reach::row_that_was(source, place, zone))
            && let Some(now) = image(&mut vec![now]).filter(|now| now.key != key)
        {
            return ByNow::Renumbered(Box::new((Some(key), Some(now))));
        }
        let mut found = reach::rows_of_key(source, &values_of_key(&key, source.parts.key.len()), zone);
        rows.push((key, image(&mut found)));
    }
    if let Some(key) = given_key {
        rows.push((key, image(&mut found)));
    }
    ByNow::OfKeys(rows)
}

/// The keys that rows had and have.
fn keys_of(rows: &[take_few::Row]) -> Vec<String> {
    rows.iter().flat_map(|(before_key, after)| before_key.iter().chain(after.as_ref().map(|image| &image.key))).cloned().collect()
}

/// Stores what rows of several attachments are that were read when so many changes had been noted; their persons are locked
/// before any is written.
fn store_together(config: &Config, attachments: Vec<(Rc<Source>, Vec<take_few::Row>)>, noted: u64) {
    let batches: Vec<(&Source, &[take_few::Row])> =
        attachments.iter().map(|(source, rows)| (&**source, rows.as_slice())).collect();
    let is_still = || notes() == noted;
    let done = if attachments.len() > 1 && is_still() { take_few::take_together(config, &batches, is_still) } else { 0 };
    for (source, rows) in attachments.into_iter().skip(done) {
        store_all(config, &source, rows, noted);
    }
}

/// Stores what any number of rows are that were read when so many changes had been noted.
fn store_all(config: &Config, source: &Source, mut rows: Vec<take_few::Row>, noted: u64) {
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(BATCH));
        let batch = std::mem::replace(&mut rows, rest);
        if source.role == Role::Person || notes() == noted {
            store(config, source, batch);
        } else {
            // By triggers of the application, what was stored may have changed these. What has got another key stays what it was.
            let keys = keys_of(&batch);
            let is_renumbered = |(before_key, after): &take_few::Row| {
                before_key.as_ref().zip(after.as_ref()).is_some_and(|(before_key, image)| *before_key != image.key)
            };
            store(config, source, batch.into_iter().filter(is_renumbered).collect());
            bring_rows(source.source_id, keys);
        }
    }
}

/// Stores what rows are that had these keys: persons or activities.
fn store(config: &Config, source: &Source, rows: Vec<take_few::Row>) {
    let noted = notes();
    pg::unrestricted(|| match (source.role, rows.as_slice()) {
        (_, []) => {}
        (Role::Activity, _) if take_few::take_activities(config, source, &rows) => {}
        (Role::Activity, _) => waiting::take_activities(source, &rows),
        (Role::Person, [row]) if take_few::take_person(config, source, row) => {}
        (Role::Person, _) => take_persons(config, source, &rows),
    });
    // Triggers of the application may have changed some of these rows before they were stored as they had been.
    if source.role == Role::Activity && rows.len() > 1 && notes() != noted {
        bring_rows(source.source_id, keys_of(&rows));
    }
}

/// `_bring_rows(int, text[])`: brings what came from the rows of an attached table with these keys in step with the rows as
/// they are by now. Whoever calls it has these rows to itself, or else the activities that come from them, so that nobody
/// else brings them over meanwhile.
pub fn bring_rows(number: i32, mut keys: Vec<String>) {
    let config = config::present();
    keys.sort_unstable();
    keys.dedup();
    let sources: Vec<Rc<Source>> =
        config.sources.iter().filter(|source| source.source_id == number && source.is_bound()).cloned().collect();
    let Some(first) = sources.first() else { return };
    let by_index = first.key_columns().is_some();
    let (found_by_index, others): (Vec<String>, Vec<String>) =
        keys.into_iter().partition(|key| by_index && !source::is_shortened(key));
    for source in &sources {
        bring_read(&config, source, &others);
    }
    // What was stored before may have changed those that follow, which are read after it.
    for keys in found_by_index.chunks(BATCH) {
        let mut looked_up = Vec::new();
        for key in keys {
            // Of a key that does not tell its shard, the one that has the row.
            let mut holders = sources.iter().filter(|source| source.holds(key));
            let Some(first) = holders.next() else { continue };
            let row = std::iter::once(first).chain(holders).find_map(|source| Some((source, row_by_now(&config, source, key)?)));
            let (source, image) = row.map_or((first, None), |(source, image)| (source, image));
            looked_up.push((source.clone(), (Some(key.clone()), image)));
        }
        for rows in looked_up.chunk_by(|(a, _), (b, _)| Rc::ptr_eq(a, b)) {
            store_by_now(&config, &rows[0].0, rows.iter().map(|(_, row)| row.clone()).collect());
        }
    }
}

/// What the row of an attached table with this key is by now; `None` where there is no such row.
fn row_by_now(config: &Config, source: &Source, key: &str) -> Option<Option<Image>> {
    let zone = zone(config, source);
    pg::make_changes_visible();
    let mut rows = reach::rows_of_key(source, &values_of_key(key, source.parts.key.len()), zone);
    if rows.len() > 1 {
        rescore::run(REFUSE_EQUAL_KEYS, &[DatumWithOid::from(source.source_id)]);
    }
    let (own, held) = rows.pop()?;
    Some(image_now(source, own, held, zone, &mut Lookups::default()))
}

const REFUSE_EQUAL_KEYS: &str = "SELECT leadscore._refuse_equal_keys(s) FROM leadscore.source s WHERE s.source_id = $1";

/// The same for keys that lead to no row by themselves: the whole table is read.
fn bring_read(config: &Config, source: &Source, keys: &[String]) {
    let keys: HashSet<&String> = keys.iter().filter(|key| source.holds(key)).collect();
    if keys.is_empty() {
        return;
    }
    if !pg::snapshot_is_current() {
        pg::refuse_snapshot();
    }
    let mut found = HashMap::new();
    each_image(config, source, |image, _| {
        if keys.contains(&image.key) {
            found.insert(image.key.clone(), image);
        }
    });
    let row = |key: &&String| (Some((*key).clone()), found.remove(*key));
    store_by_now(config, source, keys.iter().map(row).collect());
}

/// Stores what rows with these keys are by now. A row that came back has empty columns.
fn store_by_now(config: &Config, source: &Source, rows: Vec<take_few::Row>) {
    let present = rows.iter().filter(|(_, image)| image.is_some()).filter_map(|(key, _)| key.clone()).collect();
    store(config, source, rows);
    if source.writes_back() {
        write_back::correct(source, present);
        write_back::write_queued(config, source.table.relation);
    }
}

const TAKE_PERSONS: &str = "SELECT leadscore._take_persons($1, $2, $3, $4, $5, $6, $7, $8, $9::text[]::jsonb[], $10)";

fn take_persons(config: &Config, source: &Source, rows: &[(Option<String>, Option<Image>)]) {
    if pg::transaction_has_one_snapshot() {
        pg::make_changes_visible();
        rows.iter().filter_map(|(_, after)| after.as_ref()).for_each(|image| take_few::refuse_past_person(config, source, image));
    }
    let after = |of: &dyn Fn(&Image) -> Option<String>| -> Vec<Option<String>> {
        rows.iter().map(|(_, after)| after.as_ref().and_then(of)).collect()
    };
    let moments: Vec<Option<TimestampWithTimeZone>> = rows.iter().map(|(_, after)| moment(after.as_ref())).collect();
    let actives: Vec<Option<bool>> = rows.iter().map(|(_, after)| after.as_ref().map(|image| image.active)).collect();
    let done = pg::latest::with_plain_plans(|| {
        Spi::run_with_args(
            TAKE_PERSONS,
            &[
                DatumWithOid::from(source.source_id),
                DatumWithOid::from(rows.iter().map(|(before_key, _)| before_key.clone()).collect::<Vec<_>>()),
                DatumWithOid::from(after(&|image| Some(image.key.clone()))),
                DatumWithOid::from(after(&|image| image.tenant.clone())),
                DatumWithOid::from(after(&|image| image.name.clone())),
                DatumWithOid::from(after(&|image| image.status.clone())),
                DatumWithOid::from(after(&|image| image.owner.clone())),
                DatumWithOid::from(moments),
                DatumWithOid::from(after(&|image| image.attributes.clone())),
                DatumWithOid::from(actives),
            ],
        )
    });
    done.unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// `_all_depart(int)`: the rows of all persons of an attached table are gone; they go at commit.
pub fn all_depart(of_source: i32) {
    let query = "UPDATE leadscore.person p SET departed = true WHERE p.source_id = $1";
    let depart = || Spi::run_with_args(query, &[DatumWithOid::from(of_source)]);
    pg::unrestricted(depart).unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// `_source_rows(int)`: every row of an attached table that is a person or an activity.
pub fn source_rows(result: &Rows, number: Option<i32>) {
    let config = config::read_only();
    for source in config.sources.iter().filter(|source| Some(source.source_id) == number) {
        rows_of(&config, source, result);
    }
}

fn rows_of(config: &Config, source: &Source, result: &Rows) {
    let mut scratch = Scratch::new();
    let read = source.parts.columns.len();
    each_image(config, source, |image, cells| {
        let text = |at: Option<usize>| Some(cells.get(at? - source.parts.reads + read)?.as_ref()?.text.as_str());
        let cards = source
            .parts
            .scorecards
            .iter()
            .map(|card| (card.scorecard.clone(), serde_json::json!([text(card.score), text(card.category)])));
        let cards = serde_json::Value::Object(cards.collect()).to_string();
        rows::in_scratch_memory(&mut scratch, || {
            let mut values = activity_columns(&image);
            values.extend([
                image.name.as_deref().and_then(|v| v.into_datum()),
                image.status.as_deref().and_then(|v| v.into_datum()),
                image.owner.as_deref().and_then(|v| v.into_datum()),
                image.active.into_datum(),
                text(source.parts.score).and_then(|v| v.into_datum()),
                text(source.parts.category).and_then(|v| v.into_datum()),
                rows::jsonb(&cards),
            ]);
            result.add(values);
        });
    });
}

/// What a row says of an activity, as the columns of a result: key, person, tenant, type, moment and attributes.
pub fn activity_columns(image: &Image) -> Vec<Option<pg_sys::Datum>> {
    vec![
        image.key.as_str().into_datum(),
        image.person.as_deref().and_then(|v| v.into_datum()),
        image.tenant.as_deref().and_then(|v| v.into_datum()),
        image.activity_type.as_deref().and_then(|v| v.into_datum()),
        image.moment.map(pg_sys::Datum::from),
        image.attributes.as_deref().and_then(rows::jsonb),
    ]
}

/// Hands over each row of an attached table that is a person or an activity, with what is read of it and, after that, what is
/// written back.
pub fn each_image(config: &Config, source: &Source, mut take: impl FnMut(Image, &[Option<Value>])) {
    if !source.is_bound() {
        Refusal::new(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("leadscore's triggers on {} are gone", pg::name_of(source.table.relation)),
        )
        .detail("They say which of its columns play which part.")
        .hint(format!("SELECT leadscore.reattach('{}');", pg::name_of(source.table.relation)))
        .raise();
    }
    reach::note_read();
    let mut progress = Progress::on(pg::name_of(source.table.relation));
    let read = source.parts.columns.len();
    let zone = zone(config, source);
    let mut take = |cells: Vec<Option<Value>>| {
        if let Some(image) = image(source, &cells[..read]) {
            check_moment(source, &image);
            take(image, &cells);
        }
        progress.advance(1, "rows read", || count(source.table.partitioned, source.table.relation));
    };
    let Some(owner) = reach::one_owner(source) else { return reach::each_row(source, zone, take) };
    let query = format!("SELECT {} {}", reach::columns(source), reach::from(source));
    pg::as_role(owner, || rows::read_table(&query, &[], false, zone, |at| source.parts.asks_text(at), &mut take));
}

/// How many rows there are.
fn count(partitioned: bool, relation: u32) -> i64 {
    let only = if partitioned { "" } else { "ONLY " };
    Spi::get_one(&format!("SELECT count(*) FROM {only}{}", pg::name_of(relation)))
        .unwrap_or_else(|e| error!("leadscore: {e}"))
        .unwrap_or_default()
}

thread_local! {
    /// The table that its owner, as the direct caller, has just asked to attach or detach.
    static ADMITTED: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
    /// Who that was.
    static ADMITTED_ROLE: Cell<Option<pg_sys::Oid>> = const { Cell::new(None) };
}

const OWNS: &str = "SELECT r.rolsuper OR pg_has_role(r.oid, c.relowner, 'USAGE')
    FROM pg_class c, pg_roles r WHERE c.oid = $1 AND r.oid = $2";

/// `_admit(regclass)`: notes that the role whose rights are in force may attach the table. A
/// security-definer function cannot tell who called it, so this is asked before it.
pub fn admit(source: Option<pg_sys::Oid>) {
    ADMITTED.set(None);
    let Some(source) = source else { return };
    config::refuse_standby();
    let owns = pg::in_own_settings(|| {
        Spi::get_one_with_args::<bool>(OWNS, &[DatumWithOid::from(source), DatumWithOid::from(pg::current_role())])
    });
    ADMITTED.set(matches!(owns, Ok(Some(true))).then_some(source));
    ADMITTED_ROLE.set(Some(pg::current_role()));
}

/// `_admitted(regclass)`: whether that was so for this table, once.
pub fn admitted(source: Option<pg_sys::Oid>) -> bool {
    source.is_some() && ADMITTED.take() == source
}

/// `_admitted_role()`: who was, if anybody.
pub fn admitted_role() -> Option<pg_sys::Oid> {
    ADMITTED_ROLE.get()
}
