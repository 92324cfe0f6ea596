//! What a call that takes long tells while it works.

use pgrx::prelude::*;

/// What is done between two notices.
pub const TELL_EVERY: i64 = 100_000;

/// How much of some work is done.
pub struct Progress {
    /// On whose rows it works.
    table: String,
    done: i64,
    total: Option<i64>,
}

impl Progress {
    pub fn on(table: String) -> Self {
        Progress { table, done: 0, total: None }
    }

    /// So many more are done, `what` with them; `total`, how many they will be, is only asked
    /// when there is something to tell.
    pub fn advance(&mut self, count: usize, what: &str, total: impl FnOnce() -> i64) {
        let told = self.done / TELL_EVERY;
        self.done += count as i64;
        if self.done / TELL_EVERY > told {
            let total = *self.total.get_or_insert_with(total);
            notice!("{}: {} of {total} {what}", self.table, self.done);
        }
    }
}
