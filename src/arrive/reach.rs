//! What a row of an attached table reaches through foreign keys, and which rows reach a row that changes.

use crate::arrive::source::{Cell, Source, Table};
use crate::pg::meet::{self, Side};
use crate::pg::source::{self as rows, Held};
use crate::pg::{self, TimeZone};
use pgrx::pg_sys;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

thread_local! {
    /// Tables in which this transaction has looked for a row that was not there; `ANY` where it may have been any of them.
    static MISSED: RefCell<HashSet<u32>> = RefCell::default();
}

const ANY: u32 = 0;

/// Called when a transaction ends.
pub fn forget_missed() {
    MISSED.with_borrow_mut(HashSet::clear);
}

/// Notes that rows were read by a query with what they reach: in any of the tables something may not have been there.
pub fn note_read() {
    MISSED.with_borrow_mut(|missed| missed.insert(ANY));
}

/// Whether rows that were there before may reach a new row of a table. With a foreign key that is checked at commit, rows of
/// this transaction can come before it; committed ones only where a key is not validated or not enforced.
pub fn may_have_missed(table: &Table) -> bool {
    table.has_loose_keys || MISSED.with_borrow(|missed| missed.contains(&table.relation) || missed.contains(&ANY))
}

/// The number by which those who look a row up and those who change it meet.
pub fn meeting_key<'k>(key: impl Iterator<Item = &'k str>) -> u64 {
    meet::key(key.collect::<Vec<_>>())
}

/// Whether a bound column of a step leads on to another table.
pub fn leads_on(source: &Source, step: usize) -> impl Fn(usize) -> bool + '_ {
    move |at| source.parts.steps.iter().any(|part| part.parent == step && part.from.contains(&at))
}

/// Who looks up what a row reaches.
#[derive(Clone, Copy, PartialEq)]
pub enum For {
    /// A row that changes: what it reaches must not change unseen before its transaction ends.
    Row,
    /// What is reached in a step, which itself has changed: the same for what it leads on to.
    Reached(usize),
    /// All rows of a table: as a query would read it.
    All,
}

impl For {
    /// Whether what is reached in a step must not change unseen.
    fn meets(self, source: &Source, step: usize) -> bool {
        match self {
            For::Row => true,
            For::Reached(changed) => is_led_to(source, changed, step),
            For::All => false,
        }
    }
}

/// Whether what is reached in a step can change a person's score, rather than only its name or owner.
pub fn scores(source: &Source, step: usize) -> bool {
    let parts = &source.parts;
    let is_told = |at: usize| Some(at) == parts.name || Some(at) == parts.owner;
    let is_of = |of: usize| of == step || (of > 0 && is_led_to(source, step, of));
    parts.columns.iter().enumerate().any(|(at, (of, _))| is_of(*of) && !is_told(at))
}

/// Whether a step leads to a later one.
fn is_led_to(source: &Source, from: usize, step: usize) -> bool {
    let parent = |step: usize| source.parts.steps[step - 1].parent;
    std::iter::successors(Some(parent(step)), |&step| (step > 0).then(|| parent(step))).any(|step| step == from)
}

/// Meets whoever changes any of what rows of a step lead on to.
pub fn meet_all_led_to(source: &Source, step: usize) {
    let tables: BTreeSet<u32> = (1..=source.steps.len())
        .filter(|&later| is_led_to(source, step, later))
        .map(|later| source.at_step(later).relation)
        .collect();
    tables.into_iter().for_each(|table| meet::meet_all(table.into(), 0, Side::Looks));
}

/// Has rows, by their keys, or all of them, to itself among those who bring rows over for what they reach: where they reach it in
/// several steps, somebody else may have changed another of these, unseen.
pub fn meet_each_other(source: &Source, keys: Option<Vec<&str>>) {
    if source.steps.len() > 1 {
        let keys = keys.map(|keys| keys.into_iter().map(|key| meet::key((source.source_id, key))).collect());
        meet::meet_each_other(source.table.relation.into(), keys);
    }
}

/// What was looked up last in each step, which the next row often reaches, too: for rows between which their reader writes nothing.
#[derive(Default)]
pub struct Lookups(Vec<Option<(Vec<String>, Option<rows::FoundRow>)>>);

impl Lookups {
    /// Whether anything was not there that would lead on: who changes what is behind it is not met.
    pub fn breaks_off(&self, source: &Source) -> bool {
        let leads_on = |step: usize| source.parts.steps.iter().any(|part| part.parent == step);
        self.0.iter().enumerate().any(|(step, latest)| matches!(latest, Some((_, None))) && leads_on(step))
    }

    fn of(&mut self, step: usize) -> &mut Option<(Vec<String>, Option<rows::FoundRow>)> {
        if self.0.len() <= step {
            self.0.resize_with(step + 1, || None);
        }
        &mut self.0[step]
    }
}

/// Meets whoever changes what rows of a statement reach, by what leads on from them in each attachment of their table, before any
/// of it is looked up: in the order of keys, or all at once where they are too many.
pub fn meet_ahead(attachments: &[(&Source, Vec<&[Option<Held>]>)]) {
    // By table and key, as changes of what is reached are met: so many steps follow at most, the first one included.
    let mut keys: BTreeMap<(u32, Vec<&str>), usize> = BTreeMap::new();
    for (source, rows) in attachments {
        for (part, table) in source.parts.steps.iter().zip(&source.steps).filter(|(part, _)| part.parent == 0) {
            for held in rows {
                let key: Option<Vec<&str>> = part.from.iter().map(|&at| Some(held.get(at)?.as_ref()?.text.as_str())).collect();
                if let Some(key) = key {
                    let steps = keys.entry((table.relation, key)).or_default();
                    *steps = (*steps).max(source.steps.len());
                }
            }
        }
    }
    let unmet: Vec<(u32, u64, usize)> = keys
        .into_iter()
        .map(|((relation, key), steps)| (relation, meeting_key(key.into_iter()), steps))
        .filter(|&(relation, key, _)| !meet::holds(relation.into(), 0, Some(key), Side::Looks))
        .collect();
    if unmet.len() < 2 {
        return;
    }
    // What follows is not known before these are read, and is as much in each step at most.
    if meet::has_room(unmet.iter().map(|(.., steps)| steps).sum()) {
        unmet.iter().for_each(|&(relation, key, _)| meet::meet(relation.into(), 0, &[key], Side::Looks));
    } else {
        let tables: BTreeSet<u32> =
            attachments.iter().flat_map(|(source, _)| source.steps.iter().map(|table| table.relation)).collect();
        tables.into_iter().for_each(|table| meet::meet_all(table.into(), 0, Side::Looks));
    }
}

/// What is read of a row with what it reaches, from its own bound columns.
pub fn reach(
    source: &Source,
    own: Vec<Option<Cell>>,
    held: Vec<Option<Held>>,
    zone: TimeZone,
    whom: For,
    lookups: &mut Lookups,
) -> Vec<Option<Cell>> {
    let mut cells = vec![Some(own)];
    let mut leads = vec![held];
    for (part, table) in source.parts.steps.iter().zip(&source.steps) {
        let step = cells.len();
        let keys: Option<Vec<&Held>> = part.from.iter().map(|&at| leads[part.parent].get(at)?.as_ref()).collect();
        let found = keys.and_then(|keys| {
            let latest = lookups.of(step);
            if let Some((_, found)) = latest.as_ref().filter(|(known, _)| known.iter().eq(keys.iter().map(|key| &key.text))) {
                return found.clone();
            }
            if whom.meets(source, step) {
                // From here on nobody changes what was found, unseen, before this transaction ends.
                meet::meet(table.relation.into(), 0, &[meeting_key(keys.iter().map(|key| key.text.as_str()))], Side::Looks);
            }
            let found = match rows::find_row(table, &part.to, &keys, zone, leads_on(source, step)) {
                Ok(found) => found,
                Err(()) => find_by_query(source, step, table, &part.to, &keys, zone),
            };
            if found.is_none() {
                MISSED.with_borrow_mut(|missed| missed.insert(table.relation));
            }
            *latest = Some((keys.iter().map(|key| key.text.clone()).collect(), found.clone()));
            found
        });
        let (found, leads_on) = found.unzip();
        cells.push(found);
        leads.push(leads_on.unwrap_or_default());
    }
    source.read(&cells)
}

/// The rows that reach a row with this key in a step, read with what they reach; found by the indexes of the foreign keys on the
/// way. `Err` where there are many, or it takes a query.
pub fn rows_that_reach(
    source: &Source,
    step: usize,
    key: &[String],
    zone: TimeZone,
    whom: For,
) -> Result<Vec<Vec<Option<Cell>>>, ()> {
    follow_back(source, step, key, (zone, whom), MOST_BETWEEN, &|nth, by, key| {
        rows::find_rows(source.at_step(nth), by, key, zone, leads_on(source, nth))
    })
}

/// Rows of more rows in between are left to a query.
const MOST_BETWEEN: usize = 16;

/// The same of any number of rows, and where the tables have several owners: each of them is read as its own owner.
pub fn all_that_reach(source: &Source, step: usize, key: &[String], zone: TimeZone, whom: For) -> Vec<Vec<Option<Cell>>> {
    let found = follow_back(source, step, key, (zone, whom), usize::MAX, &|nth, by, key| {
        let table = source.at_step(nth);
        let few = rows::find_rows(table, by, key, zone, leads_on(source, nth));
        Ok(few.unwrap_or_else(|()| query_rows(source, nth, table, by, key, zone)))
    });
    found.unwrap_or_default()
}

/// The rows of the table itself with this key, as they are by now.
pub fn rows_of_key(source: &Source, key: &[String], zone: TimeZone) -> Vec<rows::FoundRow> {
    let Some(by) = source.key_columns().filter(|by| by.len() == key.len()) else { return Vec::new() };
    let few = rows::find_rows(&source.table, &by, key, zone, leads_on(source, 0));
    few.unwrap_or_else(|()| query_rows(source, 0, &source.table, &by, key, zone))
}

/// The row that was stored there before this transaction changed it further, as it is by now; `None` where it is gone, or went to
/// another partition.
pub fn row_that_was(source: &Source, place: rows::Place, zone: TimeZone) -> Option<rows::FoundRow> {
    let relation = pg_sys::Oid::from(place.0);
    let table = pg::name_of(relation);
    let columns = list("t", source.table.columns().iter());
    let query = format!("SELECT {columns} FROM ONLY {table} t WHERE t.ctid = pg_catalog.currtid2($1[1], $2[1]::pg_catalog.tid)");
    let mut found = None;
    pg::as_role(pg::owner_of(relation), || {
        let args = [vec![table.clone()], vec![rows::place_text(place)]];
        rows::read_held(&query, &args, true, zone, leads_on(source, 0), |row| found = Some(row));
    });
    found
}

/// Finds the rows of a step's table with these values in some of its bound columns.
type Find<'f> = &'f dyn Fn(usize, &[usize], &[String]) -> Result<Vec<rows::FoundRow>, ()>;

/// From a row with this key in a step back to the rows of the table itself.
fn follow_back(
    source: &Source,
    step: usize,
    key: &[String],
    (zone, whom): (TimeZone, For),
    most_between: usize,
    find: Find,
) -> Result<Vec<Vec<Option<Cell>>>, ()> {
    let (mut step, mut keys) = (step, vec![key.to_vec()]);
    loop {
        let part = &source.parts.steps[step - 1];
        let mut found = Vec::new();
        for key in &keys {
            found.extend(find(part.parent, &part.from, key)?);
        }
        if part.parent == 0 {
            let mut lookups = Lookups::default();
            return Ok(found.into_iter().map(|(own, held)| reach(source, own, held, zone, whom, &mut lookups)).collect());
        }
        // From the table in between back to the table itself.
        step = part.parent;
        let to = &source.parts.steps[step - 1].to;
        let key = |(cells, _): &rows::FoundRow| {
            to.iter().map(|&at| cells.get(at)?.as_ref().map(|cell| cell.text.clone())).collect::<Option<Vec<_>>>()
        };
        keys = found.iter().filter_map(key).collect();
        if keys.len() > most_between {
            return Err(());
        }
    }
}

/// Reads the rows of the table itself as its owner, and what each reaches as the owners of those tables: as the query of
/// [`columns`] and [`from`] gives them.
pub fn each_row(source: &Source, zone: TimeZone, mut take: impl FnMut(Vec<Option<Cell>>)) {
    let table = &source.table;
    let query = format!("SELECT {} FROM {}{} t", list("t", table.columns().iter()), only(table), pg::name_of(table.relation));
    let mut lookups = Lookups::default();
    pg::as_role(source.owner.into(), || {
        rows::read_held(&query, &[], false, zone, leads_on(source, 0), |(own, held)| {
            let written = own[own.len() - source.written().len()..].to_vec();
            let mut cells = reach(source, own, held, zone, For::All, &mut lookups);
            cells.extend(written);
            take(cells);
        });
    });
}

/// The owner of the attached table and of all that it reaches, if that is one. What is read as somebody may run functions of
/// theirs: PostgreSQL calls those of an index that are called with constants when it plans a query.
pub fn one_owner(source: &Source) -> Option<pg_sys::Oid> {
    let owner = source.owner.into();
    source.steps.iter().all(|step| pg::owner_of(step.relation.into()) == owner).then_some(owner)
}

/// The row with this key, of a partitioned table or by an index that only the planner can use.
fn find_by_query(
    source: &Source,
    step: usize,
    table: &Table,
    to: &[usize],
    keys: &[&Held],
    zone: TimeZone,
) -> Option<rows::FoundRow> {
    let key: Vec<String> = keys.iter().map(|key| key.text.clone()).collect();
    query_rows(source, step, table, to, &key, zone).pop()
}

/// The rows with these values in some of the bound columns of a table. They are read as its owner, without its policies, as
/// PostgreSQL itself finds what a foreign key leads to.
fn query_rows(source: &Source, step: usize, table: &Table, by: &[usize], key: &[String], zone: TimeZone) -> Vec<rows::FoundRow> {
    let columns = list("t", table.columns().iter());
    let wanted = by.iter().zip(1..).map(|(&at, nth)| format!("t.{} = ${nth}[1]::{}", quoted(table, at), type_of(table, at)));
    let query = format!(
        "SELECT {columns} FROM {}{} t WHERE {}",
        only(table),
        pg::name_of(table.relation),
        wanted.collect::<Vec<_>>().join(" AND ")
    );
    let args: Vec<Vec<String>> = key.iter().map(|value| vec![value.clone()]).collect();
    let mut found = Vec::new();
    pg::as_role(pg::owner_of(table.relation.into()), || {
        rows::read_held(&query, &args, true, zone, leads_on(source, step), |row| found.push(row));
    });
    found
}

fn list<'c>(alias: &str, columns: impl Iterator<Item = &'c String>) -> String {
    columns.map(|column| format!("{alias}.{}", pgrx::spi::quote_identifier(column))).collect::<Vec<_>>().join(", ")
}

fn quoted(table: &Table, at: usize) -> String {
    table.columns().get(at).map(pgrx::spi::quote_identifier).unwrap_or_default()
}

fn type_of(table: &Table, at: usize) -> &str {
    table.types.as_ref().and_then(|types| types.get(at)).map_or("pg_catalog.text", String::as_str)
}

/// Rows of a table that came to inherit from it are none of ours: their changes fire nothing, and no foreign key leads to them.
fn only(table: &Table) -> &'static str {
    if table.partitioned { "" } else { "ONLY " }
}

/// The FROM of a query that reads rows with what they reach: `t0` is the table itself, `t1` what the first step reaches.
pub fn from(source: &Source) -> String {
    let mut from = format!("FROM {}{} t0", only(&source.table), pg::name_of(source.table.relation));
    for (nth, (part, table)) in source.parts.steps.iter().zip(&source.steps).enumerate() {
        let (step, parent) = (nth + 1, source.at_step(part.parent));
        let on = part
            .from
            .iter()
            .zip(&part.to)
            .map(|(&from, &to)| format!("t{step}.{} = t{}.{}", quoted(table, to), part.parent, quoted(parent, from)));
        from += &format!(
            " LEFT JOIN {}{} t{step} ON {}",
            only(table),
            pg::name_of(table.relation),
            on.collect::<Vec<_>>().join(" AND ")
        );
    }
    from
}

/// What a query that reads rows selects: all that is read, in the order of `columns`, and what is written back.
pub fn columns(source: &Source) -> String {
    let read = source.parts.columns.iter().map(|&(step, at)| match usize::try_from(at) {
        Ok(at) => format!("t{step}.{}", quoted(source.at_step(step), at)),
        Err(_) => "NULL::pg_catalog.text".into(),
    });
    let written = source.written().iter().map(|column| format!("t0.{}", pgrx::spi::quote_identifier(column)));
    read.chain(written).collect::<Vec<_>>().join(", ")
}

/// The condition under which rows reach, in a step, one of the keys that the parameters hold, a list of texts for each of
/// its columns.
pub fn concerned(source: &Source, step: usize) -> String {
    let (part, table) = (&source.parts.steps[step - 1], source.at_step(step));
    let casts: Vec<String> =
        part.to.iter().zip(1..).map(|(&at, nth)| format!("${nth}::pg_catalog.text[]::{}[]", type_of(table, at))).collect();
    let wanted = match casts.as_slice() {
        [cast] => format!("ANY ({cast})"),
        casts => format!(
            "ANY (SELECT * FROM ROWS FROM ({}) u)",
            casts.iter().map(|c| format!("unnest({c})")).collect::<Vec<_>>().join(", ")
        ),
    };
    let mut condition = (part.parent, format!("{} = {wanted}", tuple(source, part.parent, &part.from)));
    // From the table in between back to the table itself.
    while condition.0 != 0 {
        let (step, wanted) = condition;
        let (part, table) = (&source.parts.steps[step - 1], source.at_step(step));
        condition = (
            part.parent,
            format!(
                "{} IN (SELECT {} FROM {}{} t{step} WHERE {wanted})",
                tuple(source, part.parent, &part.from),
                list(&format!("t{step}"), part.to.iter().filter_map(|&at| table.columns().get(at))),
                only(table),
                pg::name_of(table.relation)
            ),
        );
    }
    condition.1
}

fn tuple(source: &Source, step: usize, at: &[usize]) -> String {
    let columns = list(&format!("t{step}"), at.iter().filter_map(|&at| source.at_step(step).columns().get(at)));
    if at.len() == 1 { columns } else { format!("({columns})") }
}
