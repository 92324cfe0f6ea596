//! Statements on one of the application's tables that run as its owner, with the triggers that the owner put there.

use super::plain::Triggers;
use super::plans;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CString;
use std::ptr;

/// Runs an UPDATE of a table as its owner, under the caller's settings.
///
/// The owner's code must not leave behind what runs with another role's rights, so deferred triggers are refused (42501),
/// with two exceptions. Foreign keys may be deferred: their checks are PostgreSQL's own, and a row that this transaction
/// has written is always checked anew. And where the owner itself runs the application's statement, it could
/// leave behind whatever it likes anyway.
pub fn update(table: pg_sys::Oid, owner: pg_sys::Oid, statement: &str, args: &[DatumWithOid]) {
    let statement = Statement { text: CString::new(statement).unwrap_or_default(), args, is_kept: !has_rules(table) };
    if runs_the_statement(owner) {
        super::as_role_within(owner, 0, || statement.run(true));
    } else if has_deferrable_keys_alone(table) {
        // SAFETY: the level of triggers and the state of the executor end here, or by an abort.
        unsafe {
            pg_sys::AfterTriggerBeginQuery();
            super::as_role(owner, || statement.run(false));
            super::as_role_within(owner, 0, || {
                let executor = pg_sys::CreateExecutorState();
                pg_sys::AfterTriggerEndQuery(executor);
                pg_sys::ExecResetTupleTable((*executor).es_tupleTable, false);
                pg_sys::ExecCloseResultRelations(executor);
                pg_sys::FreeExecutorState(executor);
            });
        }
    } else {
        super::as_role(owner, || statement.run(true));
    }
}

/// Runs what may call an owner's functions as the owner, by the same rule.
pub fn as_owner<T>(owner: pg_sys::Oid, work: impl FnOnce() -> T) -> T {
    let restrictions = if runs_the_statement(owner) { 0 } else { pg_sys::SECURITY_RESTRICTED_OPERATION };
    super::as_role_within(owner, restrictions, work)
}

/// Whether the owner itself runs the application's statement.
fn runs_the_statement(owner: pg_sys::Oid) -> bool {
    // SAFETY: reads a backend-local variable.
    owner == unsafe { pg_sys::GetOuterUserId() }
}

struct Statement<'a> {
    text: CString,
    args: &'a [DatumWithOid<'a>],
    is_kept: bool,
}

impl Statement<'_> {
    /// Runs it; without `fires` its AFTER triggers are left to the level of triggers that is open.
    fn run(&self, fires: bool) {
        let mut types: Vec<pg_sys::Oid> = self.args.iter().map(|arg| arg.oid()).collect();
        let mut values: Vec<pg_sys::Datum> =
            self.args.iter().map(|arg| arg.datum().map_or(pg_sys::Datum::from(0), |datum| datum.sans_lifetime())).collect();
        let nulls: Vec<std::ffi::c_char> =
            self.args.iter().map(|arg| (if arg.datum().is_some() { b' ' } else { b'n' }) as std::ffi::c_char).collect();
        // SAFETY: the SPI connection is closed here, or by an abort; values are of the types.
        unsafe {
            if pg_sys::SPI_connect() < 0 {
                error!("leadscore: SPI does not connect");
            }
            let plan = if self.is_kept {
                plans::plan(&self.text, &mut types, plans::are_few(self.args))
            } else {
                pg_sys::SPI_prepare(self.text.as_ptr(), types.len() as i32, types.as_mut_ptr())
            };
            if plan.is_null() {
                error!("leadscore: a statement cannot be prepared");
            }
            let (now, check) = (ptr::null_mut(), ptr::null_mut());
            let done = pg_sys::SPI_execute_snapshot(plan, values.as_mut_ptr(), nulls.as_ptr(), now, check, false, fires, 0);
            if done < 0 {
                error!("leadscore: a statement failed: {done}");
            }
            pg_sys::SPI_finish();
        }
    }
}

/// Whether the table has rules, or had some. A plan that one of them turned into nothing would not hear that the rule has gone.
fn has_rules(table: pg_sys::Oid) -> bool {
    // SAFETY: the table is open while its description is read.
    unsafe {
        let relation = pg_sys::relation_open(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let has_rules = (*(*relation).rd_rel).relhasrules;
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        has_rules
    }
}

/// Whether an UPDATE of the table may defer checks of its keys, and no AFTER trigger fires that is neither PostgreSQL's own
/// nor leadscore's. Partitioned tables are not looked into.
fn has_deferrable_keys_alone(table: pg_sys::Oid) -> bool {
    let schema = super::own_schema();
    // SAFETY: the table is open while its description is read; functions are looked up in the catalogs.
    unsafe {
        let relation = pg_sys::relation_open(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        if (*(*relation).rd_rel).relkind as u8 != pg_sys::RELKIND_RELATION {
            pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            return false;
        }
        let triggers = Triggers::of(relation);
        let after_update = |trigger: &&pg_sys::Trigger| {
            let kind = u32::from(trigger.tgtype.cast_unsigned());
            kind & pg_sys::TRIGGER_TYPE_UPDATE != 0 && kind & (pg_sys::TRIGGER_TYPE_BEFORE | pg_sys::TRIGGER_TYPE_INSTEAD) == 0
        };
        let (mut deferrable, mut alone) = (false, true);
        for trigger in triggers.iter().filter(after_update) {
            let is_key = trigger.tgisinternal && trigger.tgfoid.to_u32() < pg_sys::FirstGenbkiObjectId;
            deferrable |= is_key && trigger.tgdeferrable;
            alone &= is_key || pg_sys::get_func_namespace(trigger.tgfoid) == schema;
        }
        pg_sys::relation_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        deferrable && alone
    }
}
