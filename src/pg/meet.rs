//! Transactions that must not miss each other, though neither sees what the other has not committed: of two that name
//! the same key, one that looks something up and one that changes what is found, the second waits for the first.
//! Those of the same side never wait for each other.

use pgrx::pg_sys;
use std::cell::Cell;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a transaction does with a key.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    /// It looks up what the key leads to, or finds that it leads nowhere.
    Looks,
    /// It changes what the key leads to.
    Changes,
}

/// A transaction holds so many keys at most; from then on it takes all keys at once, so that locks do not run out.
const MOST: usize = 48;

thread_local! {
    /// How many locks this transaction took.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// Called when a transaction ends: its locks are gone.
pub fn forget_held() {
    HELD.set(0);
}

/// The number of a key.
pub fn key(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Meets whoever names one of these keys, of those about a part of a table, until the transaction ends. Statements over
/// several shards are a transaction in each of them, which must not wait for each other: each shard is a part.
pub fn meet(about: pg_sys::Oid, part: u32, keys: &[u64], side: Side) {
    if HELD.get() + keys.len() > MOST {
        return meet_all(about, part, side);
    }
    HELD.set(HELD.get() + keys.len());
    // Each side has two ways, a few keys or all of them: of two that must meet, at least one of the three locks that they
    // take is the same.
    lock(about.to_u32(), part, if side == Side::Looks { FEW } else { ALL }, side);
    for key in keys {
        lock((key >> 32) as u32, *key as u32, KEY, side);
    }
}

/// The same for all keys.
pub fn meet_all(about: pg_sys::Oid, part: u32, side: Side) {
    if side == Side::Changes {
        lock(about.to_u32(), part, FEW, side);
    }
    lock(about.to_u32(), part, ALL, side);
}

/// Which of its locks, where advisory locks of applications have 1 or 2.
const KEY: u16 = 0x6c73;
const FEW: u16 = 0x6c74;
const ALL: u16 = 0x6c75;

fn lock(first: u32, second: u32, which: u16, side: Side) {
    // Modes that conflict with each other, but not with themselves.
    let mode = match side {
        Side::Looks => pg_sys::RowExclusiveLock,
        Side::Changes => pg_sys::ShareLock,
    };
    // SAFETY: an advisory lock, which is released when the transaction ends.
    unsafe {
        let tag = pg_sys::LOCKTAG {
            locktag_field1: pg_sys::MyDatabaseId.to_u32(),
            locktag_field2: first,
            locktag_field3: second,
            locktag_field4: which,
            locktag_type: pg_sys::LockTagType::LOCKTAG_ADVISORY as u8,
            locktag_lockmethodid: pg_sys::USER_LOCKMETHOD as u8,
        };
        pg_sys::LockAcquire(&tag, mode as pg_sys::LOCKMODE, false, false);
    }
}
