//! Statements of our own that see, and may change, all that is committed by now, whatever the snapshot of the transaction.

use pgrx::datum::DatumWithOid;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};
use std::ptr;

/// A statement that is prepared once in a backend.
pub struct Latest {
    text: &'static str,
}

impl Latest {
    pub const fn new(text: &'static str) -> Latest {
        Latest { text }
    }

    /// Runs it and returns the rows that it gives, as texts.
    pub fn rows(&self, args: &[DatumWithOid]) -> Vec<Vec<Option<String>>> {
        super::make_changes_visible();
        with_plain_plans(|| unsafe { self.execute(args) })
    }

    /// Runs it and returns how many rows it gave or changed.
    pub fn run(&self, args: &[DatumWithOid]) -> usize {
        self.rows(args).len()
    }

    /// # Safety
    /// The arguments are of the parameters' types.
    unsafe fn execute(&self, args: &[DatumWithOid]) -> Vec<Vec<Option<String>>> {
        // SAFETY: the SPI connection and the snapshot are closed here, or by an abort; values are copied before that.
        unsafe {
            if pg_sys::SPI_connect() < 0 {
                error!("leadscore: SPI does not connect");
            }
            let text = CString::new(self.text).unwrap_or_default();
            let mut types: Vec<pg_sys::Oid> = args.iter().map(|arg| arg.oid()).collect();
            let plan = super::plans::plan(&text, &mut types, super::plans::are_few(args));
            let mut values: Vec<pg_sys::Datum> =
                args.iter().map(|arg| arg.datum().map_or(pg_sys::Datum::from(0), |datum| datum.sans_lifetime())).collect();
            let nulls: Vec<std::ffi::c_char> =
                args.iter().map(|arg| (if arg.datum().is_some() { b' ' } else { b'n' }) as std::ffi::c_char).collect();
            let snapshot = pg_sys::RegisterSnapshot(pg_sys::GetLatestSnapshot());
            let done = pg_sys::SPI_execute_snapshot(
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                snapshot,
                ptr::null_mut(),
                false,
                true,
                0,
            );
            if done < 0 {
                error!("leadscore: a statement failed: {done}");
            }
            let mut rows = Vec::new();
            let table = pg_sys::SPI_tuptable;
            if !table.is_null() {
                for nth in 0..pg_sys::SPI_processed as usize {
                    let columns = (*(*table).tupdesc).natts;
                    let value = |column| {
                        let value = pg_sys::SPI_getvalue(*(*table).vals.add(nth), (*table).tupdesc, column);
                        (!value.is_null()).then(|| CStr::from_ptr(value).to_string_lossy().into_owned())
                    };
                    rows.push((1..=columns).map(value).collect());
                }
            }
            pg_sys::UnregisterSnapshot(snapshot);
            pg_sys::SPI_finish();
            rows
        }
    }
}

/// Runs `work` under a search_path that no caller controls and without JIT, which statements of our own never repay.
pub fn with_plain_plans<T>(work: impl FnOnce() -> T) -> T {
    super::in_own_settings(|| {
        // SAFETY: within the nest level that the search_path opened, which puts both back.
        unsafe {
            pg_sys::set_config_option(
                c"jit".as_ptr(),
                c"off".as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
        }
        work()
    })
}
