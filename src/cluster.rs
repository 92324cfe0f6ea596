//! Citus, and the one place of the library that knows it; `sql/cluster.sql` is the one of the SQL. On a node leadscore
//! follows the shards that live there: an attached table that is distributed is as many attached tables as it has
//! shards on the node, each with what its rows reach, and everything else works with those.

use crate::arrive::source::{Source, Table, values_of_key};
use crate::pg;
use pgrx::prelude::*;
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::CStr;

/// Which shard of a distributed table a source is.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// Its place among the shards of its table; shards of co-located tables with the same place have the same rows' owners.
    pub position: u32,
    /// The hashes of its rows; `None`: all rows are in it.
    hashes: Option<(i32, i32)>,
    /// The column of the key by whose value rows are distributed, with its type and collation.
    column: Option<(usize, u32, u32)>,
}

impl Shard {
    /// Whether a row with this key is in it.
    fn holds(&self, key: &str, columns: usize) -> bool {
        let (Some((low, high)), Some((at, type_id, collation))) = (self.hashes, self.column) else { return true };
        let values = values_of_key(key, columns);
        values.get(at).is_none_or(|value| (low..=high).contains(&pg::hash_of(value, type_id.into(), collation.into())))
    }
}

impl Source {
    /// Whether the row with this key is in the shard, or in the table, that it is.
    pub fn holds(&self, key: &str) -> bool {
        self.shard.as_ref().is_none_or(|shard| shard.holds(key, self.parts.key.len()))
    }

    /// The place of the shard that it is, if that is known to have the row with this key.
    pub fn place_of(&self, key: &str) -> Option<u32> {
        let shard = self.shard.as_ref().filter(|shard| shard.hashes.is_some() && shard.column.is_some())?;
        shard.holds(key, self.parts.key.len()).then_some(shard.position)
    }

    /// By what transactions of different shards do not meet each other.
    pub fn part(&self) -> u32 {
        self.shard.as_ref().map_or(0, |shard| shard.position)
    }
}

/// A distributed table as this node has it.
#[derive(Deserialize)]
struct Distributed {
    /// Whether each node has all of it.
    everywhere: bool,
    /// The column by which it is distributed.
    column: Option<String>,
    type_id: Option<u32>,
    collation: Option<u32>,
    shards: Vec<Local>,
}

/// A shard that lives on this node.
#[derive(Deserialize)]
struct Local {
    relation: u32,
    position: u32,
    low: Option<i32>,
    high: Option<i32>,
    /// Whether what is in it has been taken in.
    taken_in: bool,
}

const SHARDS: &str = include_str!("../sql/configure/shards.sql");

/// Settings under which shards are seen and can be written.
const OPEN: [(&CStr, &CStr); 2] =
    [(c"citus.override_table_visibility", c"off"), (c"citus.enable_manual_changes_to_shards", c"on")];

/// Whether Citus is in this database.
pub fn is_here() -> bool {
    pg::has_extension(c"citus")
}

/// Runs `work` so that it can write shards.
pub fn with_shards<T>(source: &Source, work: impl FnOnce() -> T) -> T {
    if source.shard.is_some() { pg::with_settings(&OPEN, work) } else { work() }
}

/// Attached tables as this node has them.
pub fn on_this_node(sources: Vec<Source>) -> Vec<Source> {
    if sources.is_empty() || !is_here() {
        return sources;
    }
    // Whoever asks, it is read with the rights of leadscore's owner.
    let owner = pg::owner_of(pg::table(pg::own_schema(), "state"));
    let read = || pg::as_role(owner, || pg::in_own_settings(|| pg::latest(SHARDS, pg_sys::TEXTOID, None)));
    let document = pg::with_settings(&OPEN, read);
    let tables: HashMap<u32, Distributed> = document
        .map(|document| serde_json::from_str(&document).unwrap_or_else(|e| error!("leadscore: the shards cannot be read: {e}")))
        .unwrap_or_default();
    if tables.is_empty() {
        return sources;
    }
    let mut all = Vec::with_capacity(sources.len());
    for source in sources {
        match tables.get(&source.table.relation) {
            Some(table) => all
                .extend(table.shards.iter().filter(|shard| shard.taken_in).map(|shard| of_shard(&source, table, shard, &tables))),
            None => all.push(source),
        }
    }
    all
}

/// What an attached table is in one of its shards.
fn of_shard(whole: &Source, table: &Distributed, shard: &Local, tables: &HashMap<u32, Distributed>) -> Source {
    let mut source = whole.clone();
    source.table.relation = shard.relation;
    for step in &mut source.steps {
        reach(step, shard.position, tables);
    }
    let key = |name: &String| {
        let is_it = |&at: &usize| {
            let place = whole.parts.columns.get(at).and_then(|&(_, at)| usize::try_from(at).ok());
            place.and_then(|at| whole.table.columns().get(at)) == Some(name)
        };
        whole.parts.key.iter().position(is_it)
    };
    let column = table.column.as_ref().and_then(key);
    source.shard = Some(Shard {
        position: shard.position,
        hashes: shard.low.zip(shard.high),
        column: column.zip(table.type_id.zip(table.collation)).map(|(at, (type_id, collation))| (at, type_id, collation)),
    });
    source
}

/// The part of a table that rows of a shard reach: all of it where each node has it, otherwise the shard of the same place.
fn reach(step: &mut Table, position: u32, tables: &HashMap<u32, Distributed>) {
    if let Some(table) = tables.get(&step.relation) {
        let reached = table.shards.iter().find(|shard| table.everywhere || shard.position == position);
        match reached {
            Some(shard) => step.relation = shard.relation,
            None => step.columns = None,
        }
    }
}
