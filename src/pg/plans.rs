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
    // SAFETY: it is a plan of SPI's, of one statement.
    if few && !unsafe { is_made(plan) } {
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

/// Whether a plan is made, and holds for whoever runs it now.
///
/// # Safety
/// The plan is one of SPI's.
unsafe fn is_made(plan: pg_sys::SPIPlanPtr) -> bool {
    #[cfg(any(feature = "pg15", feature = "pg16"))]
    use pg_sys::OverrideSearchPathMatchesCurrent as matches_path;
    #[cfg(not(any(feature = "pg15", feature = "pg16")))]
    use pg_sys::SearchPathMatchesCurrentEnvironment as matches_path;
    // SAFETY: a kept plan has its sources, and a generic plan lives while its source refers to it.
    unsafe {
        // What others have changed by now makes plans invalid.
        pg_sys::AcceptInvalidationMessages();
        let sources = pg_sys::SPI_plan_get_plan_sources(plan);
        if sources.is_null() || (*sources).length != 1 {
            return false;
        }
        let source = (*(*sources).elements).ptr_value.cast::<pg_sys::CachedPlanSource>();
        let made = (*source).gplan;
        (*source).is_valid
            && !(*source).dependsOnRLS
            && !(*source).search_path.is_null()
            && matches_path((*source).search_path)
            && !made.is_null()
            && (*made).is_valid
            && !(*made).dependsOnRole
            && (*made).saved_xmin == pg_sys::InvalidTransactionId
    }
}

/// Runs a statement by the snapshot of the transaction, or one of its own where each statement has one, and returns how many
/// rows it found or changed.
pub fn run(text: &CStr, args: &[DatumWithOid]) -> usize {
    let mut types: Vec<pg_sys::Oid> = args.iter().map(|arg| arg.oid()).collect();
    let mut values: Vec<pg_sys::Datum> =
        args.iter().map(|arg| arg.datum().map_or(pg_sys::Datum::from(0), |datum| datum.sans_lifetime())).collect();
    let nulls: Vec<std::ffi::c_char> =
        args.iter().map(|arg| (if arg.datum().is_some() { b' ' } else { b'n' }) as std::ffi::c_char).collect();
    // SAFETY: the SPI connection is closed here, or by an abort; values are of the types.
    unsafe {
        if pg_sys::SPI_connect() < 0 {
            error!("leadscore: SPI does not connect");
        }
        let plan = plan(text, &mut types, are_few(args));
        let (snapshot, check) = (std::ptr::null_mut(), std::ptr::null_mut());
        let done = pg_sys::SPI_execute_snapshot(plan, values.as_mut_ptr(), nulls.as_ptr(), snapshot, check, false, true, 0);
        if done < 0 {
            error!("leadscore: a statement failed: {done}");
        }
        let count = pg_sys::SPI_processed as usize;
        pg_sys::SPI_finish();
        count
    }
}

/// A statement of our own about few rows, found by indexes.
pub struct OfFew {
    text: &'static CStr,
}

impl OfFew {
    pub const fn new(text: &'static CStr) -> OfFew {
        OfFew { text }
    }

    /// Runs it under a search_path that no caller controls, and returns how many rows it found or changed.
    pub fn run(&self, args: &[DatumWithOid]) -> usize {
        super::in_own_settings(|| run(self.text, args))
    }
}
