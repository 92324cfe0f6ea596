//! What somebody has added to leadscore's own tables, and the executor would obey: triggers, checks, generated columns,
//! policies. leadscore writes single rows below the executor where there is nothing of that; otherwise by
//! statements, so that all of it takes effect.

use super::table::Table;
use pgrx::pg_sys;
use std::ffi::{CStr, c_char};
use std::ops::ControlFlow;

/// What a write of leadscore's own gives a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Gives {
    /// A value, which is never NULL.
    Value,
    /// A value or NULL.
    MayBeNull,
    /// Nothing: it keeps what it has, or becomes NULL in a new row.
    Nothing,
}

/// A kind of write to one of leadscore's tables.
pub(super) struct Write {
    pub table: pg_sys::Oid,
    event: u32,
    /// By the places of the columns; there are none of later ones.
    columns: Vec<Gives>,
    /// Triggers of leadscore's own, whose work the write makes up for.
    triggers: &'static [&'static CStr],
    /// Whether these triggers must be there, since without them the write would do less.
    needs_triggers: bool,
}

impl Write {
    fn new(table: pg_sys::Oid, event: u32) -> Write {
        Write { table, event, columns: Vec::new(), triggers: &[], needs_triggers: false }
    }

    pub fn insert(table: pg_sys::Oid) -> Write {
        Write::new(table, pg_sys::TRIGGER_TYPE_INSERT)
    }

    pub fn update(table: pg_sys::Oid) -> Write {
        Write::new(table, pg_sys::TRIGGER_TYPE_UPDATE)
    }

    pub fn delete(table: pg_sys::Oid) -> Write {
        Write::new(table, pg_sys::TRIGGER_TYPE_DELETE)
    }

    /// It gives these columns a value.
    pub fn values(self, places: &[usize]) -> Write {
        self.give(places, Gives::Value)
    }

    /// It gives these columns a value or NULL.
    pub fn optional(self, places: &[usize]) -> Write {
        self.give(places, Gives::MayBeNull)
    }

    fn give(mut self, places: &[usize], gives: Gives) -> Write {
        for &place in places {
            if self.columns.len() <= place {
                self.columns.resize(place + 1, Gives::Nothing);
            }
            self.columns[place] = gives;
        }
        self
    }

    /// These triggers of leadscore's own do nothing in such a write that it does not do itself.
    pub fn makes_up_for(self, triggers: &'static [&'static CStr]) -> Write {
        Write { triggers, ..self }
    }

    /// The same, and it does what they do: without them it would do more than is wanted.
    pub fn stands_for(self, triggers: &'static [&'static CStr]) -> Write {
        Write { triggers, needs_triggers: true, ..self }
    }

    fn gives(&self, place: usize) -> Gives {
        self.columns.get(place).copied().unwrap_or(Gives::Nothing)
    }

    fn is(&self, event: u32) -> bool {
        self.event == event
    }
}

/// Something that the executor obeys and a direct write would not.
pub(super) enum Obstacle<'t> {
    Trigger(&'t pg_sys::Trigger),
    /// A trigger of leadscore's own does not fire, so neither must the write do its work.
    OwnTrigger,
    Check(&'t CStr),
    NotNull(&'t CStr),
    /// It is generated, or new rows get a value in it.
    Column(&'t CStr),
    Policies,
    Rule,
    Partition,
    AccessMethod,
}

impl Table {
    /// Whether a direct write does all that the executor would.
    pub fn is_plain(&self, write: &Write) -> bool {
        // SAFETY: the role that the executor would ask about, too.
        let role = unsafe { pg_sys::GetUserId() };
        self.each_obstacle(write, role, |_| ControlFlow::Break(())).is_continue()
    }

    /// Hands over what a direct write by a role would not obey, until `found` has enough. It costs
    /// nanoseconds where there is nothing, and looks at nothing but the open relation.
    pub fn each_obstacle(
        &self,
        write: &Write,
        role: pg_sys::Oid,
        mut found: impl FnMut(Obstacle) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        // SAFETY: the table is open, so its description stays.
        let (class, description) = unsafe { (&*(*self.relation).rd_rel, &*(*self.relation).rd_att) };
        if class.relkind as u8 != pg_sys::RELKIND_RELATION || class.relam != pg_sys::HEAP_TABLE_AM_OID {
            found(Obstacle::AccessMethod)?;
        }
        if class.relispartition {
            found(Obstacle::Partition)?;
        }
        // SAFETY: as above.
        if class.relhasrules && unsafe { !(*self.relation).rd_rules.is_null() } {
            found(Obstacle::Rule)?;
        }
        if class.relrowsecurity {
            // SAFETY: looks up the catalogs.
            let policies = unsafe { pg_sys::check_enable_rls((*self.relation).rd_id, role, true) };
            if policies as u32 == pg_sys::CheckEnableRlsResult::RLS_ENABLED {
                found(Obstacle::Policies)?;
            }
        }
        self.each_trigger(write, &mut found)?;
        if write.is(pg_sys::TRIGGER_TYPE_DELETE) {
            return ControlFlow::Continue(());
        }
        if !description.constr.is_null() {
            // SAFETY: the array has as many checks.
            let checks = unsafe {
                let constraints = &*description.constr;
                let count = usize::from(constraints.num_check);
                if count == 0 { &[] } else { std::slice::from_raw_parts(constraints.check, count) }
            };
            for check in checks {
                // SAFETY: a check has a name.
                let name = unsafe { CStr::from_ptr(check.ccname) };
                found(Obstacle::Check(name))?;
            }
        }
        self.each_column(write, &mut found)
    }

    fn each_trigger(&self, write: &Write, found: &mut impl FnMut(Obstacle) -> ControlFlow<()>) -> ControlFlow<()> {
        let is_of_event =
            |trigger: &pg_sys::Trigger| u32::from(trigger.tgtype.cast_unsigned()) & write.event != 0 && fires(trigger);
        // SAFETY: a trigger has a name.
        let is_own = |trigger: &pg_sys::Trigger| write.triggers.contains(&unsafe { CStr::from_ptr(trigger.tgname) });
        let is_other = |trigger: &pg_sys::Trigger| !is_own(trigger) && !names_other_columns(trigger, write);
        // SAFETY: the table is open, and nothing is looked up while the array is read.
        let (own, has_others) = unsafe {
            let triggers = all((*self.relation).trigdesc).iter().filter(|trigger| is_of_event(trigger));
            triggers.fold((0, false), |(own, others), trigger| (own + usize::from(is_own(trigger)), others || is_other(trigger)))
        };
        if has_others {
            // SAFETY: the table is open.
            let copied = unsafe { Triggers::of(self.relation) };
            for trigger in copied.iter().filter(|trigger| is_of_event(trigger) && is_other(trigger)) {
                if !is_for_another_key(trigger, write) {
                    found(Obstacle::Trigger(trigger))?;
                }
            }
        }
        if write.needs_triggers && own < write.triggers.len() {
            found(Obstacle::OwnTrigger)?;
        }
        ControlFlow::Continue(())
    }

    fn each_column(&self, write: &Write, found: &mut impl FnMut(Obstacle) -> ControlFlow<()>) -> ControlFlow<()> {
        for (place, column) in self.columns().iter().enumerate().filter(|(_, column)| !column.attisdropped) {
            // SAFETY: the name of a column ends with a zero.
            let name = unsafe { CStr::from_ptr(column.attname.data.as_ptr()) };
            let gives = write.gives(place);
            if column.attgenerated != 0 {
                found(Obstacle::Column(name))?;
            } else if write.is(pg_sys::TRIGGER_TYPE_INSERT) && gives == Gives::Nothing {
                // SAFETY: looks up the catalogs.
                let is_domain = || unsafe { pg_sys::get_typtype(column.atttypid) as u8 == pg_sys::TYPTYPE_DOMAIN };
                if column.atthasdef || column.attidentity != 0 || column.attnotnull || is_domain() {
                    found(Obstacle::Column(name))?;
                }
            } else if column.attnotnull && gives == Gives::MayBeNull {
                found(Obstacle::NotNull(name))?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The columns, those that were dropped among them.
    pub fn columns(&self) -> &[pg_sys::FormData_pg_attribute] {
        // SAFETY: the table is open, so its description stays; it has as many attributes.
        unsafe {
            let description = &*(*self.relation).rd_att;
            let count = description.natts as usize;
            #[cfg(not(feature = "pg18"))]
            return description.attrs.as_slice(count);
            // They follow the compact ones.
            #[cfg(feature = "pg18")]
            return std::slice::from_raw_parts(description.compact_attrs.as_ptr().add(count).cast(), count);
        }
    }
}

/// Whether a trigger fires in this session.
fn fires(trigger: &pg_sys::Trigger) -> bool {
    match trigger.tgenabled as u8 {
        b'A' => true,
        b'O' => !super::is_replaying(),
        b'R' => super::is_replaying(),
        _ => false,
    }
}

/// The triggers of a table, copied: PostgreSQL frees its own whenever it looks something up and hears of a change.
pub(super) struct Triggers(*mut pg_sys::TriggerDesc);

impl Triggers {
    /// # Safety
    /// The table is open.
    pub unsafe fn of(relation: pg_sys::Relation) -> Triggers {
        // SAFETY: as the caller promises; there may be none.
        Triggers(unsafe { pg_sys::CopyTriggerDesc((*relation).trigdesc) })
    }

    pub fn iter(&self) -> impl Iterator<Item = &pg_sys::Trigger> {
        // SAFETY: the copy lives as long as this.
        unsafe { all(self.0) }.iter()
    }
}

impl Drop for Triggers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: copied by us, and freed once; there may be none.
            unsafe { pg_sys::FreeTriggerDesc(self.0) }
        }
    }
}

/// The triggers of a description, if there is one.
///
/// # Safety
/// The description stays as it is while the slice is used.
unsafe fn all<'d>(description: *mut pg_sys::TriggerDesc) -> &'d [pg_sys::Trigger] {
    match description.is_null() {
        true => &[],
        // SAFETY: the array has as many.
        false => unsafe { std::slice::from_raw_parts((*description).triggers, (*description).numtriggers as usize) },
    }
}

/// Whether a column, by its number, is none of those that are written.
fn is_other_column(column: i16, write: &Write) -> bool {
    column > 0 && usize::try_from(column - 1).is_ok_and(|place| write.gives(place) == Gives::Nothing)
}

/// Whether a trigger is for an UPDATE of columns, none of which is written.
fn names_other_columns(trigger: &pg_sys::Trigger, write: &Write) -> bool {
    // SAFETY: the array has as many columns.
    let columns = || unsafe { std::slice::from_raw_parts(trigger.tgattr, trigger.tgnattr as usize) };
    write.is(pg_sys::TRIGGER_TYPE_UPDATE) && trigger.tgnattr > 0 && columns().iter().all(|&column| is_other_column(column, write))
}

/// Whether a trigger is a foreign key's on the table that is referenced, which asks only of its key, and the key is not written.
fn is_for_another_key(trigger: &pg_sys::Trigger, write: &Write) -> bool {
    // SAFETY: the index of a foreign key's constraint exists.
    unsafe {
        if !write.is(pg_sys::TRIGGER_TYPE_UPDATE)
            || trigger.tgnattr > 0
            || pg_sys::RI_FKey_trigger_type(trigger.tgfoid) != pg_sys::RI_TRIGGER_PK as i32
            || trigger.tgconstrindid == pg_sys::InvalidOid
        {
            return false;
        }
        let index = pg_sys::index_open(trigger.tgconstrindid, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        let form = (*index).rd_index;
        let columns = (*form).indkey.values.as_slice((*form).indnkeyatts as usize);
        let is_another = columns.iter().all(|&column| is_other_column(column, write));
        pg_sys::index_close(index, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
        is_another
    }
}

/// Something that makes leadscore write a table by statements.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub struct SlowReason {
    /// The name of the table, qualified.
    pub table: String,
    /// What it is, as in: trigger audit.
    pub what: String,
    /// A command that removes it.
    pub remedy: String,
}

impl SlowReason {
    fn of(table: &Table, obstacle: &Obstacle) -> Option<SlowReason> {
        // SAFETY: the table is open.
        let name = super::name_of(unsafe { (*table.relation).rd_id });
        let quoted = |name: &CStr| pgrx::spi::quote_identifier(name.to_string_lossy());
        let (what, remedy) = match obstacle {
            Obstacle::OwnTrigger => return None,
            Obstacle::Trigger(trigger) if trigger.tgisinternal => {
                // SAFETY: looks up the catalogs; the name is copied at once.
                let constraint = unsafe {
                    let constraint: *mut c_char = pg_sys::get_constraint_name(trigger.tgconstraint);
                    if constraint.is_null() { return None } else { quoted(CStr::from_ptr(constraint)) }
                };
                (format!("constraint {constraint}"), format!("ALTER TABLE {name} DROP CONSTRAINT {constraint};"))
            }
            Obstacle::Trigger(trigger) => {
                // SAFETY: a trigger has a name.
                let trigger = quoted(unsafe { CStr::from_ptr(trigger.tgname) });
                (format!("trigger {trigger}"), format!("ALTER TABLE {name} DISABLE TRIGGER {trigger};"))
            }
            Obstacle::Check(check) => {
                let check = quoted(check);
                (format!("constraint {check}"), format!("ALTER TABLE {name} DROP CONSTRAINT {check};"))
            }
            Obstacle::NotNull(column) => {
                let column = quoted(column);
                (format!("NOT NULL of column {column}"), format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL;"))
            }
            Obstacle::Column(column) => {
                let column = quoted(column);
                (format!("column {column}"), format!("ALTER TABLE {name} DROP COLUMN {column};"))
            }
            Obstacle::Policies => {
                ("row-level security that is forced".into(), format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY;"))
            }
            Obstacle::Rule => (
                "a rewrite rule".into(),
                format!("SELECT rulename FROM pg_rules WHERE format('%I.%I', schemaname, tablename) = '{name}';"),
            ),
            Obstacle::Partition => ("being a partition".into(), format!("SELECT pg_partition_root('{name}');")),
            Obstacle::AccessMethod => ("its access method".into(), format!("ALTER TABLE {name} SET ACCESS METHOD heap;")),
        };
        Some(SlowReason { table: name, what, remedy })
    }

    /// What makes leadscore write any of these tables by statements, in the order of tables.
    pub(super) fn all<'w>(writes: impl Iterator<Item = &'w Write>) -> Vec<SlowReason> {
        let mut reasons = Vec::new();
        for write in writes {
            let table = Table::open(write.table, pg_sys::AccessShareLock);
            let _ = table.each_obstacle(write, super::owner_of(write.table), |obstacle| {
                reasons.extend(SlowReason::of(&table, &obstacle));
                ControlFlow::Continue(())
            });
        }
        reasons.sort();
        reasons.dedup();
        reasons
    }
}
