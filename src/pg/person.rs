//! The rows of single persons, found, locked and written without an executor run.

use super::plain::Write;
use super::table::{IndexWriter, Key, Row, Search, Snapshot, StoredAt, Table};
use super::tables::{PersonColumns, Tables};
use super::{Jsonb, Statement, value};
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::calendar::Day;
use std::cell::{Cell, OnceCell};
use std::ptr;

thread_local! {
    static UPDATE_PERSON: Statement = const { Statement::new(
        "UPDATE leadscore.person SET score = $2, category = $3, last_activity_at = $4, scored_through = $5, penalised = $6
         WHERE person_id = $1",
    ) };
    /// How many of these statements are under way.
    static WRITING: Cell<u32> = const { Cell::new(0) };
}

/// Whether a person's row is being written by a statement of leadscore's own, which triggers of others are part of.
pub fn is_writing() -> bool {
    WRITING.get() > 0
}

/// While it lives a statement writes a person's row, and until an error unwinds.
struct Writing;

impl Writing {
    fn begin() -> Writing {
        WRITING.set(WRITING.get() + 1);
        Writing
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.set(WRITING.get() - 1);
    }
}

impl Tables {
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

    /// Opens the persons, to read single rows.
    pub fn persons_to_read(&self) -> Persons<'_> {
        self.open_persons(pg_sys::AccessShareLock)
    }

    /// Hands over the row of a trigger for each updated person, as it was and as it is.
    pub fn changed_person(&self, trigger: &PgTrigger, take: impl FnOnce(&Persons, &FoundPerson, &FoundPerson)) {
        let data = trigger.trigger_data();
        let (old, new) = (data.tg_trigslot, data.tg_newslot);
        if old.is_null() || new.is_null() {
            error!("leadscore: the trigger has no updated row");
        }
        // SAFETY: the slots hold rows of the trigger's table while it runs.
        unsafe {
            for slot in [old, new] {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
            }
            take(&self.persons_to_read(), &FoundPerson::lent(old), &FoundPerson::lent(new));
        }
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
    pub is_locked: bool,
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

    /// A person as all that is committed by now shows it, not locked.
    pub fn look_at_latest(&self, person_id: i64) -> Option<FoundPerson> {
        self.find(person_id, &Snapshot::latest())
    }

    /// A person as of now, not locked, if the version at a place is the one.
    pub fn look_at_version(&self, person_id: i64, at: StoredAt) -> Option<FoundPerson> {
        if at.0.ip_posid == 0 {
            return None;
        }
        let snapshot = Snapshot::current();
        // SAFETY: the slot fits the relation; a place that has another row by now is told by its key.
        unsafe {
            let slot = pg_sys::table_slot_create(self.table.relation, ptr::null_mut());
            let mut person = FoundPerson { slot, is_own: false, is_locked: false, is_lent: false };
            if !self.table.fetch(&at, &snapshot, slot) || self.id(&person) != person_id {
                return None;
            }
            person.is_own = is_own(slot);
            person.is_locked = person.is_own;
            Some(person)
        }
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
        // SAFETY: the slot has the version that was found.
        match unsafe { self.table.lock_latest(person.slot) } {
            Ok(true) => {
                person.is_locked = true;
                Some(person)
            }
            Ok(false) => None,
            Err(result) => error!("leadscore: person {person_id} cannot be locked: {result}"),
        }
    }

    /// Whether somebody else seems to lock or change the row of a person who was looked at.
    pub fn is_held(&self, person: &FoundPerson) -> bool {
        // SAFETY: the slot holds the row.
        !person.is_locked && unsafe { is_held(person.slot) }
    }

    /// Whether persons are written by statements, in which triggers of others fire.
    pub fn takes_statement(&self) -> bool {
        !*self.is_plain.get_or_init(|| {
            let is_plain = self.table.is_plain(self.write);
            if is_plain {
                self.table.check_replica_identity(pg_sys::CmdType::CMD_UPDATE);
            }
            is_plain
        })
    }

    /// Stores what leadscore has in the row of a person who is locked or was looked at; heap-only
    /// as long as no index has a column that changes. Says whether it was the latest version, which
    /// nobody else holds. Where the transaction has one snapshot, a row that changed since then is a
    /// serialization failure.
    pub fn try_update(&self, person: &FoundPerson, stored: Stored) -> bool {
        if self.is_held(person) {
            return false;
        }
        if self.takes_statement() {
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

            let replaced = self.table.replace(person.slot, slot);
            if let Ok(Some(entries)) = &replaced {
                self.indexes.get_or_init(|| IndexWriter::open(self.table.relation)).insert(slot, true, entries.summarizing);
            }
            // The row and its entries have copies of their own. Many persons may be written before the memory context goes.
            if let Some(category) = category {
                pg_sys::pfree(category.cast_mut_ptr());
            }
            replaced.is_ok()
        }
    }

    /// Whether rows were written by statements, so that triggers of others may have changed more of them.
    pub fn wrote_by_statement(&self) -> bool {
        self.is_plain.get() == Some(&false)
    }

    /// The same by a statement. Whether there is anything left to update, triggers and policies of
    /// others decide.
    fn update_by_statement(&self, person: &FoundPerson, stored: Stored) {
        // SAFETY: the slot's attributes are extracted.
        let person_id: Option<i64> = unsafe { value(person.slot, self.columns.person_id) };
        let _writing = Writing::begin();
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

    /// Where this version of the row is stored.
    pub fn place(&self, person: &FoundPerson) -> StoredAt {
        // SAFETY: the slot lives.
        StoredAt(unsafe { (*person.slot).tts_tid })
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
