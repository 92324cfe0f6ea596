//! Statements of our own that are planned once in a backend.
//!
//! For a few rows planning costs more than everything else. PostgreSQL would go on planning anew for each list of parameters, since it
//! takes lists of unknown length for long ones; and a plan made while a table was small would read all of it when it has grown. So
//! statements about few rows get one plan, by indexes.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// A list of parameters that is no longer than this is about few rows.
pub const FEW: usize = 32;

/// More statements are not kept: they name tables, and those of a database are not so many.
const MOST: usize = 500;

/// A statement, the types of its parameters, and whether they are about few rows.
type Statement = (CString, Vec<u32>, bool);

thread_local! {
    static KEPT: RefCell<HashMap<Statement, pg_sys::SPIPlanPtr>> = RefCell::default();
}

/// Whether all parameters that are arrays are about few rows.
pub fn are_few(args: &[DatumWithOid]) -> bool {
    args.iter().all(|arg| {
        let Some(datum) = arg.datum() else { return true };
        // SAFETY: a value of an array type is an array; those that Rust makes are never compressed.
        unsafe {
            if pg_sys::get_element_type(arg.oid()) == pg_sys::InvalidOid {
                return true;
            }
            let array: *mut pg_sys::ArrayType = datum.sans_lifetime().cast_mut_ptr();
            pg_sys::ArrayGetNItems((*array).ndim, array.add(1).cast()) as usize <= FEW
        }
    })
}

/// The plan of a statement.
///
/// # Safety
/// An SPI connection is open, and it ends before the plan is used by nobody: one that is not kept goes with it.
pub unsafe fn plan(text: &CStr, types: &mut [pg_sys::Oid], few: bool) -> pg_sys::SPIPlanPtr {
    let key = (text.to_owned(), types.iter().map(|oid| oid.to_u32()).collect(), few);
    let plan = KEPT.with_borrow(|kept| kept.get(&key).copied()).unwrap_or_else(|| {
        // SAFETY: as the caller promises; a plan that is kept is never freed.
        unsafe {
            let options = if few { pg_sys::CURSOR_OPT_GENERIC_PLAN as i32 } else { 0 };
            let plan = pg_sys::SPI_prepare_cursor(text.as_ptr(), types.len() as i32, types.as_mut_ptr(), options);
            if plan.is_null() {
                error!("leadscore: a statement cannot be prepared");
            }
            if KEPT.with_borrow(HashMap::len) < MOST && pg_sys::SPI_keepplan(plan) == 0 {
                KEPT.with_borrow_mut(|kept| kept.insert(key, plan));
            }
            plan
        }
    });
    if few {
        const BY_INDEXES: [(&CStr, &CStr); 4] =
            [(c"enable_seqscan", c"off"), (c"enable_hashjoin", c"off"), (c"enable_mergejoin", c"off"), (c"jit", c"off")];
        // These settings are for the planner alone: the statement may fire triggers of others.
        super::with_settings(&BY_INDEXES, || {
            // SAFETY: what is counted here is given back at once; the plan stays with its source.
            unsafe {
                let made = pg_sys::SPI_plan_get_cached_plan(plan);
                if !made.is_null() {
                    pg_sys::ReleaseCachedPlan(made, pg_sys::CurrentResourceOwner);
                }
            }
        });
    }
    plan
}
