//! All that is stored of single persons, found by indexes that stay open from one person to the next.

use super::scan::ActivityRow;
use super::table::{Key, Search, Snapshot, StoredAt, Table};
use super::tables::{Tables, card};
use super::value;
use pgrx::pg_sys;
use scoring::activity::Adjustment;
use scoring::calendar::Day;
use scoring::record::Record;
use std::cell::OnceCell;
use std::rc::Rc;

impl Tables {
    /// What the active snapshot shows of a person.
    pub fn history_seen(&self, person_id: i64) -> History<'_> {
        self.histories().seen(person_id)
    }

    /// What is stored of a person by now, or by the transaction's snapshot where it has one; the person is locked.
    pub fn history(&self, person_id: i64) -> History<'_> {
        self.histories().of(person_id)
    }

    /// For the histories of many persons.
    pub fn histories(&self) -> Histories<'_> {
        Histories(Rc::new(Searches {
            tables: self,
            activities: OnceCell::new(),
            records: OnceCell::new(),
            adjustments: OnceCell::new(),
            dues: OnceCell::new(),
            other_scores: OnceCell::new(),
            consents: OnceCell::new(),
        }))
    }
}

/// Opens what is needed to read all that is stored of persons, and keeps it open.
#[derive(Clone)]
pub struct Histories<'t>(Rc<Searches<'t>>);

struct Searches<'t> {
    tables: &'t Tables,
    activities: OnceCell<Search>,
    records: OnceCell<Search>,
    adjustments: OnceCell<Search>,
    dues: OnceCell<Search>,
    other_scores: OnceCell<Search>,
    consents: OnceCell<Search>,
}

impl<'t> Histories<'t> {
    /// What the active snapshot shows of a person.
    pub fn seen(&self, person_id: i64) -> History<'t> {
        History { of: self.0.clone(), person_id, snapshot: Snapshot::active() }
    }

    /// What is stored of a person by now, or by the transaction's snapshot where it has one; the person is locked.
    pub fn of(&self, person_id: i64) -> History<'t> {
        History { of: self.0.clone(), person_id, snapshot: Snapshot::current() }
    }
}

/// The day on which the night must look at a person again, as it is stored.
pub struct StoredDue {
    at: StoredAt,
    pub on: Option<Day>,
}

/// All that is stored of one person.
pub struct History<'t> {
    of: Rc<Searches<'t>>,
    person_id: i64,
    snapshot: Snapshot,
}

impl History<'_> {
    /// The score records that are stored, and where.
    pub fn records(&self) -> Vec<(StoredAt, Record)> {
        let mut records = Vec::new();
        self.each(&self.of.records, self.of.tables.score_record, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe { records.push((StoredAt((*slot).tts_tid), self.of.tables.record_columns.read(slot, &self.of.tables.cards))) }
        });
        records
    }

    /// Those of some rules.
    pub fn records_by(&self, rules: &[i32]) -> Vec<(StoredAt, Record)> {
        let (tables, mut records) = (self.of.tables, Vec::new());
        let c = &tables.record_columns;
        // SAFETY: `each_wanted` hands over rows in which so many attributes are extracted.
        let is_wanted = |slot| unsafe { value::<i32>(slot, c.rule_id) }.is_some_and(|rule_id| rules.contains(&rule_id));
        let search = self.of.records.get_or_init(|| Search::open(tables.score_record, &self.snapshot));
        search.each_wanted(self.person_id, &self.snapshot, (c.rule_id + 1, is_wanted), |slot| {
            // SAFETY: `each_wanted` hands over extracted rows.
            unsafe { records.push((StoredAt((*slot).tts_tid), c.read(slot, &tables.cards))) }
        });
        records
    }

    /// Those of one activity.
    pub fn records_of(&self, activity_id: i64) -> Vec<(StoredAt, Record)> {
        let table = Table::open(self.of.tables.score_record, pg_sys::AccessShareLock);
        let keys = [Key::person_id(&table, self.person_id), Key::bigint(&table, c"activity_id", activity_id)];
        let mut records = Vec::new();
        table.each(&keys, &self.snapshot, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe { records.push((StoredAt((*slot).tts_tid), self.of.tables.record_columns.read(slot, &self.of.tables.cards))) }
        });
        records
    }

    /// Hands over each activity of a person.
    pub fn each_activity(&self, mut take: impl FnMut(ActivityRow)) {
        self.each(&self.of.activities, self.of.tables.activity, |slot| {
            // SAFETY: `each` hands over extracted rows, which live while they are handed over.
            unsafe { take(self.of.tables.activity_columns.read(slot)) }
        });
    }

    /// Hands over an activity of the person, if there is such a one.
    pub fn activity(&self, activity_id: i64, mut take: impl FnMut(ActivityRow)) {
        let table = Table::open(self.of.tables.activity, pg_sys::AccessShareLock);
        let number = Key::bigint(&table, c"activity_id", activity_id);
        table.each(&[Key::person_id(&table, self.person_id), number], &self.snapshot, |slot| {
            // SAFETY: `each` hands over extracted rows, which live while they are handed over.
            unsafe { take(self.of.tables.activity_columns.read(slot)) }
        });
    }

    /// When an activity of the person occurred, if there is such a one.
    pub fn instant(&self, activity_id: i64) -> Option<i64> {
        let mut instant = None;
        self.activity(activity_id, |activity| instant = Some(activity.occurred_at));
        instant
    }

    /// The manual adjustments of a person.
    pub fn adjustments(&self) -> Vec<Adjustment> {
        let mut adjustments = Vec::new();
        let search = &self.of.adjustments;
        // Where nobody has ever adjusted a score there is no need to open an index.
        if search.get().is_none() && Table::open(self.of.tables.adjustment, pg_sys::AccessShareLock).is_empty() {
            return adjustments;
        }
        self.each(&self.of.adjustments, self.of.tables.adjustment, |slot| {
            // SAFETY: `each` hands over extracted rows.
            adjustments.push(unsafe { self.of.tables.adjustment_columns.read(slot, &self.of.tables.cards) });
        });
        adjustments
    }

    /// The scores on other scorecards than `main` that are stored: the scorecard's place, score and category.
    pub fn other_scores(&self) -> Vec<(u16, i64, Option<String>)> {
        let mut scores = Vec::new();
        let c = &self.of.tables.person_score_columns;
        self.each(&self.of.other_scores, self.of.tables.person_score, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                let card = card(&self.of.tables.cards, value::<&str>(slot, c.scorecard));
                scores.push((card, value(slot, c.score).unwrap_or_default(), value::<String>(slot, c.category)));
            }
        });
        scores
    }

    /// Whether a person does not want to be followed on the website.
    pub fn has_refused(&self) -> bool {
        let mut refused = false;
        self.each(&self.of.consents, self.of.tables.person_consent, |slot| {
            // SAFETY: `each` hands over extracted rows.
            refused |= unsafe { value(slot, self.of.tables.consent_columns.refused) }.unwrap_or(false);
        });
        refused
    }

    /// The day that is stored on which the night must look at the person again.
    pub fn due(&self) -> Option<StoredDue> {
        let c = &self.of.tables.due_columns;
        let mut stored = None;
        self.each(&self.of.dues, self.of.tables.due, |slot| {
            // SAFETY: `each` hands over extracted rows.
            stored = Some(unsafe { StoredDue { at: StoredAt((*slot).tts_tid), on: value::<i32>(slot, c.due_on).map(Day) } });
        });
        stored
    }

    /// Stores another day than the one that is stored.
    pub fn set_due(&self, stored: Option<StoredDue>, due_on: Option<Day>) {
        if let Some(stored) = stored {
            self.of.tables.delete_dues(&Table::open(self.of.tables.due, pg_sys::RowExclusiveLock), &[stored.at]);
        }
        if let Some(day) = due_on {
            self.of.tables.insert_dues(&[(self.person_id, day)]);
        }
    }

    /// Hands over each row of a table.
    fn each(&self, search: &OnceCell<Search>, table: pg_sys::Oid, take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
        search.get_or_init(|| Search::open(table, &self.snapshot)).each(self.person_id, &self.snapshot, take);
    }
}
