//! Rows of attached tables, as triggers and queries bring them.

use super::table::{Key, Lookup, Row, Scan, Snapshot, StoredAt, Table, is_for_all_snapshots};
use super::tables::Tables;
use super::{Jsonb, TimeZone};
use crate::arrive::source::{self, Cell};
use pgrx::prelude::*;
use pgrx::{direct_function_call, pg_sys};
use std::cell::OnceCell;
use std::ffi::{CStr, CString};
use std::ptr;

/// The settings by which values are printed, and what they are while leadscore prints one: what is stored must not
/// depend on who wrote it.
const PRINTED_BY: [(&CStr, &CStr); 9] = [
    (c"search_path", c"pg_catalog, pg_temp"),
    (c"DateStyle", c"ISO, YMD"),
    (c"IntervalStyle", c"postgres"),
    (c"TimeZone", c"UTC"),
    (c"extra_float_digits", c"1"),
    (c"bytea_output", c"hex"),
    (c"lc_monetary", c"C"),
    (c"xmlbinary", c"base64"),
    (c"quote_all_identifiers", c"off"),
];

thread_local! {
    /// Whether these settings are in force.
    static PRINTS_ALIKE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs `work` under the settings by which leadscore prints values.
fn printing_alike<T>(work: impl FnOnce() -> T) -> T {
    struct Until;
    impl Drop for Until {
        fn drop(&mut self) {
            PRINTS_ALIKE.set(false);
        }
    }
    if PRINTS_ALIKE.get() {
        return work();
    }
    super::with_settings(&PRINTED_BY, || {
        PRINTS_ALIKE.set(true);
        let until = Until;
        let result = work();
        drop(until);
        result
    })
}

/// Whether a value of this type is printed alike whatever the settings. Types over others, such as arrays and ranges, go by
/// the settings of those.
fn is_printed_alike(type_id: pg_sys::Oid) -> bool {
    // SAFETY: a catalog lookup, and a backend-local variable.
    unsafe {
        match pg_sys::getBaseType(type_id) {
            pg_sys::BOOLOID
            | pg_sys::INT2OID
            | pg_sys::INT4OID
            | pg_sys::INT8OID
            | pg_sys::NUMERICOID
            | pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::BPCHAROID
            | pg_sys::NAMEOID
            | pg_sys::CHAROID
            | pg_sys::UUIDOID
            | pg_sys::JSONOID
            | pg_sys::JSONBOID
            | pg_sys::DATEOID
            | pg_sys::TIMESTAMPOID
            | pg_sys::TIMESTAMPTZOID => true,
            // From 1 on every digit is printed.
            pg_sys::FLOAT4OID | pg_sys::FLOAT8OID => pg_sys::extra_float_digits > 0,
            base => pg_sys::get_typtype(base) as u8 == pg_sys::TYPTYPE_ENUM,
        }
    }
}

/// Where a version of a row is stored: its table and its TID.
pub type Place = (u32, u64);

/// The TID of a place, as `ctid::text` has it.
pub fn place_text((_, place): Place) -> String {
    let (block, offset) = pgrx::itemptr::u64_to_item_pointer_parts(place);
    format!("({block},{offset})")
}

/// A row trigger's firing: which columns are bound, and the row before and after.
pub struct RowChange<'a> {
    trigger: &'a PgTrigger<'a>,
    /// The values of the two rows that the event may have, once they are asked for.
    values: [OnceCell<Vec<Option<pg_sys::Datum>>>; 2],
}

impl<'a> RowChange<'a> {
    pub fn of(trigger: &'a PgTrigger<'a>) -> Self {
        RowChange { trigger, values: Default::default() }
    }

    /// The row that the event is about; of an UPDATE, the row before.
    fn first(&self) -> &[Option<pg_sys::Datum>] {
        self.values_of(0, self.trigger.trigger_data().tg_trigtuple)
    }

    /// Of an UPDATE, the row after.
    fn second(&self) -> &[Option<pg_sys::Datum>] {
        self.values_of(1, self.trigger.trigger_data().tg_newtuple)
    }

    fn values_of(&self, which: usize, tuple: pg_sys::HeapTuple) -> &[Option<pg_sys::Datum>] {
        // SAFETY: the executor hands the tuples that the event has, of the relation's row type, for as long as the trigger runs.
        self.values[which].get_or_init(|| unsafe { deformed(tuple, (*self.trigger.trigger_data().tg_relation).rd_att) })
    }

    pub fn is_insert(&self) -> bool {
        matches!(self.trigger.op(), Ok(PgTriggerOperation::Insert))
    }

    pub fn is_update(&self) -> bool {
        matches!(self.trigger.op(), Ok(PgTriggerOperation::Update))
    }

    /// Whether the row is in a partition, where no statement trigger of ours follows.
    pub fn in_partition(&self) -> bool {
        // SAFETY: the trigger's relation is open while it runs.
        unsafe { (*(*self.trigger.trigger_data().tg_relation).rd_rel).relispartition }
    }

    /// Where the row before and after the change is stored.
    pub fn places(&self) -> (Option<Place>, Option<Place>) {
        let data = self.trigger.trigger_data();
        // SAFETY: the executor hands the tuples that the event has.
        unsafe {
            let relation = (*data.tg_relation).rd_id.to_u32();
            let place = |tuple: pg_sys::HeapTuple| {
                (!tuple.is_null()).then(|| (relation, pgrx::itemptr::item_pointer_to_u64((*tuple).t_self)))
            };
            match self.trigger.op() {
                Ok(PgTriggerOperation::Insert) => (None, place(data.tg_trigtuple)),
                Ok(PgTriggerOperation::Update) => (place(data.tg_trigtuple), place(data.tg_newtuple)),
                _ => (place(data.tg_trigtuple), None),
            }
        }
    }

    /// Of each of several lists of columns, whether an UPDATE has left them as they were, byte by byte.
    pub fn leaves_each<'c>(&self, lists: impl Iterator<Item = &'c [String]>) -> Vec<bool> {
        let data = self.trigger.trigger_data();
        if !self.is_update() {
            return lists.map(|_| false).collect();
        }
        // SAFETY: the executor hands the tuples that the event has, of the relation's row type.
        unsafe {
            let description = (*data.tg_relation).rd_att;
            let (before, after) = (self.first(), self.second());
            let is_left = |number: i16| match (before[position(number)], after[position(number)]) {
                (Some(before), Some(after)) => is_same(before, after, pg_sys::SPI_gettypeid(description, i32::from(number))),
                (before, after) => before.is_none() && after.is_none(),
            };
            lists.map(|columns| numbers(description, columns).into_iter().all(is_left)).collect()
        }
    }

    /// Of the row after the change, the values in some of the columns of these names.
    pub fn held(&self, columns: &[String], at: impl Fn(usize) -> bool) -> Vec<Option<Held>> {
        let data = self.trigger.trigger_data();
        // SAFETY: the executor hands the tuples that the event has, of the relation's row type.
        unsafe {
            let after = if self.is_update() { self.second() } else { self.first() };
            held(after, (*data.tg_relation).rd_att, columns, at)
        }
    }

    /// The same of the row before.
    pub fn held_before(&self, columns: &[String], at: impl Fn(usize) -> bool) -> Vec<Option<Held>> {
        // SAFETY: as for held; an INSERT is not asked.
        unsafe { held(self.first(), (*self.trigger.trigger_data().tg_relation).rd_att, columns, at) }
    }

    /// The columns of these names, of the row before and after the change. A row that the same
    /// transaction has changed again has nothing after this change: the later one tells.
    pub fn cells(&self, columns: &[String], zone: TimeZone) -> (Option<Vec<Option<Cell>>>, After) {
        let data = self.trigger.trigger_data();
        // SAFETY: the executor hands the tuples that the event has, of the relation's row type.
        unsafe {
            let description = (*data.tg_relation).rd_att;
            let numbers = numbers(description, columns);
            let read = |values: &[Option<pg_sys::Datum>]| cells(values, description, &numbers, zone);
            let after = |tuple, values| {
                if is_superseded(tuple) { After::Superseded(read(values)) } else { After::Row(read(values)) }
            };
            match self.trigger.op() {
                Ok(PgTriggerOperation::Insert) => (None, after(data.tg_trigtuple, self.first())),
                Ok(PgTriggerOperation::Update) => (Some(read(self.first())), after(data.tg_newtuple, self.second())),
                _ => (Some(read(self.first())), After::Gone),
            }
        }
    }
}

/// Whether two values of a type are stored alike.
///
/// # Safety
/// They are of that type, which is one of a table's column.
unsafe fn is_same(a: pg_sys::Datum, b: pg_sys::Datum, type_id: pg_sys::Oid) -> bool {
    let (mut length, mut by_value) = (0, false);
    // SAFETY: the length of a type says how its values are laid out; -1 is a varlena.
    unsafe {
        pg_sys::get_typlenbyval(type_id, &mut length, &mut by_value);
        let bytes = |value: pg_sys::Datum| {
            let size = usize::try_from(length).unwrap_or_else(|_| pgrx::varsize_any(value.cast_mut_ptr()));
            std::slice::from_raw_parts(value.cast_mut_ptr::<u8>(), size)
        };
        if by_value { a == b } else { bytes(a) == bytes(b) }
    }
}

/// Whether two values of a type are the same number, or the same text whether it is compressed or not.
///
/// # Safety
/// They are of that type.
pub(super) unsafe fn is_equal(a: pg_sys::Datum, b: pg_sys::Datum, type_id: pg_sys::Oid) -> bool {
    // SAFETY: as the caller promises.
    unsafe {
        match type_id {
            pg_sys::TEXTOID | pg_sys::VARCHAROID => String::from_datum(a, false) == String::from_datum(b, false),
            _ => is_same(a, b, type_id),
        }
    }
}

/// A row after a change.
pub enum After {
    Row(Vec<Option<Cell>>),
    /// There is a later version of the row, by the same transaction.
    Superseded(Vec<Option<Cell>>),
    Gone,
}

/// # Safety
/// The tuple is a heap tuple as it is stored now.
unsafe fn is_superseded(tuple: pg_sys::HeapTuple) -> bool {
    // SAFETY: reads the header of the tuple.
    unsafe {
        let header = (*tuple).t_data;
        let mask = u32::from((*header).t_infomask);
        if mask & pg_sys::HEAP_XMAX_INVALID != 0 || mask & pg_sys::HEAP_XMAX_LOCK_ONLY != 0 {
            return false;
        }
        let xmax = if mask & pg_sys::HEAP_XMAX_IS_MULTI != 0 {
            pg_sys::HeapTupleGetUpdateXid(header)
        } else {
            (*header).t_choice.t_heap.t_xmax
        };
        pg_sys::TransactionIdIsCurrentTransactionId(xmax)
    }
}

/// # Safety
/// The values are those of a row of that type, and the numbers are of its attributes.
unsafe fn cells(
    values: &[Option<pg_sys::Datum>],
    description: pg_sys::TupleDesc,
    numbers: &[i16],
    zone: TimeZone,
) -> Vec<Option<Cell>> {
    // SAFETY: as the caller promises.
    unsafe {
        numbers
            .iter()
            .map(|&number| {
                let type_id = pg_sys::SPI_gettypeid(description, i32::from(number));
                values[position(number)].map(|value| cell(value, type_id, zone))
            })
            .collect()
    }
}

/// The numbers of the columns of these names, from 1.
///
/// # Safety
/// The description is that of a relation.
unsafe fn numbers(description: pg_sys::TupleDesc, columns: &[String]) -> Vec<i16> {
    let number = |name: &String| {
        let name = CString::new(name.as_str()).unwrap_or_default();
        // SAFETY: as the caller promises; the name outlives the call.
        unsafe { pg_sys::SPI_fnumber(description, name.as_ptr()) as i16 }
    };
    columns.iter().map(number).collect()
}

/// The place of the column of a number.
fn position(number: i16) -> usize {
    usize::try_from(number - 1).unwrap_or_else(|_| error!("leadscore: an attached column is missing"))
}

/// All values of a row; those by reference point into it.
///
/// # Safety
/// The tuple is of that row type.
unsafe fn deformed(tuple: pg_sys::HeapTuple, description: pg_sys::TupleDesc) -> Vec<Option<pg_sys::Datum>> {
    // SAFETY: the arrays have room for all attributes.
    unsafe {
        let natts = (*description).natts as usize;
        let mut values = vec![pg_sys::Datum::from(0); natts];
        let mut nulls = vec![true; natts];
        pg_sys::heap_deform_tuple(tuple, description, values.as_mut_ptr(), nulls.as_mut_ptr());
        values.into_iter().zip(nulls).map(|(value, is_null)| (!is_null).then_some(value)).collect()
    }
}

/// # Safety
/// The datum is a value of that type.
unsafe fn cell(datum: pg_sys::Datum, type_id: pg_sys::Oid, zone: TimeZone) -> Cell {
    // SAFETY: as the caller promises.
    if let Some(cell) = unsafe { usual_cell(datum, type_id) } {
        return cell;
    }
    if !PRINTS_ALIKE.get() && !is_printed_alike(type_id) {
        // SAFETY: as the caller promises.
        return printing_alike(|| unsafe { cell(datum, type_id, zone) });
    }
    // SAFETY: output functions take a value of their type and return a C string; those of types
    // are written in C, so no code of the table's owner runs here.
    unsafe {
        let base = pg_sys::getBaseType(type_id);
        match base {
            pg_sys::TIMESTAMPTZOID | pg_sys::TIMESTAMPOID | pg_sys::DATEOID => {
                let mut buffer = [0 as std::ffi::c_char; 256];
                let utc = 0;
                pg_sys::JsonEncodeDateTime(buffer.as_mut_ptr(), datum, base, &utc);
                Cell {
                    text: CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned(),
                    is_json: false,
                    moment: Some(match base {
                        pg_sys::TIMESTAMPTZOID => datum.value() as i64,
                        pg_sys::TIMESTAMPOID => zone.instant(datum.value() as i64),
                        _ => zone.instant(midnight(datum.value() as i32)),
                    }),
                    elements: None,
                }
            }
            pg_sys::BOOLOID => Cell { text: (datum.value() & 1 == 1).to_string(), is_json: true, moment: None, elements: None },
            _ => {
                let (mut output, mut varlena) = (pg_sys::InvalidOid, false);
                pg_sys::getTypeOutputInfo(type_id, &mut output, &mut varlena);
                let text = pg_sys::OidOutputFunctionCall(output, datum);
                let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
                pg_sys::pfree(text.cast());
                let is_json = matches!(
                    base,
                    pg_sys::INT2OID
                        | pg_sys::INT4OID
                        | pg_sys::INT8OID
                        | pg_sys::FLOAT4OID
                        | pg_sys::FLOAT8OID
                        | pg_sys::NUMERICOID
                        | pg_sys::JSONOID
                        | pg_sys::JSONBOID
                );
                let text = match base {
                    pg_sys::BPCHAROID => owned.trim_end_matches(' ').to_owned(),
                    // 7.00 is the same key as 7.
                    pg_sys::NUMERICOID if owned.contains('.') => owned.trim_end_matches('0').trim_end_matches('.').to_owned(),
                    _ => owned,
                };
                // Of the usual types it is known without looking them up.
                let is_usual =
                    is_json || matches!(base, pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID | pg_sys::UUIDOID);
                let elements = if is_usual { None } else { elements(datum, base, zone) };
                Cell { text, is_json, moment: None, elements }
            }
        }
    }
}

/// The same of the most usual types, whose values are printed here as their output functions do.
///
/// # Safety
/// The datum is a value of that type.
unsafe fn usual_cell(datum: pg_sys::Datum, type_id: pg_sys::Oid) -> Option<Cell> {
    let number = |text| Some(Cell { text, is_json: true, moment: None, elements: None });
    match type_id {
        pg_sys::INT2OID => number((datum.value() as i16).to_string()),
        pg_sys::INT4OID => number((datum.value() as i32).to_string()),
        pg_sys::INT8OID => number((datum.value() as i64).to_string()),
        pg_sys::TEXTOID | pg_sys::VARCHAROID => {
            // SAFETY: a varlena, of which a plain copy is made where it is compressed or stored elsewhere.
            let text = unsafe {
                let from = datum.cast_mut_ptr::<pg_sys::varlena>();
                let plain = pg_sys::pg_detoast_datum_packed(from);
                let bytes = std::slice::from_raw_parts(pgrx::vardata_any(plain).cast::<u8>(), pgrx::varsize_any_exhdr(plain));
                let text = String::from_utf8_lossy(bytes).into_owned();
                if plain != from {
                    pg_sys::pfree(plain.cast());
                }
                text
            };
            Some(Cell { text, is_json: false, moment: None, elements: None })
        }
        _ => None,
    }
}

/// A moment, whose text nobody asks for.
///
/// # Safety
/// The datum is a value of that type.
unsafe fn moment_cell(datum: pg_sys::Datum, type_id: pg_sys::Oid, zone: TimeZone) -> Cell {
    match type_id {
        pg_sys::TIMESTAMPTZOID => {
            Cell { text: String::new(), is_json: false, moment: Some(datum.value() as i64), elements: None }
        }
        // SAFETY: as the caller promises.
        _ => unsafe { cell(datum, type_id, zone) },
    }
}

/// The elements of an array of at most one dimension; `None` of anything else.
///
/// # Safety
/// The datum is a value of that type, which is no domain.
unsafe fn elements(datum: pg_sys::Datum, type_id: pg_sys::Oid, zone: TimeZone) -> Option<Vec<Option<Cell>>> {
    // SAFETY: as the caller promises; what is taken apart is a copy that is not packed.
    unsafe {
        let element = pg_sys::get_element_type(type_id);
        if element == pg_sys::InvalidOid {
            return None;
        }
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        if (*array).ndim > 1 {
            return None;
        }
        let (mut length, mut by_value, mut alignment) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(element, &mut length, &mut by_value, &mut alignment);
        let (mut values, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(array, element, i32::from(length), by_value, alignment, &mut values, &mut nulls, &mut count);
        let place = |at: usize| (!*nulls.add(at)).then(|| cell(*values.add(at), element, zone));
        Some((0..count as usize).map(place).collect())
    }
}

/// The start of a day without a zone; infinity stays infinity.
fn midnight(day: i32) -> i64 {
    match day {
        i32::MAX => i64::MAX,
        i32::MIN => i64::MIN,
        day => i64::from(day) * 86_400_000_000,
    }
}

impl TimeZone {
    /// The instant of a local time.
    fn instant(self, local: i64) -> i64 {
        if local == i64::MAX || local == i64::MIN {
            return local;
        }
        // SAFETY: the zone's name is a C string that lives as long as the backend; the function
        // takes a text and a timestamp.
        unsafe {
            let name = CStr::from_ptr(pg_sys::pg_get_timezone_name(self.0)).to_string_lossy().into_owned();
            direct_function_call::<i64>(pg_sys::timestamp_zone, &[name.into_datum(), Some(pg_sys::Datum::from(local))])
                .unwrap_or(local)
        }
    }
}

/// A value of a column that outlives its row.
#[derive(Clone)]
pub struct Held {
    /// The value itself, or what it points to.
    words: Vec<u64>,
    by_value: bool,
    type_id: pg_sys::Oid,
    /// As text, by which keys of two tables are compared.
    pub text: String,
}

impl Held {
    /// # Safety
    /// The datum is a value of that type.
    unsafe fn of(datum: pg_sys::Datum, type_id: pg_sys::Oid) -> Held {
        let (mut length, mut by_value) = (0, false);
        // SAFETY: the length of a type says how its values are laid out; -1 is a varlena, here a plain one.
        unsafe {
            // No zone is needed: moments are no keys.
            let text = cell(datum, type_id, TimeZone::named("UTC")).text;
            pg_sys::get_typlenbyval(type_id, &mut length, &mut by_value);
            if by_value {
                return Held { words: vec![datum.value() as u64], by_value, type_id, text };
            }
            let from: *const u8 = match length {
                -1 => pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast(),
                _ => datum.cast_mut_ptr(),
            };
            let size = usize::try_from(length).unwrap_or_else(|_| pgrx::varsize_any(from.cast()));
            let mut words = vec![0u64; size.div_ceil(8)];
            ptr::copy_nonoverlapping(from, words.as_mut_ptr().cast::<u8>(), size);
            Held { words, by_value, type_id, text }
        }
    }

    /// A value of one of the usual types of keys, from the text that is kept of it; `None` of any other type.
    pub(super) fn read(text: &str, type_id: pg_sys::Oid) -> Option<Held> {
        let number = |datum: pg_sys::Datum| (vec![datum.value() as u64], true);
        let (words, by_value) = match type_id {
            pg_sys::INT2OID => number(text.parse::<i16>().ok()?.into()),
            pg_sys::INT4OID => number(text.parse::<i32>().ok()?.into()),
            pg_sys::INT8OID => number(text.parse::<i64>().ok()?.into()),
            pg_sys::UUIDOID => {
                let bytes = u128::from_str_radix(&text.replace('-', ""), 16).ok()?.to_be_bytes();
                (bytes.chunks_exact(8).map(|half| u64::from_ne_bytes(half.try_into().expect("eight bytes"))).collect(), false)
            }
            pg_sys::TEXTOID | pg_sys::VARCHAROID => {
                let mut words = Vec::new();
                text_in(&mut words, text.as_bytes());
                (words, false)
            }
            _ => return None,
        };
        Some(Held { words, by_value, type_id, text: text.to_owned() })
    }

    fn datum(&self) -> pg_sys::Datum {
        if self.by_value { pg_sys::Datum::from(self.words[0]) } else { pg_sys::Datum::from(self.words.as_ptr()) }
    }
}

/// A text as a value of its type, which lives in `words` until they change.
pub(super) fn text_in(words: &mut Vec<u64>, text: &[u8]) -> pg_sys::Datum {
    let size = pg_sys::VARHDRSZ + text.len();
    words.clear();
    words.resize(size.div_ceil(8), 0);
    // SAFETY: the vector has room for the length and the bytes.
    unsafe {
        let to = words.as_mut_ptr().cast::<u8>();
        pgrx::set_varsize_4b(to.cast(), i32::try_from(size).unwrap_or_else(|_| error!("leadscore: a text is too long")));
        ptr::copy_nonoverlapping(text.as_ptr(), to.add(pg_sys::VARHDRSZ), text.len());
    }
    pg_sys::Datum::from(words.as_ptr())
}

/// # Safety
/// The values are those of a row of that type.
unsafe fn held(
    values: &[Option<pg_sys::Datum>],
    description: pg_sys::TupleDesc,
    columns: &[String],
    at: impl Fn(usize) -> bool,
) -> Vec<Option<Held>> {
    // SAFETY: as the caller promises.
    unsafe {
        let hold = |(nth, number): (usize, i16)| {
            let value = values[position(number)].filter(|_| at(nth))?;
            Some(Held::of(value, pg_sys::SPI_gettypeid(description, i32::from(number))))
        };
        numbers(description, columns).into_iter().enumerate().map(hold).collect()
    }
}

/// A row that was found: its bound columns, and those of them that lead on.
pub type FoundRow = (Vec<Option<Cell>>, Vec<Option<Held>>);

/// The row of a table with these values in those of its bound columns, as it is by now. `Err` where that takes a query.
pub fn find_row(
    table: &source::Table,
    to: &[usize],
    keys: &[&Held],
    zone: TimeZone,
    leads_on: impl Fn(usize) -> bool,
) -> Result<Option<FoundRow>, ()> {
    if table.partitioned {
        return Err(());
    }
    let open = Table::open(table.relation.into(), pg_sys::AccessShareLock);
    // SAFETY: the table is open; `each_in` hands over extracted rows, whose values are copied.
    unsafe {
        if (*(*open.relation).rd_rel).relkind as u8 != pg_sys::RELKIND_RELATION {
            return Err(());
        }
        let numbers = numbers((*open.relation).rd_att, table.columns());
        let wanted: Vec<(i16, &Held)> = to.iter().zip(keys).map(|(&at, key)| (numbers[at], *key)).collect();
        let (index, keys) = index_by(&open, &wanted, true).ok_or(())?;
        let mut found = None;
        open.each_in(index, &keys, &Snapshot::latest(), |slot| {
            found = Some(found_row(slot, &numbers, table.columns(), zone, &leads_on));
        });
        Ok(found)
    }
}

/// More rows than so many are left to a query.
const MOST_ROWS: usize = 64;

/// The rows of a table with these values in some of its bound columns, as they are by now, found by an index. `Err` where that
/// takes a query.
pub fn find_rows(
    table: &source::Table,
    by: &[usize],
    key: &[String],
    zone: TimeZone,
    leads_on: impl Fn(usize) -> bool,
) -> Result<Vec<FoundRow>, ()> {
    if table.partitioned {
        return Err(());
    }
    let open = Table::open(table.relation.into(), pg_sys::AccessShareLock);
    // SAFETY: the table is open; the slot fits it, and is dropped after the scan that fills it. Values are copied.
    unsafe {
        if (*(*open.relation).rd_rel).relkind as u8 != pg_sys::RELKIND_RELATION {
            return Err(());
        }
        let description = (*open.relation).rd_att;
        let numbers = numbers(description, table.columns());
        let hold = |(&at, text): (&usize, &String)| {
            let type_id = pg_sys::SPI_gettypeid(description, i32::from(numbers[at]));
            Some((numbers[at], Held::read(text, type_id)?))
        };
        let held = by.iter().zip(key).map(hold).collect::<Option<Vec<_>>>().ok_or(())?;
        let wanted: Vec<(i16, &Held)> = held.iter().map(|(number, held)| (*number, held)).collect();
        let (index, keys) = index_by(&open, &wanted, false).ok_or(())?;
        let snapshot = Snapshot::latest();
        let row = Row::to_store(&open);
        let scan = Scan::begin(&open, index, &keys, &snapshot);
        let mut found = Vec::new();
        while scan.next(row.0) {
            if found.len() == MOST_ROWS {
                return Err(());
            }
            found.push(found_row(row.0, &numbers, table.columns(), zone, &leads_on));
        }
        Ok(found)
    }
}

/// # Safety
/// The slot holds a row, all of whose attributes are extracted, with these columns under these numbers.
unsafe fn found_row(
    slot: *mut pg_sys::TupleTableSlot,
    numbers: &[i16],
    columns: &[String],
    zone: TimeZone,
    leads_on: impl Fn(usize) -> bool,
) -> FoundRow {
    // SAFETY: as the caller promises.
    unsafe {
        let description = (*slot).tts_tupleDescriptor;
        let values: Vec<Option<pg_sys::Datum>> = (0..(*description).natts as usize)
            .map(|nth| (!*(*slot).tts_isnull.add(nth)).then(|| *(*slot).tts_values.add(nth)))
            .collect();
        let read = |&number: &i16| {
            let type_id = pg_sys::SPI_gettypeid(description, i32::from(number));
            values[position(number)].map(|value| cell(value, type_id, zone))
        };
        (numbers.iter().map(read).collect(), held(&values, description, columns, leads_on))
    }
}

/// A unique index of exactly these columns, or any that begins with them, and how to look for the values in it.
///
/// # Safety
/// The table is open.
pub(super) unsafe fn index_by(table: &Table, wanted: &[(i16, &Held)], unique: bool) -> Option<(pg_sys::Relation, Vec<Key>)> {
    // SAFETY: what is opened here is closed here or by the caller.
    unsafe {
        let list = pg_sys::RelationGetIndexList(table.relation);
        let length = if list.is_null() { 0 } else { (*list).length as usize };
        for nth in 0..length {
            let index = pg_sys::index_open((*(*list).elements.add(nth)).oid_value, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let form = (*index).rd_index;
            let columns = (*form).indkey.values.as_slice((*form).indnkeyatts as usize);
            let fits = (*form).indisvalid
                && ((*form).indisunique || !unique)
                && (*(*index).rd_rel).relam == pg_sys::BTREE_AM_OID
                && (columns.len() == wanted.len() || (columns.len() > wanted.len() && !unique))
                // Not RelationGetIndexPredicate, which runs functions that are called with constants.
                && pg_sys::heap_attisnull((*index).rd_indextuple, pg_sys::Anum_pg_index_indpred as i32, ptr::null_mut())
                && is_for_all_snapshots(index);
            let keys: Option<Vec<Key>> = (if fits { &columns[..wanted.len()] } else { &[] })
                .iter()
                .enumerate()
                .map(|(at, &column)| {
                    let (_, key) = wanted.iter().find(|(number, _)| *number == column)?;
                    let (family, own) = (*(*index).rd_opfamily.add(at), *(*index).rd_opcintype.add(at));
                    let equals = pg_sys::BTEqualStrategyNumber as i16;
                    let mut operator = pg_sys::get_opfamily_member(family, own, pg_sys::getBaseType(key.type_id), equals);
                    if operator == pg_sys::InvalidOid && pg_sys::IsBinaryCoercible(key.type_id, own) {
                        operator = pg_sys::get_opfamily_member(family, own, own, equals);
                    }
                    let function = pg_sys::get_opcode(operator);
                    (function != pg_sys::InvalidOid).then(|| Key::equal(column, function.to_u32(), key.datum()))
                })
                .collect();
            match keys {
                Some(keys) if fits => {
                    pg_sys::list_free(list);
                    return Some((index, keys));
                }
                _ => pg_sys::index_close(index, pg_sys::AccessShareLock as pg_sys::LOCKMODE),
            }
        }
        pg_sys::list_free(list);
        None
    }
}

/// Look-ups by what rows of attached tables tell, for one row after the other: each table is opened for the first.
pub struct LookUps<'t> {
    tables: &'t Tables,
    persons: OnceCell<Lookup>,
    activities: OnceCell<Lookup>,
    waiting: OnceCell<Table>,
    /// Whether persons have to be in the snapshot of the transaction.
    shown: bool,
}

impl Tables {
    pub fn look_ups(&self, shown: bool) -> LookUps<'_> {
        LookUps { tables: self, persons: OnceCell::new(), activities: OnceCell::new(), waiting: OnceCell::new(), shown }
    }
}

impl LookUps<'_> {
    /// The person with this key of the application's own, of a tenant or of none. Where a transaction keeps one snapshot, and
    /// persons have to be in it, one that it does not show is a serialization failure.
    pub fn person_of_tenant(&self, kind: &str, external_id: &str, tenant: Option<&str>) -> Option<i64> {
        // SAFETY: registered, and released by Drop or by an abort.
        let own = || unsafe { Snapshot(pg_sys::RegisterSnapshot(pg_sys::GetTransactionSnapshot())) };
        let own = (self.shown && super::transaction_has_one_snapshot()).then(own);
        let (found, is_shown) = self.person_by(kind, external_id, tenant, &Snapshot::latest(), own.as_ref())?;
        if let Some(own) = &own
            && !is_shown
            && self.person_by(kind, external_id, tenant, own, None).is_none()
        {
            crate::arrive::waiting::refuse_unseen();
        }
        Some(found)
    }

    /// The person with this key as a snapshot shows it, and whether another one shows the same version.
    fn person_by(
        &self,
        kind: &str,
        external_id: &str,
        tenant: Option<&str>,
        snapshot: &Snapshot,
        other: Option<&Snapshot>,
    ) -> Option<(i64, bool)> {
        let c = &self.tables.person_columns;
        let (mut kind_text, mut key_text) = (Vec::new(), Vec::new());
        let keys = [
            Key::equal(c.kind as i16 + 1, pg_sys::F_TEXTEQ, text_in(&mut kind_text, kind.as_bytes())),
            Key::equal(c.external_id as i16 + 1, pg_sys::F_TEXTEQ, text_in(&mut key_text, external_id.as_bytes())),
        ];
        let open = || Lookup::open(Table::open(self.tables.person, pg_sys::AccessShareLock), &keys, snapshot);
        let persons = self.persons.get_or_init(open);
        let mut found = None;
        persons.each(&keys, snapshot, |slot| {
            // SAFETY: `each` hands over extracted rows.
            unsafe {
                if super::value::<&str>(slot, c.tenant) == tenant {
                    let person_id: Option<i64> = super::value(slot, c.person_id);
                    let is_shown = |other| persons.table.shows(other, slot);
                    found = person_id.map(|person_id| (person_id, other.is_some_and(is_shown)));
                }
            }
        });
        found
    }

    /// The activities that a row of an attached table is. `None` where the snapshot of the transaction does not show what
    /// is committed by now.
    pub fn activities_of(&self, source_id: i32, source_key: &str) -> Option<Vec<AttachedActivity>> {
        let c = &self.tables.activity_columns;
        let mut text = Vec::new();
        let keys = [
            Key::equal(c.source_id as i16 + 1, pg_sys::F_INT4EQ, pg_sys::Datum::from(source_id)),
            Key::equal(c.source_key as i16 + 1, pg_sys::F_TEXTEQ, text_in(&mut text, source_key.as_bytes())),
        ];
        let open = || Lookup::open(Table::open(self.tables.activity, pg_sys::AccessShareLock), &keys, &Snapshot::latest());
        let mut found = Vec::new();
        each_sure(
            self.activities.get_or_init(open),
            &keys,
            |_| true,
            |slot| {
                // SAFETY: hands over extracted rows.
                unsafe {
                    found.push(AttachedActivity {
                        at: StoredAt((*slot).tts_tid),
                        person_id: super::value(slot, c.person_id).unwrap_or_default(),
                        activity_id: super::value(slot, c.activity_id).unwrap_or_default(),
                        activity_type: super::value::<String>(slot, c.activity_type).unwrap_or_default(),
                        occurred_at: super::value(slot, c.occurred_at).unwrap_or_default(),
                        attributes: jsonb_in(slot, c.attributes),
                    });
                }
            },
        )
        .then_some(found)
    }

    /// Whether the row of an attached table waits for its person or its type.
    pub fn is_waiting(&self, source_id: i32, source_key: &str) -> bool {
        let table = self.waiting.get_or_init(|| Table::open(self.tables.waiting, pg_sys::AccessShareLock));
        // Most of the time nothing waits.
        !table.is_empty()
            && is_any(
                table,
                &[Key::int(table, c"source_id", source_id), Key::text(table, c"source_key", source_key)],
                &Snapshot::latest(),
            )
    }
}

/// An activity that a row of an attached table is.
pub struct AttachedActivity {
    pub(super) at: StoredAt,
    pub person_id: i64,
    pub activity_id: i64,
    pub activity_type: String,
    pub occurred_at: i64,
    pub attributes: Option<Jsonb>,
}

/// A person whom a row of an attached table is, as far as that table tells it.
pub struct AttachedPerson {
    pub(super) at: StoredAt,
    pub person_id: i64,
    pub name: Option<String>,
    pub status: Option<String>,
    pub owner: Option<String>,
    pub attributes: Option<Jsonb>,
    pub active: bool,
    pub since: i64,
    pub source_id: Option<i32>,
    pub departed: bool,
}

impl Tables {
    /// The person with this key, of a tenant or of none, by all that is committed by now, and whether the snapshot of the
    /// transaction shows the same.
    pub fn attached_person(&self, kind: &str, external_id: &str, tenant: Option<&str>) -> (Option<AttachedPerson>, bool) {
        let table = Table::open(self.person, pg_sys::AccessShareLock);
        let c = &self.person_columns;
        let keys = [Key::text(&table, c"kind", kind), Key::text(&table, c"external_id", external_id)];
        let mut found = None;
        // SAFETY: hands over extracted rows.
        let is_meant = |slot| unsafe { super::value::<&str>(slot, c.tenant) == tenant };
        let lookup = Lookup::open(table, &keys, &Snapshot::latest());
        let is_sure = each_sure(&lookup, &keys, is_meant, |slot| {
            // SAFETY: hands over extracted rows.
            unsafe {
                found = Some(AttachedPerson {
                    at: StoredAt((*slot).tts_tid),
                    person_id: super::value(slot, c.person_id).unwrap_or_default(),
                    name: super::value(slot, c.name),
                    status: super::value(slot, c.status),
                    owner: super::value(slot, c.owner),
                    attributes: jsonb_in(slot, c.attributes),
                    active: super::value(slot, c.active).unwrap_or(true),
                    since: super::value(slot, c.since).unwrap_or_default(),
                    source_id: super::value(slot, c.source_id),
                    departed: super::value(slot, c.departed).unwrap_or_default(),
                });
            }
        });
        (found, is_sure)
    }

    /// Whether any row waits for the person with this key, of whatever tenant.
    pub fn is_awaited(&self, kind: &str, external_id: &str) -> bool {
        let table = Table::open(self.waiting, pg_sys::AccessShareLock);
        is_any(
            &table,
            &[Key::text(&table, c"person_kind", kind), Key::text(&table, c"external_id", external_id)],
            &Snapshot::latest(),
        )
    }

    /// Whether the snapshot of the transaction shows that a table is attached.
    pub fn is_in_sight(&self, source_id: i32) -> bool {
        let table = Table::open(self.source, pg_sys::AccessShareLock);
        is_any(&table, &[Key::int(&table, c"source_id", source_id)], &Snapshot::current())
    }

    /// Whether there are visits that may belong to persons who arrive. Until the transaction ends, a lock keeps others from adding
    /// any that it would not see.
    pub fn has_visits(&self) -> bool {
        drop(Table::open(self.waiting, pg_sys::RowExclusiveLock));
        self.visits.iter().any(|&table| super::scan::has_rows(table))
    }
}

/// Hands over those rows that are meant, by all that is committed by now. Says whether the snapshot of the transaction
/// shows the same ones.
fn each_sure(
    lookup: &Lookup,
    keys: &[Key],
    is_meant: impl Fn(*mut pg_sys::TupleTableSlot) -> bool,
    mut take: impl FnMut(*mut pg_sys::TupleTableSlot),
) -> bool {
    let place = |slot: *mut pg_sys::TupleTableSlot| {
        // SAFETY: the slot holds a row.
        pgrx::itemptr::item_pointer_to_u64(unsafe { (*slot).tts_tid })
    };
    let (mut shown, mut shown_to_own) = (Vec::new(), Vec::new());
    lookup.each(keys, &Snapshot::latest(), |slot| {
        if is_meant(slot) {
            shown.push(place(slot));
            take(slot);
        }
    });
    if !super::transaction_has_one_snapshot() {
        return true;
    }
    lookup.each(keys, &Snapshot::current(), |slot| {
        if is_meant(slot) {
            shown_to_own.push(place(slot));
        }
    });
    shown == shown_to_own
}

fn is_any(table: &Table, keys: &[Key], snapshot: &Snapshot) -> bool {
    // Most of the time nothing waits.
    if table.is_empty() {
        return false;
    }
    let mut found = false;
    table.each(keys, snapshot, |_| found = true);
    found
}

/// # Safety
/// The slot holds a row, all of whose attributes are extracted, and a jsonb column at that place.
unsafe fn jsonb_in(slot: *mut pg_sys::TupleTableSlot, at: usize) -> Option<Jsonb> {
    // SAFETY: as the caller promises.
    unsafe { (!*(*slot).tts_isnull.add(at)).then(|| Jsonb::copy(*(*slot).tts_values.add(at))) }
}

/// Reads the rows that a query gives, with the values that lead on; with `latest` by all that is committed by now.
pub fn read_held(
    query: &str,
    args: &[Vec<String>],
    latest: bool,
    zone: TimeZone,
    leads_on: impl Fn(usize) -> bool,
    mut take: impl FnMut(FoundRow),
) {
    each_row(query, args, latest, |tuple, description| {
        // SAFETY: the row is of that description.
        unsafe {
            let numbers: Vec<i16> = (1..=(*description).natts as i16).collect();
            let values = deformed(tuple, description);
            let hold = |(nth, value): (usize, &Option<pg_sys::Datum>)| {
                let value = (*value).filter(|_| leads_on(nth))?;
                Some(Held::of(value, pg_sys::SPI_gettypeid(description, nth as i32 + 1)))
            };
            take((cells(&values, description, &numbers, zone), values.iter().enumerate().map(hold).collect()));
        }
    });
}

/// Reads rows by a query, so many at a time, and hands over their columns. Its parameters are lists of texts. It sees what
/// the active snapshot shows, or all that is committed by now. `asks_text`: whether more than the moment of a column is asked.
pub fn read_table(
    query: &str,
    args: &[Vec<String>],
    latest: bool,
    zone: TimeZone,
    asks_text: impl Fn(usize) -> bool,
    mut take: impl FnMut(Vec<Option<Cell>>),
) {
    let (mut types, mut values, mut nulls) = (Vec::new(), Vec::new(), Vec::new());
    each_row(query, args, latest, |tuple, description| {
        // SAFETY: the row is of that description, as all others of the query; the arrays have room for all attributes.
        unsafe {
            let count = (*description).natts as usize;
            if types.is_empty() {
                let of = |nth| (pg_sys::SPI_gettypeid(description, nth as i32 + 1), asks_text(nth));
                types = (0..count).map(of).collect();
                values = vec![pg_sys::Datum::from(0); count];
                nulls = vec![true; count];
            }
            pg_sys::heap_deform_tuple(tuple, description, values.as_mut_ptr(), nulls.as_mut_ptr());
            let row = types.iter().zip(&values).zip(&nulls).map(|((&(type_id, asks_text), &value), is_null)| {
                let read = if asks_text { cell } else { moment_cell };
                (!is_null).then(|| read(value, type_id, zone))
            });
            take(row.collect());
        }
    });
}

fn each_row(query: &str, args: &[Vec<String>], latest: bool, take: impl FnMut(pg_sys::HeapTuple, pg_sys::TupleDesc)) {
    super::latest::with_plain_plans(|| printing_alike(|| read_rows(query, args, latest, take)));
}

fn read_rows(query: &str, args: &[Vec<String>], latest: bool, mut take: impl FnMut(pg_sys::HeapTuple, pg_sys::TupleDesc)) {
    const AT_A_TIME: i64 = 5_000;
    let query = CString::new(query).unwrap_or_default();
    if latest {
        super::make_changes_visible();
    }
    // SAFETY: runs within its own SPI connection; each batch is freed before the next.
    unsafe {
        if latest {
            pg_sys::PushActiveSnapshot(pg_sys::GetLatestSnapshot());
        }
        if pg_sys::SPI_connect() < 0 {
            error!("leadscore: SPI does not connect");
        }
        let mut types = vec![pg_sys::TEXTARRAYOID; args.len()];
        let mut values: Vec<pg_sys::Datum> =
            args.iter().map(|list| list.clone().into_datum().unwrap_or(pg_sys::Datum::from(0))).collect();
        let few = !args.is_empty() && args.iter().all(|list| list.len() <= super::plans::FEW);
        let plan = super::plans::plan(&query, &mut types, few);
        let portal = pg_sys::SPI_cursor_open(ptr::null(), plan, values.as_mut_ptr(), ptr::null(), true);
        loop {
            pg_sys::SPI_cursor_fetch(portal, true, AT_A_TIME as _);
            let table = pg_sys::SPI_tuptable;
            let count = pg_sys::SPI_processed as usize;
            if count == 0 {
                break;
            }
            for i in 0..count {
                take(*(*table).vals.add(i), (*table).tupdesc);
            }
            pg_sys::SPI_freetuptable(table);
            pgrx::check_for_interrupts!();
        }
        pg_sys::SPI_cursor_close(portal);
        pg_sys::SPI_finish();
        if latest {
            pg_sys::PopActiveSnapshot();
        }
    }
}

/// The rows that a set-returning function gives, kept by the executor within work_mem.
pub struct Rows {
    info: *mut pg_sys::ReturnSetInfo,
}

impl Rows {
    /// # Safety
    /// `call` is the call of a set-returning function that runs.
    pub unsafe fn of(call: pg_sys::FunctionCallInfo) -> Rows {
        // SAFETY: as the caller promises.
        unsafe {
            pg_sys::InitMaterializedSRF(call, 0);
            Rows { info: (*call).resultinfo.cast() }
        }
    }

    /// Adds a row of as many values as the function's result has columns.
    pub fn add(&self, mut values: Vec<Option<pg_sys::Datum>>) {
        let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
        let mut datums: Vec<pg_sys::Datum> = values.drain(..).map(|v| v.unwrap_or(pg_sys::Datum::from(0))).collect();
        // SAFETY: the tuplestore was made by InitMaterializedSRF and copies the values.
        unsafe {
            pg_sys::tuplestore_putvalues((*self.info).setResult, (*self.info).setDesc, datums.as_mut_ptr(), nulls.as_mut_ptr());
        }
    }
}

/// The first argument, an integer.
///
/// # Safety
/// `call` is the call of a function whose first argument is an int.
pub unsafe fn first_argument(call: pg_sys::FunctionCallInfo) -> Option<i32> {
    // SAFETY: as the caller promises.
    unsafe { argument(call, 0) }
}

/// An argument by its place; `None` if it is NULL.
///
/// # Safety
/// `call` is the call of a function that has an argument of that type there.
pub unsafe fn argument<T: FromDatum>(call: pg_sys::FunctionCallInfo, nth: usize) -> Option<T> {
    // SAFETY: as the caller promises.
    unsafe { pgrx::pg_getarg::<T>(call, nth) }
}

/// A jsonb value from its text.
pub fn jsonb(text: &str) -> Option<pg_sys::Datum> {
    let text = CString::new(text).unwrap_or_default();
    // SAFETY: jsonb_in takes a C string.
    unsafe { pgrx::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(pg_sys::Datum::from(text.as_ptr()))]) }
}

/// Runs `work` in a memory context of its own that is emptied afterwards.
pub fn in_scratch_memory<T>(scratch: &mut Scratch, work: impl FnOnce() -> T) -> T {
    // SAFETY: the context lives as long as Scratch; what `work` returns is Rust's own.
    unsafe {
        let before = pg_sys::CurrentMemoryContext;
        pg_sys::CurrentMemoryContext = scratch.0;
        let result = work();
        pg_sys::CurrentMemoryContext = before;
        pg_sys::MemoryContextReset(scratch.0);
        result
    }
}

/// A memory context for values of one row.
pub struct Scratch(pg_sys::MemoryContext);

impl Scratch {
    pub fn new() -> Scratch {
        // SAFETY: created under the current context, which frees it if an error leaves it behind.
        unsafe {
            Scratch(pg_sys::AllocSetContextCreateInternal(
                pg_sys::CurrentMemoryContext,
                c"leadscore row".as_ptr(),
                0,
                8 * 1024,
                8 * 1024 * 1024,
            ))
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: created by new and deleted once.
            unsafe { pg_sys::MemoryContextDelete(self.0) }
        }
    }
}
