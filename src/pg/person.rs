//! The rows of single persons, found, locked and written without an executor run.

use super::plain::{SlowReason, Write};
use super::scan::ActivityRow;
use super::table::{IndexWriter, Key, Row, Search, Snapshot, StoredAt, Table, guarded, refuse_unseen};
use super::{Jsonb, Statement, source, value};
use pgrx::datum::{Date, DatumWithOid};
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::activity::Adjustment;
use scoring::calendar::{Day, Interval};
use scoring::record::{Fade, Record, RecordKind};
use scoring::scorecard::{MAIN, Scorecards};
use std::cell::OnceCell;
use std::ffi::CString;
use std::ptr;
use std::rc::Rc;

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
    pub(super) source: pg_sys::Oid,
    /// What visits of the website leave, of visitors who may be known later.
    pub(super) visits: [pg_sys::Oid; 2],
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
    writes: Writes,
}

/// The writes that are done below the executor where nothing more belongs to them.
struct Writes {
    update_person: Write,
    insert_activity: Write,
    insert_change: Write,
    insert_record: Write,
    delete_record: Write,
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
                .makes_up_for(&[c"write_begins"])
                .satisfies(&[c"person_tenant_check"]),
            insert_activity: Write::insert(activity)
                .values(&[a.activity_id, a.person_id, a.activity_type, a.occurred_at, a.recorded_at, a.source_id, a.source_key])
                .optional(&[a.attributes])
                .stands_for(&[c"score_inserted"]),
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
    static UPDATE_PERSON: Statement = const { Statement::new(
        "UPDATE leadscore.person SET score = $2, category = $3, last_activity_at = $4, scored_through = $5, penalised = $6
         WHERE person_id = $1",
    ) };
    static INSERT_RECORDS: Statement = const { Statement::new(
        "INSERT INTO leadscore.score_record
             (person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id, kind, half_life, scorecard)
         SELECT n.person_id, n.activity_id, n.rule_id, n.points, n.counts_from, n.counts_until, n.decays_until, n.adjustment_id, n.kind,
                make_interval(months => n.months, days => n.days), n.scorecard
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             n(person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id, kind, months, days, scorecard)",
    ) };
    static DELETE_RECORDS: Statement = const { Statement::new("DELETE FROM leadscore.score_record WHERE ctid = ANY ($1)") };
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

/// An interval as a datum, in the current memory context.
fn interval_datum(interval: Interval) -> pg_sys::Datum {
    // SAFETY: the memory is allocated for it.
    unsafe {
        let value = pg_sys::palloc(size_of::<pg_sys::Interval>()).cast::<pg_sys::Interval>();
        value.write(pg_sys::Interval { time: interval.micros, day: interval.days, month: interval.months });
        pg_sys::Datum::from(value)
    }
}

/// What one column of many rows holds.
fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
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
            source: super::table(schema, "source"),
            visits: ["visitor_person", "event"].map(|name| super::table(schema, name)),
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
    fn card_of(&self, record: &Record) -> Option<&str> {
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

    /// Opens the persons, to lock and update single rows.
    pub fn persons(&self) -> Persons<'_> {
        self.open_persons(pg_sys::RowExclusiveLock)
    }

    fn open_persons(&self, lock: u32) -> Persons<'_> {
        Persons {
            indexes: OnceCell::new(),
            search: OnceCell::new(),
            table: Table::open(self.person, lock),
            columns: &self.person_columns,
            write: &self.writes.update_person,
            is_plain: OnceCell::new(),
        }
    }

    /// Inserts an activity that a row of an attached table became, and returns its id: as an INSERT
    /// would whose triggers do nothing. `None`, and nothing is done, where more belongs to an
    /// INSERT than leadscore's own trigger, which its caller makes up for.
    pub fn insert_activity(&self, new: &NewActivity) -> Option<i64> {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        if !table.is_plain(&self.writes.insert_activity) {
            return None;
        }
        let activity_id = next_value(self.activity_ids);
        let row = Row::of(&table);
        let c = &self.activity_columns;
        row.set(&[
            (c.activity_id, activity_id.into_datum()),
            (c.person_id, new.person_id.into_datum()),
            (c.activity_type, new.activity_type.into_datum()),
            (c.occurred_at, Some(pg_sys::Datum::from(new.occurred_at))),
            (c.attributes, new.attributes.and_then(source::jsonb)),
            (c.recorded_at, Some(pg_sys::Datum::from(super::now()))),
            (c.source_id, new.source_id.into_datum()),
            (c.source_key, new.source_key.into_datum()),
        ]);
        table.insert(&IndexWriter::open(table.relation), &row);
        Some(activity_id)
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

    /// Opens the score records, to insert and delete rows.
    pub fn records(&self) -> Records<'_> {
        let table = Table::open(self.score_record, pg_sys::RowExclusiveLock);
        Records {
            indexes: table.is_plain(&self.writes.insert_record).then(|| IndexWriter::open(table.relation)),
            deletes_directly: table.is_plain(&self.writes.delete_record),
            rows: Vec::new(),
            noted: Vec::new(),
            table,
            tables: self,
        }
    }

    /// Removes the score records that have ended by a day, hands each over with its person, and returns how many
    /// there were. They are gone for what runs after the next command.
    pub fn remove_ended(&self, day: Day, mut take: impl FnMut(i64, Record)) -> usize {
        let mut ended = Vec::new();
        let table = Table::open(self.score_record, pg_sys::AccessShareLock);
        let column = Key::column(&table, c"counts_until");
        let c = &self.record_columns;
        table.each_in(
            table.index_of_own(&[column], &[column]),
            &[Key::until(&table, c"counts_until", day)],
            &Snapshot::current(),
            |slot| {
                // SAFETY: `each_in` hands over extracted rows.
                unsafe {
                    ended.push(StoredAt((*slot).tts_tid));
                    take(value(slot, c.person_id).unwrap_or_default(), c.read(slot, &self.cards));
                }
            },
        );
        if !ended.is_empty() {
            self.records().delete(&ended);
        }
        ended.len()
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

    fn delete_dues(&self, table: &Table, due: &[StoredAt]) {
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

    /// Hands over each score record that decays, with its person, in the order of persons.
    pub fn each_decaying(&self, mut take: impl FnMut(i64, Record)) {
        let table = Table::open(self.score_record, pg_sys::AccessShareLock);
        let snapshot = Snapshot::current();
        let (person, decay) = (Key::column(&table, c"person_id"), Key::column(&table, c"decays_until"));
        let index = table.index_of_own(&[person], &[decay]);
        let c = &self.record_columns;
        table.each_in(index, &[], &snapshot, |slot| {
            // SAFETY: `each_in` hands over extracted rows.
            let (person_id, record) = unsafe { (value(slot, c.person_id).unwrap_or_default(), c.read(slot, &self.cards)) };
            // The index may be of all records.
            if matches!(record.fade, Fade::Linear { .. }) {
                take(person_id, record);
            }
        });
    }

    /// Opens the persons, to read single rows.
    pub fn persons_to_read(&self) -> Persons<'_> {
        self.open_persons(pg_sys::AccessShareLock)
    }

    /// What the active snapshot shows of a person.
    pub fn history_seen(&self, person_id: i64) -> History<'_> {
        self.histories().seen(person_id)
    }

    /// What is stored of a person by now, or by the transaction's snapshot where it has one; the person is locked.
    pub fn history(&self, person_id: i64) -> History<'_> {
        self.histories().of(person_id)
    }

    /// For the histories of many persons.
    pub fn histories(&self) -> Histories<'_> {
        Histories(Rc::new(Searches {
            tables: self,
            activities: OnceCell::new(),
            records: OnceCell::new(),
            adjustments: OnceCell::new(),
            dues: OnceCell::new(),
            other_scores: OnceCell::new(),
            consents: OnceCell::new(),
        }))
    }

    /// Whether a person is there by all that is committed, whatever the transaction's snapshot shows.
    pub fn is_there_by_now(&self, person_id: i64) -> bool {
        self.persons_to_read().find(person_id, &Snapshot::latest()).is_some()
    }

    /// The tenant of a person, if there is such a person and it has one.
    pub fn tenant_of(&self, person_id: i64) -> Option<String> {
        let table = Table::open(self.person, pg_sys::AccessShareLock);
        let mut tenant = None;
        // SAFETY: `each` hands over extracted rows.
        table.each(&[Key::person_id(&table, person_id)], &Snapshot::current(), |slot| {
            tenant = unsafe { value::<String>(slot, self.person_columns.tenant) };
        });
        tenant
    }
}

/// What a row of an attached table becomes.
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

/// Opens what is needed to read all that is stored of persons, and keeps it open.
#[derive(Clone)]
pub struct Histories<'t>(Rc<Searches<'t>>);

struct Searches<'t> {
    tables: &'t Tables,
    activities: OnceCell<Search>,
    records: OnceCell<Search>,
    adjustments: OnceCell<Search>,
    dues: OnceCell<Search>,
    other_scores: OnceCell<Search>,
    consents: OnceCell<Search>,
}

impl<'t> Histories<'t> {
    /// What the active snapshot shows of a person.
    pub fn seen(&self, person_id: i64) -> History<'t> {
        History { of: self.0.clone(), person_id, snapshot: Snapshot::active() }
    }

    /// What is stored of a person by now, or by the transaction's snapshot where it has one; the person is locked.
    pub fn of(&self, person_id: i64) -> History<'t> {
        History { of: self.0.clone(), person_id, snapshot: Snapshot::current() }
    }
}

/// All that is stored of one person.
pub struct History<'t> {
    of: Rc<Searches<'t>>,
    person_id: i64,
    snapshot: Snapshot,
}

impl History<'_> {
    /// The score records that are stored, and where.
    pub fn records(&self) -> Vec<(StoredAt, Record)> {
        let mut records = Vec::new();
        self.each(&self.of.records, self.of.tables.score_record, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe { records.push((StoredAt((*slot).tts_tid), self.of.tables.record_columns.read(slot, &self.of.tables.cards))) }
        });
        records
    }

    /// Hands over each activity of a person.
    pub fn each_activity(&self, mut take: impl FnMut(ActivityRow)) {
        self.each(&self.of.activities, self.of.tables.activity, |slot| {
            // SAFETY: `each` hands over extracted rows, which live while they are handed over.
            unsafe { take(self.of.tables.activity_columns.read(slot)) }
        });
    }

    /// When an activity of the person occurred, if there is such a one.
    pub fn instant(&self, activity_id: i64) -> Option<i64> {
        let table = Table::open(self.of.tables.activity, pg_sys::AccessShareLock);
        let number = Key::bigint(&table, c"activity_id", activity_id);
        let mut instant = None;
        // SAFETY: `each` hands over extracted rows.
        table.each(&[Key::person_id(&table, self.person_id), number], &self.snapshot, |slot| {
            instant = unsafe { value(slot, self.of.tables.activity_columns.occurred_at) };
        });
        instant
    }

    /// The manual adjustments of a person.
    pub fn adjustments(&self) -> Vec<Adjustment> {
        let mut adjustments = Vec::new();
        self.each(&self.of.adjustments, self.of.tables.adjustment, |slot| {
            // SAFETY: `each` hands over extracted rows.
            adjustments.push(unsafe { self.of.tables.adjustment_columns.read(slot, &self.of.tables.cards) });
        });
        adjustments
    }

    /// The scores on other scorecards than `main` that are stored: the scorecard's place, score and category.
    pub fn other_scores(&self) -> Vec<(u16, i64, Option<String>)> {
        let mut scores = Vec::new();
        let c = &self.of.tables.person_score_columns;
        self.each(&self.of.other_scores, self.of.tables.person_score, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                let card = card(&self.of.tables.cards, value::<&str>(slot, c.scorecard));
                scores.push((card, value(slot, c.score).unwrap_or_default(), value::<String>(slot, c.category)));
            }
        });
        scores
    }

    /// Whether a person does not want to be followed on the website.
    pub fn has_refused(&self) -> bool {
        let mut refused = false;
        self.each(&self.of.consents, self.of.tables.person_consent, |slot| {
            // SAFETY: `each` hands over extracted rows.
            refused |= unsafe { value(slot, self.of.tables.consent_columns.refused) }.unwrap_or(false);
        });
        refused
    }

    /// Stores the day on which the night must look at a person again.
    pub fn set_due(&self, due_on: Option<Day>) {
        let c = &self.of.tables.due_columns;
        let mut stored = None;
        self.each(&self.of.dues, self.of.tables.due, |slot| {
            // SAFETY: `each` hands over extracted rows.
            stored = Some(unsafe { (StoredAt((*slot).tts_tid), value::<i32>(slot, c.due_on).map(Day)) });
        });
        if let Some((at, day)) = stored {
            if day == due_on {
                return;
            }
            self.of.tables.delete_dues(&Table::open(self.of.tables.due, pg_sys::RowExclusiveLock), &[at]);
        }
        if let Some(day) = due_on {
            self.of.tables.insert_dues(&[(self.person_id, day)]);
        }
    }

    /// Hands over each row of a table.
    fn each(&self, search: &OnceCell<Search>, table: pg_sys::Oid, take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
        search.get_or_init(|| Search::open(table, &self.snapshot)).each(self.person_id, &self.snapshot, take);
    }
}

/// The day on which a linearly decaying record is worth nothing.
fn decays_until(record: &Record) -> Option<Day> {
    match record.fade {
        Fade::Linear { until } => Some(until),
        _ => None,
    }
}

/// The time after which a record is worth half.
fn half_life(record: &Record) -> Option<Interval> {
    match record.fade {
        Fade::Halving { half_life } => Some(half_life),
        _ => None,
    }
}

/// So many records are inserted at once.
const AT_ONCE: usize = 500;

/// `leadscore.score_record`, opened to insert and delete rows.
pub struct Records<'t> {
    // Closed in this order.
    /// `None` where rows are inserted by statements.
    indexes: Option<IndexWriter>,
    deletes_directly: bool,
    /// Rows in memory, which are filled again and again.
    rows: Vec<Row>,
    /// What is yet to be inserted.
    noted: Vec<(i64, Record)>,
    table: Table,
    tables: &'t Tables,
}

impl Records<'_> {
    /// Notes records of one person, which are inserted at the latest by [`Records::close`].
    pub fn insert(&mut self, person_id: i64, records: &[Record]) {
        for record in records {
            self.noted.push((person_id, *record));
            if self.noted.len() == AT_ONCE {
                self.flush();
            }
        }
    }

    /// Deletes records.
    pub fn delete(&self, stored: &[StoredAt]) {
        if stored.is_empty() {
            return;
        }
        if !self.deletes_directly {
            DELETE_RECORDS.with(|statement| statement.run(&[DatumWithOid::from(column(stored, |at| at.0))]));
            return;
        }
        self.table.check_replica_identity(pg_sys::CmdType::CMD_DELETE);
        stored.iter().for_each(|at| self.table.delete(at));
    }

    /// Inserts what is noted.
    pub fn close(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        let noted = std::mem::take(&mut self.noted);
        if noted.is_empty() {
            return;
        }
        match &self.indexes {
            Some(_) => self.insert_directly(&noted),
            None => insert_by_statement(self.tables, &noted),
        }
        self.noted = noted;
        self.noted.clear();
    }

    fn insert_directly(&mut self, noted: &[(i64, Record)]) {
        while self.rows.len() < noted.len() {
            self.rows.push(Row::to_store(&self.table));
        }
        let c = &self.tables.record_columns;
        for (row, (person_id, record)) in self.rows.iter().zip(noted) {
            row.set(&[
                (c.person_id, person_id.into_datum()),
                (c.activity_id, record.activity_id.into_datum()),
                (c.rule_id, record.rule_id.into_datum()),
                (c.points, record.points.into_datum()),
                (c.counts_from, record.counts_from.0.into_datum()),
                (c.counts_until, record.counts_until.and_then(|day| day.0.into_datum())),
                (c.decays_until, decays_until(record).and_then(|day| day.0.into_datum())),
                (c.adjustment_id, record.adjustment_id.into_datum()),
                (c.kind, record.kind.letter().cast_signed().into_datum()),
                (c.half_life, half_life(record).map(interval_datum)),
                (c.scorecard, self.tables.card_of(record).into_datum()),
            ]);
        }
        let mut slots: Vec<_> = self.rows[..noted.len()].iter().map(|row| row.0).collect();
        // SAFETY: the slots fit the relation, and all their attributes are set.
        unsafe {
            let insert = (*(*self.table.relation).rd_tableam).multi_insert.expect("a table access method inserts tuples");
            let command = pg_sys::GetCurrentCommandId(true);
            let (all, count) = (slots.as_mut_ptr(), slots.len() as i32);
            guarded(|| insert(self.table.relation, all, count, command, 0, ptr::null_mut()));
            for slot in slots {
                if let Some(indexes) = &self.indexes {
                    indexes.insert(slot, false, false);
                }
            }
        }
    }
}

fn insert_by_statement(tables: &Tables, noted: &[(i64, Record)]) {
    let day = |of: fn(&Record) -> Option<Day>| -> Vec<Option<Date>> { column(noted, |(_, record)| of(record).map(super::date)) };
    INSERT_RECORDS.with(|statement| {
        statement.run(&[
            DatumWithOid::from(column(noted, |(person_id, _)| *person_id)),
            DatumWithOid::from(column(noted, |(_, record)| record.activity_id)),
            DatumWithOid::from(column(noted, |(_, record)| record.rule_id)),
            DatumWithOid::from(column(noted, |(_, record)| record.points)),
            DatumWithOid::from(day(|record| Some(record.counts_from))),
            DatumWithOid::from(day(|record| record.counts_until)),
            DatumWithOid::from(day(decays_until)),
            DatumWithOid::from(column(noted, |(_, record)| record.adjustment_id)),
            DatumWithOid::from(column(noted, |(_, record)| record.kind.letter().cast_signed())),
            DatumWithOid::from(column(noted, |(_, record)| half_life(record).map(|length| length.months))),
            DatumWithOid::from(column(noted, |(_, record)| half_life(record).map(|length| length.days))),
            DatumWithOid::from(column(noted, |(_, record)| tables.card_of(record).map(str::to_owned))),
        ]);
    });
}

/// `leadscore.person`, opened to lock and update single rows.
pub struct Persons<'t> {
    // Closed in this order.
    indexes: OnceCell<IndexWriter>,
    search: OnceCell<Search>,
    table: Table,
    columns: &'t PersonColumns,
    write: &'t Write,
    /// Whether rows are updated directly; known when the first of them is.
    is_plain: OnceCell<bool>,
}

/// A person's row as it was found. Locked by [`Persons::lock`], or by being written.
pub struct FoundPerson {
    slot: *mut pg_sys::TupleTableSlot,
    /// Whether this transaction wrote the row already.
    pub is_own: bool,
    is_locked: bool,
    /// Whether the slot belongs to somebody else.
    is_lent: bool,
}

impl FoundPerson {
    /// A row that this transaction wrote, in a slot of somebody else's.
    ///
    /// # Safety
    /// The slot holds a row of the table of persons, all of whose attributes are extracted, while this lives.
    pub(super) unsafe fn lent(slot: *mut pg_sys::TupleTableSlot) -> FoundPerson {
        FoundPerson { slot, is_own: true, is_locked: true, is_lent: true }
    }
}

/// What leadscore stores in a person's row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stored<'p> {
    pub score: i64,
    pub category: Option<&'p str>,
    pub last_activity_at: Option<pg_sys::TimestampTz>,
    pub scored_through: Option<Day>,
    pub penalised: bool,
}

impl Persons<'_> {
    /// A person's row as a snapshot shows it, not locked.
    fn find(&self, person_id: i64, snapshot: &Snapshot) -> Option<FoundPerson> {
        // SAFETY: the slot fits the relation.
        unsafe {
            let mut person = FoundPerson {
                slot: pg_sys::table_slot_create(self.table.relation, ptr::null_mut()),
                is_own: false,
                is_locked: false,
                is_lent: false,
            };
            let search = self.search.get_or_init(|| Search::open((*self.table.relation).rd_id, snapshot));
            if !search.one(person_id, snapshot, person.slot) {
                return None;
            }
            person.is_own = is_own(person.slot);
            // Until the transaction ends nobody else can.
            person.is_locked = person.is_own;
            Some(person)
        }
    }

    /// A person as the active snapshot shows it.
    pub fn seen(&self, person_id: i64) -> Option<FoundPerson> {
        self.find(person_id, &Snapshot::active())
    }

    /// A person as of now, not locked; [`Persons::try_update`] says whether somebody else writes it.
    pub fn look_at(&self, person_id: i64) -> Option<FoundPerson> {
        self.find(person_id, &Snapshot::current())
    }

    /// Whether so many persons are so large a part that finding each by its index takes longer than
    /// reading them all, by what the planner knows.
    pub fn is_most(&self, count: usize) -> bool {
        // SAFETY: the table is open, so its description stays.
        let all = unsafe { (*(*self.table.relation).rd_rel).reltuples };
        // Negative: it does not know.
        all >= 0.0 && count as f64 * 8.0 > f64::from(all)
    }

    /// Hands over each person as of now, not locked, in the order in which they are stored.
    pub fn each_current(&self, mut take: impl FnMut(i64, &FoundPerson)) {
        let snapshot = Snapshot::current();
        // SAFETY: the scan hands over rows of the relation, extracted; versions that come about
        // meanwhile are not seen by its snapshot.
        unsafe {
            super::scan::each_row(self.table.relation, snapshot.0, 0, |slot| {
                let person = FoundPerson { slot, is_own: is_own(slot), is_locked: false, is_lent: true };
                take(value(slot, self.columns.person_id).unwrap_or_default(), &person);
            });
        }
    }

    /// Locks the latest row of a person who was looked at, as an UPDATE of its other columns than
    /// the key would, waiting for whoever holds it. `None` when it is gone. Where the transaction has
    /// one snapshot, a row that changed since then or is gone is a serialization failure.
    pub fn lock(&self, person_id: i64, mut person: FoundPerson) -> Option<FoundPerson> {
        if person.is_own {
            return Some(person);
        }
        let snapshot = Snapshot::current();
        // One snapshot for the transaction shows no later version, so there must be none.
        let flags = if super::transaction_has_one_snapshot() { 0 } else { pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION as u8 };
        // SAFETY: the slot fits the relation; the tuple lock is of the version that the scan
        // found or the latest one after it.
        unsafe {
            let slot = person.slot;
            let mut failure = pg_sys::TM_FailureData::default();
            let mut tid = (*slot).tts_tid;
            let lock = (*(*self.table.relation).rd_tableam).tuple_lock.expect("a table access method locks tuples");
            let command = pg_sys::GetCurrentCommandId(false);
            let result = guarded(|| {
                lock(
                    self.table.relation,
                    &mut tid,
                    snapshot.0,
                    slot,
                    command,
                    pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                    pg_sys::LockWaitPolicy::LockWaitBlock,
                    flags,
                    &mut failure,
                )
            });
            // As FOR NO KEY UPDATE, whose message is one for both.
            if matches!(result, pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted) {
                refuse_unseen(pg_sys::TM_Result::TM_Updated);
            }
            match result {
                pg_sys::TM_Result::TM_Ok => {
                    pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
                    person.is_locked = true;
                    Some(person)
                }
                pg_sys::TM_Result::TM_Deleted => None,
                other => error!("leadscore: person {person_id} cannot be locked: {other}"),
            }
        }
    }

    /// Stores what leadscore has in the row of a person who is locked or was looked at; heap-only
    /// as long as no index has a column that changes. Says whether it was the latest version, which
    /// nobody else holds. Where the transaction has one snapshot, a row that changed since then is a
    /// serialization failure.
    pub fn try_update(&self, person: &FoundPerson, stored: Stored) -> bool {
        // SAFETY: the slot holds the row.
        if !person.is_locked && unsafe { is_held(person.slot) } {
            return false;
        }
        let is_plain = *self.is_plain.get_or_init(|| {
            let is_plain = self.table.is_plain(self.write);
            if is_plain {
                self.table.check_replica_identity(pg_sys::CmdType::CMD_UPDATE);
            }
            is_plain
        });
        if !is_plain {
            // A statement goes on with the latest version, whatever it was: it must be this one.
            if person.is_locked {
                self.update_by_statement(person, stored);
            }
            return person.is_locked;
        }
        // SAFETY: the new slot is filled from the row, whose buffer stays pinned by its slot.
        unsafe {
            let natts = (*(*person.slot).tts_tupleDescriptor).natts as usize;
            let row = Row::of(&self.table);
            let slot = row.0;
            ptr::copy_nonoverlapping((*person.slot).tts_values, (*slot).tts_values, natts);
            ptr::copy_nonoverlapping((*person.slot).tts_isnull, (*slot).tts_isnull, natts);
            let set = |index: usize, datum: Option<pg_sys::Datum>| {
                *(*slot).tts_isnull.add(index) = datum.is_none();
                *(*slot).tts_values.add(index) = datum.unwrap_or(pg_sys::Datum::from(0));
            };
            set(self.columns.score, stored.score.into_datum());
            let category = stored.category.and_then(|c| c.into_datum());
            set(self.columns.category, category);
            set(self.columns.last_activity_at, stored.last_activity_at.map(pg_sys::Datum::from));
            set(self.columns.scored_through, stored.scored_through.and_then(|day| day.0.into_datum()));
            set(self.columns.penalised, stored.penalised.into_datum());
            pg_sys::ExecStoreVirtualTuple(slot);

            #[cfg(feature = "pg15")]
            let mut indexes = false;
            #[cfg(not(feature = "pg15"))]
            let mut indexes = pg_sys::TU_UpdateIndexes::TU_None;
            let mut failure = pg_sys::TM_FailureData::default();
            let mut mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
            let update = (*(*self.table.relation).rd_tableam).tuple_update.expect("a table access method updates tuples");
            let (command, snapshot) = (pg_sys::GetCurrentCommandId(true), pg_sys::GetActiveSnapshot());
            let result = guarded(|| {
                update(
                    self.table.relation,
                    &mut (*person.slot).tts_tid,
                    slot,
                    command,
                    snapshot,
                    ptr::null_mut(),
                    // Only for who comes at this very moment.
                    true,
                    &mut failure,
                    &mut mode,
                    &mut indexes,
                )
            });
            // The row has its own copy. Many persons may be written before the memory context goes.
            if let Some(category) = category {
                pg_sys::pfree(category.cast_mut_ptr());
            }
            refuse_unseen(result);
            match result {
                pg_sys::TM_Result::TM_Ok => {}
                pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted => return false,
                other => error!("leadscore: a person cannot be updated: {other}"),
            }
            #[cfg(feature = "pg15")]
            let (all, summarizing) = (indexes, false);
            #[cfg(not(feature = "pg15"))]
            let (all, summarizing) =
                (indexes == pg_sys::TU_UpdateIndexes::TU_All, indexes == pg_sys::TU_UpdateIndexes::TU_Summarizing);
            if all || summarizing {
                self.indexes.get_or_init(|| IndexWriter::open(self.table.relation)).insert(slot, true, summarizing);
            }
            true
        }
    }

    /// The same by a statement. Whether there is anything left to update, triggers and policies of
    /// others decide.
    fn update_by_statement(&self, person: &FoundPerson, stored: Stored) {
        // SAFETY: the slot's attributes are extracted.
        let person_id: Option<i64> = unsafe { value(person.slot, self.columns.person_id) };
        UPDATE_PERSON.with(|statement| {
            statement.run(&[
                DatumWithOid::from(person_id),
                DatumWithOid::from(stored.score),
                DatumWithOid::from(stored.category),
                DatumWithOid::from(stored.last_activity_at.map(super::timestamptz)),
                DatumWithOid::from(stored.scored_through.map(super::date)),
                DatumWithOid::from(stored.penalised),
            ]);
        });
    }

    pub fn kind<'p>(&self, person: &'p FoundPerson) -> &'p str {
        // SAFETY: the slot's attributes are extracted, and live as long as the slot.
        unsafe { value::<&str>(person.slot, self.columns.kind).unwrap_or_default() }
    }

    pub fn status<'p>(&self, person: &'p FoundPerson) -> Option<&'p str> {
        // SAFETY: as for kind.
        unsafe { value::<&str>(person.slot, self.columns.status) }
    }

    pub fn id(&self, person: &FoundPerson) -> i64 {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.person_id).unwrap_or_default() }
    }

    /// When the row was inserted.
    pub fn recorded_at(&self, person: &FoundPerson) -> pg_sys::TimestampTz {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.recorded_at).unwrap_or_default() }
    }

    pub fn tenant<'p>(&self, person: &'p FoundPerson) -> Option<&'p str> {
        // SAFETY: as for kind.
        unsafe { value::<&str>(person.slot, self.columns.tenant) }
    }

    pub fn is_active(&self, person: &FoundPerson) -> bool {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.active).unwrap_or(true) }
    }

    /// What the application knows of the person.
    pub fn attributes(&self, person: &FoundPerson) -> Option<Jsonb> {
        // SAFETY: as for kind; the column is a jsonb value.
        unsafe {
            let is_null = *(*person.slot).tts_isnull.add(self.columns.attributes);
            (!is_null).then(|| Jsonb::copy(*(*person.slot).tts_values.add(self.columns.attributes)))
        }
    }

    /// The key in the attached table that the person came from, and that table's number.
    pub fn source<'p>(&self, person: &'p FoundPerson) -> Option<(i32, &'p str)> {
        // SAFETY: as for kind.
        unsafe {
            let source: i32 = value(person.slot, self.columns.source_id)?;
            Some((source, value::<&str>(person.slot, self.columns.external_id)?))
        }
    }

    /// The application's own key of the person.
    pub fn external_id<'p>(&self, person: &'p FoundPerson) -> Option<&'p str> {
        // SAFETY: as for kind.
        unsafe { value::<&str>(person.slot, self.columns.external_id) }
    }

    pub fn since(&self, person: &FoundPerson) -> pg_sys::TimestampTz {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.since).unwrap_or_default() }
    }

    /// What leadscore has stored in the row.
    pub fn stored<'p>(&self, person: &'p FoundPerson) -> Stored<'p> {
        // SAFETY: as for kind; a date is stored as an int4.
        unsafe {
            Stored {
                score: value(person.slot, self.columns.score).unwrap_or_default(),
                category: value::<&str>(person.slot, self.columns.category),
                last_activity_at: value(person.slot, self.columns.last_activity_at),
                scored_through: value::<i32>(person.slot, self.columns.scored_through).map(Day),
                penalised: value(person.slot, self.columns.penalised).unwrap_or_default(),
            }
        }
    }
}

/// The header of a row as it is stored; `None` where it is stored otherwise than in a heap.
///
/// # Safety
/// The slot holds a row; the header is read while it does.
unsafe fn stored_header(slot: *mut pg_sys::TupleTableSlot) -> Option<pg_sys::HeapTupleHeader> {
    // SAFETY: a slot of this kind has a heap tuple.
    unsafe {
        ptr::eq((*slot).tts_ops, &raw const pg_sys::TTSOpsBufferHeapTuple)
            .then(|| (*(*slot.cast::<pg_sys::HeapTupleTableSlot>()).tuple).t_data)
    }
}

/// Whether a version of a row, which is visible, was written by this transaction: until it ends
/// nobody else can lock it.
///
/// # Safety
/// The slot holds a row.
unsafe fn is_own(slot: *mut pg_sys::TupleTableSlot) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        stored_header(slot).is_some_and(|header| {
            let frozen = u32::from((*header).t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN;
            !frozen && pg_sys::TransactionIdIsCurrentTransactionId((*header).t_choice.t_heap.t_xmin)
        })
    }
}

/// Whether somebody else seems to lock or change a row: its header says so, unless that came to nothing.
///
/// # Safety
/// The slot holds a row.
unsafe fn is_held(slot: *mut pg_sys::TupleTableSlot) -> bool {
    // SAFETY: as the caller promises; others may write what is read here, and either value will do.
    unsafe {
        stored_header(slot).is_some_and(|header| {
            let marks = u32::from((&raw const (*header).t_infomask).read_volatile());
            let holder = (&raw const (*header).t_choice.t_heap.t_xmax).read_volatile();
            marks & pg_sys::HEAP_XMAX_INVALID == 0
                && (marks & pg_sys::HEAP_XMAX_IS_MULTI != 0 || !pg_sys::TransactionIdIsCurrentTransactionId(holder))
        })
    }
}

impl Drop for FoundPerson {
    fn drop(&mut self) {
        if !self.is_lent && !std::thread::panicking() {
            // SAFETY: created by Persons::find and dropped once.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) }
        }
    }
}
