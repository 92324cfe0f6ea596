//! What a backend keeps of rules, categories, settings and the day, so that a single activity
//! costs no query for them. It is read again after any of them changed: every such change
//! invalidates the relcache entry of `leadscore.state`, and writers lock that table first.

use crate::score::calendar::Day;
use crate::error::Refusal;
use crate::pg::person::Tables;
use crate::pg::{self, Jsonb, TimeZone};
use crate::score::scoring::{Band, Rule};
use crate::arrive::source::Source;
use pgrx::PgSqlErrorCode as Code;
use pgrx::prelude::*;
use serde::Deserialize;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The configuration as of now, with what the hot path looks up prepared.
pub struct Config {
    pub tables: Tables,
    /// The day for which scores stand.
    pub scored_on: Day,
    /// Whether this copy of the database is in use, rather than being restored.
    pub live: bool,
    pub time_zone: TimeZone,
    pub bands: Vec<Band>,
    /// Whether keys of attached tables lead to persons that they were merged into.
    pub has_aliases: bool,
    /// Attached tables, by their numbers.
    pub sources: Vec<Rc<Source>>,
    activity_types: HashSet<String>,
    rules: Vec<(Rule, Option<Jsonb>)>,
    rules_by_type: HashMap<String, Vec<usize>>,
    rule_names: HashMap<i32, String>,
}

impl Config {
    /// Whether scores go back into any attached table.
    pub fn writes_back(&self) -> bool {
        self.sources.iter().any(|source| source.writes_back())
    }

    /// Whether activities of this type may be registered.
    pub fn knows_type(&self, activity_type: &str) -> bool {
        self.activity_types.contains(activity_type)
    }

    /// The rules that match an activity by its type and attributes.
    pub fn matching<'a>(&'a self, activity_type: &str, attributes: Option<&Jsonb>) -> impl Iterator<Item = &'a Rule> {
        let indices = self.rules_by_type.get(activity_type).map_or(&[][..], Vec::as_slice);
        indices.iter().filter_map(move |&i| {
            let (rule, condition) = &self.rules[i];
            let matches = match (condition, attributes) {
                (None, _) => true,
                (Some(condition), Some(attributes)) => attributes.contains(condition),
                (Some(_), None) => false,
            };
            matches.then_some(rule)
        })
    }

    /// Whether a rule for this type has a condition on attributes.
    pub fn asks_attributes(&self, activity_type: &str) -> bool {
        self.rules_by_type.get(activity_type).is_some_and(|indices| indices.iter().any(|&i| self.rules[i].1.is_some()))
    }

    /// The name of a rule, enabled or not.
    pub fn rule_name(&self, rule_id: i32) -> Option<&str> {
        self.rule_names.get(&rule_id).map(String::as_str)
    }

    /// All enabled rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|(rule, _)| rule)
    }
}

#[derive(Deserialize)]
struct Document {
    scored_on: Day,
    live: bool,
    time_zone: String,
    activity_types: HashSet<String>,
    rules: Vec<RuleDocument>,
    rule_names: HashMap<i32, String>,
    bands: Vec<Band>,
    has_aliases: bool,
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct RuleDocument {
    #[serde(flatten)]
    rule: Rule,
    condition: Option<String>,
    activity_types: Vec<String>,
}

const CONFIGURATION: &str = include_str!("../../sql/configure/configuration.sql");

fn read(schema: pg_sys::Oid) -> Config {
    // A statement's own snapshot may be older than the lock that it waited for.
    understand(schema, pg::with_search_path_pinned(|| pg::latest(CONFIGURATION, pg_sys::OIDOID, None)))
}

fn understand(schema: pg_sys::Oid, document: Option<String>) -> Config {
    let document = document.unwrap_or_else(|| error!("leadscore: the configuration cannot be read"));
    let document: Document =
        serde_json::from_str(&document).unwrap_or_else(|e| error!("leadscore: the configuration cannot be understood: {e}"));
    let mut rules_by_type: HashMap<String, Vec<usize>> = HashMap::new();
    let mut rules = Vec::with_capacity(document.rules.len());
    for (i, RuleDocument { mut rule, condition, activity_types }) in document.rules.into_iter().enumerate() {
        rule.takes_all = condition.is_none() && activity_types.len() == document.activity_types.len();
        for activity_type in activity_types {
            rules_by_type.entry(activity_type).or_default().push(i);
        }
        rules.push((rule, condition.as_deref().map(Jsonb::parse)));
    }
    Config {
        tables: Tables::of(schema),
        scored_on: document.scored_on,
        live: document.live,
        time_zone: TimeZone::named(&document.time_zone),
        bands: document.bands,
        has_aliases: document.has_aliases,
        sources: document.sources.into_iter().map(Rc::new).collect(),
        activity_types: document.activity_types,
        rules,
        rules_by_type,
        rule_names: document.rule_names,
    }
}

/// What is kept, the schema it was read from, and the tables whose invalidation ends it.
struct Kept {
    schema: pg_sys::Oid,
    state: pg_sys::Oid,
    config: Option<Rc<Config>>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Called for every relcache invalidation; `relation` is invalid when all are meant.
pub fn forget(relation: pg_sys::Oid) {
    KEPT.with_borrow_mut(|kept| {
        let Some(k) = kept else { return };
        if relation == pg_sys::InvalidOid {
            *kept = None;
        } else if relation == k.state
            || k.config.as_ref().is_some_and(|c| c.sources.iter().any(|s| s.is_about(relation.to_u32())))
        {
            k.config = None;
        }
    });
}

/// Waits for a running recompute, keeps the next one waiting until this transaction ends, and
/// returns the configuration that is in force from here on. `schema` is where leadscore's
/// tables are.
pub fn current(schema: pg_sys::Oid) -> Rc<Config> {
    refuse_standby();
    let known = KEPT.with_borrow(|kept| kept.as_ref().filter(|k| k.schema == schema).map(|k| k.state));
    let state = known.unwrap_or_else(|| pg::table(schema, "state"));
    pg::lock_as_writer(state);
    // Taking the lock has made this backend process pending invalidations.
    kept_or(schema, state, || read(schema))
}

/// The configuration that this backend keeps, or what is read now and kept from here on.
fn kept_or(schema: pg_sys::Oid, state: pg_sys::Oid, read: impl FnOnce() -> Config) -> Rc<Config> {
    let kept = KEPT.with_borrow(|kept| kept.as_ref().filter(|k| k.schema == schema).and_then(|k| k.config.clone()));
    kept.unwrap_or_else(|| {
        let config = Rc::new(read());
        KEPT.set(Some(Kept { schema, state, config: Some(config.clone()) }));
        config
    })
}

/// The configuration for reading only: no lock is taken, so it serves on a standby too.
pub fn read_only() -> Config {
    read(pg::own_schema())
}

/// The configuration as the active snapshot shows it, whoever asks.
pub fn as_seen() -> Config {
    let schema = pg::own_schema();
    let owner = pg::owner_of(pg::table(schema, "state"));
    understand(schema, pg::as_role(owner, || pg::with_search_path_pinned(|| pg::seen(CONFIGURATION))))
}

/// The configuration that this backend keeps, or that of now, for who only reads: no lock is
/// taken, so it serves on a standby too. Whoever asks, it is read with its owner's rights.
pub fn for_reading() -> Rc<Config> {
    let schema = pg::own_schema();
    let state = pg::table(schema, "state");
    kept_or(schema, state, || pg::as_role(pg::owner_of(state), || read(schema)))
}

/// Refuses to write on a standby.
pub fn refuse_standby() {
    if pg::is_standby() {
        Refusal::new(Code::ERRCODE_READ_ONLY_SQL_TRANSACTION, "leadscore cannot change scores on a standby")
            .detail("The server is in recovery: it can be read only.")
            .hint("Connect to the primary server.")
            .raise();
    }
}
