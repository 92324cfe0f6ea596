//! The arrow back into the application's own tables: scores and categories are written to the rows
//! from which the persons came, as the owner of the table.

use crate::arrive::source::Source;
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::pg;
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::DatumWithOid;
use pgrx::pg_sys::panic::CaughtError;
use pgrx::prelude::*;
use std::ffi::CString;

const STANDING: &str = "SELECT array_agg(k.external_id), array_agg(p.score), array_agg(p.category)
    FROM leadscore._person_key k JOIN leadscore.person p ON p.person_id = k.person_id
    WHERE k.person_id = ANY ($1) AND k.source_id = $2";

/// Keys, scores and categories, side by side.
type Standing = (Vec<String>, Vec<i64>, Vec<Option<String>>);

/// Those of the persons that came from the source.
fn standing(source: &Source, ids: &[i64]) -> Option<Standing> {
    let (keys, scores, categories) = pg::in_own_settings(|| {
        Spi::connect_mut(|client| {
            let found = client
                .update(STANDING, Some(1), &[DatumWithOid::from(ids.to_vec()), DatumWithOid::from(source.source_id)])?
                .first();
            pgrx::spi::SpiResult::Ok((pg::value_of(&found, 1)?, pg::value_of(&found, 2)?, pg::value_of(&found, 3)?))
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"));
    Some((keys?, scores?, categories?))
}

/// A column of the source, quoted.
fn column(source: &Source, at: usize) -> Option<String> {
    Some(pgrx::spi::quote_identifier(source.columns.as_ref()?.get(at)?))
}

/// Raises the error of an owner who may not do what writing back needs.
fn refuse_for_owner(source: &Source, caught: &CaughtError) -> ! {
    let why = match caught {
        CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => report.message(),
        CaughtError::RustPanic { ereport, .. } => ereport.message(),
    };
    Refusal::new(
        Code::ERRCODE_INSUFFICIENT_PRIVILEGE,
        format!("scores cannot be written back to {}", pg::name_of(source.relation)),
    )
    .detail(format!("As the table's owner: {why}."))
    .hint(if why.contains("deferred trigger") {
        "A deferrable trigger on the table must become an ordinary one; SELECT * FROM leadscore.doctor() names it."
    } else {
        "Give the table's owner the privileges that it and its triggers need."
    })
    .raise()
}

/// Updates the score and category columns of one attached table where they differ, as its owner.
pub fn write_back_to(source: &Source, keys: Vec<String>, scores: Vec<i64>, categories: Vec<Option<String>>) {
    let (Some(key), Some(key_type)) = (column(source, source.parts.key), &source.key_type) else { return };
    // All is qualified: it runs under a search_path for the owner's triggers.
    let (mut set, mut differs) = (Vec::new(), Vec::new());
    if let Some(column) = source.parts.score.and_then(|at| column(source, at)) {
        set.push(format!("{column} = n.score"));
        differs.push(format!("(t.{column} OPERATOR(pg_catalog.=) n.score) IS NOT TRUE"));
    }
    if let Some(column) = source.parts.category.and_then(|at| column(source, at)) {
        set.push(format!("{column} = n.category"));
        differs.push(format!(
            "CASE WHEN n.category IS NULL THEN t.{column} IS NOT NULL
                  ELSE (t.{column} OPERATOR(pg_catalog.=) n.category) IS NOT TRUE END"
        ));
    }
    if set.is_empty() {
        return;
    }
    let statement = format!(
        "UPDATE {} t SET {} FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)) n(key, score, category)
         WHERE t.{key} OPERATOR(pg_catalog.=) n.key::{key_type} AND ({})",
        pg::name_of(source.relation),
        set.join(", "),
        differs.join(" OR ")
    );
    let beyond_type = |code: Code, written: &str| {
        Refusal::new(
            code,
            format!("{written} cannot be written back to {}", pg::name_of(source.relation)),
        )
        .detail("The column is too small for it.")
        .hint(format!(
            "SELECT leadscore.detach('{}'); then give a score column type bigint and a category column type text, and attach the table again.",
            pg::name_of(source.relation)
        ))
    };
    // What the owner's triggers name without a schema is looked for beside the table.
    let schema = pgrx::spi::quote_identifier(pg::schema_name(source.relation.into()));
    let path = CString::new(format!("pg_catalog, {schema}, public, pg_temp")).unwrap_or_default();
    pgrx::PgTryBuilder::new(|| {
        pg::with_search_path(&path, || {
            pg::as_role(source.owner.into(), || {
                Spi::run_with_args(
                    &statement,
                    &[DatumWithOid::from(keys), DatumWithOid::from(scores.clone()), DatumWithOid::from(categories.clone())],
                )
            })
        })
        .unwrap_or_else(|e| error!("leadscore: {e}"));
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

/// A person whose score or category changed, as far as the application's own row shows it.
pub struct Moved {
    pub person_id: i64,
    /// The number of the attached table and the key in it.
    pub source: Option<(i32, String)>,
    pub score: i64,
    pub category: Option<String>,
}

/// Brings what changed to the attached tables that the persons came from.
pub fn write_back_moved(config: &Config, moved: Vec<Moved>) {
    if moved.is_empty() {
        return;
    }
    if config.has_aliases {
        return write_back(Some(moved.iter().map(|person| Some(person.person_id)).collect()));
    }
    for source in config.sources.iter().filter(|source| source.writes_back()) {
        let (mut keys, mut scores, mut categories) = (Vec::new(), Vec::new(), Vec::new());
        for person in &moved {
            if let Some((number, key)) = &person.source
                && *number == source.source_id
            {
                keys.push(key.clone());
                scores.push(person.score);
                categories.push(person.category.clone());
            }
        }
        if !keys.is_empty() {
            write_back_to(source, keys, scores, categories);
        }
    }
}

/// Locks the rows to which scores of these persons are written back, in the order of their keys.
pub fn lock_sources_of(config: &Config, ids: Vec<i64>) {
    for source in config.sources.iter().filter(|source| source.writes_back()) {
        let (Some(key), Some(key_type)) = (column(source, source.parts.key), &source.key_type) else { continue };
        let Some((keys, ..)) = standing(source, &ids) else { continue };
        let statement = format!(
            "SELECT FROM {} t WHERE t.{key} OPERATOR(pg_catalog.=) ANY ($1::{key_type}[]) ORDER BY t.{key} FOR NO KEY UPDATE",
            pg::name_of(source.relation)
        );
        pgrx::PgTryBuilder::new(|| {
            pg::as_role(source.owner.into(), || {
                Spi::connect_mut(|client| client.update(&statement, None, &[DatumWithOid::from(keys)]).map(|_| ()))
            })
            .unwrap_or_else(|e| error!("leadscore: {e}"));
        })
        .catch_when(Code::ERRCODE_INSUFFICIENT_PRIVILEGE, |caught| refuse_for_owner(source, &caught))
        .execute();
    }
}

/// `_lock_sources(bigint[])`.
pub fn lock_sources(ids: Option<Vec<Option<i64>>>) {
    let config = config::current(pg::own_schema());
    if config.writes_back() {
        lock_sources_of(&config, ids.into_iter().flatten().flatten().collect());
    }
}

/// `_write_back(bigint[])`.
pub fn write_back(ids: Option<Vec<Option<i64>>>) {
    let Some(ids) = ids else { return };
    let ids: Vec<i64> = ids.into_iter().flatten().collect();
    let config = config::current(pg::own_schema());
    for source in config.sources.iter().filter(|source| source.writes_back()) {
        if let Some((keys, scores, categories)) = standing(source, &ids) {
            write_back_to(source, keys, scores, categories);
        }
    }
}
