//! Transactions that must not miss each other, though neither sees what the other has not committed: of two that name
//! the same key, one that looks something up and one that changes what is found, the second waits for the first.
//! Those of the same side never wait for each other. Where each does both, any second one waits.

use pgrx::pg_sys;
use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a transaction does with a key.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    /// It looks up what the key leads to, or finds that it leads nowhere.
    Looks,
    /// It changes what the key leads to.
    Changes,
    /// It has what the key is of to itself.
    Alone,
}

/// A transaction holds so many keys at most; from then on it takes all keys at once, so that locks do not run out.
const MOST: usize = 48;

/// A key that a transaction holds; `None`: all of them.
struct Held {
    about: u32,
    part: u32,
    key: Option<u64>,
    side: Side,
}

thread_local! {
    /// What this transaction holds, each with the savepoint in which it was taken.
    static HELD: RefCell<Vec<(u32, Held)>> = const { RefCell::new(Vec::new()) };
}

/// Forgets what was taken in a savepoint, or in one within it: it was rolled back, and its locks are gone. 0 means the transaction,
/// which ended.
pub fn forget_held(savepoint: u32) {
    HELD.with_borrow_mut(|held| held.retain(|(since, _)| *since < savepoint));
}

/// The number of a key.
pub fn key(parts: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

/// Whether this transaction holds a key, or all of them (`None`).
pub fn holds(about: pg_sys::Oid, part: u32, key: Option<u64>, side: Side) -> bool {
    let is_it = |held: &Held| {
        (held.about, held.part, held.side) == (about.to_u32(), part, side) && (held.key.is_none() || held.key == key)
    };
    HELD.with_borrow(|all| all.iter().any(|(_, held)| is_it(held)))
}

fn hold(about: pg_sys::Oid, part: u32, key: Option<u64>, side: Side) {
    let held = Held { about: about.to_u32(), part, key, side };
    HELD.with_borrow_mut(|all| all.push((super::current_savepoint(), held)));
}

/// Whether so many more keys can be met one by one.
pub fn has_room(more: usize) -> bool {
    has_room_for(more, |side| side != Side::Alone)
}

fn has_room_for(more: usize, of: impl Fn(Side) -> bool) -> bool {
    HELD.with_borrow(|all| all.iter().filter(|(_, held)| of(held.side)).count()) + more <= MOST
}

/// Meets whoever names one of these keys, of those about a part of a table, until the transaction ends. Statements over
/// several shards are a transaction in each of them, which must not wait for each other: each shard is a part.
pub fn meet(about: pg_sys::Oid, part: u32, keys: &[u64], side: Side) {
    let new: Vec<u64> = keys.iter().copied().filter(|&key| !holds(about, part, Some(key), side)).collect();
    if new.is_empty() {
        return;
    }
    if !has_room(new.len()) {
        return meet_all(about, part, side);
    }
    // Each side has two ways, a few keys or all of them: of two that must meet, at least one of the three locks that they
    // take is the same.
    lock(about.to_u32(), part, if side == Side::Looks { FEW } else { ALL }, side);
    for key in new {
        lock_key(about, key, KEY, side);
        hold(about, part, Some(key), side);
    }
}

/// The same for all keys.
pub fn meet_all(about: pg_sys::Oid, part: u32, side: Side) {
    if holds(about, part, None, side) {
        return;
    }
    if side == Side::Changes {
        lock(about.to_u32(), part, FEW, side);
    }
    lock(about.to_u32(), part, ALL, side);
    hold(about, part, None, side);
}

/// Has what these keys are of, in a table, or all of it, to itself among those who call this, until the transaction ends.
pub fn meet_each_other(about: pg_sys::Oid, keys: Option<Vec<u64>>) {
    let Some(mut keys) = keys else { return have_alone(about) };
    keys.retain(|&key| !holds(about, 0, Some(key), Side::Alone));
    keys.sort_unstable();
    keys.dedup();
    if keys.is_empty() {
        return;
    }
    if !has_room_for(keys.len(), |side| side == Side::Alone) {
        return have_alone(about);
    }
    // Those with a few do not wait for each other here.
    lock(about.to_u32(), 0, ROWS, Side::Looks);
    for key in keys {
        lock_key(about, key, ROW, Side::Alone);
        hold(about, 0, Some(key), Side::Alone);
    }
}

fn have_alone(about: pg_sys::Oid) {
    if !holds(about, 0, None, Side::Alone) {
        lock(about.to_u32(), 0, ROWS, Side::Alone);
        hold(about, 0, None, Side::Alone);
    }
}

/// Which of its locks, where advisory locks of applications have 1 or 2.
const KEY: u16 = 0x6c73;
const FEW: u16 = 0x6c74;
const ALL: u16 = 0x6c75;
const ROW: u16 = 0x6c76;
const ROWS: u16 = 0x6c77;

/// Equal keys of different tables are different ones.
fn lock_key(about: pg_sys::Oid, of_table: u64, which: u16, side: Side) {
    let number = key((about.to_u32(), of_table));
    lock((number >> 32) as u32, number as u32, which, side);
}

fn lock(first: u32, second: u32, which: u16, side: Side) {
    // Those of the two sides conflict with each other, but not with themselves; the third conflicts with all.
    let mode = match side {
        Side::Looks => pg_sys::RowExclusiveLock,
        Side::Changes => pg_sys::ShareLock,
        Side::Alone => pg_sys::ExclusiveLock,
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
