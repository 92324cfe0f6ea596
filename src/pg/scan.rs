//! Whole tables of leadscore, read row by row as one snapshot shows them, without an executor run.

use super::table::{Snapshot, StoredAt, Table, guarded};
use super::tables::{ActivityColumns, Tables};
use super::{Jsonb, value};
use pgrx::pg_sys;
use pgrx::prelude::*;
use scoring::activity::Adjustment;
use scoring::calendar::Day;
use scoring::record::Record;
use std::collections::HashSet;
use std::ptr;

thread_local! {
    static SEE: super::Statement = const { super::Statement::new("SELECT FROM leadscore.person p WHERE p.person_id = $1") };
    static SEE_TENANT: super::Statement =
        const { super::Statement::new("SELECT FROM leadscore.person p WHERE p.tenant = $1 LIMIT 1") };
}

/// A row of `leadscore.person`, as far as leadscore stores or asks it.
pub struct PersonRow<'s> {
    pub person_id: i64,
    pub tenant: Option<&'s str>,
    pub kind: &'s str,
    pub status: Option<&'s str>,
    pub owner: Option<&'s str>,
    pub attributes: Attributes,
    pub external_id: Text,
    pub is_active: bool,
    /// Instants are in microseconds since 2000-01-01 UTC.
    pub since: i64,
    pub score: i64,
    pub category: Option<&'s str>,
    pub last_activity_at: Option<i64>,
    pub scored_through: Option<Day>,
    pub penalised: bool,
}

/// A text, or none, as it stands in a row.
#[derive(Clone, Copy)]
pub struct Text(Option<pg_sys::Datum>);

impl Text {
    pub fn copy(&self) -> Option<String> {
        // SAFETY: it is a text value of a row that lives.
        self.0.and_then(|datum| unsafe { String::from_datum(datum, false) })
    }
}

/// A row of `leadscore.activity`.
pub struct ActivityRow<'s> {
    pub person_id: i64,
    pub activity_id: i64,
    pub activity_type: &'s str,
    pub occurred_at: i64,
    pub attributes: Attributes,
    pub recorded_at: i64,
    /// Whether it came from an attached table.
    pub is_attached: bool,
}

/// A jsonb value, or none, as it stands in a row.
#[derive(Clone, Copy)]
pub struct Attributes(Option<pg_sys::Datum>);

/// Of a person's rows those that the caller may see, by id or by where they are stored; `None`: all of them.
pub struct VisibleOf {
    activities: Option<HashSet<String>>,
    adjustments: Option<HashSet<String>>,
    records: Option<HashSet<String>>,
}

impl VisibleOf {
    pub fn is_all(&self) -> bool {
        self.activities.is_none() && self.adjustments.is_none() && self.records.is_none()
    }

    pub fn has_activity(&self, activity_id: i64) -> bool {
        is_among(&self.activities, activity_id)
    }

    /// Whether the activity or adjustment that a record is of can be seen.
    pub fn has_cause(&self, record: &Record) -> bool {
        record.activity_id.is_none_or(|id| self.has_activity(id))
            && record.adjustment_id.is_none_or(|id| is_among(&self.adjustments, id))
    }

    /// Whether the row of a record can be seen.
    pub fn has_record(&self, at: &StoredAt) -> bool {
        is_among(&self.records, at)
    }
}

fn is_among(seen: &Option<HashSet<String>>, row: impl ToString) -> bool {
    seen.as_ref().is_none_or(|seen| seen.contains(&row.to_string()))
}

impl ActivityColumns {
    /// # Safety
    /// The slot holds an activity, all of whose attributes are extracted, longer than `'s`.
    pub unsafe fn read<'s>(&self, slot: *mut pg_sys::TupleTableSlot) -> ActivityRow<'s> {
        // SAFETY: as the caller promises.
        unsafe {
            ActivityRow {
                person_id: value(slot, self.person_id).unwrap_or_default(),
                activity_id: value(slot, self.activity_id).unwrap_or_default(),
                activity_type: value(slot, self.activity_type).unwrap_or_default(),
                occurred_at: value(slot, self.occurred_at).unwrap_or_default(),
                attributes: Attributes::of(slot, self.attributes),
                recorded_at: value(slot, self.recorded_at).unwrap_or_default(),
                is_attached: value::<i32>(slot, self.source_id).is_some(),
            }
        }
    }
}

impl Attributes {
    /// # Safety
    /// The slot holds a row, all of whose attributes are extracted, and a jsonb column at that index.
    pub(super) unsafe fn of(slot: *mut pg_sys::TupleTableSlot, index: usize) -> Attributes {
        // SAFETY: as the caller promises.
        unsafe { Attributes(datum(slot, index)) }
    }

    /// A copy outside of any memory context.
    pub fn copy(&self) -> Option<Jsonb> {
        // SAFETY: it is a jsonb value of a row that lives.
        self.0.map(|datum| unsafe { Jsonb::copy(datum) })
    }

    /// The stored bytes: equal ones are equal values. `None` for what is compressed or stored elsewhere.
    pub fn bytes(&self) -> Option<&[u8]> {
        let Some(datum) = self.0 else { return Some(&[]) };
        // SAFETY: as above; the size is read from the value's own header.
        unsafe {
            let varlena = datum.cast_mut_ptr::<pg_sys::varlena>();
            let is_plain = pgrx::varatt_is_4b_u(varlena) || (pgrx::varatt_is_1b(varlena) && !pgrx::varatt_is_1b_e(varlena));
            is_plain.then(|| std::slice::from_raw_parts(varlena.cast::<u8>(), pgrx::varsize_any(varlena)))
        }
    }
}

/// A value as it stands in a row; `None`: NULL.
///
/// # Safety
/// The slot holds a row, all of whose attributes are extracted, and a column at that index.
unsafe fn datum(slot: *mut pg_sys::TupleTableSlot, index: usize) -> Option<pg_sys::Datum> {
    // SAFETY: as the caller promises.
    unsafe { (!*(*slot).tts_isnull.add(index)).then(|| *(*slot).tts_values.add(index)) }
}

impl Tables {
    /// Refuses a caller who may not read all that is scanned: a scan itself asks nobody.
    pub fn check_may_read(&self) {
        for table in self.scanned() {
            // SAFETY: looks up the catalogs.
            let answer = unsafe { pg_sys::pg_class_aclcheck(table, pg_sys::GetUserId(), pg_sys::ACL_SELECT as pg_sys::AclMode) };
            if answer != pg_sys::AclResult::ACLCHECK_OK {
                // SAFETY: raises PostgreSQL's own error.
                unsafe {
                    pg_sys::aclcheck_error(answer, pg_sys::ObjectType::OBJECT_TABLE, pg_sys::get_rel_name(table));
                }
            }
        }
    }

    /// Whether the caller's row-level security hides no persons.
    pub fn sees_all(&self) -> bool {
        !super::hides_rows(self.person)
    }

    /// Whether the caller's row-level security lets a person be seen.
    pub fn may_see(&self, person_id: i64) -> bool {
        self.sees_all() || SEE.with(|statement| statement.run(&[person_id.into()]) > 0)
    }

    /// Whether it hides no persons, or not all of a tenant's.
    pub fn may_see_tenant(&self, tenant: &str) -> bool {
        self.sees_all() || SEE_TENANT.with(|statement| statement.run(&[tenant.into()]) > 0)
    }

    /// The persons of a tenant that the caller may see, in the order of their ids.
    pub fn of_tenant(&self, tenant: &str) -> Vec<i64> {
        const OF_TENANT: &str = "SELECT p.person_id FROM leadscore.person p WHERE p.tenant = $1 ORDER BY p.person_id";
        super::in_own_settings(|| {
            Spi::connect(|client| {
                let persons = client.select(OF_TENANT, None, &[tenant.into()])?;
                persons.map(|row| row.get::<i64>(1).map(Option::unwrap_or_default)).collect::<Result<_, pgrx::spi::Error>>()
            })
        })
        .unwrap_or_else(|e| error!("leadscore: {e}"))
    }

    /// The persons that the caller's row-level security lets be seen; `None`: all of them.
    pub fn visible(&self) -> Option<HashSet<i64>> {
        const VISIBLE: &str = "SELECT p.person_id FROM leadscore.person p";
        super::hides_rows(self.person).then(|| {
            super::in_own_settings(|| {
                Spi::connect(|client| {
                    let visible = client.select(VISIBLE, None, &[])?;
                    visible.map(|row| row.get::<i64>(1).map(Option::unwrap_or_default)).collect::<Result<_, pgrx::spi::Error>>()
                })
            })
            .unwrap_or_else(|e| error!("leadscore: {e}"))
        })
    }

    /// What the caller's row-level security lets be seen of a person's activities, adjustments and score records.
    pub fn visible_of(&self, person_id: i64) -> VisibleOf {
        const ACTIVITIES: &str = "SELECT a.activity_id::text FROM leadscore.activity a WHERE a.person_id = $1";
        const ADJUSTMENTS: &str = "SELECT j.adjustment_id::text FROM leadscore.adjustment j WHERE j.person_id = $1";
        const RECORDS: &str = "SELECT s.ctid::text FROM leadscore.score_record s WHERE s.person_id = $1";
        let seen = |table, query: &str| {
            super::hides_rows(table).then(|| {
                super::in_own_settings(|| {
                    Spi::connect(|client| {
                        let rows = client.select(query, None, &[person_id.into()])?;
                        rows.map(|row| row.get::<String>(1).map(Option::unwrap_or_default))
                            .collect::<Result<_, pgrx::spi::Error>>()
                    })
                })
                .unwrap_or_else(|e| error!("leadscore: {e}"))
            })
        };
        let [activity, adjustment, score_record] = self.shown();
        VisibleOf {
            activities: seen(activity, ACTIVITIES),
            adjustments: seen(adjustment, ADJUSTMENTS),
            records: seen(score_record, RECORDS),
        }
    }

    /// Hands over each person.
    pub fn each_person(&self, mut take: impl FnMut(PersonRow)) {
        let c = &self.person_columns;
        each(self.person, |slot| {
            // SAFETY: `each` hands over extracted rows; a date is stored as an int4.
            unsafe {
                take(PersonRow {
                    person_id: value(slot, c.person_id).unwrap_or_default(),
                    tenant: value(slot, c.tenant),
                    kind: value(slot, c.kind).unwrap_or_default(),
                    status: value(slot, c.status),
                    owner: value(slot, c.owner),
                    attributes: Attributes::of(slot, c.attributes),
                    external_id: Text(datum(slot, c.external_id)),
                    is_active: value(slot, c.active).unwrap_or(true),
                    since: value(slot, c.since).unwrap_or_default(),
                    score: value(slot, c.score).unwrap_or_default(),
                    category: value(slot, c.category),
                    last_activity_at: value(slot, c.last_activity_at),
                    scored_through: value::<i32>(slot, c.scored_through).map(Day),
                    penalised: value(slot, c.penalised).unwrap_or_default(),
                });
            }
        });
    }

    /// Hands over each activity.
    pub fn each_activity(&self, mut take: impl FnMut(ActivityRow)) {
        let c = &self.activity_columns;
        each(self.activity, |slot| {
            // SAFETY: `each` hands over extracted rows, which live while they are handed over.
            unsafe { take(c.read(slot)) }
        });
    }

    /// Hands over each score record, with its person.
    pub fn each_record(&self, mut take: impl FnMut(i64, Record)) {
        each(self.score_record, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                take(value(slot, self.record_columns.person_id).unwrap_or_default(), self.record_columns.read(slot, &self.cards))
            }
        });
    }

    /// Hands over each manual adjustment, with its person.
    pub fn each_adjustment(&self, mut take: impl FnMut(i64, Adjustment)) {
        let c = &self.adjustment_columns;
        each(self.adjustment, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe { take(value(slot, c.person_id).unwrap_or_default(), c.read(slot, &self.cards)) }
        });
    }

    /// Hands over each person for whom the night must look, and from which day on.
    pub fn each_due(&self, mut take: impl FnMut(i64, Day)) {
        let c = &self.due_columns;
        each(self.due, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe { take(value(slot, c.person_id).unwrap_or_default(), Day(value(slot, c.due_on).unwrap_or_default())) }
        });
    }

    /// Hands over each score on another scorecard than `main`: person, the scorecard's place, score and category.
    pub fn each_other_score(&self, mut take: impl FnMut(i64, u16, i64, Option<&str>)) {
        let c = &self.person_score_columns;
        each(self.person_score, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                let card = super::tables::card(&self.cards, value::<&str>(slot, c.scorecard));
                take(
                    value(slot, c.person_id).unwrap_or_default(),
                    card,
                    value(slot, c.score).unwrap_or_default(),
                    value(slot, c.category),
                );
            }
        });
    }

    /// Hands over each person who does not want to be followed on the website.
    pub fn each_refusal(&self, mut take: impl FnMut(i64)) {
        let c = &self.consent_columns;
        each(self.person_consent, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                if value(slot, c.refused).unwrap_or(false) {
                    take(value(slot, c.person_id).unwrap_or_default());
                }
            }
        });
    }
}

/// Hands over each row of a table that the active snapshot shows, its attributes extracted.
fn each(table: pg_sys::Oid, take: impl FnMut(*mut pg_sys::TupleTableSlot)) {
    // SAFETY: what is opened here is closed here, or by an abort.
    unsafe {
        let relation = pg_sys::table_open(table, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let for_reading = pg_sys::ScanOptions::SO_ALLOW_STRAT | pg_sys::ScanOptions::SO_ALLOW_SYNC;
        each_row(relation, pg_sys::GetActiveSnapshot(), for_reading, take);
        pg_sys::table_close(relation, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
    }
}

/// Whether a table has any row by now.
pub(super) fn has_rows(table: pg_sys::Oid) -> bool {
    let (table, snapshot) = (Table::open(table, pg_sys::AccessShareLock), Snapshot::latest());
    // SAFETY: what is opened here is closed here, or by an abort; the slot fits the relation.
    unsafe {
        let methods = &*(*table.relation).rd_tableam;
        let (Some(begin), Some(next), Some(end)) = (methods.scan_begin, methods.scan_getnextslot, methods.scan_end) else {
            error!("leadscore: a table access method cannot scan");
        };
        let options = pg_sys::ScanOptions::SO_TYPE_SEQSCAN | pg_sys::ScanOptions::SO_ALLOW_PAGEMODE;
        let scan = guarded(|| begin(table.relation, snapshot.0, 0, ptr::null_mut(), ptr::null_mut(), options));
        let slot = pg_sys::table_slot_create(table.relation, ptr::null_mut());
        let found = guarded(|| next(scan, pg_sys::ScanDirection::ForwardScanDirection, slot));
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        guarded(|| end(scan));
        found
    }
}

/// Hands over each row of an open table that a snapshot shows, its attributes extracted.
///
/// # Safety
/// The relation is open, and the snapshot registered or active.
pub(super) unsafe fn each_row(
    relation: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    options: pg_sys::ScanOptions::Type,
    mut take: impl FnMut(*mut pg_sys::TupleTableSlot),
) {
    // SAFETY: what is opened here is closed here, or by an abort; the access method is that of the table.
    unsafe {
        let methods = &*(*relation).rd_tableam;
        let (Some(begin), Some(next), Some(end)) = (methods.scan_begin, methods.scan_getnextslot, methods.scan_end) else {
            error!("leadscore: a table access method cannot scan");
        };
        let options = options | pg_sys::ScanOptions::SO_TYPE_SEQSCAN | pg_sys::ScanOptions::SO_ALLOW_PAGEMODE;
        let scan = guarded(|| begin(relation, snapshot, 0, ptr::null_mut(), ptr::null_mut(), options));
        let slot = pg_sys::table_slot_create(relation, ptr::null_mut());
        let attributes = (*(*slot).tts_tupleDescriptor).natts;
        let mut count = 0u32;
        // One guard for both calls: this is done for each row of large tables.
        while guarded(|| {
            let found = next(scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
            if found {
                slot_getsomeattrs_int(slot, attributes);
            }
            found
        }) {
            take(slot);
            count = count.wrapping_add(1);
            if count.is_multiple_of(1024) {
                pgrx::check_for_interrupts!();
            }
        }
        pg_sys::ExecDropSingleTupleTableSlot(slot);
        guarded(|| end(scan));
    }
}

unsafe extern "C-unwind" {
    /// PostgreSQL's own, which `pg_sys` has with a guard of its own.
    fn slot_getsomeattrs_int(slot: *mut pg_sys::TupleTableSlot, attnum: std::ffi::c_int);
}
