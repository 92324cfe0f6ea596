//! Activities that the rows of a table become all at once: sorted as PostgreSQL sorts for an index that it makes, and stored
//! without an executor run, many rows of a page at a time.

use super::scan::{self, Attributes, each_row};
use super::source::{Scratch, in_scratch_memory, jsonb, text_in};
use super::table::{IndexWriter, Key, Row, Table, guarded};
use super::tables::{NewActivity, Tables};
use super::{Jsonb, value};
use foldhash::fast::RandomState;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::HashMap;
use std::ffi::CStr;
use std::ptr;

impl Tables {
    /// Whether all rows of a table can become activities here: nothing more belongs to an INSERT of activities than leadscore's own
    /// trigger, which the caller makes up for, every person can be seen, and their keys fit into the memory of maintenance.
    pub fn takes_all(&self) -> bool {
        /// Of what a person takes in its table, the keys and all around them take less than this part.
        const PART: usize = 3;
        let size = |table: pg_sys::Oid| {
            let table = Table::open(table, pg_sys::AccessShareLock);
            // SAFETY: the table is open.
            let pages = unsafe { pg_sys::RelationGetNumberOfBlocksInFork(table.relation, pg_sys::ForkNumber::MAIN_FORKNUM) };
            pages as usize * pg_sys::BLCKSZ as usize
        };
        self.inserts_activities()
            && self.sees_all()
            && (size(self.person) + size(self.person_alias)) / PART <= super::maintenance_memory()
    }

    /// Hands over each key by which the active snapshot shows a person of a kind: key, tenant and person. Those of persons who
    /// were merged lead to the one that they were merged into.
    pub fn each_key(&self, kind: &str, mut take: impl FnMut(&str, Option<&str>, i64)) {
        for table in [self.person, self.person_alias] {
            let table = Table::open(table, pg_sys::AccessShareLock);
            let place = |name| Key::column(&table, name) as usize - 1;
            let (of, key, tenant, id) = (place(c"kind"), place(c"external_id"), place(c"tenant"), place(c"person_id"));
            // SAFETY: the table is open, and rows are handed over extracted.
            unsafe {
                each_row(table.relation, pg_sys::GetActiveSnapshot(), pg_sys::ScanOptions::SO_ALLOW_STRAT, |slot| {
                    if value::<&str>(slot, of) == Some(kind)
                        && let Some(key) = value::<&str>(slot, key)
                        && let Some(id) = value(slot, id)
                    {
                        take(key, value(slot, tenant), id);
                    }
                });
            }
        }
    }
}

/// What is sorted of an activity, in this order.
const COLUMNS: [(&CStr, pg_sys::Oid); 5] = [
    (c"person_id", pg_sys::INT8OID),
    (c"occurred_at", pg_sys::TIMESTAMPTZOID),
    (c"source_key", pg_sys::TEXTOID),
    (c"activity_type", pg_sys::TEXTOID),
    (c"attributes", pg_sys::JSONBOID),
];

/// So many of them are sorted by.
const KEYS: usize = 3;

/// New activities, sorted by person, moment and key, within the memory of maintenance and in temporary files.
pub struct Arrivals {
    sort: *mut pg_sys::Tuplesortstate,
    description: pg_sys::TupleDesc,
    row: Row,
    /// The texts of the row at hand.
    key: Vec<u64>,
    activity_type: Vec<u64>,
    known: KnownAttributes,
    scratch: Scratch,
    pub count: i64,
}

/// Attributes that were read before, which often come again.
#[derive(Default)]
pub(super) struct KnownAttributes(HashMap<String, Jsonb, RandomState>);

impl KnownAttributes {
    /// So many are known at most, of so many bytes each.
    const MOST: usize = 1_000;
    const BYTES: usize = 100;

    /// A jsonb value from its text, which lives as long as this and the present memory context.
    pub fn datum(&mut self, text: &str) -> Option<pg_sys::Datum> {
        if let Some(known) = self.0.get(text) {
            return Some(known.datum());
        }
        if self.0.len() >= Self::MOST || text.len() > Self::BYTES {
            return jsonb(text);
        }
        Some(self.0.entry(text.to_owned()).or_insert_with(|| Jsonb::parse(text)).datum())
    }
}

impl Arrivals {
    /// It lives no longer than the present memory context.
    pub fn new() -> Arrivals {
        // SAFETY: what is made here is released by Drop, or by an abort.
        unsafe {
            let description = pg_sys::CreateTemplateTupleDesc(COLUMNS.len() as i32);
            for (number, (name, type_id)) in (1..).zip(COLUMNS) {
                pg_sys::TupleDescInitEntry(description, number, name.as_ptr(), type_id, -1, 0);
            }
            let mut numbers: [pg_sys::AttrNumber; KEYS] = [1, 2, 3];
            let mut operators = numbers.map(|number| {
                let (_, type_id) = COLUMNS[number as usize - 1];
                (*pg_sys::lookup_type_cache(type_id, pg_sys::TYPECACHE_LT_OPR as i32)).lt_opr
            });
            let mut collations = [pg_sys::InvalidOid, pg_sys::InvalidOid, pg_sys::DEFAULT_COLLATION_OID];
            let sort = pg_sys::tuplesort_begin_heap(
                description,
                KEYS as i32,
                numbers.as_mut_ptr(),
                operators.as_mut_ptr(),
                collations.as_mut_ptr(),
                [false; KEYS].as_mut_ptr(),
                // Half of what there is: entries of an index take the other.
                pg_sys::maintenance_work_mem / 2,
                ptr::null_mut(),
                pg_sys::TUPLESORT_NONE as i32,
            );
            let row = Row(pg_sys::MakeSingleTupleTableSlot(description, &raw const pg_sys::TTSOpsVirtual));
            Arrivals {
                sort,
                description,
                row,
                key: Vec::new(),
                activity_type: Vec::new(),
                known: KnownAttributes::default(),
                scratch: Scratch::new(),
                count: 0,
            }
        }
    }

    pub fn put(&mut self, new: &NewActivity) {
        self.count += 1;
        let values = [
            (0, new.person_id.into_datum()),
            (1, Some(pg_sys::Datum::from(new.occurred_at))),
            (2, Some(text_in(&mut self.key, new.source_key.as_bytes()))),
            (3, Some(text_in(&mut self.activity_type, new.activity_type.as_bytes()))),
        ];
        let (row, sort) = (&self.row, self.sort);
        let put = |attributes: Option<pg_sys::Datum>| {
            row.set(&values);
            if let Some(attributes) = attributes {
                row.set_one(4, attributes);
            }
            // SAFETY: the slot is of the row type that is sorted, and is copied.
            unsafe { pg_sys::tuplesort_puttupleslot(sort, row.0) }
        };
        let Some(attributes) = new.attributes else { return put(None) };
        let known = &mut self.known;
        in_scratch_memory(&mut self.scratch, || put(known.datum(attributes)));
    }

    /// Hands them over in their order.
    pub fn each(self, mut take: impl FnMut(Arrival)) {
        // SAFETY: the slot is of the row type that was sorted, and holds a row while it is handed over.
        unsafe {
            pg_sys::tuplesort_performsort(self.sort);
            let row = Row(pg_sys::MakeSingleTupleTableSlot(self.description, &raw const pg_sys::TTSOpsMinimalTuple));
            while pg_sys::tuplesort_gettupleslot(self.sort, true, false, row.0, ptr::null_mut()) {
                pg_sys::slot_getsomeattrs_int(row.0, COLUMNS.len() as i32);
                take(Arrival {
                    row: scan::ActivityRow {
                        person_id: value(row.0, 0).unwrap_or_default(),
                        activity_id: 0,
                        occurred_at: value(row.0, 1).unwrap_or_default(),
                        activity_type: value(row.0, 3).unwrap_or_default(),
                        attributes: Attributes::of(row.0, 4),
                        recorded_at: super::now(),
                        is_attached: true,
                    },
                    slot: row.0,
                });
                pgrx::check_for_interrupts!();
            }
        }
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: begun by new, and ended once.
            unsafe { pg_sys::tuplesort_end(self.sort) }
        }
    }
}

/// One of them.
pub struct Arrival<'s> {
    /// The activity, which has no id yet.
    pub row: scan::ActivityRow<'s>,
    slot: *mut pg_sys::TupleTableSlot,
}

impl Arrival<'_> {
    fn datum(&self, nth: usize) -> Option<pg_sys::Datum> {
        // SAFETY: the slot's attributes are extracted.
        unsafe { (!*(*self.slot).tts_isnull.add(nth)).then(|| *(*self.slot).tts_values.add(nth)) }
    }

    fn size(&self) -> usize {
        // SAFETY: the slot holds a minimal tuple.
        unsafe { (*(*self.slot.cast::<pg_sys::MinimalTupleTableSlot>()).mintuple).t_len as usize }
    }
}

/// So many rows are stored at once, or so many bytes.
const AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 1 << 18;

/// `leadscore.activity`, opened to store new ones that come from one attached table, where [`Tables::takes_all`].
pub struct NewActivities<'t> {
    // Closed in this order.
    by_source: Option<Entries>,
    indexes: IndexWriter,
    /// Rows in memory, which are filled again and again.
    rows: Vec<Row>,
    filled: usize,
    bytes: usize,
    table: Table,
    tables: &'t Tables,
    source_id: i32,
}

impl Tables {
    pub fn new_activities(&self, source_id: i32) -> NewActivities<'_> {
        let table = Table::open(self.activity, pg_sys::RowExclusiveLock);
        let mut indexes = IndexWriter::open(table.relation);
        let c = &self.activity_columns;
        let by_source = Entries::of(&table, &mut indexes, source_id, [c.source_id, c.source_key]);
        NewActivities { by_source, indexes, rows: Vec::new(), filled: 0, bytes: 0, table, tables: self, source_id }
    }
}

/// Entries of the index by which activities are found that a row of an attached table is. In the order of their keys the
/// entries of a new table come one after the other at its end; in that of persons each would have to be looked for. Any order
/// is right: that of bytes costs little, and is that of most keys in any collation.
struct Entries {
    index: pg_sys::Relation,
    info: *mut pg_sys::IndexInfo,
    source_id: i32,
    key_column: usize,
    noted: Vec<Noted>,
    /// Their keys, one after the other.
    keys: Vec<u8>,
}

/// An entry that is yet to be made.
struct Noted {
    /// The first bytes of the key, as a number that sorts alike.
    beginning: u64,
    from: usize,
    length: usize,
    at: pg_sys::ItemPointerData,
}

impl Entries {
    /// `None` where the table has no such index of these columns alone.
    fn of(table: &Table, indexes: &mut IndexWriter, source_id: i32, columns: [usize; 2]) -> Option<Entries> {
        let numbers = columns.map(|column| column as i16 + 1);
        let index = table.index_of(&numbers, &numbers[..1])?;
        // SAFETY: the index is open, and stays so as one that is written.
        unsafe {
            let (oid, form) = ((*index).rd_id, &*(*index).rd_index);
            let is_plain = form.indnatts == 2 && !form.indisunique && !form.indisexclusion;
            pg_sys::index_close(index, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let (index, info) = if is_plain { indexes.set_aside(oid)? } else { return None };
            Some(Entries { index, info, source_id, key_column: columns[1], noted: Vec::new(), keys: Vec::new() })
        }
    }

    /// Notes the entry of a row that is stored.
    fn note(&mut self, table: &Table, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: the slot holds a row of the table.
        let (key, at) = unsafe {
            pg_sys::slot_getsomeattrs_int(slot, self.key_column as i32 + 1);
            (value::<&str>(slot, self.key_column).unwrap_or_default().as_bytes(), (*slot).tts_tid)
        };
        let mut beginning = [0; 8];
        let length = key.len().min(8);
        beginning[..length].copy_from_slice(&key[..length]);
        let beginning = u64::from_be_bytes(beginning);
        self.noted.push(Noted { beginning, from: self.keys.len(), length: key.len(), at });
        self.keys.extend_from_slice(key);
        if self.keys.len() + self.noted.len() * size_of::<Noted>() > super::maintenance_memory() / 2 {
            self.insert(table);
        }
    }

    /// Inserts the entries that are noted.
    fn insert(&mut self, table: &Table) {
        let keys = &self.keys;
        let key = |noted: &Noted| &keys[noted.from..noted.from + noted.length];
        self.noted.sort_unstable_by(|a, b| a.beginning.cmp(&b.beginning).then_with(|| key(a).cmp(key(b))));
        let (mut text, mut nulls) = (Vec::new(), [false; 2]);
        for noted in &mut self.noted {
            let key = text_in(&mut text, &keys[noted.from..noted.from + noted.length]);
            let mut values = [pg_sys::Datum::from(self.source_id), key];
            // SAFETY: the index is open, and of these two columns.
            unsafe {
                pg_sys::index_insert(
                    self.index,
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                    &mut noted.at,
                    table.relation,
                    pg_sys::IndexUniqueCheck::UNIQUE_CHECK_NO,
                    false,
                    self.info,
                );
            }
            pgrx::check_for_interrupts!();
        }
        self.noted.clear();
        self.keys.clear();
    }
}

impl NewActivities<'_> {
    /// Gives it an id, and stores it at the latest when [`NewActivities::finish`] is called.
    pub fn add(&mut self, new: &Arrival) -> i64 {
        let activity_id = self.tables.next_activity_id();
        if self.rows.len() == self.filled {
            self.rows.push(Row::to_store(&self.table));
        }
        let (row, c) = (&self.rows[self.filled], &self.tables.activity_columns);
        row.set(&[
            (c.activity_id, activity_id.into_datum()),
            (c.person_id, new.datum(0)),
            (c.activity_type, new.datum(3)),
            (c.occurred_at, new.datum(1)),
            (c.attributes, new.datum(4)),
            (c.recorded_at, Some(pg_sys::Datum::from(super::now()))),
            (c.source_id, self.source_id.into_datum()),
            (c.source_key, new.datum(2)),
        ]);
        // SAFETY: all attributes of the slot are set; it has a copy of them from here on.
        unsafe {
            let copy = (*(*row.0).tts_ops).materialize.expect("a slot keeps its row");
            guarded(|| copy(row.0));
        }
        self.filled += 1;
        self.bytes += new.size();
        if self.filled == AT_ONCE || self.bytes >= BYTES_AT_ONCE {
            self.flush();
        }
        activity_id
    }

    /// Stores what is added, all of it. Nothing that this transaction runs sees a part before.
    pub fn finish(&mut self) {
        self.flush();
        if let Some(entries) = &mut self.by_source {
            entries.insert(&self.table);
        }
    }

    fn flush(&mut self) {
        let mut slots: Vec<_> = self.rows[..self.filled].iter().map(|row| row.0).collect();
        (self.filled, self.bytes) = (0, 0);
        if slots.is_empty() {
            return;
        }
        // SAFETY: the slots fit the relation, and all their attributes are set.
        unsafe {
            let insert = (*(*self.table.relation).rd_tableam).multi_insert.expect("a table access method inserts tuples");
            let command = pg_sys::GetCurrentCommandId(true);
            let (all, count) = (slots.as_mut_ptr(), slots.len() as i32);
            guarded(|| insert(self.table.relation, all, count, command, 0, ptr::null_mut()));
            for slot in slots {
                self.indexes.insert(slot, false, false);
                if let Some(entries) = &mut self.by_source {
                    entries.note(&self.table, slot);
                }
            }
        }
    }
}
