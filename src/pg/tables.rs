//! leadscore's tables of persons: where their columns are, and rows that are read or written by whole sets.

use super::arrivals::KnownAttributes;
use super::person::{FoundPerson, Persons};
use super::plain::{SlowReason, Write};
use super::source::{AttachedActivity, AttachedPerson};
use super::table::{IndexWriter, Key, Row, Snapshot, StoredAt, Table};
use super::{Statement, source, value};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::activity::Adjustment;
use scoring::calendar::{Day, Interval};
use scoring::record::{Fade, Record, RecordKind};
use scoring::scorecard::{MAIN, Scorecards};
use std::ffi::CString;

trait Columns {
    /// Where they are in the table.
    fn of(table: pg_sys::Oid) -> Self;
}

/// Declares columns of a table: the position of each from 0, which stays the same whatever columns
/// are added or dropped.
macro_rules! columns {
    ($name:ident: $($column:ident)*) => {
        pub(super) struct $name {
            $(pub $column: usize,)*
        }

        impl Columns for $name {
            fn of(table: pg_sys::Oid) -> Self {
                $name { $($column: position(table, stringify!($column)),)* }
            }
        }
    };
}

columns!(PersonColumns: person_id tenant kind external_id status owner since attributes active score category last_activity_at scored_through penalised source_id recorded_at name departed);
columns!(ActivityColumns: activity_id person_id activity_type occurred_at attributes recorded_at source_id source_key);
columns!(RecordColumns: person_id kind activity_id rule_id adjustment_id scorecard points counts_from counts_until decays_until half_life);
columns!(AdjustmentColumns: adjustment_id person_id points from_day until_day scorecard);
columns!(PersonScoreColumns: person_id scorecard score category);
columns!(DueColumns: person_id due_on);
columns!(PendingColumns: person_id day recorded_at);
columns!(ConsentColumns: person_id refused);
columns!(ChangeColumns: change_id person_id from_category to_category score scored_on changed_at scorecard tenant);

fn position(table: pg_sys::Oid, column: &str) -> usize {
    let name = CString::new(column).unwrap_or_default();
    // SAFETY: looks up the catalogs by a C string that outlives the call.
    let number = unsafe { pg_sys::get_attnum(table, name.as_ptr()) };
    usize::try_from(number - 1).unwrap_or_else(|_| super::refuse_earlier_version(&format!("a table has no column {column}")))
}

/// leadscore's tables of persons.
pub struct Tables {
    pub(super) person: pg_sys::Oid,
    pub(super) activity: pg_sys::Oid,
    pub(super) score_record: pg_sys::Oid,
    pub(super) adjustment: pg_sys::Oid,
    pub(super) due: pg_sys::Oid,
    pending: pg_sys::Oid,
    pub(super) person_consent: pg_sys::Oid,
    pub(super) person_score: pg_sys::Oid,
    category_change: pg_sys::Oid,
    state: pg_sys::Oid,
    pub(super) waiting: pg_sys::Oid,
    pub(super) person_alias: pg_sys::Oid,
    pub(super) source: pg_sys::Oid,
    /// What visits of the website leave, of visitors who may be known later.
    pub(super) visits: [pg_sys::Oid; 2],
    person_ids: pg_sys::Oid,
    activity_ids: pg_sys::Oid,
    change_ids: pg_sys::Oid,
    pub(super) person_columns: PersonColumns,
    pub(super) activity_columns: ActivityColumns,
    pub(super) record_columns: RecordColumns,
    pub(super) adjustment_columns: AdjustmentColumns,
    pub(super) due_columns: DueColumns,
    pending_columns: PendingColumns,
    pub(super) consent_columns: ConsentColumns,
    pub(super) person_score_columns: PersonScoreColumns,
    change_columns: ChangeColumns,
    /// The names of the scorecards, by their places.
    pub(super) cards: Vec<String>,
    pub(super) writes: Writes,
}

/// The writes that are done below the executor where nothing more belongs to them.
pub(super) struct Writes {
    pub(super) update_person: Write,
    change_person: Write,
    insert_person: Write,
    insert_activity: Write,
    update_activity: Write,
    delete_activity: Write,
    insert_change: Write,
    pub(super) insert_record: Write,
    pub(super) delete_record: Write,
    insert_due: Write,
    delete_due: Write,
    insert_pending: Write,
}

impl Writes {
    fn of(
        tables: &[pg_sys::Oid; 6],
        p: &PersonColumns,
        a: &ActivityColumns,
        h: &ChangeColumns,
        r: &RecordColumns,
        d: &DueColumns,
        n: &PendingColumns,
    ) -> Writes {
        let &[person, activity, change, record, due, pending] = tables;
        Writes {
            update_person: Write::update(person)
                .values(&[p.score, p.penalised])
                .optional(&[p.category, p.last_activity_at, p.scored_through])
                .makes_up_for(&[c"write_begins", c"note_changed", c"score_changed"]),
            change_person: Write::update(person)
                .values(&[p.since, p.active])
                .optional(&[p.name, p.status, p.owner, p.attributes])
                .stands_for(&[c"write_begins", c"a_changes", c"note_changed", c"score_changed"]),
            insert_person: Write::insert(person)
                .values(&[p.person_id, p.kind, p.external_id, p.since, p.score, p.penalised, p.recorded_at])
                .values(&[p.source_id, p.departed, p.active])
                .optional(&[p.tenant, p.name, p.status, p.owner, p.attributes, p.category, p.last_activity_at, p.scored_through])
                .stands_for(&[c"a_arrives", c"score_inserted"]),
            insert_activity: Write::insert(activity)
                .values(&[a.activity_id, a.person_id, a.activity_type, a.occurred_at, a.recorded_at, a.source_id, a.source_key])
                .optional(&[a.attributes])
                .stands_for(&[c"score_inserted"]),
            update_activity: Write::update(activity)
                .values(&[a.person_id, a.activity_type, a.occurred_at])
                .optional(&[a.attributes])
                .stands_for(&[c"score_updated"]),
            delete_activity: Write::delete(activity).stands_for(&[c"score_deleted"]),
            insert_change: Write::insert(change)
                .values(&[h.change_id, h.person_id, h.score, h.scored_on, h.changed_at, h.scorecard])
                .optional(&[h.from_category, h.to_category, h.tenant]),
            insert_record: Write::insert(record).values(&[r.person_id, r.points, r.counts_from, r.kind]).optional(&[
                r.activity_id,
                r.rule_id,
                r.counts_until,
                r.decays_until,
                r.adjustment_id,
                r.half_life,
                r.scorecard,
            ]),
            delete_record: Write::delete(record),
            insert_due: Write::insert(due).values(&[d.person_id, d.due_on]),
            delete_due: Write::delete(due),
            insert_pending: Write::insert(pending).values(&[n.person_id, n.recorded_at]).optional(&[n.day]),
        }
    }

    /// Those that each activity brings; the others are rare.
    fn all(&self) -> [&Write; 8] {
        [
            &self.update_person,
            &self.insert_activity,
            &self.insert_change,
            &self.insert_record,
            &self.delete_record,
            &self.insert_due,
            &self.delete_due,
            &self.insert_pending,
        ]
    }
}

thread_local! {
    static INSERT_DUES: Statement =
        const { Statement::new("INSERT INTO leadscore.due (person_id, due_on) SELECT * FROM unnest($1, $2)") };
    static INSERT_PENDING: Statement =
        const { Statement::new("INSERT INTO leadscore.pending (person_id, day) SELECT * FROM unnest($1, $2)") };
    static DELETE_DUES: Statement = const { Statement::new("DELETE FROM leadscore.due WHERE ctid = ANY ($1)") };
}

/// A scorecard that is stored and not known.
const NO_CARD: u16 = u16::MAX;

/// The place of a scorecard by its name; NULL is `main`.
pub(super) fn card(cards: &[String], name: Option<&str>) -> u16 {
    match name {
        None => MAIN,
        Some(name) => cards.iter().position(|card| card == name).map_or(NO_CARD, |place| place as u16),
    }
}

/// A value of type interval.
fn interval(datum: pg_sys::Datum) -> Interval {
    // SAFETY: it points to an interval.
    let value = unsafe { &*datum.cast_mut_ptr::<pg_sys::Interval>() };
    Interval { months: value.month, days: value.day, micros: value.time }
}

/// What one column of many rows holds.
pub(super) fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

impl RecordColumns {
    /// # Safety
    /// The slot holds a score record, all of whose attributes are extracted.
    pub unsafe fn read(&self, slot: *mut pg_sys::TupleTableSlot, cards: &[String]) -> Record {
        // SAFETY: as the caller promises; a date is stored as an int4.
        unsafe {
            let day = |column| value::<i32>(slot, column).map(Day);
            let half_life = (!*(*slot).tts_isnull.add(self.half_life)).then(|| *(*slot).tts_values.add(self.half_life));
            let adjustment_id = value(slot, self.adjustment_id);
            let kind = value::<i8>(slot, self.kind).and_then(|letter| RecordKind::from_letter(letter as u8));
            Record {
                kind: kind.unwrap_or(RecordKind::Activity),
                activity_id: value(slot, self.activity_id),
                rule_id: value(slot, self.rule_id),
                adjustment_id,
                card: card(cards, value::<&str>(slot, self.scorecard)),
                points: value(slot, self.points).unwrap_or_default(),
                counts_from: day(self.counts_from).unwrap_or(Day(0)),
                counts_until: day(self.counts_until),
                fade: match (day(self.decays_until), half_life) {
                    (Some(until), _) => Fade::Linear { until },
                    (None, Some(half_life)) => Fade::Halving { half_life: interval(half_life) },
                    (None, None) => Fade::None,
                },
            }
        }
    }
}

impl AdjustmentColumns {
    /// # Safety
    /// The slot holds an adjustment, all of whose attributes are extracted.
    pub unsafe fn read(&self, slot: *mut pg_sys::TupleTableSlot, cards: &[String]) -> Adjustment {
        // SAFETY: as the caller promises; a date is stored as an int4.
        unsafe {
            Adjustment {
                adjustment_id: value(slot, self.adjustment_id).unwrap_or_default(),
                points: value(slot, self.points).unwrap_or_default(),
                from_day: Day(value(slot, self.from_day).unwrap_or_default()),
                until_day: value(slot, self.until_day).map(Day),
                card: card(cards, value::<&str>(slot, self.scorecard)),
            }
        }
    }
}

impl Tables {
    /// Those in a schema, with the scorecards that there are.
    pub fn of(schema: pg_sys::Oid, cards: &Scorecards) -> Tables {
        let [person, activity, score_record, adjustment, due, pending, person_consent, person_score, category_change, state] = [
            "person",
            "activity",
            "score_record",
            "adjustment",
            "due",
            "pending",
            "person_consent",
            "person_score",
            "category_change",
            "state",
        ]
        .map(|name| super::table(schema, name));
        let person_columns = PersonColumns::of(person);
        let activity_columns = ActivityColumns::of(activity);
        let record_columns = RecordColumns::of(score_record);
        let due_columns = DueColumns::of(due);
        let pending_columns = PendingColumns::of(pending);
        let change_columns = ChangeColumns::of(category_change);
        let written = [person, activity, category_change, score_record, due, pending];
        Tables {
            writes: Writes::of(
                &written,
                &person_columns,
                &activity_columns,
                &change_columns,
                &record_columns,
                &due_columns,
                &pending_columns,
            ),
            person,
            activity,
            score_record,
            adjustment,
            due,
            pending,
            person_consent,
            person_score,
            category_change,
            state,
            waiting: super::table(schema, "waiting"),
            person_alias: super::table(schema, "person_alias"),
            source: super::table(schema, "source"),
            visits: ["visitor_person", "event"].map(|name| super::table(schema, name)),
            person_ids: super::table(schema, "person_person_id_seq"),
            activity_ids: super::table(schema, "activity_activity_id_seq"),
            change_ids: super::table(schema, "category_change_change_id_seq"),
            person_columns,
            activity_columns,
            record_columns,
            adjustment_columns: AdjustmentColumns::of(adjustment),
            due_columns,
            pending_columns,
            consent_columns: ConsentColumns::of(person_consent),
            person_score_columns: PersonScoreColumns::of(person_score),
            change_columns,
            cards: (0..cards.count() as u16).map(|place| cards.name(place).to_owned()).collect(),
        }
    }

    /// `leadscore.state`, whose relcache entry carries the word of changes.
    pub fn state(&self) -> pg_sys::Oid {
        self.state
    }

    /// What makes leadscore write its tables by statements, each of which takes several times as long
    /// as a direct write.
    pub fn slow_reasons(&self) -> Vec<SlowReason> {
        SlowReason::all(self.writes.all().into_iter())
    }

    /// The name of a record's scorecard as it is stored: `None` for `main`.
    pub(super) fn card_of(&self, record: &Record) -> Option<&str> {
        (record.card != MAIN).then(|| self.cards.get(record.card as usize)).flatten().map(String::as_str)
    }

    /// The tables that tell everything of all persons.
    pub(super) fn scanned(&self) -> [pg_sys::Oid; 7] {
        [self.person, self.activity, self.score_record, self.adjustment, self.due, self.person_consent, self.person_score]
    }

    /// The tables whose rows an explanation tells of: activities, adjustments, score records.
    pub(super) fn shown(&self) -> [pg_sys::Oid; 3] {
        [self.activity, self.adjustment, self.score_record]
    }

    /// Inserts activities that rows of attached tables became, and returns their ids in the same order: as an INSERT
    /// would whose triggers do nothing. `None`, and nothing is done, where more belongs to an
    /// INSERT than leadscore's own trigger, which its caller makes up for.
    pub fn insert_activities<'n>(&self, new: impl Iterator<Item = &'n NewActivity<'n>>) -> Option<Vec<i64>> {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_activity) {
            return None;
        }
        let (indexes, row) = (IndexWriter::open(table.relation), Row::of(&table));
        let c = &self.activity_columns;
        let mut known = KnownAttributes::default();
        let insert = |new: &NewActivity| {
            let activity_id = next_value(self.activity_ids);
            row.set(&[
                (c.activity_id, activity_id.into_datum()),
                (c.person_id, new.person_id.into_datum()),
                (c.activity_type, new.activity_type.into_datum()),
                (c.occurred_at, Some(pg_sys::Datum::from(new.occurred_at))),
                (c.attributes, new.attributes.and_then(|text| known.datum(text))),
                (c.recorded_at, Some(pg_sys::Datum::from(super::now()))),
                (c.source_id, new.source_id.into_datum()),
                (c.source_key, new.source_key.into_datum()),
            ]);
            table.insert(&indexes, &row);
            activity_id
        };
        Some(new.map(insert).collect())
    }

    /// Inserts a person whom a row of an attached table became, as an INSERT whose triggers do nothing, and hands it over.
    /// `false`, and nothing is done, where more belongs to it than leadscore's own, which the caller makes up for, or where
    /// somebody else has its key.
    pub fn insert_person(&self, new: &NewPerson, take: impl FnOnce(&Persons, i64, &FoundPerson)) -> bool {
        let table = Table::open(self.person, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_person) {
            return false;
        }
        let person_id = next_value(self.person_ids);
        let (row, told) = (Row::of(&table), &new.told);
        let c = &self.person_columns;
        row.set(&[
            (c.person_id, person_id.into_datum()),
            (c.kind, new.kind.into_datum()),
            (c.tenant, new.tenant.into_datum()),
            (c.external_id, new.external_id.into_datum()),
            (c.name, told.name.into_datum()),
            (c.status, told.status.into_datum()),
            (c.owner, told.owner.into_datum()),
            (c.since, Some(pg_sys::Datum::from(told.since))),
            (c.attributes, told.attributes.and_then(source::jsonb)),
            (c.active, told.active.into_datum()),
            (c.source_id, new.source_id.into_datum()),
            (c.score, new.score.into_datum()),
            (c.category, new.category.into_datum()),
            (c.penalised, new.penalised.into_datum()),
            (c.recorded_at, Some(pg_sys::Datum::from(super::now()))),
            (c.departed, false.into_datum()),
        ]);
        if !table.insert_unless_there(&row) {
            return false;
        }
        // SAFETY: the slot holds the row, all of whose attributes are set, until it is dropped below.
        let found = unsafe { FoundPerson::lent(row.0) };
        take(&self.persons_to_read(), person_id, &found);
        true
    }

    /// Whether nothing more belongs to an INSERT of persons than leadscore's own.
    pub fn inserts_persons(&self) -> bool {
        Table::open(self.person, pg_sys::AccessShareLock).is_plain(&self.writes.insert_person)
    }

    /// Writes what an attached table tells of a person, as an UPDATE whose triggers do nothing. `false`, and nothing is done,
    /// where more belongs to it than leadscore's own, which the caller makes up for, or where somebody else has changed the row.
    pub fn change_person(&self, person: &AttachedPerson, told: &ToldPerson) -> bool {
        let table = Table::open(self.person, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.change_person) {
            return false;
        }
        table.check_replica_identity(pg_sys::CmdType::CMD_UPDATE);
        let c = &self.person_columns;
        table.try_update(
            &person.at,
            &[
                (c.name, told.name.into_datum()),
                (c.status, told.status.into_datum()),
                (c.owner, told.owner.into_datum()),
                (c.since, Some(pg_sys::Datum::from(told.since))),
                (c.attributes, told.attributes.and_then(source::jsonb)),
                (c.active, told.active.into_datum()),
            ],
        )
    }

    /// Whether activities can be inserted directly: nothing more belongs to that than leadscore's own trigger does, which the
    /// caller makes up for.
    pub(super) fn inserts_activities(&self) -> bool {
        Table::open(self.activity, pg_sys::RowExclusiveLock).is_plain(&self.writes.insert_activity)
    }

    /// The id of a new activity.
    pub(super) fn next_activity_id(&self) -> i64 {
        next_value(self.activity_ids)
    }

    /// Whether activities can be inserted, updated and deleted directly: nothing more belongs to that than leadscore's own
    /// triggers do, which the caller makes up for.
    pub fn writes_activities(&self) -> bool {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        [&self.writes.insert_activity, &self.writes.update_activity, &self.writes.delete_activity]
            .iter()
            .all(|write| table.is_plain(write))
    }

    /// Makes an activity what a row of an attached table says now, where [`Tables::writes_activities`]. `false`, and nothing is
    /// done, if somebody else has changed it.
    pub fn update_activity(&self, activity: &AttachedActivity, new: &NewActivity) -> bool {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        let c = &self.activity_columns;
        table.check_replica_identity(pg_sys::CmdType::CMD_UPDATE);
        table.try_update(
            &activity.at,
            &[
                (c.person_id, new.person_id.into_datum()),
                (c.activity_type, new.activity_type.into_datum()),
                (c.occurred_at, Some(pg_sys::Datum::from(new.occurred_at))),
                (c.attributes, new.attributes.and_then(source::jsonb)),
            ],
        )
    }

    /// Deletes an activity where [`Tables::writes_activities`]. `false`, and nothing is done, if somebody else has changed it.
    pub fn delete_activity(&self, activity: &AttachedActivity) -> bool {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        table.check_replica_identity(pg_sys::CmdType::CMD_DELETE);
        table.try_delete(&activity.at)
    }

    /// Inserts changes of category, as an INSERT would. `false`, and nothing is done, where more
    /// belongs to an INSERT than the row.
    pub fn insert_changes(&self, changes: &[CategoryChange]) -> bool {
        let table = Table::open(self.category_change, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_change) {
            return false;
        }
        let (indexes, row) = (IndexWriter::open(table.relation), Row::of(&table));
        let c = &self.change_columns;
        for change in changes {
            pgrx::check_for_interrupts!();
            row.set(&[
                (c.change_id, next_value(self.change_ids).into_datum()),
                (c.person_id, change.person_id.into_datum()),
                (c.from_category, change.from.as_deref().into_datum()),
                (c.to_category, change.to.as_deref().into_datum()),
                (c.score, change.score.into_datum()),
                (c.scored_on, change.scored_on.0.into_datum()),
                (c.changed_at, Some(pg_sys::Datum::from(super::now()))),
                (c.scorecard, change.card.as_str().into_datum()),
                (c.tenant, change.tenant.as_deref().into_datum()),
            ]);
            table.insert(&indexes, &row);
        }
        true
    }

    /// Inserts the days on which the night must look at persons again, for whom none is stored.
    pub fn insert_dues(&self, dues: &[(i64, Day)]) {
        let table = Table::open(self.due, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_due) {
            let days = column(dues, |(_, day)| super::date(*day));
            INSERT_DUES.with(|statement| {
                statement.run(&[DatumWithOid::from(column(dues, |(person_id, _)| *person_id)), DatumWithOid::from(days)]);
            });
            return;
        }
        let (indexes, row) = (IndexWriter::open(table.relation), Row::of(&table));
        for (person_id, due_on) in dues {
            pgrx::check_for_interrupts!();
            row.set(&[(self.due_columns.person_id, person_id.into_datum()), (self.due_columns.due_on, due_on.0.into_datum())]);
            table.insert(&indexes, &row);
        }
    }

    /// Notes persons that are to be scored later, with the latest days of what is new to them.
    pub fn insert_pending(&self, persons: &[(i64, Option<Day>)]) {
        let table = Table::open(self.pending, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_pending) {
            let days = column(persons, |(_, day)| day.map(super::date));
            INSERT_PENDING.with(|statement| {
                statement.run(&[DatumWithOid::from(column(persons, |(person_id, _)| *person_id)), DatumWithOid::from(days)]);
            });
            return;
        }
        let c = &self.pending_columns;
        let (indexes, row) = (IndexWriter::open(table.relation), Row::of(&table));
        for (person_id, day) in persons {
            pgrx::check_for_interrupts!();
            row.set(&[
                (c.person_id, person_id.into_datum()),
                (c.day, day.and_then(|day| day.0.into_datum())),
                (c.recorded_at, Some(pg_sys::Datum::from(super::now()))),
            ]);
            table.insert(&indexes, &row);
        }
    }

    /// Removes the days, up to one, on which the night must look at persons again, and hands over the persons.
    pub fn remove_dues(&self, day: Day, mut take: impl FnMut(i64)) {
        let mut due = Vec::new();
        let table = Table::open(self.due, pg_sys::RowExclusiveLock);
        let column = Key::column(&table, c"due_on");
        table.each_in(table.index_of_own(&[column], &[]), &[Key::until(&table, c"due_on", day)], &Snapshot::current(), |slot| {
            // SAFETY: `each_in` hands over extracted rows.
            unsafe {
                due.push(StoredAt((*slot).tts_tid));
                take(value(slot, self.due_columns.person_id).unwrap_or_default());
            }
        });
        self.delete_dues(&table, &due);
    }

    pub(super) fn delete_dues(&self, table: &Table, due: &[StoredAt]) {
        if due.is_empty() {
            return;
        }
        if table.is_plain(&self.writes.delete_due) {
            table.check_replica_identity(pg_sys::CmdType::CMD_DELETE);
            due.iter().for_each(|at| table.delete(at));
        } else {
            DELETE_DUES.with(|statement| statement.run(&[DatumWithOid::from(column(due, |at| at.0))]));
        }
    }
}

/// What an attached table tells of a person.
pub struct ToldPerson<'a> {
    pub name: Option<&'a str>,
    pub status: Option<&'a str>,
    pub owner: Option<&'a str>,
    pub since: pg_sys::TimestampTz,
    /// As the text of a JSON object.
    pub attributes: Option<&'a str>,
    pub active: bool,
}

/// A person whom a row of an attached table becomes, with the score that follows from the row alone.
pub struct NewPerson<'a> {
    pub kind: &'a str,
    pub tenant: Option<&'a str>,
    pub external_id: &'a str,
    pub told: ToldPerson<'a>,
    pub source_id: i32,
    pub score: i64,
    pub category: Option<&'a str>,
    pub penalised: bool,
}

/// What a row of an attached table becomes.
#[derive(Clone)]
pub struct NewActivity<'a> {
    pub person_id: i64,
    pub activity_type: &'a str,
    pub occurred_at: pg_sys::TimestampTz,
    /// As the text of a JSON object.
    pub attributes: Option<&'a str>,
    pub source_id: i32,
    pub source_key: &'a str,
}

/// A category that changes (`leadscore.category_change`).
pub struct CategoryChange {
    pub person_id: i64,
    /// The name of the scorecard.
    pub card: String,
    pub tenant: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The score after, in points.
    pub score: i64,
    pub scored_on: Day,
}

/// A score on another scorecard than `main` (`leadscore.person_score`).
pub struct OtherScore {
    pub person_id: i64,
    /// The name of the scorecard.
    pub card: String,
    pub score: i64,
    pub category: Option<String>,
}

/// The next value of a sequence.
fn next_value(sequence: pg_sys::Oid) -> i64 {
    // SAFETY: a sequence that does not exist is an error.
    let next: Option<i64> = unsafe { pgrx::direct_function_call(pg_sys::nextval_oid, &[sequence.into_datum()]) };
    next.expect("nextval returns a value")
}
