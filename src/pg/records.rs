//! Score records, inserted and deleted without an executor run.

use super::Statement;
use super::table::{IndexWriter, Key, Row, Snapshot, StoredAt, Table, guarded};
use super::tables::{Tables, column};
use super::value;
use pgrx::datum::{Date, DatumWithOid};
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::calendar::{Day, Interval};
use scoring::record::{Fade, Record};
use std::cell::OnceCell;
use std::ptr;

thread_local! {
    static INSERT_RECORDS: Statement = const { Statement::new(
        "INSERT INTO leadscore.score_record
             (person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id, kind, half_life, scorecard)
         SELECT n.person_id, n.activity_id, n.rule_id, n.points, n.counts_from, n.counts_until, n.decays_until, n.adjustment_id, n.kind,
                make_interval(months => n.months, days => n.days), n.scorecard
         FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             n(person_id, activity_id, rule_id, points, counts_from, counts_until, decays_until, adjustment_id, kind, months, days, scorecard)",
    ) };
    static DELETE_RECORDS: Statement = const { Statement::new("DELETE FROM leadscore.score_record WHERE ctid = ANY ($1)") };
}

impl Tables {
    /// Opens the score records, to insert and delete rows.
    pub fn records(&self) -> Records<'_> {
        let table = Table::open(self.score_record, pg_sys::RowExclusiveLock);
        Records {
            indexes: OnceCell::new(),
            inserts_directly: table.is_plain(&self.writes.insert_record),
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
}

/// So many records are inserted at once.
const AT_ONCE: usize = 500;

/// `leadscore.score_record`, opened to insert and delete rows.
pub struct Records<'t> {
    // Closed in this order.
    /// Opened when the first rows are inserted.
    indexes: OnceCell<IndexWriter>,
    inserts_directly: bool,
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
        match self.inserts_directly {
            true => self.insert_directly(&noted),
            false => insert_by_statement(self.tables, &noted),
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
            let indexes = self.indexes.get_or_init(|| IndexWriter::open(self.table.relation));
            for slot in slots {
                indexes.insert(slot, false, false);
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

/// An interval as a datum, in the current memory context.
fn interval_datum(interval: Interval) -> pg_sys::Datum {
    // SAFETY: the memory is allocated for it.
    unsafe {
        let value = pg_sys::palloc(size_of::<pg_sys::Interval>()).cast::<pg_sys::Interval>();
        value.write(pg_sys::Interval { time: interval.micros, day: interval.days, month: interval.months });
        pg_sys::Datum::from(value)
    }
}
