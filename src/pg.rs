//! The one module that talks to PostgreSQL below SPI: locks, the relcache, transition tables,
//! and reading and writing single rows without an executor run. Everything unsafe is here.
pub mod source;

use crate::calendar::Day;
use crate::scoring::Record;
use pgrx::prelude::*;
use pgrx::{direct_function_call, direct_function_call_as_datum, pg_sys};
use std::ffi::CString;
use std::ptr;

/// The schema of a relation, which for a table of leadscore is where its siblings are.
pub fn schema_of(relation: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: looks up the catalogs.
    unsafe { pg_sys::get_rel_namespace(relation) }
}

/// The name of a relation's schema.
pub fn schema_name(relation: pg_sys::Oid) -> String {
    // SAFETY: looks up the catalogs; the name is copied at once.
    unsafe {
        let name = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        if name.is_null() { String::new() } else { std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

/// The schema of leadscore.
pub fn own_schema() -> pg_sys::Oid {
    // SAFETY: looks up the catalogs by a C string.
    unsafe { pg_sys::get_namespace_oid(c"leadscore".as_ptr(), false) }
}

/// A table by its name.
pub fn table(schema: pg_sys::Oid, name: &str) -> pg_sys::Oid {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: looks up the catalogs by a C string that outlives the call.
    unsafe { pg_sys::get_relname_relid(name.as_ptr(), schema) }
}

/// The name of a relation, quoted and qualified, as of now; `None` when it is gone.
pub fn qualified_name(relation: pg_sys::Oid) -> Option<String> {
    // SAFETY: looks up the catalogs; the names are copied before anything else runs.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        if name.is_null() {
            return None;
        }
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(relation));
        let text = |c: *const std::ffi::c_char| std::ffi::CStr::from_ptr(c).to_string_lossy().into_owned();
        Some(format!("{}.{}", pgrx::spi::quote_identifier(text(schema)), pgrx::spi::quote_identifier(text(name))))
    }
}

/// Takes the lock that a recompute waits for and that waits for a recompute, until the end of
/// the transaction. Weak locks of different writers do not meet.
pub fn lock_as_writer(state: pg_sys::Oid) {
    // SAFETY: locking a relation by its OID is safe whether or not it exists.
    unsafe { pg_sys::LockRelationOid(state, pg_sys::RowShareLock as pg_sys::LOCKMODE) }
}

/// Whether the transaction keeps one snapshot, so that what it reads may be of the past.
pub fn transaction_has_one_snapshot() -> bool {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// Makes later work of this transaction see what it did up to here.
pub fn make_changes_visible() {
    // SAFETY: called inside a transaction, from a trigger.
    unsafe { pg_sys::CommandCounterIncrement() }
}

/// Tells all backends, at commit, and this one at once, that the relation changed.
pub fn invalidate(relation: pg_sys::Oid) {
    // SAFETY: the relation exists, which its caller has just locked or found.
    unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation) }
}

/// Has `config::forget` called for every relcache invalidation in this backend.
pub fn watch_relcache() {
    unsafe extern "C-unwind" fn invalidated(_: pg_sys::Datum, relation: pg_sys::Oid) {
        crate::config::forget(relation);
    }
    // SAFETY: registered once, when the library is loaded; the callback touches no catalog.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(invalidated), pg_sys::Datum::from(0)) }
}

/// The innermost transaction or savepoint; one that begins later has a higher number.
pub fn current_savepoint() -> u32 {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

/// Has what triggers noted forgotten when the transaction ends, or the savepoint in which they
/// did is rolled back.
pub fn watch_rollbacks() {
    unsafe extern "C-unwind" fn transaction(event: pg_sys::XactEvent::Type, _: *mut std::ffi::c_void) {
        if event == pg_sys::XactEvent::XACT_EVENT_ABORT {
            crate::person_trigger::forget_noted(0);
        }
        crate::source_trigger::forget_noted(0);
        crate::source_trigger::forget_admitted();
        crate::activity_trigger::forget_derived();
    }
    unsafe extern "C-unwind" fn savepoint(
        event: pg_sys::SubXactEvent::Type,
        own: pg_sys::SubTransactionId,
        _parent: pg_sys::SubTransactionId,
        _: *mut std::ffi::c_void,
    ) {
        if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB {
            crate::person_trigger::forget_noted(own);
            crate::source_trigger::forget_noted(own);
            crate::source_trigger::forget_admitted();
        }
    }
    // SAFETY: registered once, when the library is loaded; the callbacks only drop numbers.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction), ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(savepoint), ptr::null_mut());
    }
}

/// Runs `work` as another role, as PostgreSQL does for the actions of foreign keys: the role's
/// own row-level security does not get in the way. Nothing that the role left behind can run
/// as anybody else later: a deferred trigger is refused. An error restores the role with the
/// transaction or savepoint that it ends.
pub fn as_role<T>(role: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    let (mut caller, mut context) = (pg_sys::InvalidOid, 0);
    let local =
        (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION | pg_sys::SECURITY_NOFORCE_RLS) as i32;
    // SAFETY: reads and writes backend-local variables; both values are put back.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut caller, &mut context);
        pg_sys::SetUserIdAndSecContext(role, context | local);
    }
    let result = work();
    // SAFETY: as above.
    unsafe { pg_sys::SetUserIdAndSecContext(caller, context) };
    result
}

/// The role whose rights are in force.
pub fn current_role() -> pg_sys::Oid {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetUserId() }
}

/// Runs `work` under a search_path that no caller controls.
pub fn with_search_path_pinned<T>(work: impl FnOnce() -> T) -> T {
    with_search_path(c"pg_catalog, pg_temp", work)
}

/// Runs `work` under a search_path. An error restores the one before with the transaction or
/// savepoint that it ends.
pub fn with_search_path<T>(path: &std::ffi::CStr, work: impl FnOnce() -> T) -> T {
    // SAFETY: the nest level that is opened here is closed below, or by the abort.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        pg_sys::set_config_option(
            c"search_path".as_ptr(),
            path.as_ptr(),
            pg_sys::GucContext::PGC_USERSET,
            pg_sys::GucSource::PGC_S_SESSION,
            pg_sys::GucAction::GUC_ACTION_SAVE,
            true,
            0,
            false,
        );
        let result = work();
        pg_sys::AtEOXact_GUC(true, level);
        result
    }
}

/// The first value, as text, that a query gives which sees all that is committed by now, whatever
/// the snapshot of the statement or transaction. Its one parameter is `$1`.
pub fn latest(query: &str, parameter_type: pg_sys::Oid, parameter: Option<pg_sys::Datum>) -> Option<String> {
    make_changes_visible();
    let query = CString::new(query).unwrap_or_default();
    // SAFETY: the SPI connection and the snapshot are closed here, or by an abort; the value is
    // copied before that.
    unsafe {
        let snapshot = pg_sys::GetLatestSnapshot();
        pg_sys::PushActiveSnapshot(snapshot);
        if pg_sys::SPI_connect() < 0 {
            error!("leadscore: SPI does not connect");
        }
        let mut types = [parameter_type];
        let mut values = [parameter.unwrap_or(pg_sys::Datum::from(0))];
        let nulls = [if parameter.is_some() { b' ' } else { b'n' } as std::ffi::c_char];
        let result =
            pg_sys::SPI_execute_with_args(query.as_ptr(), 1, types.as_mut_ptr(), values.as_mut_ptr(), nulls.as_ptr(), true, 1);
        let mut text = None;
        if result == pg_sys::SPI_OK_SELECT as i32 && pg_sys::SPI_processed == 1 {
            let table = pg_sys::SPI_tuptable;
            let value = pg_sys::SPI_getvalue(*(*table).vals, (*table).tupdesc, 1);
            if !value.is_null() {
                text = Some(std::ffi::CStr::from_ptr(value).to_string_lossy().into_owned());
            }
        }
        pg_sys::SPI_finish();
        pg_sys::PopActiveSnapshot();
        text
    }
}

/// Whether the server is a standby, which can be read only.
pub fn is_standby() -> bool {
    // SAFETY: reads shared memory.
    unsafe { pg_sys::RecoveryInProgress() }
}

/// Whether nothing was committed by others since the transaction's snapshot, as far as it can
/// tell. Always true where each statement has a snapshot of its own.
pub fn snapshot_is_current() -> bool {
    if !transaction_has_one_snapshot() {
        return true;
    }
    // SAFETY: both snapshots are read before anything can change them.
    unsafe {
        let own = &*pg_sys::GetTransactionSnapshot();
        let (xmax, xcnt) = (own.xmax, own.xcnt);
        let latest = &*pg_sys::GetLatestSnapshot();
        xmax == latest.xmax && xcnt == latest.xcnt
    }
}

/// Whether changes are being replayed from another server.
pub fn is_replaying() -> bool {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::SessionReplicationRole == pg_sys::SESSION_REPLICATION_ROLE_REPLICA as i32 }
}

/// A time zone as PostgreSQL keeps it for the life of a backend.
#[derive(Clone, Copy)]
pub struct TimeZone(*mut pg_sys::pg_tz);

impl TimeZone {
    /// The zone of a name that `leadscore.settings` accepted.
    pub fn named(name: &str) -> TimeZone {
        let c_name = CString::new(name).unwrap_or_default();
        // SAFETY: looks up a cache that is never freed.
        let zone = unsafe { pg_sys::pg_tzset(c_name.as_ptr()) };
        if zone.is_null() {
            error!("leadscore: time zone \"{name}\" does not exist");
        }
        TimeZone(zone)
    }

    /// The local day of an instant; `None` beyond the calendar.
    pub fn day(self, at: pg_sys::TimestampTz) -> Option<Day> {
        let mut tm = pg_sys::pg_tm::default();
        let (mut offset, mut fraction) = (0, 0);
        // SAFETY: all pointers are to locals, and the zone lives as long as the backend.
        unsafe {
            if pg_sys::timestamp2tm(at, &mut offset, &mut tm, &mut fraction, ptr::null_mut(), self.0) != 0 {
                return None;
            }
            Some(Day(pg_sys::date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - pg_sys::POSTGRES_EPOCH_JDATE as i32))
        }
    }
}

/// The instant at which the transaction began, as `now()`.
pub fn now() -> pg_sys::TimestampTz {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }
}

/// A jsonb value outside of any memory context.
pub struct Jsonb(Vec<u64>);

impl Jsonb {
    /// From the text of a jsonb value that PostgreSQL printed.
    pub fn parse(text: &str) -> Jsonb {
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: jsonb_in takes a C string and returns a varlena.
        unsafe {
            let datum = direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))]);
            Jsonb::copy(datum.expect("jsonb_in returns a value"))
        }
    }

    /// # Safety
    /// `datum` is a jsonb value.
    unsafe fn copy(datum: pg_sys::Datum) -> Jsonb {
        // SAFETY: a jsonb datum is a varlena; detoasting gives a plain one of its stated size.
        unsafe {
            let varlena = pg_sys::pg_detoast_datum(datum.cast_mut_ptr());
            let size = pgrx::varsize(varlena);
            let mut words = vec![0u64; size.div_ceil(8)];
            ptr::copy_nonoverlapping(varlena.cast::<u8>(), words.as_mut_ptr().cast::<u8>(), size);
            if varlena.cast::<u8>() != datum.cast_mut_ptr::<u8>() {
                pg_sys::pfree(varlena.cast());
            }
            Jsonb(words)
        }
    }

    /// Whether it contains another value, as `@>`.
    pub fn contains(&self, other: &Jsonb) -> bool {
        let datum = |json: &Jsonb| Some(pg_sys::Datum::from(json.0.as_ptr()));
        // SAFETY: both are jsonb varlenas, aligned to 8 bytes.
        unsafe { direct_function_call::<bool>(pg_sys::jsonb_contains, &[datum(self), datum(other)]).unwrap_or(false) }
    }
}

/// A row of `leadscore.activity` that a statement inserted.
pub struct NewActivity {
    pub activity_id: i64,
    pub person_id: i64,
    pub activity_type: String,
    pub occurred_at: pg_sys::TimestampTz,
    pub attributes: Option<Jsonb>,
    pub recorded_at: pg_sys::TimestampTz,
}

/// Columns of a relation, by name, where a dropped column would shift their positions.
struct Columns(pg_sys::Oid);

impl Columns {
    fn index(&self, name: &std::ffi::CStr) -> usize {
        // SAFETY: a catalog lookup by a name that lives on.
        let number = unsafe { pg_sys::get_attnum(self.0, name.as_ptr()) };
        usize::try_from(number - 1).unwrap_or_else(|_| error!("leadscore: column {name:?} is missing"))
    }
}

/// # Safety
/// The slot holds a row, all of whose attributes are extracted.
unsafe fn value<T: FromDatum>(slot: *mut pg_sys::TupleTableSlot, index: usize) -> Option<T> {
    // SAFETY: as the caller promises, the arrays hold the attribute.
    unsafe { T::from_datum(*(*slot).tts_values.add(index), *(*slot).tts_isnull.add(index)) }
}

/// The rows that a statement inserted.
pub struct Inserted<'a> {
    data: &'a pg_sys::TriggerData,
}

impl<'a> Inserted<'a> {
    pub fn of(trigger: &'a PgTrigger<'a>) -> Self {
        let data = trigger.trigger_data();
        if data.tg_newtable.is_null() {
            error!("leadscore: the trigger is not for inserted rows");
        }
        Inserted { data }
    }

    pub fn count(&self) -> i64 {
        // SAFETY: the executor keeps the tuplestore until the statement's triggers are done.
        unsafe { pg_sys::tuplestore_tuple_count(self.data.tg_newtable) }
    }

    /// All rows; for few.
    pub fn read(&self) -> Vec<NewActivity> {
        let mut rows = Vec::new();
        // SAFETY: the tuplestore holds minimal tuples of the relation's row type. A read pointer
        // of our own leaves those of others alone; the slot is dropped before the tuplestore.
        unsafe {
            let relation = self.data.tg_relation;
            let columns = Columns((*relation).rd_id);
            let [id, person, kind, at, attributes, recorded] =
                [c"activity_id", c"person_id", c"activity_type", c"occurred_at", c"attributes", c"recorded_at"]
                    .map(|name| columns.index(name));
            let store = self.data.tg_newtable;
            let pointer = pg_sys::tuplestore_alloc_read_pointer(store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(store, pointer);
            pg_sys::tuplestore_rescan(store);
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            while pg_sys::tuplestore_gettupleslot(store, true, false, slot) {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
                rows.push(NewActivity {
                    activity_id: value(slot, id).unwrap_or_default(),
                    person_id: value(slot, person).unwrap_or_default(),
                    activity_type: value::<&str>(slot, kind).unwrap_or_default().to_owned(),
                    occurred_at: value::<i64>(slot, at).unwrap_or_default(),
                    attributes: (!*(*slot).tts_isnull.add(attributes)).then(|| Jsonb::copy(*(*slot).tts_values.add(attributes))),
                    recorded_at: value::<i64>(slot, recorded).unwrap_or_default(),
                });
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
        rows
    }

    /// Makes the transition table known to the SPI connection that is open.
    pub fn register(&self) {
        // SAFETY: called within Spi::connect, with the data of the trigger that runs.
        let result = unsafe { pg_sys::SPI_register_trigger_data(ptr::from_ref(self.data).cast_mut()) };
        if result < 0 {
            error!("leadscore: the inserted rows cannot be read: {result}");
        }
    }
}

/// `leadscore.person`, opened to lock and update single rows.
pub struct Persons {
    relation: pg_sys::Relation,
    key: pg_sys::Relation,
    columns: PersonColumns,
}

struct PersonColumns {
    external_id: usize,
    source_id: usize,
    kind: usize,
    status: usize,
    since: usize,
    score: usize,
    category: usize,
    last_activity_at: usize,
    scored_through: usize,
    penalised: usize,
}

/// A person's row, locked until the transaction ends.
pub struct LockedPerson {
    slot: *mut pg_sys::TupleTableSlot,
}

impl Persons {
    pub fn open(person: pg_sys::Oid, key: pg_sys::Oid) -> Persons {
        let c = Columns(person);
        // SAFETY: both relations exist; they are closed by Drop, or released by an abort.
        unsafe {
            Persons {
                relation: pg_sys::table_open(person, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE),
                key: pg_sys::index_open(key, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE),
                columns: PersonColumns {
                    external_id: c.index(c"external_id"),
                    source_id: c.index(c"source_id"),
                    kind: c.index(c"kind"),
                    status: c.index(c"status"),
                    since: c.index(c"since"),
                    score: c.index(c"score"),
                    category: c.index(c"category"),
                    last_activity_at: c.index(c"last_activity_at"),
                    scored_through: c.index(c"scored_through"),
                    penalised: c.index(c"penalised"),
                },
            }
        }
    }

    /// Locks a person's latest row as an UPDATE of its other columns than the key would, waiting
    /// for whoever holds it. `None` when there is no such person.
    pub fn lock(&self, person_id: i64) -> Option<LockedPerson> {
        // SAFETY: the slot fits the relation; scan and snapshot are released before returning;
        // the tuple lock is of the version that the scan found or the latest one after it.
        unsafe {
            let slot = pg_sys::table_slot_create(self.relation, ptr::null_mut());
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
            #[cfg(not(feature = "pg18"))]
            let scan = pg_sys::index_beginscan(self.relation, self.key, snapshot, 1, 0);
            #[cfg(feature = "pg18")]
            let scan = pg_sys::index_beginscan(self.relation, self.key, snapshot, ptr::null_mut(), 1, 0);
            let mut scan_key = pg_sys::ScanKeyData::default();
            pg_sys::ScanKeyInit(
                &mut scan_key,
                1,
                pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                pg_sys::Oid::from(pg_sys::F_INT8EQ),
                pg_sys::Datum::from(person_id),
            );
            pg_sys::index_rescan(scan, &mut scan_key, 1, ptr::null_mut(), 0);
            let found = pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
            pg_sys::index_endscan(scan);
            let locked = found && {
                let mut failure = pg_sys::TM_FailureData::default();
                let mut tid = (*slot).tts_tid;
                let lock = (*(*self.relation).rd_tableam).tuple_lock.expect("a table access method locks tuples");
                let result = lock(
                    self.relation,
                    &mut tid,
                    snapshot,
                    slot,
                    pg_sys::GetCurrentCommandId(false),
                    pg_sys::LockTupleMode::LockTupleNoKeyExclusive,
                    pg_sys::LockWaitPolicy::LockWaitBlock,
                    pg_sys::TUPLE_LOCK_FLAG_FIND_LAST_VERSION as u8,
                    &mut failure,
                );
                match result {
                    pg_sys::TM_Result::TM_Ok => true,
                    pg_sys::TM_Result::TM_Deleted => false,
                    other => error!("leadscore: person {person_id} cannot be locked: {other}"),
                }
            };
            pg_sys::UnregisterSnapshot(snapshot);
            if locked {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
                Some(LockedPerson { slot })
            } else {
                pg_sys::ExecDropSingleTupleTableSlot(slot);
                None
            }
        }
    }

    /// Stores a person's new score, category and last activity; heap-only as long as no index
    /// has a column that changes.
    pub fn update(&self, person: &LockedPerson, score: i64, category: Option<&str>, last_activity_at: pg_sys::TimestampTz) {
        // SAFETY: the new slot is filled from the locked row, whose buffer stays pinned by its
        // slot; the row is locked by us, so its version is the latest.
        unsafe {
            let natts = (*(*person.slot).tts_tupleDescriptor).natts as usize;
            let slot = pg_sys::MakeSingleTupleTableSlot((*self.relation).rd_att, &raw const pg_sys::TTSOpsVirtual);
            ptr::copy_nonoverlapping((*person.slot).tts_values, (*slot).tts_values, natts);
            ptr::copy_nonoverlapping((*person.slot).tts_isnull, (*slot).tts_isnull, natts);
            let set = |index: usize, datum: Option<pg_sys::Datum>| {
                *(*slot).tts_isnull.add(index) = datum.is_none();
                *(*slot).tts_values.add(index) = datum.unwrap_or(pg_sys::Datum::from(0));
            };
            set(self.columns.score, score.into_datum());
            set(self.columns.category, category.and_then(|c| c.into_datum()));
            set(self.columns.last_activity_at, Some(pg_sys::Datum::from(last_activity_at)));
            pg_sys::ExecStoreVirtualTuple(slot);

            #[cfg(feature = "pg15")]
            let mut indexes = false;
            #[cfg(not(feature = "pg15"))]
            let mut indexes = pg_sys::TU_UpdateIndexes::TU_None;
            pg_sys::simple_table_tuple_update(
                self.relation,
                &mut (*person.slot).tts_tid,
                slot,
                pg_sys::GetActiveSnapshot(),
                &mut indexes,
            );
            #[cfg(feature = "pg15")]
            let (all, summarizing) = (indexes, false);
            #[cfg(not(feature = "pg15"))]
            let (all, summarizing) =
                (indexes == pg_sys::TU_UpdateIndexes::TU_All, indexes == pg_sys::TU_UpdateIndexes::TU_Summarizing);
            if all || summarizing {
                IndexWriter::open(self.relation).insert(slot, true, summarizing);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    }

    pub fn kind<'p>(&self, person: &'p LockedPerson) -> &'p str {
        // SAFETY: the slot's attributes are extracted, and live as long as the slot.
        unsafe { value::<&str>(person.slot, self.columns.kind).unwrap_or_default() }
    }

    pub fn status<'p>(&self, person: &'p LockedPerson) -> Option<&'p str> {
        // SAFETY: as for kind.
        unsafe { value::<&str>(person.slot, self.columns.status) }
    }

    /// The key in the attached table that the person came from, and that table's number.
    pub fn source<'p>(&self, person: &'p LockedPerson) -> Option<(i32, &'p str)> {
        // SAFETY: as for kind.
        unsafe {
            let source: i32 = value(person.slot, self.columns.source_id)?;
            Some((source, value::<&str>(person.slot, self.columns.external_id)?))
        }
    }

    pub fn category<'p>(&self, person: &'p LockedPerson) -> Option<&'p str> {
        // SAFETY: as for kind.
        unsafe { value::<&str>(person.slot, self.columns.category) }
    }

    pub fn score(&self, person: &LockedPerson) -> i64 {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.score).unwrap_or_default() }
    }

    pub fn since(&self, person: &LockedPerson) -> pg_sys::TimestampTz {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.since).unwrap_or_default() }
    }

    pub fn last_activity_at(&self, person: &LockedPerson) -> Option<pg_sys::TimestampTz> {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.last_activity_at) }
    }

    pub fn scored_through(&self, person: &LockedPerson) -> Option<Day> {
        // SAFETY: as for kind; a date is stored as an int4.
        unsafe { value::<i32>(person.slot, self.columns.scored_through).map(Day) }
    }

    pub fn penalised(&self, person: &LockedPerson) -> bool {
        // SAFETY: as for kind.
        unsafe { value(person.slot, self.columns.penalised).unwrap_or_default() }
    }
}

impl Drop for Persons {
    fn drop(&mut self) {
        // While an error unwinds, the transaction's abort releases what is open.
        if !std::thread::panicking() {
            // SAFETY: opened by us; the locks stay until the transaction ends.
            unsafe {
                pg_sys::index_close(self.key, pg_sys::NoLock as pg_sys::LOCKMODE);
                pg_sys::table_close(self.relation, pg_sys::NoLock as pg_sys::LOCKMODE);
            }
        }
    }
}

impl Drop for LockedPerson {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: created by Persons::lock and dropped once.
            unsafe { pg_sys::ExecDropSingleTupleTableSlot(self.slot) }
        }
    }
}

/// The indexes of a table, opened to receive entries of new rows.
struct IndexWriter {
    estate: *mut pg_sys::EState,
    result: *mut pg_sys::ResultRelInfo,
}

impl IndexWriter {
    fn open(relation: pg_sys::Relation) -> IndexWriter {
        // SAFETY: the executor state owns what is allocated here; Drop closes and frees it.
        unsafe {
            let estate = pg_sys::CreateExecutorState();
            let result = pg_sys::palloc0(size_of::<pg_sys::ResultRelInfo>()).cast::<pg_sys::ResultRelInfo>();
            pg_sys::InitResultRelInfo(result, relation, 0, ptr::null_mut(), 0);
            pg_sys::ExecOpenIndices(result, false);
            IndexWriter { estate, result }
        }
    }

    /// # Safety
    /// The slot holds a row that is stored in the relation, with its TID.
    unsafe fn insert(&self, slot: *mut pg_sys::TupleTableSlot, update: bool, summarizing: bool) {
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
        }
    }
}

impl Drop for IndexWriter {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened by open and closed once.
            unsafe {
                pg_sys::ExecCloseIndices(self.result);
                pg_sys::FreeExecutorState(self.estate);
                pg_sys::pfree(self.result.cast());
            }
        }
    }
}

/// Inserts score records of one person.
pub fn insert_records(score_record: pg_sys::Oid, person_id: i64, records: &[Record]) {
    let c = Columns(score_record);
    // SAFETY: the slot fits the relation, all its attributes are set before it is stored, and
    // everything that is opened is closed here or by the abort.
    unsafe {
        let relation = pg_sys::table_open(score_record, pg_sys::RowExclusiveLock as pg_sys::LOCKMODE);
        {
            let [person, activity, rule, points, from, until, decays] =
                [c"person_id", c"activity_id", c"rule_id", c"points", c"counts_from", c"counts_until", c"decays_until"]
                    .map(|name| c.index(name));
            let indexes = IndexWriter::open(relation);
            let slot = pg_sys::MakeSingleTupleTableSlot((*relation).rd_att, &raw const pg_sys::TTSOpsVirtual);
            let natts = (*(*relation).rd_att).natts as usize;
            for record in records {
                (*(*slot).tts_ops).clear.expect("a slot can be cleared")(slot);
                for i in 0..natts {
                    *(*slot).tts_isnull.add(i) = true;
                    *(*slot).tts_values.add(i) = pg_sys::Datum::from(0);
                }
                let set = |index: usize, datum: Option<pg_sys::Datum>| {
                    if let Some(datum) = datum {
                        *(*slot).tts_isnull.add(index) = false;
                        *(*slot).tts_values.add(index) = datum;
                    }
                };
                set(person, person_id.into_datum());
                set(activity, record.activity_id.into_datum());
                set(rule, record.rule_id.into_datum());
                set(points, record.points.into_datum());
                set(from, record.counts_from.0.into_datum());
                set(until, record.counts_until.and_then(|day| day.0.into_datum()));
                set(decays, record.decays_until.and_then(|day| day.0.into_datum()));
                pg_sys::ExecStoreVirtualTuple(slot);
                pg_sys::simple_table_tuple_insert(relation, slot);
                indexes.insert(slot, false, false);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
        pg_sys::table_close(relation, pg_sys::NoLock as pg_sys::LOCKMODE);
    }
}

/// The last day of the year 9999, and the first of the year 1: days between them are accepted
/// from people, so that no length of time in a rule leaves the calendar.
const FIRST_DAY: i32 = -730_119;
const LAST_DAY: i32 = 2_921_939;

/// Whether a day lies in the years 1 to 9999.
pub fn is_day_within_calendar(day: i32) -> bool {
    (FIRST_DAY..=LAST_DAY).contains(&day)
}

/// Whether an instant lies between 0001-01-01 and 9999-12-31, both at midnight UTC.
pub fn is_within_calendar(at: pg_sys::TimestampTz) -> bool {
    let day = 86_400_000_000;
    (i64::from(FIRST_DAY) * day..=i64::from(LAST_DAY) * day).contains(&at)
}

/// A day as an SQL date.
pub fn date(day: Day) -> pgrx::datum::Date {
    // SAFETY: every day that is within the calendar is a date.
    unsafe { pgrx::datum::Date::from_pg_epoch_days(day.0) }
}

/// An instant as an SQL timestamp with time zone.
pub fn timestamptz(at: pg_sys::TimestampTz) -> pgrx::datum::TimestampWithTimeZone {
    // SAFETY: the value comes from a column of that type.
    unsafe { pgrx::datum::TimestampWithTimeZone::from_datum(pg_sys::Datum::from(at), false).expect("not null") }
}
