//! The one module that talks to PostgreSQL below SPI: locks, the relcache, transition tables,
//! and reading and writing single rows without an executor run. Everything unsafe is here.
pub mod arrivals;
pub mod attached;
pub mod history;
pub mod latest;
pub mod meet;
pub mod owner;
pub mod person;
pub mod plain;
pub mod plans;
pub mod records;
pub mod scan;
pub mod source;
pub mod spill;
pub mod table;
pub mod tables;

use crate::error::Refusal;
use pgrx::prelude::*;
use pgrx::{direct_function_call, direct_function_call_as_datum, pg_sys};
use scoring::calendar::Day;
use std::ffi::{CStr, CString};
use std::ptr;
use std::sync::OnceLock;
use tables::Tables;

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
        if name.is_null() { String::new() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
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
    // SAFETY: looks up the catalogs; the name is copied before anything else runs.
    unsafe {
        let name = pg_sys::get_rel_name(relation);
        if name.is_null() {
            return None;
        }
        let name = CStr::from_ptr(name).to_string_lossy().into_owned();
        Some(format!("{}.{}", pgrx::spi::quote_identifier(schema_name(relation)), pgrx::spi::quote_identifier(name)))
    }
}

/// The same for a message.
pub fn name_of(relation: impl Into<pg_sys::Oid>) -> String {
    qualified_name(relation.into()).unwrap_or_else(|| "a table that is gone".into())
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

/// Keeps Rust's frames out of what users see. With RUST_BACKTRACE in the server's environment pgrx
/// would write them into the DETAIL of errors. The standard library, of which this extension has a copy of its
/// own, asks the environment once: when that says no, whatever the server was started with.
pub fn hide_backtraces() {
    const NAME: &str = "RUST_LIB_BACKTRACE";
    let before = std::env::var_os(NAME);
    // SAFETY: a backend or the postmaster that loads the library has one thread, and the environment is put
    // back for others.
    unsafe {
        std::env::set_var(NAME, "0");
        drop(std::backtrace::Backtrace::capture());
        match before {
            Some(value) => std::env::set_var(NAME, value),
            None => std::env::remove_var(NAME),
        }
    }
}

/// Has a function called for every relcache invalidation in this backend, with the relation. It
/// must touch no catalog.
pub fn watch_relcache(changed: fn(pg_sys::Oid)) {
    static CHANGED: OnceLock<fn(pg_sys::Oid)> = OnceLock::new();
    #[pg_guard]
    unsafe extern "C-unwind" fn invalidated(_argument: pg_sys::Datum, relation: pg_sys::Oid) {
        if let Some(changed) = CHANGED.get() {
            changed(relation);
        }
    }
    let _ = CHANGED.set(changed);
    // SAFETY: registered once, when the library is loaded; the callback touches no catalog.
    unsafe { pg_sys::CacheRegisterRelcacheCallback(Some(invalidated), pg_sys::Datum::from(0)) }
}

/// The innermost transaction or savepoint; one that begins later has a higher number.
pub fn current_savepoint() -> u32 {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetCurrentSubTransactionId() }
}

/// Has one function called when a transaction ends, with whether it is rolled back, and another
/// when a savepoint is rolled back, with its number. They must do no more than drop what is noted.
pub fn watch_transactions(ends: fn(bool), rolled_back: fn(u32)) {
    type Watchers = (fn(bool), fn(u32));
    static WATCHERS: OnceLock<Watchers> = OnceLock::new();
    #[pg_guard]
    unsafe extern "C-unwind" fn transaction(event: pg_sys::XactEvent::Type, _argument: *mut std::ffi::c_void) {
        if let Some((ends, _)) = WATCHERS.get() {
            ends(event == pg_sys::XactEvent::XACT_EVENT_ABORT);
        }
    }
    #[pg_guard]
    unsafe extern "C-unwind" fn savepoint(
        event: pg_sys::SubXactEvent::Type,
        own: pg_sys::SubTransactionId,
        _parent: pg_sys::SubTransactionId,
        _argument: *mut std::ffi::c_void,
    ) {
        if event == pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB
            && let Some((_, rolled_back)) = WATCHERS.get()
        {
            rolled_back(own);
        }
    }
    let _ = WATCHERS.set((ends, rolled_back));
    // SAFETY: registered once, when the library is loaded; the callbacks only drop numbers.
    unsafe {
        pg_sys::RegisterXactCallback(Some(transaction), ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(savepoint), ptr::null_mut());
    }
}

/// Runs `work` as another role, as PostgreSQL does for the actions of foreign keys: the role's
/// own row-level security does not get in the way. Nothing that the role left behind can run
/// as anybody else later: a deferred trigger is refused, and settings are put back. An error restores the role with the
/// transaction or savepoint that it ends.
pub fn as_role<T>(role: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    as_role_within(role, pg_sys::SECURITY_RESTRICTED_OPERATION, work)
}

/// The same with what PostgreSQL restricts meanwhile: `SECURITY_RESTRICTED_OPERATION`, or 0 where the role's own code
/// either does not run or runs in a statement of its own.
fn as_role_within<T>(role: pg_sys::Oid, restrictions: u32, work: impl FnOnce() -> T) -> T {
    let (mut caller, mut context) = (pg_sys::InvalidOid, 0);
    let local = (pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_NOFORCE_RLS | restrictions) as i32;
    // SAFETY: reads and writes backend-local variables; the values are put back, and the nest level is closed below or by
    // the abort.
    let level = unsafe {
        pg_sys::GetUserIdAndSecContext(&mut caller, &mut context);
        pg_sys::SetUserIdAndSecContext(role, context | local);
        pg_sys::NewGUCNestLevel()
    };
    let result = work();
    // SAFETY: as above.
    unsafe {
        pg_sys::AtEOXact_GUC(false, level);
        pg_sys::SetUserIdAndSecContext(caller, context);
    }
    result
}

/// Runs what leadscore itself does within a statement that runs as another role: what it leaves for the commit is its own, so it
/// need not be refused. Whatever others' code it calls runs as they do, by [`as_role`] or as who wrote the application's statement.
pub fn unrestricted<T>(work: impl FnOnce() -> T) -> T {
    let (mut role, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: reads and writes backend-local variables; they are put back below or by the abort.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut role, &mut context);
        pg_sys::SetUserIdAndSecContext(role, context & !pg_sys::SECURITY_RESTRICTED_OPERATION.cast_signed());
    }
    let result = work();
    // SAFETY: as above.
    unsafe { pg_sys::SetUserIdAndSecContext(role, context) };
    result
}

/// Runs `work` as the role of the session, as SET ROLE left it, behind whatever function with its owner's rights asks.
pub fn as_session_role<T>(work: impl FnOnce() -> T) -> T {
    // SAFETY: reads a backend-local variable.
    as_role(unsafe { pg_sys::GetOuterUserId() }, work)
}

/// The role that owns a relation.
pub fn owner_of(relation: pg_sys::Oid) -> pg_sys::Oid {
    // SAFETY: the relation is looked up in the catalogs, and its entry is released at once.
    unsafe {
        let table = pg_sys::relation_open(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let owner = (*(*table).rd_rel).relowner;
        pg_sys::relation_close(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        owner
    }
}

/// The role whose rights are in force.
pub fn current_role() -> pg_sys::Oid {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetUserId() }
}

/// Runs `work` under settings that no caller controls: search_path, how values are printed, and no
/// compiling of plans, which hears no cancel and takes longer than any of our statements.
pub fn in_own_settings<T>(work: impl FnOnce() -> T) -> T {
    with_settings(&[(c"search_path", c"pg_catalog, pg_temp"), (c"jit", c"off"), (c"intervalstyle", c"iso_8601")], work)
}

/// Runs `work` under a search_path. An error restores the one before with the transaction or
/// savepoint that it ends.
pub fn with_search_path<T>(path: &CStr, work: impl FnOnce() -> T) -> T {
    with_settings(&[(c"search_path", path)], work)
}

/// Runs `work` under settings, and puts back all that it changed: code of others may run in it. An error restores those
/// before with the transaction or savepoint that it ends.
pub(crate) fn with_settings<T>(settings: &[(&CStr, &CStr)], work: impl FnOnce() -> T) -> T {
    // SAFETY: the nest level that is opened here is closed below, or by the abort.
    unsafe {
        let level = pg_sys::NewGUCNestLevel();
        for (name, value) in settings {
            pg_sys::set_config_option(
                name.as_ptr(),
                value.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        let result = work();
        pg_sys::AtEOXact_GUC(false, level);
        result
    }
}

/// Refuses to work in a database whose extension is of an earlier version than the library, for the reason given.
pub fn refuse_earlier_version(reason: &str) -> ! {
    Refusal::new(
        PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
        "the extension leadscore of this database is of an earlier version than the installed library",
    )
    .detail(format!("The library is of version {}, and {reason}.", env!("CARGO_PKG_VERSION")))
    .hint("ALTER EXTENSION leadscore UPDATE;")
    .raise()
}

/// Refuses a schema of an earlier version; 0.3.0 brought the table that is looked for.
pub fn need_present_version(schema: pg_sys::Oid) {
    if table(schema, "scorecard") == pg_sys::InvalidOid {
        refuse_earlier_version("there is no table leadscore.scorecard");
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
                text = Some(CStr::from_ptr(value).to_string_lossy().into_owned());
            }
        }
        pg_sys::SPI_finish();
        pg_sys::PopActiveSnapshot();
        text
    }
}

/// The first value, as text, that a query with one text parameter gives by the active snapshot.
pub fn seen(query: &str, parameter: &str) -> Option<String> {
    let has_parameter = query.contains("$1");
    let parameters = [pgrx::datum::DatumWithOid::from(parameter)];
    let parameters = if has_parameter { &parameters[..] } else { &[] };
    Spi::connect(|client| client.select(query, Some(1), parameters)?.first().get_one::<String>())
        .unwrap_or_else(|e| error!("leadscore: {e}"))
}

/// A value of the row at which a query's result stands, as Rust's own. pgrx's `get` leaves a copy of
/// an array in the memory of the transaction until that ends.
pub fn value_of<T: FromDatum>(result: &pgrx::spi::SpiTupleTable, column: usize) -> pgrx::spi::SpiResult<Option<T>> {
    let datum = result.get_datum_by_ordinal(column)?;
    // SAFETY: the caller's query gives a value of this type. What it is read into goes with the
    // memory of the SPI connection.
    Ok(datum.and_then(|datum| unsafe { T::from_datum(datum, false) }))
}

/// A statement of our own that is planned once in a backend.
pub struct Statement {
    text: &'static str,
    plan: std::cell::OnceCell<&'static pgrx::spi::OwnedPreparedStatement>,
}

impl Statement {
    pub const fn new(text: &'static str) -> Statement {
        Statement { text, plan: std::cell::OnceCell::new() }
    }

    /// Runs it, under a search_path that no caller controls, and returns how many rows it changed
    /// or found. The types of its parameters are those of the first time.
    pub fn run(&self, args: &[pgrx::datum::DatumWithOid]) -> usize {
        in_own_settings(|| {
            Spi::connect_mut(|client| {
                if self.plan.get().is_none() {
                    let types: Vec<_> = args.iter().map(|arg| PgOid::from(arg.oid())).collect();
                    // Kept as long as the backend lives.
                    let _ = self.plan.set(Box::leak(Box::new(client.prepare_mut(self.text, &types)?.keep())));
                }
                match self.plan.get() {
                    Some(&plan) => client.update(plan, None, args).map(|table| table.len()),
                    None => Ok(0),
                }
            })
        })
        .unwrap_or_else(|e| error!("leadscore: {e}"))
    }
}

/// The memory that maintenance may take, in bytes (`maintenance_work_mem`).
pub fn maintenance_memory() -> usize {
    // SAFETY: reads a backend-local variable.
    usize::try_from(unsafe { pg_sys::maintenance_work_mem }).unwrap_or(0) * 1024
}

/// Whether an extension is in this database.
pub fn has_extension(name: &CStr) -> bool {
    // SAFETY: looks up the catalogs by a C string.
    unsafe { pg_sys::get_extension_oid(name.as_ptr(), true) != pg_sys::InvalidOid }
}

/// The hash of a value, given as text, of a type: that of the type's default class for hash indexes.
pub fn hash_of(text: &str, type_id: pg_sys::Oid, collation: pg_sys::Oid) -> i32 {
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: the text was printed from a value of the type; what the type cache holds is valid while it is used.
    unsafe {
        let (mut input, mut parameter) = (pg_sys::InvalidOid, pg_sys::InvalidOid);
        pg_sys::getTypeInputInfo(type_id, &mut input, &mut parameter);
        let value = pg_sys::OidInputFunctionCall(input, text.as_ptr().cast_mut(), parameter, -1);
        let entry = pg_sys::lookup_type_cache(type_id, pg_sys::TYPECACHE_HASH_PROC_FINFO as i32);
        pg_sys::FunctionCall1Coll(&raw mut (*entry).hash_proc_finfo, collation, value).value() as i32
    }
}

/// What decides which rows a reading function sees, and whether it may: two that are equal see the same.
#[derive(PartialEq)]
pub struct Moment {
    statement: pg_sys::TimestampTz,
    savepoint: u32,
    role: pg_sys::Oid,
    /// The last command of this transaction that the snapshot shows, and what it says of others.
    command: u32,
    horizon: [pg_sys::TransactionId; 2],
    running: [Vec<pg_sys::TransactionId>; 2],
}

impl Moment {
    /// That of the active snapshot.
    pub fn present() -> Moment {
        // SAFETY: there is an active snapshot while a function runs; its arrays have as many elements as it says.
        unsafe {
            let snapshot = &*pg_sys::GetActiveSnapshot();
            let list = |start: *mut pg_sys::TransactionId, count: usize| {
                if count == 0 { Vec::new() } else { std::slice::from_raw_parts(start, count).to_vec() }
            };
            Moment {
                statement: pg_sys::GetCurrentStatementStartTimestamp(),
                savepoint: pg_sys::GetCurrentSubTransactionId(),
                role: pg_sys::GetUserId(),
                command: snapshot.curcid,
                horizon: [snapshot.xmin, snapshot.xmax],
                running: [list(snapshot.xip, snapshot.xcnt as usize), list(snapshot.subxip, snapshot.subxcnt.max(0) as usize)],
            }
        }
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

/// Hears of what others have changed of tables, as every statement does that locks one for the first time.
pub fn hear_of_changes() {
    // SAFETY: called outside of critical sections; what is open stays open.
    unsafe { pg_sys::AcceptInvalidationMessages() }
}

/// A number that changes with each transaction of others that ends and may have written something.
pub fn completed_transactions() -> u64 {
    // SAFETY: the snapshot is read before anything can change it.
    unsafe { (*pg_sys::GetLatestSnapshot()).snapXactCompletionCount }
}

/// Raises the error of a transaction whose snapshot does not show what has been committed since.
pub fn refuse_snapshot() -> ! {
    let code = PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE;
    crate::error::Refusal::new(code, "could not serialize access due to concurrent update").raise()
}

/// Lets a cancel or a timeout take effect in long work.
pub fn check_for_interrupts() {
    pgrx::check_for_interrupts!();
}

/// Whether row-level security hides rows of a relation from the role whose rights are in force.
pub fn hides_rows(relation: pg_sys::Oid) -> bool {
    // SAFETY: looks up the catalogs; with the last argument it raises no error.
    unsafe { pg_sys::check_enable_rls(relation, pg_sys::InvalidOid, true) == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32 }
}

/// Whether the role whose rights are in force may SELECT from a relation.
pub fn may_select(relation: pg_sys::Oid) -> bool {
    // SAFETY: looks up the catalogs.
    unsafe {
        let answer = pg_sys::pg_class_aclcheck(relation, pg_sys::GetUserId(), pg_sys::ACL_SELECT as pg_sys::AclMode);
        answer == pg_sys::AclResult::ACLCHECK_OK
    }
}

/// How many triggers run within each other, the one that runs included.
pub fn trigger_depth() -> i32 {
    // SAFETY: reads a backend-local variable.
    unsafe { direct_function_call::<i32>(pg_sys::pg_trigger_depth, &[]).unwrap_or_default() }
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

/// The local days of many instants in one zone. Between two changes of its clocks a day is a
/// division.
pub struct LocalDays {
    zone: TimeZone,
    /// Times with one offset, in order: first and last second but one, seconds east of Greenwich.
    spans: Vec<(i64, i64, i64)>,
    /// The span that was asked for last.
    latest: usize,
}

impl LocalDays {
    /// Seconds from 1970-01-01 to 2000-01-01.
    const EPOCH: i64 = (pg_sys::POSTGRES_EPOCH_JDATE - pg_sys::UNIX_EPOCH_JDATE) as i64 * 86_400;

    pub fn of(zone: TimeZone) -> LocalDays {
        LocalDays { zone, spans: Vec::new(), latest: 0 }
    }

    /// As [`TimeZone::day`].
    pub fn day(&mut self, at: pg_sys::TimestampTz) -> Option<Day> {
        if !is_within_calendar(at) {
            return self.zone.day(at);
        }
        let second = at.div_euclid(1_000_000);
        let is_in = |&(from, until, _): &(i64, i64, i64)| (from..until).contains(&second);
        if !self.spans.get(self.latest).is_some_and(is_in) {
            let after = self.spans.partition_point(|&(from, ..)| from <= second);
            self.latest = after.saturating_sub(1);
            if !self.spans.get(self.latest).is_some_and(is_in) {
                self.latest = self.learn(second, after)?;
            }
        }
        let (_, _, offset) = self.spans[self.latest];
        i32::try_from((second + offset).div_euclid(86_400)).ok().map(Day)
    }

    /// The place of a new span that begins with a second; the next one begins at `after`.
    fn learn(&mut self, second: i64, after: usize) -> Option<usize> {
        let time = second + Self::EPOCH;
        let (mut offset, mut offset_after, mut summer, mut summer_after, mut boundary) = (0, 0, 0, 0, 0);
        // SAFETY: all pointers are to locals, and the zone lives as long as the backend.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &time,
                &mut offset,
                &mut summer,
                &mut boundary,
                &mut offset_after,
                &mut summer_after,
                self.zone.0,
            )
        };
        let until = match found {
            0 => i64::MAX,
            1 => boundary - Self::EPOCH,
            _ => return None,
        };
        match self.spans.get_mut(after) {
            // The same span, known from a later second on.
            Some(next) if next.1 == until => {
                next.0 = second;
                Some(after)
            }
            _ => {
                self.spans.insert(after, (second, until, offset));
                Some(after)
            }
        }
    }
}

/// The instant at which the transaction began, as `now()`.
pub fn now() -> pg_sys::TimestampTz {
    // SAFETY: reads a backend-local variable.
    unsafe { pg_sys::GetCurrentTransactionStartTimestamp() }
}

/// A jsonb value outside of any memory context. Equal bytes are equal values, but not the other
/// way round.
#[derive(Clone, PartialEq)]
pub struct Jsonb(Vec<u64>);

impl Jsonb {
    /// From the text of a jsonb value that PostgreSQL printed.
    pub fn parse(text: &str) -> Jsonb {
        // SAFETY: it is a jsonb value.
        unsafe { Jsonb::copy(source::jsonb(text).expect("jsonb_in returns a value")) }
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

    /// As a value that lives as long as this one.
    fn datum(&self) -> pg_sys::Datum {
        pg_sys::Datum::from(self.0.as_ptr())
    }

    /// Whether it contains another value, as `@>`.
    pub fn contains(&self, other: &Jsonb) -> bool {
        let datum = |json: &Jsonb| Some(pg_sys::Datum::from(json.0.as_ptr()));
        // SAFETY: both are jsonb varlenas, aligned to 8 bytes.
        unsafe { direct_function_call::<bool>(pg_sys::jsonb_contains, &[datum(self), datum(other)]).unwrap_or(false) }
    }
}

/// An SQL/JSON path that is a predicate.
pub struct JsonPath(Vec<u64>);

impl JsonPath {
    /// From the text of a path that PostgreSQL printed.
    pub fn parse(text: &str) -> JsonPath {
        let text = CString::new(text).unwrap_or_default();
        // SAFETY: jsonpath_in takes a C string and gives a varlena, as a jsonb value is one.
        unsafe {
            let path = direct_function_call_as_datum(pg_sys::jsonpath_in, &[Some(pg_sys::Datum::from(text.as_ptr()))]);
            JsonPath(Jsonb::copy(path.expect("jsonpath_in returns a value")).0)
        }
    }

    /// Whether it is true for attributes, as `jsonb_path_match` says, silently; without attributes, for `{}`.
    pub fn is_true(&self, attributes: Option<&Jsonb>) -> bool {
        thread_local! {
            static EMPTY: Jsonb = Jsonb::parse("{}");
        }
        let datum = |words: &Vec<u64>| Some(pg_sys::Datum::from(words.as_ptr()));
        EMPTY.with(|empty| {
            source::in_scratch_memory(&mut source::Scratch::new(), || {
                let arguments = [datum(&attributes.unwrap_or(empty).0), datum(&self.0), datum(&empty.0), true.into_datum()];
                // SAFETY: the arguments are a jsonb, a jsonpath and a jsonb varlena, aligned to 8 bytes, and a boolean.
                unsafe { direct_function_call::<bool>(pg_sys::jsonb_path_match, &arguments).unwrap_or(false) }
            })
        })
    }
}

/// A jsonb value as text, so that one which serde cannot take is an error of its own, and that
/// numbers keep their digits.
pub struct JsonText(pub String);

impl FromDatum for JsonText {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
        if is_null {
            return None;
        }
        // SAFETY: the datum is a jsonb value, of which jsonb_out gives a C string.
        unsafe {
            let text = direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(datum)])?;
            Some(JsonText(CStr::from_ptr(text.cast_mut_ptr()).to_string_lossy().into_owned()))
        }
    }
}

// SAFETY: it borrows nothing of the datum.
unsafe impl pgrx::datum::UnboxDatum for JsonText {
    type As<'src> = JsonText;

    unsafe fn unbox<'src>(datum: pgrx::datum::Datum<'src>) -> JsonText
    where
        Self: 'src,
    {
        // SAFETY: the caller's: the datum is a jsonb value.
        unsafe { Self::from_polymorphic_datum(datum.sans_lifetime(), false, pg_sys::JSONBOID) }.expect("it is not NULL")
    }
}

impl IntoDatum for JsonText {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        source::jsonb(&self.0)
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

pgrx::impl_sql_translatable!(JsonText, "jsonb");

// SAFETY: what is returned is a jsonb value of PostgreSQL's own making.
unsafe impl pgrx::callconv::BoxRet for JsonText {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut pgrx::callconv::FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: as above.
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}

/// A row of `leadscore.activity` that a statement inserted, updated or deleted.
pub struct ActivityRow {
    pub activity_id: i64,
    pub person_id: i64,
    pub activity_type: String,
    pub occurred_at: pg_sys::TimestampTz,
    pub attributes: Option<Jsonb>,
    pub is_attached: bool,
}

impl ActivityRow {
    /// Whether a rule sees no difference.
    pub fn is_same(&self, other: &ActivityRow) -> bool {
        (self.activity_id, self.person_id, self.occurred_at) == (other.activity_id, other.person_id, other.occurred_at)
            && self.activity_type == other.activity_type
            && self.attributes == other.attributes
    }
}

/// # Safety
/// The slot holds a row, all of whose attributes are extracted.
unsafe fn value<T: FromDatum>(slot: *mut pg_sys::TupleTableSlot, index: usize) -> Option<T> {
    // SAFETY: as the caller promises, the arrays hold the attribute.
    unsafe { T::from_datum(*(*slot).tts_values.add(index), *(*slot).tts_isnull.add(index)) }
}

/// The rows that a statement changed, as the trigger's transition tables have them.
pub struct ChangedRows<'a> {
    data: &'a pg_sys::TriggerData,
    store: *mut pg_sys::Tuplestorestate,
}

impl<'a> ChangedRows<'a> {
    /// The rows as they were before.
    pub fn old(trigger: &'a PgTrigger<'a>) -> Self {
        let data = trigger.trigger_data();
        ChangedRows { data, store: data.tg_oldtable }.checked()
    }

    /// The rows as they are now.
    pub fn new(trigger: &'a PgTrigger<'a>) -> Self {
        let data = trigger.trigger_data();
        ChangedRows { data, store: data.tg_newtable }.checked()
    }

    fn checked(self) -> Self {
        if self.store.is_null() {
            error!("leadscore: the trigger has no transition table");
        }
        self
    }

    pub fn count(&self) -> i64 {
        // SAFETY: the executor keeps the tuplestore until the statement's triggers are done.
        unsafe { pg_sys::tuplestore_tuple_count(self.store) }
    }

    /// All rows of a table of activities; for few.
    pub fn read(&self, tables: &Tables) -> Vec<ActivityRow> {
        let mut rows = Vec::new();
        self.each(tables, |row| {
            rows.push(ActivityRow {
                activity_id: row.activity_id,
                person_id: row.person_id,
                activity_type: row.activity_type.to_owned(),
                occurred_at: row.occurred_at,
                attributes: row.attributes.copy(),
                is_attached: row.is_attached,
            });
        });
        rows
    }

    /// Hands over each row of a table of activities.
    pub fn each(&self, tables: &Tables, mut take: impl FnMut(scan::ActivityRow)) {
        let c = &tables.activity_columns;
        // SAFETY: the tuplestore holds minimal tuples of the relation's row type. A read pointer
        // of our own leaves those of others alone, and is chosen again in case that one of them
        // was read meanwhile; the slot is dropped before the tuplestore.
        unsafe {
            let pointer = pg_sys::tuplestore_alloc_read_pointer(self.store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(self.store, pointer);
            pg_sys::tuplestore_rescan(self.store);
            let slot = pg_sys::MakeSingleTupleTableSlot((*self.data.tg_relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            while pg_sys::tuplestore_gettupleslot(self.store, true, false, slot) {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
                take(c.read(slot));
                pg_sys::tuplestore_select_read_pointer(self.store, pointer);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    }

    /// Hands over each row of the table of persons.
    pub fn each_person(&self, tables: &Tables, mut take: impl FnMut(&person::Persons, i64, &person::FoundPerson)) {
        let persons = tables.persons_to_read();
        // SAFETY: as for `each`.
        unsafe {
            let pointer = pg_sys::tuplestore_alloc_read_pointer(self.store, pg_sys::EXEC_FLAG_REWIND as i32);
            pg_sys::tuplestore_select_read_pointer(self.store, pointer);
            pg_sys::tuplestore_rescan(self.store);
            let slot = pg_sys::MakeSingleTupleTableSlot((*self.data.tg_relation).rd_att, &raw const pg_sys::TTSOpsMinimalTuple);
            while pg_sys::tuplestore_gettupleslot(self.store, true, false, slot) {
                pg_sys::slot_getsomeattrs_int(slot, (*(*slot).tts_tupleDescriptor).natts);
                let found = person::FoundPerson::lent(slot);
                take(&persons, persons.id(&found), &found);
                pg_sys::tuplestore_select_read_pointer(self.store, pointer);
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
        }
    }

    /// Makes the transition table known to the SPI connection that is open.
    pub fn register(&self) {
        // SAFETY: called within Spi::connect, with the data of the trigger that runs.
        let result = unsafe { pg_sys::SPI_register_trigger_data(ptr::from_ref(self.data).cast_mut()) };
        if result < 0 {
            error!("leadscore: the changed rows cannot be read: {result}");
        }
    }
}

/// Whether an instant lies between 0001-01-01 and 9999-12-31, both at midnight UTC.
pub fn is_within_calendar(at: pg_sys::TimestampTz) -> bool {
    let day = 86_400_000_000;
    (i64::from(Day::FIRST.0) * day..=i64::from(Day::LAST.0) * day).contains(&at)
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

/// An instant as PostgreSQL prints it in this session.
pub fn timestamptz_text(at: pg_sys::TimestampTz) -> String {
    // SAFETY: timestamptz_out takes an instant and gives a C string.
    unsafe {
        let text = direct_function_call_as_datum(pg_sys::timestamptz_out, &[Some(pg_sys::Datum::from(at))]);
        text.map_or(String::new(), |text| CStr::from_ptr(text.cast_mut_ptr()).to_string_lossy().into_owned())
    }
}
