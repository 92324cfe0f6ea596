//! What row triggers note until the statement trigger that follows takes it.

use crate::pg;

/// A note knows the savepoint in which it was made.
pub trait Note: Clone {
    fn savepoint(&self) -> u32;
}

/// Notes of a transaction. A statement within a trigger takes those of the statement around it, too; what was done about them
/// in a savepoint, such as a block with an exception handler is, is undone when that is rolled back, and they are there again.
pub struct Noted<N> {
    notes: Vec<N>,
    /// With the savepoint in which they were taken, which is within their own.
    taken: Vec<(u32, N)>,
    /// How many were ever added.
    added: u64,
}

impl<N: Note> Noted<N> {
    pub const fn new() -> Noted<N> {
        Noted { notes: Vec::new(), taken: Vec::new(), added: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.notes.len()
    }

    /// How many were ever added: what was read before may be another by now if this is.
    pub fn added(&self) -> u64 {
        self.added
    }

    pub fn add(&mut self, note: N) {
        self.added += 1;
        self.notes.push(note);
    }

    pub fn take(&mut self, is_wanted: impl Fn(&N) -> bool) -> Vec<N> {
        let (own, others) = self.notes.drain(..).partition::<Vec<N>, _>(|note| is_wanted(note));
        self.notes = others;
        let now = pg::current_savepoint();
        self.taken.retain(|(_, note)| note.savepoint() < now);
        self.taken.extend(own.iter().filter(|note| note.savepoint() < now).map(|note| (now, note.clone())));
        own
    }

    /// Forgets those of a savepoint, or of one within it: it was rolled back. 0 means the transaction, which ended.
    pub fn forget(&mut self, savepoint: u32) {
        self.notes.retain(|note| note.savepoint() < savepoint);
        if self.taken.is_empty() {
            return;
        }
        let (undone, taken) = self.taken.drain(..).partition::<Vec<_>, _>(|(since, _)| *since >= savepoint);
        self.taken = taken;
        let back = undone.into_iter().map(|(_, note)| note).filter(|note| note.savepoint() < savepoint);
        self.notes.splice(0..0, back);
    }
}
