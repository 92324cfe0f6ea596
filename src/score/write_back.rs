//! The arrow back into the application's own tables: scores and categories are written to the rows
//! from which the persons came, as the owner of the table.

use crate::arrive::source::{Source, is_shortened, values_of_key};
use crate::cluster;
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::pg::attached::{self, Attached, TakesStatement, Written};
use crate::pg::person::{FoundPerson, Persons};
use crate::pg::{self, latest::Latest};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::CaughtError;
use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::rc::Rc;

/// A person whose score or category changed, as far as the application's own row shows it.
pub struct Moved {
    pub person_id: i64,
    /// The number of the attached table and the key in it.
    pub source: Option<(i32, String)>,
    pub score: i64,
    pub category: Option<String>,
}

/// A statement on a table to which scores are written back, between its BEFORE trigger and its AFTER trigger. Meanwhile its
/// rows are not written: one of them may be the row that the statement is about to write.
struct Open {
    savepoint: u32,
    relation: u32,
    depth: i32,
}

/// A row to which a score is to be written when the statement on its table ends.
struct Queued {
    savepoint: u32,
    source_id: i32,
    relation: u32,
    key: String,
}

/// A row of an attached table that this transaction has locked.
#[derive(PartialEq)]
struct LockedRow {
    relation: u32,
    key: String,
}

/// So many locked rows are remembered at most.
const REMEMBERED: usize = 100;

thread_local! {
    /// Rows that need not be locked again, with the savepoint in which they were.
    static LOCKED: RefCell<Vec<(u32, LockedRow)>> = const { RefCell::new(Vec::new()) };
    static OPEN: RefCell<Vec<Open>> = const { RefCell::new(Vec::new()) };
    static QUEUED: RefCell<Vec<Queued>> = const { RefCell::new(Vec::new()) };
    /// Tables that statements within a trigger have written in this transaction. What the action of a foreign key writes is
    /// checked no sooner than the statement around it ends.
    static NESTED: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static LEVEL: Cell<u32> = const { Cell::new(0) };
    /// How many triggers the innermost of these statements runs within.
    static DEPTH: Cell<i32> = const { Cell::new(0) };
}

/// Forgets what was noted in a savepoint, or in one within it: it was rolled back. 0 means the transaction, which ended.
pub fn forget_noted(savepoint: u32) {
    LOCKED.with_borrow_mut(|locked| locked.retain(|(since, _)| *since < savepoint));
    OPEN.with_borrow_mut(|open| open.retain(|o| o.savepoint < savepoint));
    QUEUED.with_borrow_mut(|queued| queued.retain(|q| q.savepoint < savepoint));
    if savepoint == 0 {
        LEVEL.set(0);
        NESTED.with_borrow_mut(Vec::clear);
    }
}

/// How many statements that write back run within each other: what they change is not what the application changes.
pub fn level() -> u32 {
    LEVEL.get()
}

/// So deep may they run within each other for what triggers of the application overwrite meanwhile to be corrected: one may
/// overwrite again whatever is written.
const CORRECTED: u32 = 4;

/// Whether an UPDATE whose row trigger runs may have overwritten a score: what leadscore itself writes back is right.
pub fn may_overwrite() -> bool {
    match LEVEL.get() {
        0 => true,
        level => level < CORRECTED && pg::trigger_depth() > DEPTH.get() + 1,
    }
}

/// Counts a statement that writes back for as long as it runs, an error that ends it included.
struct Level {
    level: u32,
    /// That of the statement around it.
    depth: i32,
}

impl Level {
    fn begin() -> Level {
        LEVEL.set(LEVEL.get() + 1);
        Level { level: LEVEL.get(), depth: DEPTH.replace(pg::trigger_depth()) }
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        LEVEL.set(self.level - 1);
        DEPTH.set(self.depth);
    }
}

/// The BEFORE trigger of a statement on a table to which scores are written back.
pub fn source_begins(relation: u32) {
    // A run writes to its rows: it is waited for before any of them is locked.
    config::present();
    let depth = pg::trigger_depth();
    OPEN.with_borrow_mut(|open| open.push(Open { savepoint: pg::current_savepoint(), relation, depth }));
    if depth > 1 {
        NESTED.with_borrow_mut(|nested| {
            if !nested.contains(&relation) {
                nested.push(relation);
            }
        });
    }
}

/// Whether there is no such statement, and nothing is left to be written when one ends.
pub fn is_idle() -> bool {
    OPEN.with_borrow(Vec::is_empty) && QUEUED.with_borrow(Vec::is_empty)
}

/// The AFTER trigger of such a statement: from here on the rows can be written.
pub fn source_ends(source: &Source) {
    let depth = pg::trigger_depth();
    OPEN.with_borrow_mut(|open| {
        open.retain(|o| o.depth <= depth);
        if let Some(at) = open.iter().rposition(|o| o.relation == source.table.relation && o.depth == depth) {
            open.remove(at);
        }
    });
}

fn is_open(source: &Source) -> bool {
    let depth = pg::trigger_depth();
    OPEN.with_borrow(|open| open.iter().any(|o| o.relation == source.table.relation && o.depth <= depth))
}

/// Writes what was left until the statements on the source's table have ended.
pub fn write_queued(config: &Config, relation: u32) {
    if QUEUED.with_borrow(|queued| queued.is_empty()) {
        return;
    }
    for source in config.sources.iter().filter(|source| source.table.relation == relation && source.writes_back()) {
        if is_open(source) {
            continue;
        }
        let mut keys: Vec<String> = QUEUED.with_borrow_mut(|queued| {
            {
                let (own, others) = queued.drain(..).partition(|q| q.source_id == source.source_id && q.relation == relation);
                *queued = others;
                own
            }
            .into_iter()
            .map(|q: Queued| q.key)
            .collect()
        });
        keys.sort_unstable();
        keys.dedup();
        if !keys.is_empty() {
            write_standing(
                std::slice::from_ref(source),
                OF_KEYS.with(|of| {
                    of.rows(&[
                        DatumWithOid::from(keys),
                        DatumWithOid::from(source.source_id),
                        DatumWithOid::from(source.person_kind.as_str()),
                    ])
                }),
            );
        }
    }
}

thread_local! {
    /// Keys, scores and categories of persons that came from a source.
    static OF_PERSONS: Latest = const { Latest::new(
        "SELECT k.external_id, p.score, p.category
         FROM leadscore._person_key k JOIN leadscore.person p ON p.person_id = k.person_id
         WHERE k.person_id = ANY ($1) AND k.source_id = $2",
    ) };
    static OF_KEYS: Latest = const { Latest::new(
        "SELECT k.external_id, p.score, p.category
         FROM leadscore._person_key k JOIN leadscore.person p ON p.person_id = k.person_id
         WHERE k.kind = $3 AND k.external_id = ANY ($1) AND k.source_id = $2",
    ) };
    /// What the persons with these keys have on another scorecard.
    static CARDS: Latest = const { Latest::new(
        "SELECT coalesce(s.score, 0), s.category
         FROM unnest($1::text[]) WITH ORDINALITY u(key, nth)
         LEFT JOIN leadscore._person_key k ON k.kind = $3 AND k.external_id = u.key AND k.source_id = $2
         LEFT JOIN leadscore.person_score s ON s.person_id = k.person_id AND s.scorecard = $4
         ORDER BY u.nth",
    ) };
}

fn of_persons(source: &Source, ids: &[i64]) -> Vec<Vec<Option<String>>> {
    OF_PERSONS.with(|of| of.rows(&[DatumWithOid::from(ids.to_vec()), DatumWithOid::from(source.source_id)]))
}

/// Of an attached table, or of its shards, the place of the one in which the row with a key is; `None` for a key that is too
/// long to be kept, by which no row can be looked up.
fn place_of(sources: &[Rc<Source>], key: &str) -> Option<usize> {
    if is_shortened(key) {
        return None;
    }
    if let [source] = sources
        && source.shard.is_none()
    {
        return Some(0);
    }
    sources.iter().position(|source| source.holds(key))
}

/// Keys with their scores and categories, by the place of the shard.
#[derive(Clone, Default)]
struct Standings {
    keys: Vec<String>,
    scores: Vec<i64>,
    categories: Vec<Option<String>>,
}

impl Standings {
    /// Keeps those of which it holds by their places.
    fn retain(&mut self, stays: impl Fn(usize) -> bool) {
        fn only<T>(list: &mut Vec<T>, stays: &impl Fn(usize) -> bool) {
            let mut nth = 0;
            list.retain(|_| {
                nth += 1;
                stays(nth - 1)
            });
        }
        only(&mut self.keys, &stays);
        only(&mut self.scores, &stays);
        only(&mut self.categories, &stays);
    }
}

/// Writes scores and categories to an attached table, or to its shards.
fn write_all(sources: &[Rc<Source>], standings: impl Iterator<Item = (String, i64, Option<String>)>) {
    let mut lists = vec![Standings::default(); sources.len()];
    for (key, score, category) in standings {
        if let Some(at) = place_of(sources, &key) {
            lists[at].keys.push(key);
            lists[at].scores.push(score);
            lists[at].categories.push(category);
        }
    }
    for (source, list) in sources.iter().zip(lists) {
        if !list.keys.is_empty() {
            write_back_to(source, list);
        }
    }
}

/// Writes what the rows of such a query say.
fn write_standing(sources: &[Rc<Source>], rows: Vec<Vec<Option<String>>>) {
    let standing = |mut row: Vec<Option<String>>| match row.as_mut_slice() {
        [Some(key), Some(score), category] => Some((std::mem::take(key), score.parse().unwrap_or_default(), category.take())),
        _ => None,
    };
    write_all(sources, rows.into_iter().filter_map(standing));
}

/// A column of the source, quoted.
fn column(source: &Source, at: usize) -> Option<String> {
    Some(pgrx::spi::quote_identifier(source.table.columns.as_ref()?.get(at)?))
}

/// The key columns of the source, quoted, with their types; `None` when they are not known.
fn key_columns(source: &Source) -> Option<Vec<(String, &str)>> {
    let types = source.table.types.as_ref()?;
    let of = |at: usize| Some((column(source, at)?, types.get(at)?.as_str()));
    source.key_columns()?.into_iter().map(of).collect()
}

/// Keys as lists of their values, one for each column.
fn by_column(keys: &[String], columns: usize) -> Vec<Vec<String>> {
    let mut lists = vec![Vec::with_capacity(keys.len()); columns];
    for key in keys {
        let mut values = values_of_key(key, columns);
        values.resize(columns, String::new());
        for (list, value) in lists.iter_mut().zip(values) {
            list.push(value);
        }
    }
    lists
}

/// Raises the error of an owner who may not do what writing back needs.
fn refuse_for_owner(source: &Source, caught: &CaughtError) -> ! {
    let why = match caught {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report.message(),
        CaughtError::RustPanic { ereport, .. } => ereport.message(),
    };
    Refusal::new(
        Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("scores cannot be written back to {}", pg::name_of(source.table.relation)),
    )
    .detail(format!("As the table's owner: {why}."))
    .hint(if why.contains("deferred trigger") {
        "A deferrable trigger on the table must become an ordinary one; SELECT * FROM leadscore.doctor() names it."
    } else {
        "Give the table's owner the privileges that it and its triggers need."
    })
    .raise()
}

/// Runs what may call the owner's functions, and tells of rights that the owner has not.
fn for_owner<T>(source: &Source, work: impl FnOnce() -> T) -> T {
    pgrx::PgTryBuilder::new(std::panic::AssertUnwindSafe(work))
        .catch_when(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, |caught| refuse_for_owner(source, &caught))
        .execute()
}

/// The names of the key columns, not quoted.
fn key_names(source: &Source) -> Option<Vec<&str>> {
    source.key_columns()?.into_iter().map(|at| source.table.columns().get(at).map(String::as_str)).collect()
}

/// Writes the scores and categories of a few rows without a statement; removes from the list whose rows are done.
fn write_few(source: &Source, standings: &mut Standings) {
    // What other parts of leadscore read, its triggers must see.
    if source.shard.is_some() || source.reads_written || standings.keys.len() > pg::plans::FEW {
        return;
    }
    let Some(names) = key_names(source) else { return };
    let column = |at: Option<usize>| at.and_then(|at| source.table.columns().get(at)).map(String::as_str);
    let (score, category) = (column(source.parts.score), column(source.parts.category));
    let values = |nth: usize| -> Vec<(&str, Written)> {
        let score = score.map(|name| (name, Written::Score(standings.scores[nth])));
        score.into_iter().chain(category.map(|name| (name, Written::Category(standings.categories[nth].as_deref())))).collect()
    };
    let done: Vec<bool> = for_owner(source, || {
        let relation = source.table.relation;
        let are_checked = NESTED.with_borrow(|nested| !nested.contains(&relation));
        let Ok(table) = Attached::to_write(relation, source.owner, &names, are_checked) else { return Vec::new() };
        let is_written = |nth: usize| table.write(&values_of_key(&standings.keys[nth], names.len()), &values(nth)).is_ok();
        (0..standings.keys.len()).map(is_written).collect()
    });
    if done.is_empty() {
        return;
    }
    pg::make_changes_visible();
    standings.retain(|nth| !done[nth]);
}

/// Updates the score and category columns of one attached table where they differ, as its owner.
fn write_back_to(source: &Source, mut standings: Standings) {
    if is_open(source) {
        let savepoint = pg::current_savepoint();
        QUEUED.with_borrow_mut(|queued| {
            queued.extend(standings.keys.into_iter().map(|key| queued_row(savepoint, source, key)));
        });
        return;
    }
    if source.parts.scorecards.is_empty() {
        write_few(source, &mut standings);
    }
    if !standings.keys.is_empty() {
        write_by_statement(source, standings);
    }
}

fn write_by_statement(source: &Source, Standings { keys, scores, categories }: Standings) {
    let Some(key) = key_columns(source) else { return };
    // All is qualified: it runs under a search_path for the owner's triggers.
    let (mut set, mut differs, mut lists) = (Vec::new(), Vec::new(), Vec::new());
    let mut args: Vec<DatumWithOid> = Vec::new();
    let mut list = |arg: DatumWithOid<'static>| {
        args.push(arg);
        lists.push(format!("pg_catalog.unnest(${})", args.len()));
        format!("n.c{}", args.len())
    };
    let matches: Vec<String> = key
        .iter()
        .zip(by_column(&keys, key.len()))
        .map(|((column, type_name), values)| {
            format!("t.{column} OPERATOR(pg_catalog.=) {}::{type_name}", list(DatumWithOid::from(values)))
        })
        .collect();
    let mut write = |score_at: Option<usize>, category_at: Option<usize>, scores: Vec<i64>, categories: Vec<Option<String>>| {
        if let Some(column) = score_at.and_then(|at| column(source, at)) {
            let score = list(DatumWithOid::from(scores));
            set.push(format!("{column} = {score}"));
            differs.push(format!("(t.{column} OPERATOR(pg_catalog.=) {score}) IS NOT TRUE"));
        }
        if let Some(column) = category_at.and_then(|at| column(source, at)) {
            let category = list(DatumWithOid::from(categories));
            set.push(format!("{column} = {category}"));
            differs.push(format!(
                "CASE WHEN {category} IS NULL THEN t.{column} IS NOT NULL
                      ELSE (t.{column} OPERATOR(pg_catalog.=) {category}) IS NOT TRUE END"
            ));
        }
    };
    write(source.parts.score, source.parts.category, scores.clone(), categories.clone());
    for card in &source.parts.scorecards {
        let rows = CARDS.with(|cards| {
            cards.rows(&[
                DatumWithOid::from(keys.clone()),
                DatumWithOid::from(source.source_id),
                DatumWithOid::from(source.person_kind.as_str()),
                DatumWithOid::from(card.scorecard.as_str()),
            ])
        });
        let scores = rows.iter().map(|row| row[0].as_deref().and_then(|score| score.parse().ok()).unwrap_or_default()).collect();
        write(card.score, card.category, scores, rows.into_iter().map(|mut row| row.remove(1)).collect());
    }
    if set.is_empty() {
        return;
    }
    let names: Vec<String> = (1..=lists.len()).map(|nth| format!("c{nth}")).collect();
    let statement = format!(
        "UPDATE {} t SET {} FROM ROWS FROM ({}) n({}) WHERE {} AND ({})",
        pg::name_of(source.table.relation),
        set.join(", "),
        lists.join(", "),
        names.join(", "),
        matches.join(" AND "),
        differs.join(" OR ")
    );
    let beyond_type = |code: Code, written: &str| {
        Refusal::new(
            code,
            format!("{written} cannot be written back to {}", pg::name_of(source.table.relation)),
        )
        .detail("The column is too small for it.")
        .hint(format!(
            "SELECT leadscore.detach('{}'); then give a score column type bigint and a category column type text, and attach the table again.",
            pg::name_of(source.table.relation)
        ))
    };
    let path = attached::path_beside(source.table.relation.into());
    pgrx::PgTryBuilder::new(|| {
        let _level = Level::begin();
        cluster::with_shards(source, || {
            pg::with_search_path(&path, || {
                pg::owner::update(source.table.relation.into(), source.owner.into(), &statement, &args);
            })
        });
    })
    .catch_when(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, |caught| refuse_for_owner(source, &caught))
    .catch_when(Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, |_| {
        beyond_type(
            Code::ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
            &format!("score {}", scores.iter().max_by_key(|score| score.unsigned_abs()).copied().unwrap_or_default()),
        )
        .raise()
    })
    .catch_when(Code::ERRCODE_STRING_DATA_RIGHT_TRUNCATION, |_| {
        let longest = categories.iter().flatten().max_by_key(|name| name.chars().count()).cloned().unwrap_or_default();
        beyond_type(Code::ERRCODE_STRING_DATA_RIGHT_TRUNCATION, &format!("category \"{longest}\"")).raise()
    })
    .execute();
}

/// Brings scores and categories that changed to the rows from which the persons came.
pub fn write_back_moved(config: &Config, moved: Vec<Moved>) {
    if moved.is_empty() {
        return;
    }
    if config.has_aliases {
        return write_back_of(config, &moved.iter().map(|person| person.person_id).collect::<Vec<_>>());
    }
    for sources in config.attached().filter(|sources| sources[0].writes_back()) {
        let standings = moved.iter().filter_map(|person| {
            let (_, key) = person.source.as_ref().filter(|(number, _)| *number == sources[0].source_id)?;
            Some((key.clone(), person.score, person.category.clone()))
        });
        write_all(sources, standings);
    }
}

/// Locks the rows to which scores of these persons are written back, in the order of their keys. Returns those of the persons
/// who had to be looked at.
pub fn lock_sources_of(config: &Config, persons: &Persons, ids: Vec<i64>) -> Vec<(i64, FoundPerson)> {
    // Of a few persons their own rows tell where they came from.
    let looked_at: Option<Vec<(i64, FoundPerson)>> = (ids.len() <= pg::plans::FEW && !config.has_aliases)
        .then(|| ids.iter().filter_map(|&id| Some((id, persons.look_at(id)?))).collect());
    let known: Option<Vec<(i32, String)>> = looked_at.as_ref().map(|found| {
        let source = |(_, person): &(i64, FoundPerson)| persons.source(person).map(|(number, key)| (number, key.to_owned()));
        found.iter().filter_map(source).collect()
    });
    for sources in config.attached().filter(|sources| sources[0].writes_back()) {
        let keys: Vec<String> = match &known {
            Some(known) => {
                known.iter().filter(|(number, _)| *number == sources[0].source_id).map(|(_, key)| key.clone()).collect()
            }
            None => of_persons(&sources[0], &ids).into_iter().filter_map(|mut row| row.swap_remove(0)).collect(),
        };
        let mut lists = vec![Vec::new(); sources.len()];
        for key in keys {
            if let Some(at) = place_of(sources, &key) {
                lists[at].push(key);
            }
        }
        sources.iter().zip(lists).filter(|(_, keys)| !keys.is_empty()).for_each(|(source, keys)| lock_rows(source, keys));
    }
    looked_at.unwrap_or_default()
}

/// Locks the rows of an attached table that have these keys, in their order.
pub fn lock_rows(source: &Source, mut keys: Vec<String>) {
    let row = |key: &String| LockedRow { relation: source.table.relation, key: key.clone() };
    LOCKED.with_borrow(|locked| {
        keys.retain(|key| {
            let row = row(key);
            !locked.iter().any(|(_, known)| *known == row)
        });
    });
    if keys.is_empty() {
        return;
    }
    if lock_few(source, &keys).is_ok() {
        return remember_locked(source, &keys);
    }
    if let Some(key) = key_columns(source) {
        let names: Vec<&str> = key.iter().map(|(name, _)| name.as_str()).collect();
        let wanted = match key.as_slice() {
            [(name, type_name)] => format!("t.{name} OPERATOR(pg_catalog.=) ANY ($1::{type_name}[])"),
            _ => {
                let casts: Vec<String> = key
                    .iter()
                    .zip(1..)
                    .map(|((_, type_name), nth)| format!("pg_catalog.unnest(${nth}::{type_name}[])"))
                    .collect();
                format!("(t.{}) IN (SELECT * FROM ROWS FROM ({}) u)", names.join(", t."), casts.join(", "))
            }
        };
        let statement = format!(
            "SELECT FROM {} t WHERE {wanted} ORDER BY t.{} FOR NO KEY UPDATE",
            pg::name_of(source.table.relation),
            names.join(", t.")
        );
        let args: Vec<DatumWithOid> = by_column(&keys, key.len()).into_iter().map(DatumWithOid::from).collect();
        let statement = CString::new(statement).unwrap_or_default();
        for_owner(source, || {
            pg::in_own_settings(|| pg::as_role(source.owner.into(), || pg::plans::run(&statement, &args)));
        });
        remember_locked(source, &keys);
    }
}

fn remember_locked(source: &Source, keys: &[String]) {
    LOCKED.with_borrow_mut(|locked| {
        if locked.len() + keys.len() <= REMEMBERED {
            let savepoint = pg::current_savepoint();
            let row = |key: &String| LockedRow { relation: source.table.relation, key: key.clone() };
            locked.extend(keys.iter().map(|key| (savepoint, row(key))));
        }
    });
}

/// Locks a few rows without a statement, in the order that it would.
fn lock_few(source: &Source, keys: &[String]) -> Result<(), TakesStatement> {
    if source.shard.is_some() || keys.len() > pg::plans::FEW {
        return Err(TakesStatement);
    }
    let names = key_names(source).ok_or(TakesStatement)?;
    let mut keys: Vec<Vec<String>> = keys.iter().map(|key| values_of_key(key, names.len())).collect();
    if keys.len() > 1 {
        // Texts are in the order of their collation.
        let types = source.table.types.as_deref().unwrap_or_default();
        let is_number = |&at: &usize| {
            types.get(at).is_some_and(|name| matches!(name.as_str(), "pg_catalog.int2" | "pg_catalog.int4" | "pg_catalog.int8"))
        };
        if !source.key_columns().is_some_and(|columns| columns.iter().all(is_number)) {
            return Err(TakesStatement);
        }
        keys.sort_by_cached_key(|key| key.iter().map(|value| value.parse::<i64>().unwrap_or_default()).collect::<Vec<_>>());
    }
    for_owner(source, || {
        let table = Attached::to_lock(source.table.relation, source.owner, &names)?;
        keys.iter().try_for_each(|key| table.lock(key))
    })
}

/// `_lock_sources(bigint[])`.
pub fn lock_sources(ids: Option<Vec<Option<i64>>>) {
    let config = config::present();
    if config.writes_back() {
        drop(lock_sources_of(&config, &config.tables.persons_to_read(), ids.into_iter().flatten().flatten().collect()));
    }
}

/// `_write_back(bigint[])`.
pub fn write_back(ids: Option<Vec<Option<i64>>>) {
    let Some(ids) = ids else { return };
    let ids: Vec<i64> = ids.into_iter().flatten().collect();
    write_back_of(&config::present(), &ids);
}

fn write_back_of(config: &Config, ids: &[i64]) {
    for sources in config.attached().filter(|sources| sources[0].writes_back()) {
        write_standing(sources, of_persons(&sources[0], ids));
    }
}

/// Corrects what an application overwrote in the rows with these keys.
pub fn correct(source: &Source, keys: Vec<String>) {
    let savepoint = pg::current_savepoint();
    QUEUED.with_borrow_mut(|queued| {
        queued.extend(keys.into_iter().map(|key| queued_row(savepoint, source, key)));
    });
}

fn queued_row(savepoint: u32, source: &Source, key: String) -> Queued {
    Queued { savepoint, source_id: source.source_id, relation: source.table.relation, key }
}
