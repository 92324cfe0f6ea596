//! The arrow from activity to score: what inserted activities give, in the same statement.
//! A few rows are scored here one person at a time; many are scored as a set by SQL.

use crate::calendar::Day;
use crate::config::{self, Config};
use crate::error::OrRaise;
use crate::pg::{self, Inserted, NewActivity, Persons};
use crate::scoring::{self, Person, Unclear};
use crate::source_trigger;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
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

/// `_note_derived()`.
#[pg_extern(sql = false)]
fn note_derived() {
    DERIVED.set(true);
}

/// Up to so many rows a statement, setting up set-based statements costs more than it saves.
const FEW: i64 = 32;

/// `AFTER INSERT … FOR EACH STATEMENT` on `leadscore.activity`.
#[pg_trigger(sql = false)]
fn activity_inserted<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let inserted = Inserted::of(trigger);
    if inserted.count() > 0 {
        let schema = pg::schema_of(trigger.relid()?);
        let mut config = config::current(schema);
        let few = inserted.count() <= FEW;
        let rows = if few { inserted.read() } else { Vec::new() };
        if !config.live {
            let registered_now =
                if few { rows.iter().any(|row| row.recorded_at == pg::now()) } else { any_registered_now(&inserted) };
            if !registered_now {
                // A restore brings the rows with what belongs to them.
                return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
            }
            run("SELECT leadscore._go_live()", &[]);
            config = config::current(schema);
        }
        if few { score_few(&config, rows) } else { score_many(&config, &inserted) }
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Runs a statement of our own.
fn run(statement: &str, args: &[DatumWithOid]) {
    pg::with_search_path_pinned(|| Spi::run_with_args(statement, args)).unwrap_or_else(|e| error!("leadscore: {e}"));
}

/// Raises the error of an unacceptable row; returns when it is acceptable.
fn check(row: &NewActivity) {
    run(
        "SELECT leadscore._refuse_activity($1, $2, $3)",
        &[
            DatumWithOid::from(row.person_id),
            DatumWithOid::from(row.activity_type.as_str()),
            DatumWithOid::from(pg::timestamptz(row.occurred_at)),
        ],
    );
}

fn refuse(row: &NewActivity) -> ! {
    check(row);
    error!("leadscore: activity {} is refused", row.activity_id)
}

/// Derives persons anew; `days` are those of their new activities.
fn derive_anew(ids: Vec<i64>, days: Vec<Option<pgrx::datum::Date>>) {
    run("SELECT leadscore._reach($1, $2)", &[DatumWithOid::from(ids.clone()), DatumWithOid::from(days)]);
    run("SELECT leadscore._rescore($1)", &[DatumWithOid::from(ids)]);
}

fn score_few(config: &Config, mut rows: Vec<NewActivity>) {
    // Persons are locked in the order of their ids, everywhere.
    rows.sort_by_key(|row| (row.person_id, row.occurred_at, row.activity_id));
    let day_of = |row: &NewActivity| match config.time_zone.day(row.occurred_at) {
        Some(day) if pg::is_within_calendar(row.occurred_at) => day,
        _ => refuse(row),
    };
    for row in &rows {
        day_of(row);
        if !config.knows_type(&row.activity_type) {
            refuse(row);
        }
    }
    pg::make_changes_visible();
    let (mut ids, mut days) = (Vec::new(), Vec::new());
    if config.writes_back() {
        source_trigger::lock_sources_of(config, rows.iter().map(|row| row.person_id).collect());
    }
    {
        let persons = Persons::open(config.person, config.person_key);
        for of_one in rows.chunk_by(|a, b| a.person_id == b.person_id) {
            // What a snapshot of the past shows of other activities decides nothing here, but the
            // person's row may be newer than it: SQL then raises the serialization error.
            if pg::transaction_has_one_snapshot()
                || (DERIVED.get() && derived_already(of_one))
                || score_person(config, &persons, of_one, day_of).is_err()
            {
                ids.extend(of_one.iter().map(|row| row.person_id));
                days.extend(of_one.iter().map(|row| Some(pg::date(day_of(row)))));
            }
        }
    }
    if !ids.is_empty() {
        if pg::transaction_has_one_snapshot() {
            rows.iter().for_each(check);
        }
        derive_anew(ids, days);
    }
}

/// Whether records of these activities of one person are stored already.
fn derived_already(rows: &[NewActivity]) -> bool {
    let ids: Vec<i64> = rows.iter().map(|row| row.activity_id).collect();
    pg::with_search_path_pinned(|| {
        Spi::get_one_with_args::<bool>(
            "SELECT EXISTS (SELECT FROM leadscore.score_record s WHERE s.person_id = $1 AND s.activity_id = ANY ($2))",
            &[DatumWithOid::from(rows[0].person_id), DatumWithOid::from(ids)],
        )
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
    .unwrap_or(true)
}

/// Scores the new activities of one person, in order of time.
fn score_person(
    config: &Config,
    persons: &Persons,
    rows: &[NewActivity],
    day_of: impl Fn(&NewActivity) -> Day,
) -> Result<(), Unclear> {
    let first = &rows[0];
    let Some(locked) = persons.lock(first.person_id) else { refuse(first) };
    let mut last_at = persons.last_activity_at(&locked);
    let since = persons.since(&locked);
    let mut person = Person {
        kind: persons.kind(&locked),
        status: persons.status(&locked),
        score: persons.score(&locked),
        reach: persons.scored_through(&locked).unwrap_or(config.scored_on).max(config.scored_on),
        last_day: config.scored_on,
        penalised: persons.penalised(&locked),
    };
    let mut records = Vec::new();
    for row in rows {
        let last = last_at.map_or(since, |at| at.max(since));
        person.last_day = config.time_zone.day(last).unwrap_or(Day(i32::MAX));
        let matching = config.matching(&row.activity_type, row.attributes.as_ref());
        scoring::score_activity(&mut person, matching, row.activity_id, day_of(row), config.scored_on, &mut records)
            .or_raise()?;
        last_at = last_at.max(Some(row.occurred_at));
    }

    let category = scoring::category(&config.bands, person.kind, person.score);
    let before = persons.category(&locked);
    let latest = last_at.unwrap_or(first.occurred_at);
    // Even if nothing changed: a transaction with an older snapshot must notice the activity.
    persons.update(&locked, person.score, category, latest);
    if !records.is_empty() {
        pg::insert_records(config.score_record, first.person_id, &records);
    }
    if category != before {
        run(
            "INSERT INTO leadscore.category_change (person_id, from_category, to_category, score, scored_on) VALUES ($1, $2, $3, $4, $5)",
            &[
                DatumWithOid::from(first.person_id),
                DatumWithOid::from(before),
                DatumWithOid::from(category),
                DatumWithOid::from(person.score),
                DatumWithOid::from(pg::date(person.reach)),
            ],
        );
    }
    if (person.score != persons.score(&locked) || category != before)
        && let Some((number, key)) = persons.source(&locked)
        && let Some(source) = config.sources.iter().find(|source| source.source_id == number)
    {
        if config.has_aliases {
            run("SELECT leadscore._write_back($1)", &[DatumWithOid::from(vec![first.person_id])]);
        } else {
            let category = category.map(str::to_owned);
            source_trigger::write_back_to(source, vec![key.to_owned()], vec![person.score], vec![category]);
        }
    }
    Ok(())
}

const ANY_REGISTERED_NOW: &str = "SELECT EXISTS (SELECT FROM inserted a WHERE a.recorded_at = now())";

const FIRST_UNACCEPTABLE: &str = "SELECT leadscore._refuse_activity(a.person_id, a.activity_type, a.occurred_at)
    FROM inserted a
    WHERE NOT isfinite(a.occurred_at) OR a.occurred_at NOT BETWEEN '0001-01-01 UTC' AND '9999-12-31 UTC'
       OR a.activity_type NOT IN (SELECT t.activity_type FROM leadscore.activity_type t)";

const LOCK_PERSONS: &str = "SELECT leadscore._lock_persons($1)";

const WITHOUT_PERSON: &str = "SELECT leadscore._refuse_activity(a.person_id, a.activity_type, a.occurred_at)
    FROM inserted a
    WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = a.person_id)";

fn any_registered_now(inserted: &Inserted) -> bool {
    pg::with_search_path_pinned(|| {
        Spi::connect(|client| {
            inserted.register();
            client.select(ANY_REGISTERED_NOW, Some(1), &[])?.first().get_one::<bool>()
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
    .unwrap_or(false)
}

fn score_many(config: &Config, inserted: &Inserted) {
    let today = config.time_zone.day(pg::now()).unwrap_or(config.scored_on);
    let (ids, days, moved) = pg::with_search_path_pinned(|| {
        Spi::connect_mut(|client| -> Result<_, pgrx::spi::Error> {
            inserted.register();
            client.update(FIRST_UNACCEPTABLE, None, &[])?;
            let ids = client
                .update("SELECT array_agg(DISTINCT a.person_id ORDER BY a.person_id) FROM inserted a", Some(1), &[])?
                .first()
                .get_one::<Vec<i64>>()?
                .unwrap_or_default();
            let wanted = ids.len() as i64;
            let locked = client.update(LOCK_PERSONS, Some(1), &[DatumWithOid::from(ids)])?.first().get_one::<i64>()?;
            if locked != Some(wanted) {
                client.update(WITHOUT_PERSON, None, &[])?;
            }
            let table = client.update(
                include_str!("../sql/activity_inserted.sql"),
                Some(1),
                &[
                    DatumWithOid::from(pg::date(config.scored_on)),
                    DatumWithOid::from(pg::date(today)),
                    DatumWithOid::from(DERIVED.get()),
                ],
            )?;
            table.first().get_three::<Vec<i64>, Vec<Option<pgrx::datum::Date>>, Vec<i64>>()
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"));
    if let Some(moved) = moved {
        run("SELECT leadscore._write_back($1)", &[DatumWithOid::from(moved)]);
    }
    if let (Some(ids), Some(days)) = (ids, days) {
        derive_anew(ids, days);
    }
}
