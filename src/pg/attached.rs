//! Single rows of an attached table, locked and written without a statement: where that does all that the statement of the
//! table's owner would.

use super::plain::{Obstacle, Write};
use super::source::{self, Held};
use super::table::{IndexWriter, Row, Scan, Snapshot, Table};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CString;
use std::ops::ControlFlow;
use std::ptr;

/// The row must be locked or written by a statement, which does more, or raises the error that tells why it cannot.
pub struct TakesStatement;

/// What is written to a column.
#[derive(Clone, Copy)]
pub enum Written<'v> {
    Score(i64),
    Category(Option<&'v str>),
}

/// An attached table that is open.
pub struct Attached {
    table: Table,
    owner: pg_sys::Oid,
    /// Numbers and types of the columns of its key.
    key: Vec<(i16, pg_sys::Oid)>,
    /// Whether foreign keys that cannot be deferred have been checked of all its rows.
    are_checked: bool,
}

impl Attached {
    /// Opens it to lock rows.
    pub fn to_lock(table: u32, owner: u32, key: &[&str]) -> Result<Self, TakesStatement> {
        Attached::open(table, owner, key, pg_sys::RowShareLock, false)
    }

    /// Opens it to write rows. `are_checked`: none was written whose foreign keys are checked only when a statement ends that still
    /// runs.
    pub fn to_write(table: u32, owner: u32, key: &[&str], are_checked: bool) -> Result<Self, TakesStatement> {
        Attached::open(table, owner, key, pg_sys::RowExclusiveLock, are_checked)
    }

    fn open(table: u32, owner: u32, key: &[&str], lock: u32, are_checked: bool) -> Result<Self, TakesStatement> {
        let (table, owner) = (Table::open(table.into(), lock), owner.into());
        // SAFETY: the table is open, so its description stays; the rest looks up the catalogs.
        unsafe {
            let (relation, class) = ((*table.relation).rd_id, &*(*table.relation).rd_rel);
            let may =
                |mode: u32| pg_sys::pg_class_aclcheck(relation, owner, mode as pg_sys::AclMode) == pg_sys::AclResult::ACLCHECK_OK;
            let is_simple = class.relkind as u8 == pg_sys::RELKIND_RELATION
                && class.relam == pg_sys::HEAP_TABLE_AM_OID
                && !class.relhassubclass
                && !class.relispartition
                && !class.relhasrules
                && (!class.relrowsecurity
                    || pg_sys::check_enable_rls(relation, owner, true) as u32 != pg_sys::CheckEnableRlsResult::RLS_ENABLED);
            if !is_simple || !may(pg_sys::ACL_SELECT) || !may(pg_sys::ACL_UPDATE) {
                return Err(TakesStatement);
            }
        }
        let key = key.iter().map(|name| column(&table, name)).collect::<Result<_, _>>()?;
        Ok(Attached { table, owner, key, are_checked })
    }

    /// Locks the row with this key until the transaction ends, as FOR NO KEY UPDATE would.
    pub fn lock(&self, key: &[String]) -> Result<(), TakesStatement> {
        match self.find(key)? {
            Some(row) => self.lock_found(&row).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Writes columns of the row with this key, unless it has these values already.
    pub fn write(&self, key: &[String], values: &[(&str, Written)]) -> Result<(), TakesStatement> {
        let values: Vec<Column> = values.iter().map(|(name, value)| self.column(name, *value)).collect::<Result<_, _>>()?;
        let Some(row) = self.find(key)? else { return Ok(()) };
        if values.iter().all(|value| value.is_in(row.0)) {
            return Ok(());
        }
        if !self.lock_found(&row)? || values.iter().all(|value| value.is_in(row.0)) {
            return Ok(());
        }
        self.update(&row, &values)
    }

    /// The row with this key, as the transaction sees it by now.
    fn find(&self, key: &[String]) -> Result<Option<Row>, TakesStatement> {
        let held: Option<Vec<Held>> = self.key.iter().zip(key).map(|((_, type_id), value)| Held::read(value, *type_id)).collect();
        let held = held.filter(|held| held.len() == self.key.len()).ok_or(TakesStatement)?;
        let wanted: Vec<(i16, &Held)> = self.key.iter().zip(&held).map(|((number, _), value)| (*number, value)).collect();
        let snapshot = Snapshot::current();
        // SAFETY: the table is open; the slot fits it and is dropped after the scan that fills it.
        unsafe {
            let (index, keys) = source::index_by(&self.table, &wanted, true).ok_or(TakesStatement)?;
            let row = Row::to_store(&self.table);
            let scan = Scan::begin(&self.table, index, &keys, &snapshot);
            // For a while several rows may have a key that is checked at commit.
            if !(*(*index).rd_index).indimmediate {
                return Err(TakesStatement);
            }
            Ok(scan.next(row.0).then_some(row))
        }
    }

    /// Locks a row that was found, in its latest version; `false` when it is gone.
    fn lock_found(&self, row: &Row) -> Result<bool, TakesStatement> {
        // SAFETY: the slot holds a row of the table.
        unsafe { self.table.lock_latest(row.0) }.map_err(|_| TakesStatement)
    }

    /// Writes a row that is locked.
    fn update(&self, row: &Row, values: &[Column]) -> Result<(), TakesStatement> {
        // SAFETY: the table is open, and the slot holds a row of it.
        unsafe {
            let new = Row::of(&self.table);
            let natts = (*(*row.0).tts_tupleDescriptor).natts as usize;
            ptr::copy_nonoverlapping((*row.0).tts_values, (*new.0).tts_values, natts);
            ptr::copy_nonoverlapping((*row.0).tts_isnull, (*new.0).tts_isnull, natts);
            for value in values {
                *(*new.0).tts_isnull.add(value.place) = value.datum.is_none();
                *(*new.0).tts_values.add(value.place) = value.datum.unwrap_or(pg_sys::Datum::from(0));
            }
            pg_sys::ExecStoreVirtualTuple(new.0);
            let has_checks = self.obstacles(values, row, &new)?;
            if has_checks {
                self.as_owner(|| IndexWriter::open(self.table.relation).check(new.0));
            }
            self.table.check_replica_identity(pg_sys::CmdType::CMD_UPDATE);
            let Ok(entries) = self.table.replace(row.0, new.0) else {
                error!("leadscore: a locked row of {} was changed", super::name_of((*self.table.relation).rd_id));
            };
            if let Some(entries) = entries {
                self.as_owner(|| IndexWriter::open(self.table.relation).insert(new.0, true, entries.summarizing));
            }
        }
        Ok(())
    }

    /// Whether checks must be asked; `Err` where more belongs to an UPDATE of these columns, such as a trigger of the
    /// application's.
    ///
    /// # Safety
    /// The slots hold a row of the table before and after.
    unsafe fn obstacles(&self, values: &[Column], old: &Row, new: &Row) -> Result<bool, TakesStatement> {
        let schema = super::own_schema();
        let mut has_checks = false;
        let places = |filled: bool| {
            values.iter().filter(|value| value.datum.is_some() == filled).map(|value| value.place).collect::<Vec<_>>()
        };
        // SAFETY: the table is open.
        let table = unsafe { (*self.table.relation).rd_id };
        let write = Write::update(table).values(&places(true)).optional(&places(false));
        let found = self.table.each_obstacle(&write, self.owner, |obstacle| {
            // SAFETY: functions are looked up in the catalogs; the slots are of the table.
            let is_obeyed = unsafe {
                match obstacle {
                    Obstacle::Check(_) => {
                        has_checks = true;
                        true
                    }
                    // A write of columns that nothing reads is nothing to leadscore's own.
                    Obstacle::Trigger(trigger) if pg_sys::get_func_namespace(trigger.tgfoid) == schema => true,
                    Obstacle::Trigger(trigger)
                        if pg_sys::RI_FKey_trigger_type(trigger.tgfoid) == pg_sys::RI_TRIGGER_FK as i32 =>
                    {
                        // Checked by the end of the statement that wrote it, which is over.
                        if self.are_checked && !trigger.tgdeferrable && self.keeps_key(trigger.tgconstraint, values) {
                            return ControlFlow::Continue(());
                        }
                        // The key of a row that this transaction has written may not have been checked yet.
                        let trigger = ptr::from_ref(trigger).cast_mut();
                        // It compares values, which a cast of the owner's may turn into others.
                        !super::owner::as_owner(self.owner, || {
                            pg_sys::RI_FKey_fk_upd_check_required(trigger, self.table.relation, old.0, new.0)
                        })
                    }
                    _ => false,
                }
            };
            if is_obeyed { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        if found.is_continue() { Ok(has_checks) } else { Err(TakesStatement) }
    }

    /// Whether none of these columns is part of a foreign key.
    ///
    /// # Safety
    /// The foreign key is one of the table's.
    unsafe fn keeps_key(&self, constraint: pg_sys::Oid, values: &[Column]) -> bool {
        // SAFETY: the list is read at once, before anything is looked up that might replace it.
        unsafe {
            let list = pg_sys::RelationGetFKeyList(self.table.relation);
            let length = if list.is_null() { 0 } else { (*list).length as usize };
            (0..length)
                .map(|nth| &*(*(*list).elements.add(nth)).ptr_value.cast::<pg_sys::ForeignKeyCacheInfo>())
                .find(|key| key.conoid == constraint)
                .is_some_and(|key| {
                    let columns = &key.conkey[..key.nkeys as usize];
                    values.iter().all(|value| !columns.iter().any(|&column| usize::try_from(column - 1) == Ok(value.place)))
                })
        }
    }

    /// Runs what may call the owner's functions.
    fn as_owner<T>(&self, work: impl FnOnce() -> T) -> T {
        // SAFETY: the table is open.
        let path = path_beside(unsafe { (*self.table.relation).rd_id });
        super::owner::as_owner(self.owner, || super::with_search_path(&path, work))
    }

    /// A value for a column; `Err` where its type takes a cast.
    fn column(&self, name: &str, value: Written) -> Result<Column, TakesStatement> {
        let (number, type_id) = column(&self.table, name)?;
        let place = usize::try_from(number - 1).map_err(|_| TakesStatement)?;
        let datum = match (value, type_id) {
            (Written::Score(score), pg_sys::INT8OID) => score.into_datum(),
            (Written::Score(score), pg_sys::INT4OID) => i32::try_from(score).map_err(|_| TakesStatement)?.into_datum(),
            (Written::Score(score), pg_sys::INT2OID) => i16::try_from(score).map_err(|_| TakesStatement)?.into_datum(),
            (Written::Category(category), pg_sys::TEXTOID) => category.and_then(|category| category.into_datum()),
            (Written::Category(category), pg_sys::VARCHAROID) => {
                let most = self.table.columns().get(place).map_or(-1, |column| column.atttypmod) - pg_sys::VARHDRSZ as i32;
                let fits = |category: &str| most < 0 || category.chars().count() <= most as usize;
                if category.is_some_and(|category| !fits(category)) {
                    return Err(TakesStatement);
                }
                category.and_then(|category| category.into_datum())
            }
            _ => return Err(TakesStatement),
        };
        Ok(Column { place, type_id, datum })
    }
}

/// The search_path for code of a table's owner: what it names without a schema is looked for beside the table.
pub fn path_beside(table: pg_sys::Oid) -> CString {
    let schema = pgrx::spi::quote_identifier(super::schema_name(table));
    CString::new(format!("pg_catalog, {schema}, public, pg_temp")).unwrap_or_default()
}

/// The number and the type of a column.
fn column(table: &Table, name: &str) -> Result<(i16, pg_sys::Oid), TakesStatement> {
    let name = CString::new(name).unwrap_or_default();
    // SAFETY: the table is open, and the name outlives the call.
    unsafe {
        let description = (*table.relation).rd_att;
        let number = pg_sys::SPI_fnumber(description, name.as_ptr());
        if number < 1 {
            return Err(TakesStatement);
        }
        Ok((number as i16, pg_sys::SPI_gettypeid(description, number)))
    }
}

/// A value of a column, by its place in the row.
struct Column {
    place: usize,
    type_id: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
}

impl Column {
    /// Whether a row has it.
    fn is_in(&self, slot: *mut pg_sys::TupleTableSlot) -> bool {
        // SAFETY: the slot holds a row of the table, all of whose attributes are extracted.
        unsafe {
            let stored = (!*(*slot).tts_isnull.add(self.place)).then(|| *(*slot).tts_values.add(self.place));
            match (stored, self.datum) {
                (None, None) => true,
                (Some(stored), Some(datum)) => source::is_equal(stored, datum, self.type_id),
                _ => false,
            }
        }
    }
}
