//! One table, read and written row by row, without an executor run.

use crate::error::Refusal;
use pgrx::PgSqlErrorCode as Code;
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::calendar::Day;
use std::ffi::CStr;
use std::ptr;

/// Runs a call through one of PostgreSQL's function pointers, such as those of a table's access
/// method, which `pg_sys` does not guard as it guards functions: an error (a deadlock, a timeout, a
/// cancel) would jump over Rust's frames, and nothing that they own would be freed.
///
/// # Safety
/// As the call's, and `call` does nothing else: an error jumps over its own frame.
pub(super) unsafe fn guarded<T>(call: impl FnOnce() -> T) -> T {
    // SAFETY: as the caller promises.
    unsafe { pg_sys::ffi::pg_guard_ffi_boundary(call) }
}

/// Where a version of a row is stored.
#[derive(Clone, Copy)]
pub struct StoredAt(pub(super) pg_sys::ItemPointerData);

impl std::fmt::Display for StoredAt {
    /// As `ctid::text` has it.
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let block = (u32::from(self.0.ip_blkid.bi_hi) << 16) | u32::from(self.0.ip_blkid.bi_lo);
        write!(f, "({block},{})", self.0.ip_posid)
    }
}

/// A table that is open; its lock stays until the transaction ends.
pub(super) struct Table {
    pub relation: pg_sys::Relation,
}

impl Table {
    pub fn open(table: pg_sys::Oid, lock: u32) -> Table {
        // SAFETY: the table exists; it is closed by Drop, or released by an abort.
        Table { relation: unsafe { pg_sys::table_open(table, lock as pg_sys::LOCKMODE) } }
    }

    /// Whether it has no pages, so that there is no row in it whatever the snapshot.
    pub fn is_empty(&self) -> bool {
        // SAFETY: the table is open.
        unsafe { pg_sys::RelationGetNumberOfBlocksInFork(self.relation, pg_sys::ForkNumber::MAIN_FORKNUM) == 0 }
    }

    /// An index by which rows with these keys are found.
    pub fn index(&self, keys: &[Key]) -> pg_sys::Relation {
        let columns: Vec<i16> = keys.iter().map(|key| key.column).collect();
        self.index_of(&columns, &columns).unwrap_or_else(|| {
            // SAFETY: the table is open.
            let name = super::name_of(unsafe { (*self.relation).rd_id });
            error!("leadscore: {name} has not the index that it was created with")
        })
    }

    /// An index that begins with these columns and has all rows, or all in which one of the columns that are
    /// `filled` is not NULL: rather that, where it is another column, since of millions of rows a few may have it.
    /// What it is decides, not its name or its age: somebody may have added others, with another order of strings.
    pub fn index_of(&self, columns: &[i16], filled: &[i16]) -> Option<pg_sys::Relation> {
        // SAFETY: the table is open, and what is opened here is closed here or by the caller.
        unsafe {
            let list = pg_sys::RelationGetIndexList(self.relation);
            let length = if list.is_null() { 0 } else { (*list).length as usize };
            let wants_part = filled.iter().any(|column| !columns.contains(column));
            let mut found = None;
            for nth in 0..length {
                let oid = (*(*list).elements.add(nth)).oid_value;
                let index = pg_sys::index_open(oid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
                let predicate = pg_sys::RelationGetIndexPredicate(index);
                let fits = self.finds_by(index, columns) && holds_filled(predicate, filled);
                let unused = if fits && (found.is_none() || !predicate.is_null()) { found.replace(index) } else { Some(index) };
                if let Some(unused) = unused {
                    pg_sys::index_close(unused, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
                }
                if found.is_some() && !wants_part {
                    break;
                }
            }
            pg_sys::list_free(list);
            found
        }
    }

    /// The same; an error where there is none, since leadscore created one.
    pub fn index_of_own(&self, columns: &[i16], filled: &[i16]) -> pg_sys::Relation {
        self.index_of(columns, filled).unwrap_or_else(|| {
            // SAFETY: the table is open.
            let name = super::name_of(unsafe { (*self.relation).rd_id });
            error!("leadscore: {name} has not the index that it was created with")
        })
    }

    /// Whether a B-tree that is complete begins with these columns, in the order that `=` of their
    /// type and their own collation goes by.
    ///
    /// # Safety
    /// The index is an open one of the table.
    unsafe fn finds_by(&self, index: pg_sys::Relation, columns: &[i16]) -> bool {
        // SAFETY: as the caller promises; the arrays of an index have an element for each of its keys.
        unsafe {
            let form = &*(*index).rd_index;
            let keys = form.indkey.values.as_slice(form.indnkeyatts as usize);
            if !form.indisvalid || !form.indisready || !form.indislive || (*(*index).rd_rel).relam != pg_sys::BTREE_AM_OID {
                return false;
            }
            let fits = |nth: usize, column: i16| {
                let Some(attribute) = usize::try_from(column - 1).ok().and_then(|place| self.columns().get(place)) else {
                    return false;
                };
                let of_type = pg_sys::lookup_type_cache(attribute.atttypid, pg_sys::TYPECACHE_BTREE_OPFAMILY as i32);
                keys.get(nth) == Some(&column)
                    && *(*index).rd_opfamily.add(nth) == (*of_type).btree_opf
                    && *(*index).rd_opcintype.add(nth) == (*of_type).btree_opintype
                    && *(*index).rd_indcollation.add(nth) == attribute.attcollation
            };
            columns.iter().enumerate().all(|(nth, &column)| fits(nth, column)) && is_for_all_snapshots(index)
        }
    }

    /// Hands over each row with these keys, its attributes extracted.
    pub fn each(&self, keys: &[Key], snapshot: &Snapshot, take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
        self.each_in(self.index(keys), keys, snapshot, take);
    }

    /// The same by a certain index, which is closed afterwards.
    pub fn each_in(
        &self,
        index: pg_sys::Relation,
        keys: &[Key],
        snapshot: &Snapshot,
        mut take: impl FnMut(*mut pg_sys::TupleTableSlot),
    ) {
        // SAFETY: the slot fits the relation, and is dropped after the scan that fills it.
        unsafe {
            let slot = pg_sys::table_slot_create(self.relation, ptr::null_mut());
            let scan = Scan::begin(self, index, keys, snapshot);
            while scan.next(slot) {
                take(slot);
                pgrx::check_for_interrupts!();
            }
            drop(scan);
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    }

    /// Whether a snapshot shows the version of a row that a slot holds.
    ///
    /// # Safety
    /// The slot holds a row of the table as it is stored.
    pub unsafe fn shows(&self, snapshot: &Snapshot, slot: *mut pg_sys::TupleTableSlot) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            let satisfies =
                (*(*self.relation).rd_tableam).tuple_satisfies_snapshot.expect("a table access method knows visibility");
            guarded(|| satisfies(self.relation, slot, snapshot.0))
        }
    }

    /// Refuses what a publication or the replica identity refuses, as the executor would.
    pub fn check_replica_identity(&self, command: pg_sys::CmdType::Type) {
        // SAFETY: the table is open.
        unsafe { pg_sys::CheckCmdReplicaIdentity(self.relation, command) }
    }

    /// Inserts a row.
    pub fn insert(&self, indexes: &IndexWriter, row: &Row) {
        // SAFETY: the slot fits the relation, and all its attributes are set.
        unsafe {
            pg_sys::simple_table_tuple_insert(self.relation, row.0);
            indexes.insert(row.0, false, false);
        }
    }

    /// Inserts a row as ON CONFLICT DO NOTHING would; `false`, and nothing is done, if somebody else has its key, or may have it.
    pub fn insert_unless_there(&self, row: &Row) -> bool {
        // SAFETY: the slot fits the relation, and all its attributes are set; the lock by which others wait for the outcome is
        // given back, or released by an abort.
        unsafe {
            let indexes = IndexWriter::open_to_try(self.relation);
            let methods = (*self.relation).rd_tableam;
            let insert = (*methods).tuple_insert_speculative.expect("a table access method inserts tuples");
            let complete = (*methods).tuple_complete_speculative.expect("a table access method inserts tuples");
            let (transaction, command) = (pg_sys::GetCurrentTransactionId(), pg_sys::GetCurrentCommandId(true));
            let token = pg_sys::SpeculativeInsertionLockAcquire(transaction);
            guarded(|| insert(self.relation, row.0, command, 0, ptr::null_mut(), token));
            let is_free = indexes.try_insert(row.0);
            guarded(|| complete(self.relation, row.0, token, is_free));
            pg_sys::SpeculativeInsertionLockRelease(transaction);
            is_free
        }
    }

    /// Brings the version of a row at a place into a slot, its attributes extracted; `false` if the snapshot does not show it.
    ///
    /// # Safety
    /// The slot fits the table.
    pub unsafe fn fetch(&self, at: &StoredAt, snapshot: &Snapshot, slot: *mut pg_sys::TupleTableSlot) -> bool {
        let mut tid = at.0;
        // SAFETY: as the caller promises.
        unsafe {
            let fetch = (*(*self.relation).rd_tableam).tuple_fetch_row_version.expect("a table access method fetches tuples");
            let found = guarded(|| fetch(self.relation, &mut tid, snapshot.0, slot));
            if found {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
            }
            found
        }
    }

    /// Gives columns of a row these values; `false`, and nothing is done, if it is no longer the latest version. Where the
    /// transaction has one snapshot that is a serialization failure.
    pub fn try_update(&self, at: &StoredAt, values: &[(usize, Option<pg_sys::Datum>)]) -> bool {
        let (old, new) = (Row::to_store(self), Row::of(self));
        // SAFETY: the slots fit the relation, and the arrays hold an element for each attribute.
        unsafe {
            if !self.fetch(at, &Snapshot::current(), old.0) {
                return false;
            }
            let natts = (*(*old.0).tts_tupleDescriptor).natts;
            ptr::copy_nonoverlapping((*old.0).tts_values, (*new.0).tts_values, natts as usize);
            ptr::copy_nonoverlapping((*old.0).tts_isnull, (*new.0).tts_isnull, natts as usize);
            for &(index, datum) in values {
                *(*new.0).tts_isnull.add(index) = datum.is_none();
                *(*new.0).tts_values.add(index) = datum.unwrap_or(pg_sys::Datum::from(0));
            }
            pg_sys::ExecStoreVirtualTuple(new.0);
            let Ok(entries) = self.replace(old.0, new.0) else { return false };
            if let Some(entries) = entries {
                IndexWriter::open(self.relation).insert(new.0, true, entries.summarizing);
            }
            true
        }
    }

    /// Locks a row until the transaction ends, as an UPDATE of other columns than the key would, waiting for whoever holds it;
    /// the slot has its latest version then. `Ok(false)` when it is gone, `Err` when it cannot be locked. Where the transaction
    /// has one snapshot, a row that changed since then or is gone is a serialization failure.
    ///
    /// # Safety
    /// The slot holds a row of the table as it is stored.
    pub unsafe fn lock_latest(&self, slot: *mut pg_sys::TupleTableSlot) -> Result<bool, pg_sys::TM_Result::Type> {
        let snapshot = Snapshot::current();
        // One snapshot for the transaction shows no later version, so there must be none.
        let flags = if super::transaction_has_one_snapshot() { 0 } else { pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION as u8 };
        // SAFETY: as the caller promises; the lock is of the version in the slot or of the latest one after it.
        unsafe {
            let mut failure = pg_sys::TM_FailureData::default();
            let mut tid = (*slot).tts_tid;
            let lock = (*(*self.relation).rd_tableam).tuple_lock.expect("a table access method locks tuples");
            let command = pg_sys::GetCurrentCommandId(false);
            let result = guarded(|| {
                lock(
                    self.relation,
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
                    Ok(true)
                }
                pg_sys::TM_Result::TM_Deleted => Ok(false),
                other => Err(other),
            }
        }
    }

    /// Stores a new version of a row, and says which entries in indexes it needs. `Err`, and nothing is done, if the old one is
    /// no longer the latest; where the transaction has one snapshot that is a serialization failure.
    ///
    /// # Safety
    /// The first slot holds a row of the table as it is stored, the second one of its row type.
    pub unsafe fn replace(
        &self,
        old: *mut pg_sys::TupleTableSlot,
        new: *mut pg_sys::TupleTableSlot,
    ) -> Result<Option<Entries>, ()> {
        // SAFETY: as the caller promises.
        unsafe {
            #[cfg(feature = "pg15")]
            let mut stored = false;
            #[cfg(not(feature = "pg15"))]
            let mut stored = pg_sys::TU_UpdateIndexes::TU_None;
            let mut failure = pg_sys::TM_FailureData::default();
            let mut mode = pg_sys::LockTupleMode::LockTupleNoKeyExclusive;
            let update = (*(*self.relation).rd_tableam).tuple_update.expect("a table access method updates tuples");
            let (command, snapshot) = (pg_sys::GetCurrentCommandId(true), pg_sys::GetActiveSnapshot());
            let result = guarded(|| {
                update(
                    self.relation,
                    &mut (*old).tts_tid,
                    new,
                    command,
                    snapshot,
                    ptr::null_mut(),
                    // Only for who comes at this very moment.
                    true,
                    &mut failure,
                    &mut mode,
                    &mut stored,
                )
            });
            refuse_unseen(result);
            #[cfg(feature = "pg15")]
            let (all, summarizing) = (stored, false);
            #[cfg(not(feature = "pg15"))]
            let (all, summarizing) =
                (stored == pg_sys::TU_UpdateIndexes::TU_All, stored == pg_sys::TU_UpdateIndexes::TU_Summarizing);
            match result {
                pg_sys::TM_Result::TM_Ok => Ok((all || summarizing).then_some(Entries { summarizing })),
                pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted => Err(()),
                other => error!("leadscore: a row of {} cannot be updated: {other}", super::name_of((*self.relation).rd_id)),
            }
        }
    }

    /// Deletes a row that nobody else deletes or updates: its person is locked. Where the snapshot
    /// is of the past somebody may have, which is a serialization failure.
    pub fn delete(&self, at: &StoredAt) {
        if !self.try_delete(at) {
            // SAFETY: the table is open.
            error!("leadscore: a row of {} cannot be deleted", super::name_of(unsafe { (*self.relation).rd_id }));
        }
    }

    /// Deletes a row; `false`, and nothing is done, if it is no longer the latest version. Where the transaction has one
    /// snapshot that is a serialization failure.
    pub fn try_delete(&self, at: &StoredAt) -> bool {
        let mut tid = at.0;
        let mut failure = pg_sys::TM_FailureData::default();
        // SAFETY: the row was found by a snapshot of this transaction.
        let result = unsafe {
            let delete = (*(*self.relation).rd_tableam).tuple_delete.expect("a table access method deletes tuples");
            let (command, snapshot) = (pg_sys::GetCurrentCommandId(true), pg_sys::GetActiveSnapshot());
            guarded(|| delete(self.relation, &mut tid, command, snapshot, ptr::null_mut(), true, &mut failure, false))
        };
        refuse_unseen(result);
        match result {
            pg_sys::TM_Result::TM_Ok => true,
            pg_sys::TM_Result::TM_Updated | pg_sys::TM_Result::TM_Deleted => false,
            // SAFETY: the table is open.
            other => {
                error!("leadscore: a row of {} cannot be deleted: {other}", super::name_of(unsafe { (*self.relation).rd_id }))
            }
        }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        // While an error unwinds, the transaction's abort releases what is open.
        if !std::thread::panicking() {
            // SAFETY: opened by us; the lock stays until the transaction ends.
            unsafe { pg_sys::table_close(self.relation, pg_sys::NoLock as pg_sys::LOCKMODE) }
        }
    }
}

/// Raises what PostgreSQL raises at REPEATABLE READ and SERIALIZABLE when a row that the snapshot
/// shows was changed by somebody whom it does not show. Returns when it was not, and at READ
/// COMMITTED, where the caller goes on with what there is now.
pub(super) fn refuse_unseen(result: pg_sys::TM_Result::Type) {
    let change = match result {
        pg_sys::TM_Result::TM_Updated => "update",
        pg_sys::TM_Result::TM_Deleted => "delete",
        _ => return,
    };
    if super::transaction_has_one_snapshot() {
        let message = format!("could not serialize access due to concurrent {change}");
        Refusal::new(Code::ERRCODE_T_R_SERIALIZATION_FAILURE, message).raise();
    }
}

/// The entries in indexes that a new version of a row needs: in all of them, or in summarizing ones alone.
pub(super) struct Entries {
    pub summarizing: bool,
}

/// A new row of a table, in memory.
pub(super) struct Row(pub *mut pg_sys::TupleTableSlot);

impl Row {
    pub fn of(table: &Table) -> Row {
        // SAFETY: the table's description outlives the slot, which Drop or an abort releases.
        unsafe { Row(pg_sys::MakeSingleTupleTableSlot((*table.relation).rd_att, &raw const pg_sys::TTSOpsVirtual)) }
    }

    /// One that keeps the form in which it is stored, for those that are inserted together.
    pub fn to_store(table: &Table) -> Row {
        // SAFETY: as above.
        unsafe { Row(pg_sys::table_slot_create(table.relation, ptr::null_mut())) }
    }

    /// Gives it these values; the other columns are NULL.
    pub fn set(&self, values: &[(usize, Option<pg_sys::Datum>)]) {
        // SAFETY: the arrays hold an element for each attribute.
        unsafe {
            pg_sys::ExecStoreAllNullTuple(self.0);
            for &(index, datum) in values {
                if let Some(datum) = datum {
                    *(*self.0).tts_isnull.add(index) = false;
                    *(*self.0).tts_values.add(index) = datum;
                }
            }
        }
    }
}

impl Row {
    /// Gives one more column a value.
    pub fn set_one(&self, index: usize, value: pg_sys::Datum) {
        // SAFETY: the arrays hold an element for each attribute.
        unsafe {
            *(*self.0).tts_isnull.add(index) = false;
            *(*self.0).tts_values.add(index) = value;
        }
    }
}

impl Drop for Row {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: made by Row::of and dropped once.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.0) }
        }
    }
}

/// What a search for rows goes by.
pub(super) struct Snapshot(pub pg_sys::Snapshot);

impl Snapshot {
    /// That of the statement that runs.
    pub fn active() -> Snapshot {
        // SAFETY: released by Drop, or by an abort.
        unsafe { Snapshot(pg_sys::RegisterSnapshot(pg_sys::GetActiveSnapshot())) }
    }

    /// What a transaction's work goes by: its own snapshot where it has one for all its statements
    /// (REPEATABLE READ, SERIALIZABLE), with what it did up to its last command; else the latest.
    /// Rows that somebody changed whom it does not see are refused when they are locked or written.
    pub fn current() -> Snapshot {
        if !super::transaction_has_one_snapshot() {
            return Snapshot::latest();
        }
        // SAFETY: the active snapshot is taken down again here, or by an abort; the registered one is
        // released by Drop, or by an abort. It is a copy, since the transaction's own moves on with
        // each command, even while rows are being read by it.
        unsafe {
            pg_sys::PushCopiedSnapshot(pg_sys::GetTransactionSnapshot());
            pg_sys::UpdateActiveSnapshotCommandId();
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetActiveSnapshot());
            pg_sys::PopActiveSnapshot();
            Snapshot(snapshot)
        }
    }

    /// What is committed by now, and what this transaction did up to its last command.
    pub fn latest() -> Snapshot {
        // SAFETY: released by Drop, or by an abort.
        unsafe { Snapshot(pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot())) }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: registered by us, and released once.
            unsafe { pg_sys::UnregisterSnapshot(self.0) }
        }
    }
}

/// A value that a column must have.
pub(super) struct Key {
    pub column: i16,
    /// The function that compares, and what it does in a B-tree.
    pub compare: u32,
    pub strategy: u32,
    pub value: pg_sys::Datum,
}

impl Key {
    pub fn column(table: &Table, name: &CStr) -> i16 {
        // SAFETY: a catalog lookup by a name that lives on.
        unsafe { pg_sys::get_attnum((*table.relation).rd_id, name.as_ptr()) }
    }

    pub fn person_id(table: &Table, person_id: i64) -> Key {
        Key::bigint(table, c"person_id", person_id)
    }

    pub fn bigint(table: &Table, name: &CStr, value: i64) -> Key {
        Key::equal(Key::column(table, name), pg_sys::F_INT8EQ, pg_sys::Datum::from(value))
    }

    pub fn text(table: &Table, name: &CStr, value: &str) -> Key {
        let value = value.into_datum().unwrap_or(pg_sys::Datum::from(0));
        Key::equal(Key::column(table, name), pg_sys::F_TEXTEQ, value)
    }

    /// An int4 column.
    pub fn int(table: &Table, name: &CStr, value: i32) -> Key {
        Key::equal(Key::column(table, name), pg_sys::F_INT4EQ, pg_sys::Datum::from(value))
    }

    /// A date column that is not after a day.
    pub fn until(table: &Table, name: &CStr, day: Day) -> Key {
        let (compare, strategy) = (pg_sys::F_DATE_LE, pg_sys::BTLessEqualStrategyNumber);
        Key { column: Key::column(table, name), compare, strategy, value: pg_sys::Datum::from(day.0) }
    }

    pub fn equal(column: i16, compare: u32, value: pg_sys::Datum) -> Key {
        Key { column, compare, strategy: pg_sys::BTEqualStrategyNumber, value }
    }
}

/// Whether an index has the rows that an older snapshot shows, too: one that was made while rows
/// were being changed says since when.
///
/// # Safety
/// The index is open.
pub(super) unsafe fn is_for_all_snapshots(index: pg_sys::Relation) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        if !(*(*index).rd_index).indcheckxmin {
            return true;
        }
        let header = (*(*index).rd_indextuple).t_data;
        let is_frozen = u32::from((*header).t_infomask) & pg_sys::HEAP_XMIN_FROZEN == pg_sys::HEAP_XMIN_FROZEN;
        is_frozen || pg_sys::TransactionIdPrecedes((*header).t_choice.t_heap.t_xmin, pg_sys::TransactionXmin)
    }
}

/// Whether rows in which these columns are not NULL satisfy a partial index's predicate: only that
/// one of them IS NOT NULL is recognised, or that there is none.
///
/// # Safety
/// The predicate is that of an index.
unsafe fn holds_filled(predicate: *mut pg_sys::List, filled: &[i16]) -> bool {
    // SAFETY: nodes are read by the types that their tags tell.
    unsafe {
        if predicate.is_null() {
            return true;
        }
        let test = (*(*predicate).elements).ptr_value.cast::<pg_sys::NullTest>();
        if (*predicate).length != 1 || (*test).xpr.type_ != pg_sys::NodeTag::T_NullTest {
            return false;
        }
        let column = (*test).arg.cast::<pg_sys::Var>();
        (*test).nulltesttype == pg_sys::NullTestType::IS_NOT_NULL
            && (*column).xpr.type_ == pg_sys::NodeTag::T_Var
            && filled.contains(&(*column).varattno)
    }
}

unsafe extern "C-unwind" {
    /// PostgreSQL's own, which `pg_sys` has with guards of their own.
    fn index_getnext_slot(
        scan: pg_sys::IndexScanDesc,
        direction: pg_sys::ScanDirection::Type,
        slot: *mut pg_sys::TupleTableSlot,
    ) -> bool;
    fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, attnum: std::ffi::c_int);
}

/// A search for rows by an index.
pub(super) struct Scan {
    scan: pg_sys::IndexScanDesc,
    index: pg_sys::Relation,
}

impl Scan {
    pub fn begin(table: &Table, index: pg_sys::Relation, keys: &[Key], snapshot: &Snapshot) -> Scan {
        let count = keys.len() as i32;
        // SAFETY: table and snapshot outlive the scan, which is ended by Drop or an abort.
        let scan = unsafe {
            #[cfg(not(feature = "pg18"))]
            let scan = pg_sys::index_beginscan(table.relation, index, snapshot.0, count, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(table.relation, index, snapshot.0, ptr::null_mut(), count, 0);
            Scan { scan, index }
        };
        scan.seek(keys, snapshot);
        scan
    }

    /// Searches from the beginning, by as many keys as before, for what a snapshot shows that outlives this search.
    pub fn seek(&self, keys: &[Key], snapshot: &Snapshot) {
        // SAFETY: the scan is open, and copies the keys, which go by the collations of the index; it looks at the
        // snapshot for each row, and keeps nothing that was found by the one before.
        unsafe {
            (*self.scan).xs_snapshot = snapshot.0;
            let mut wanted: Vec<pg_sys::ScanKeyData> = keys.iter().map(|_| pg_sys::ScanKeyData::default()).collect();
            for (nth, (entry, key)) in wanted.iter_mut().zip(keys).enumerate() {
                pg_sys::ScanKeyEntryInitialize(
                    entry,
                    0,
                    nth as i16 + 1,
                    key.strategy as pg_sys::StrategyNumber,
                    pg_sys::InvalidOid,
                    *(*self.index).rd_indcollation.add(nth),
                    pg_sys::Oid::from(key.compare),
                    key.value,
                );
            }
            pg_sys::index_rescan(self.scan, wanted.as_mut_ptr(), keys.len() as i32, ptr::null_mut(), 0);
        }
    }

    /// Brings the next row into a slot that fits the table, and extracts its attributes.
    pub fn next(&self, slot: *mut pg_sys::TupleTableSlot) -> bool {
        // SAFETY: the slot fits the table.
        self.next_begun(slot, unsafe { (*(*slot).tts_tupleDescriptor).natts })
    }

    /// The same with so many of its attributes.
    fn next_begun(&self, slot: *mut pg_sys::TupleTableSlot, count: i32) -> bool {
        // SAFETY: the scan is open. One guard for both calls, since this is done for each row.
        unsafe {
            guarded(|| {
                let found = index_getnext_slot(self.scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
                if found {
                    slot_getsomeattrs_int(slot, count);
                }
                found
            })
        }
    }
}

impl Drop for Scan {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by begin and closed once.
            unsafe {
                pg_sys::index_endscan(self.scan);
                pg_sys::index_close(self.index, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            }
        }
    }
}

/// A search by keys that can be done for one after the other, which costs a small part of opening table, index and scan for each.
pub(super) struct Lookup {
    // Closed in this order.
    scan: Scan,
    row: Row,
    pub table: Table,
}

impl Lookup {
    /// The keys are of the columns that are searched by; they and the snapshot are those of the first search.
    pub fn open(table: Table, keys: &[Key], snapshot: &Snapshot) -> Lookup {
        Lookup { scan: Scan::begin(&table, table.index(keys), keys, snapshot), row: Row::to_store(&table), table }
    }

    /// Hands over each row with these keys, of the same columns, its attributes extracted.
    pub fn each(&self, keys: &[Key], snapshot: &Snapshot, mut take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
        self.scan.seek(keys, snapshot);
        while self.scan.next(self.row.0) {
            take(self.row.0);
            pgrx::check_for_interrupts!();
        }
    }
}

/// A search for the rows of one person.
pub(super) struct Search {
    rows: Lookup,
    column: i16,
}

impl Search {
    /// The snapshot is that of the first search.
    pub fn open(table: pg_sys::Oid, snapshot: &Snapshot) -> Search {
        let table = Table::open(table, pg_sys::AccessShareLock);
        let keys = [Key::person_id(&table, 0)];
        let column = keys[0].column;
        Search { rows: Lookup::open(table, &keys, snapshot), column }
    }

    /// Hands over each row of a person, its attributes extracted.
    pub fn each(&self, person_id: i64, snapshot: &Snapshot, take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
        self.rows.each(&self.keys(person_id), snapshot, take);
    }

    /// Hands over each row of a person that is wanted by the first so many of its attributes, all of them extracted then.
    pub fn each_wanted(
        &self,
        person_id: i64,
        snapshot: &Snapshot,
        (count, is_wanted): (usize, impl Fn(*mut pg_sys::TupleTableSlot) -> bool),
        mut take: impl FnMut(*mut pg_sys::TupleTableSlot),
    ) {
        self.rows.scan.seek(&self.keys(person_id), snapshot);
        let slot = self.rows.row.0;
        while self.rows.scan.next_begun(slot, count as i32) {
            if is_wanted(slot) {
                // SAFETY: the slot holds a row.
                unsafe { pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts) };
                take(slot);
            }
            pgrx::check_for_interrupts!();
        }
    }

    /// Brings a person's only row into a slot that fits the table, its attributes extracted; `false` if there is none.
    pub fn one(&self, person_id: i64, snapshot: &Snapshot, slot: *mut pg_sys::TupleTableSlot) -> bool {
        self.rows.scan.seek(&self.keys(person_id), snapshot);
        // A search that has come to its end keeps no page.
        self.rows.scan.next(slot) && !self.rows.scan.next(self.rows.row.0)
    }

    fn keys(&self, person_id: i64) -> [Key; 1] {
        [Key::equal(self.column, pg_sys::F_INT8EQ, pg_sys::Datum::from(person_id))]
    }
}

/// The indexes of a table, opened to receive entries of new rows.
pub(super) struct IndexWriter {
    estate: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
    /// How many of them are set aside, at the end of their list.
    aside: i32,
}

impl IndexWriter {
    pub fn open(relation: pg_sys::Relation) -> IndexWriter {
        IndexWriter::open_for(relation, false)
    }

    /// For rows that may have keys of others.
    pub fn open_to_try(relation: pg_sys::Relation) -> IndexWriter {
        IndexWriter::open_for(relation, true)
    }

    fn open_for(relation: pg_sys::Relation, speculative: bool) -> IndexWriter {
        // SAFETY: the executor state owns what is allocated here; Drop closes and frees it.
        unsafe {
            let estate = pg_sys::CreateExecutorState();
            let result = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
            pg_sys::InitResultRelInfo(result, relation, 0, ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, speculative);
            IndexWriter { estate, result, aside: 0 }
        }
    }

    /// Leaves the entries of one index to the caller; `None` where it is not open.
    pub fn set_aside(&mut self, index: pg_sys::Oid) -> Option<(pg_sys::Relation, *mut pg_sys::IndexInfo)> {
        // SAFETY: both lists are as long as the number says; what is set aside stays in them to be closed.
        unsafe {
            let result = &mut *self.result;
            let last = (result.ri_NumIndices - 1) as usize;
            let place = (0..=last).find(|&place| (**result.ri_IndexRelationDescs.add(place)).rd_id == index)?;
            ptr::swap(result.ri_IndexRelationDescs.add(place), result.ri_IndexRelationDescs.add(last));
            ptr::swap(result.ri_IndexRelationInfo.add(place), result.ri_IndexRelationInfo.add(last));
            result.ri_NumIndices -= 1;
            self.aside += 1;
            Some((*result.ri_IndexRelationDescs.add(last), *result.ri_IndexRelationInfo.add(last)))
        }
    }

    /// Inserts the entries of a row that is stored for the time being; says whether no unique index has its key, as far as that
    /// can be told without waiting for others.
    ///
    /// # Safety
    /// As for [`IndexWriter::insert`].
    pub unsafe fn try_insert(&self, slot: *mut pg_sys::TupleTableSlot) -> bool {
        let mut is_taken = false;
        // SAFETY: the result relation's indexes are open.
        unsafe {
            #[cfg(feature = "pg15")]
            pg_sys::ExecInsertIndexTuples(self.result, slot, self.estate, false, true, &mut is_taken, ptr::null_mut());
            #[cfg(not(feature = "pg15"))]
            pg_sys::ExecInsertIndexTuples(self.result, slot, self.estate, false, true, &mut is_taken, ptr::null_mut(), false);
        }
        !is_taken
    }

    /// Refuses a row that does not satisfy the table's checks.
    ///
    /// # Safety
    /// The slot holds a row of the relation's row type.
    pub unsafe fn check(&self, slot: *mut pg_sys::TupleTableSlot) {
        // SAFETY: as the caller promises.
        unsafe { pg_sys::ExecConstraints(self.result, slot, self.estate) }
    }

    /// # Safety
    /// The slot holds a row that is stored in the relation, with its TID.
    pub unsafe fn insert(&self, slot: *mut pg_sys::TupleTableSlot, update: bool, summarizing: bool) {
        if unsafe { (*self.result).ri_NumIndices } == 0 {
            return;
        }
        // SAFETY: the result relation's indexes are open.
        unsafe {
            #[cfg(feature = "pg15")]
            {
                let _ = summarizing;
                pg_sys::ExecInsertIndexTuples(self.result, slot, self.estate, update, false, ptr::null_mut(), ptr::null_mut());
            }
            #[cfg(not(feature = "pg15"))]
            pg_sys::ExecInsertIndexTuples(
                self.result,
                slot,
                self.estate,
                update,
                false,
                ptr::null_mut(),
                ptr::null_mut(),
                summarizing,
            );
            let expressions = (*self.estate).es_per_tuple_exprcontext;
            if !expressions.is_null() {
                pg_sys::MemoryContextReset((*expressions).ecxt_per_tuple_memory);
            }
        }
    }
}

impl Drop for IndexWriter {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by open and closed once.
            unsafe {
                (*self.result).ri_NumIndices += self.aside;
                pg_sys::ExecCloseIndices(self.result);
                pg_sys::FreeExecutorState(self.estate);
                pg_sys::pfree(self.result.cast());
            }
        }
    }
}
