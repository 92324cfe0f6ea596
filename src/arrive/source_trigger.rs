//! The arrow from the application's own tables: their changed rows become persons and
//! activities.

use crate::arrive::progress::Progress;
use crate::arrive::source::{Cell as Value, Image, Role, Source, image};
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::pg::person::NewActivity;
use crate::pg::source::{self as rows, After, Place, RowChange, Rows, Scratch};
use crate::pg::{self, Statement};
use crate::score::activity_trigger;
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Changed rows are brought over at the latest when so many are noted, to bound memory.
const BATCH: usize = 10_000;

/// A changed row.
struct Change {
    savepoint: u32,
    source: Rc<Source>,
    /// Where the row was stored before and after the change: a later change of the same row
    /// begins where this one ends.
    places: (Option<Place>, Option<Place>),
    /// The key that the row had, if it was there.
    before_key: Option<String>,
    /// What it is, if it is anything.
    after: Option<Image>,
}

thread_local! {
    /// Rows whose row trigger fired and whose statement trigger has not yet.
    static NOTED: RefCell<Vec<Change>> = const { RefCell::new(Vec::new()) };
}

/// Forgets who may attach a table: no answer outlives the transaction or savepoint.
pub fn forget_admitted() {
    ADMITTED.set(None);
    ADMITTED_ROLE.set(None);
}

/// Forgets rows that were noted in a savepoint, or in one within it: it was rolled back.
pub fn forget_noted(savepoint: u32) {
    NOTED.with_borrow_mut(|noted| noted.retain(|change| change.savepoint < savepoint));
}

/// The source whose trigger fired. Anybody may put the trigger function on a table of their own,
/// as partitions of an attached table need; there it does nothing.
fn source_of(config: &Config, trigger: &PgTrigger) -> Option<Rc<Source>> {
    let number: i32 = trigger.extra_args().ok()?.first()?.parse().ok()?;
    let source = config.sources.iter().find(|source| source.source_id == number)?;
    is_within(trigger.relid().ok()?, source.relation.into()).then(|| source.clone())
}

thread_local! {
    static ANCESTOR: Statement =
        const { Statement::new("SELECT FROM pg_partition_ancestors($1) a WHERE a.relid::oid = $2") };
}

/// Whether a relation is the other one or a partition of it, at any depth.
fn is_within(relation: pg_sys::Oid, whole: pg_sys::Oid) -> bool {
    relation == whole || ANCESTOR.with(|statement| statement.run(&[DatumWithOid::from(relation), DatumWithOid::from(whole)])) > 0
}

fn check_moment(source: &Source, image: &Image) {
    if let Some(moment) = image.moment
        && !pg::is_within_calendar(moment)
    {
        let column = source.parts.moment.and_then(|at| source.columns.as_ref()?.get(at).cloned()).unwrap_or_default();
        Refusal::new(
            Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!(
                "column {column} of {}, row {}: the moment is infinite or out of range",
                pg::name_of(source.relation),
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
        let (name, table) = (trigger.name().unwrap_or_default(), pg::name_of(source.relation));
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
        && let Some(columns) = &source.columns
    {
        refuse_other_firing(&source, trigger);
        let change = RowChange::of(trigger);
        if change.leaves(&columns[..source.bound()]) {
            return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
        }
        let config = config::current(pg::own_schema());
        let (before, after) = change.cells(&columns[..source.bound()], config.time_zone);
        let key = |cells: &[Option<Value>]| cells.get(source.parts.key)?.as_ref().map(|cell| cell.text.clone());
        let before_key = before.as_deref().and_then(key);
        let before = before.and_then(|cells| image(&source, &cells));
        let after = match after {
            After::Row(cells) => image(&source, &cells),
            // The later change starts from the key that this one gave.
            After::Superseded(cells) if before_key.is_some() && key(&cells) != before_key => None,
            After::Superseded(_) => return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>),
            After::Gone => None,
        };
        if let Some(image) = &after {
            check_moment(&source, image);
        }
        if before != after {
            // Neither in a partition nor while changes are replayed does a statement trigger follow.
            let flush = change.in_partition() || pg::is_replaying();
            let full = NOTED.with_borrow_mut(|noted| {
                noted.push(Change {
                    savepoint: pg::current_savepoint(),
                    source: source.clone(),
                    places: change.places(),
                    before_key,
                    after,
                });
                noted.len() >= BATCH
            });
            if flush || full {
                bring_over(&config, &source);
            }
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// `AFTER INSERT OR DELETE OR UPDATE … FOR EACH STATEMENT` on an attached table.
pub fn source_changed<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if NOTED.with_borrow(|noted| !noted.is_empty()) {
        let config = config::current(pg::own_schema());
        if let Some(source) = source_of(&config, trigger) {
            bring_over(&config, &source);
        }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

const TAKE_PERSONS: &str = "SELECT leadscore._take_persons($1, $2, $3, $4, $5, $6)";
const TAKE_ACTIVITIES: &str = "SELECT leadscore._take_activities($1, $2, $3, $4, $5, $6, $7::text[]::jsonb[])";

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
    folded.retain(|change| change.before_key.is_some() || change.after.is_some());
    folded
}

thread_local! {
    static TAKE_NEW: Statement = const { Statement::new(
        "INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
         VALUES ($1, $2, $3, $4::jsonb, $5, $6)",
    ) };
}

/// The one new row that most statements bring becomes an activity, when its person and its type
/// are known; says whether it did.
fn take_new(config: &Config, source: &Source, image: &Image) -> bool {
    let (Some(person), Some(activity_type)) = (image.person.as_deref(), image.activity_type.as_deref()) else { return false };
    // What a snapshot of the past knows of the table, the person or the type is for SQL to say.
    if pg::transaction_has_one_snapshot() || !config.knows_type(activity_type) {
        return false;
    }
    pg::make_changes_visible();
    let Some(person_id) = config.tables.person_by_key(&source.person_kind, person) else { return false };
    if config.tables.is_activity(source.source_id, &image.key) {
        return false;
    }
    let occurred_at = image.moment.unwrap_or_else(pg::now);
    let new = NewActivity {
        person_id,
        activity_type,
        occurred_at,
        attributes: image.attributes.as_deref(),
        source_id: source.source_id,
        source_key: &image.key,
    };
    if config.live
        && let Some(activity_id) = config.tables.insert_activity(&new)
    {
        activity_trigger::score_new(config, activity_id, &new);
        return true;
    }
    TAKE_NEW.with(|statement| {
        statement.run(&[
            DatumWithOid::from(person_id),
            DatumWithOid::from(activity_type),
            DatumWithOid::from(pg::timestamptz(occurred_at)),
            DatumWithOid::from(image.attributes.as_deref()),
            DatumWithOid::from(source.source_id),
            DatumWithOid::from(image.key.as_str()),
        ])
    });
    true
}

/// Brings the noted changes of a source to persons or activities.
fn bring_over(config: &Config, source: &Source) {
    let changes: Vec<Change> = NOTED.with_borrow_mut(|noted| {
        let (own, others) = noted.drain(..).partition(|change| change.source.source_id == source.source_id);
        *noted = others;
        own
    });
    let changes = fold(changes);
    if changes.is_empty() {
        return;
    }
    if let (Role::Activity, [Change { before_key: None, after: Some(image), .. }]) = (source.role, changes.as_slice())
        && take_new(config, source, image)
    {
        return;
    }
    let text = |of: &dyn Fn(&Change) -> Option<String>| -> Vec<Option<String>> { changes.iter().map(of).collect() };
    let after = |of: &dyn Fn(&Image) -> Option<String>| text(&|change| change.after.as_ref().and_then(of));
    let old_keys = text(&|change| change.before_key.clone());
    let new_keys = after(&|image| Some(image.key.clone()));
    let moments: Vec<Option<TimestampWithTimeZone>> = changes.iter().map(|change| moment(change.after.as_ref())).collect();
    let number = DatumWithOid::from(source.source_id);
    let done = pg::in_own_settings(|| match source.role {
        Role::Person => Spi::run_with_args(
            TAKE_PERSONS,
            &[
                number,
                DatumWithOid::from(old_keys),
                DatumWithOid::from(new_keys),
                DatumWithOid::from(after(&|image| image.status.clone())),
                DatumWithOid::from(after(&|image| image.owner.clone())),
                DatumWithOid::from(moments),
            ],
        ),
        Role::Activity => Spi::run_with_args(
            TAKE_ACTIVITIES,
            &[
                number,
                DatumWithOid::from(old_keys),
                DatumWithOid::from(new_keys),
                DatumWithOid::from(after(&|image| image.person.clone())),
                DatumWithOid::from(after(&|image| image.activity_type.clone())),
                DatumWithOid::from(moments),
                DatumWithOid::from(after(&|image| image.attributes.clone())),
            ],
        ),
    });
    done.unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// `_source_rows(int)`: every row of an attached table that is a person or an activity.
pub fn source_rows(result: &Rows, number: Option<i32>) {
    let config = config::read_only();
    let Some(source) = config.sources.iter().find(|source| Some(source.source_id) == number).cloned() else {
        return;
    };
    let Some(columns) = &source.columns else {
        Refusal::new(
            Code::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            format!("leadscore's triggers on {} are gone", pg::name_of(source.relation)),
        )
        .detail("They say which of its columns play which part.")
        .hint(format!("SELECT leadscore.reattach('{}');", pg::name_of(source.relation)))
        .raise();
    };
    let list = columns.iter().map(pgrx::spi::quote_identifier).collect::<Vec<_>>().join(", ");
    // Rows of a table that came to inherit from it are none of ours: their changes fire nothing.
    let only = if source.partitioned { "" } else { "ONLY " };
    let from = format!("FROM {only}{}", pg::name_of(source.relation));
    let mut scratch = Scratch::new();
    let mut progress = Progress::on(pg::name_of(source.relation));
    pg::as_role(source.owner.into(), || {
        rows::read_table(&format!("SELECT {list} {from}"), config.time_zone, |cells| {
            let written = |at: Option<usize>| cells.get(at?)?.as_ref()?.text.as_str().into_datum();
            if let Some(image) = image(&source, &cells) {
                check_moment(&source, &image);
                rows::in_scratch_memory(&mut scratch, || {
                    result.add(vec![
                        image.key.as_str().into_datum(),
                        image.person.as_deref().and_then(|v| v.into_datum()),
                        image.activity_type.as_deref().and_then(|v| v.into_datum()),
                        image.moment.map(pg_sys::Datum::from),
                        image.attributes.as_deref().and_then(rows::jsonb),
                        image.status.as_deref().and_then(|v| v.into_datum()),
                        image.owner.as_deref().and_then(|v| v.into_datum()),
                        written(source.parts.score),
                        written(source.parts.category),
                    ]);
                });
            }
            progress.advance(1, "rows read", || count(&from));
        });
    });
}

/// How many rows there are.
fn count(from: &str) -> i64 {
    Spi::get_one(&format!("SELECT count(*) {from}")).unwrap_or_else(|e| error!("leadscore: {e}")).unwrap_or_default()
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

/// `_nobody_waits_unseen(bigint[])`: whether as many rows wait for these persons by the
/// transaction's snapshot as by all that is committed.
pub fn nobody_waits_unseen(ids: Option<Vec<Option<i64>>>) -> bool {
    const WAITING: &str = "SELECT count(*)::text FROM leadscore.waiting w
        JOIN leadscore._person_key k ON k.kind = w.person_kind AND k.external_id = w.external_id
        WHERE $1 IS NULL OR k.person_id = ANY ($1)";
    if !pg::transaction_has_one_snapshot() {
        return true;
    }
    let ids: Option<Vec<i64>> = ids.map(|ids| ids.into_iter().flatten().collect());
    pg::in_own_settings(|| {
        let all = pg::latest(WAITING, pg_sys::INT8ARRAYOID, ids.clone().and_then(IntoDatum::into_datum));
        let seen =
            Spi::connect_mut(|client| client.update(WAITING, Some(1), &[DatumWithOid::from(ids)])?.first().get_one::<String>());
        seen.unwrap_or_else(|e| error!("leadscore: {e}")) == all
    })
}
