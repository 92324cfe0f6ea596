//! What a backend keeps of rules, categories, settings and the day, so that a single activity
//! costs no query for them. It is read again after any of them changed: every such change
//! invalidates the relcache entry of `leadscore.state`, and writers lock that table first.

use crate::arrive::source::{Role, Source};
use crate::cluster;
use crate::configure::rulebook::Rulebook;
use crate::error::{OrRaise, Refusal};
use crate::pg::source::LookUps;
use crate::pg::tables::Tables;
use crate::pg::{self, TimeZone};
use elsa::FrozenMap;
use pgrx::PgSqlErrorCode as Code;
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::category::Category;
use scoring::rule::Rule;
use scoring::scorecard::{Scorecard, Scorecards};
use serde::Deserialize;
use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The configuration as of now, with what the hot path looks up prepared.
pub struct Config {
    pub tables: Tables,
    /// The day for which scores stand.
    pub scored_on: Day,
    /// Whether this copy of the database is in use, rather than being restored.
    pub live: bool,
    /// Whether what is registered waits to be scored.
    pub deferred: bool,
    pub time_zone: TimeZone,
    /// The scorecards, which are the same for all tenants.
    pub cards: Scorecards,
    /// Whether keys of attached tables lead to persons that they were merged into.
    pub has_aliases: bool,
    /// Attached tables, by their numbers.
    pub sources: Vec<Rc<Source>>,
    /// Categories that were renamed since the last run.
    renamed: Vec<Renamed>,
    /// Whether any tenant has rules or categories of its own.
    has_tenants: bool,
    /// Tenants that have, once so many were asked for that it is worth knowing them all.
    tenants: OnceCell<HashSet<String>>,
    /// Tenants that have not, of those that were asked for before.
    plain_tenants: FrozenMap<String, Box<str>>,
    scorecards: Vec<Scorecard>,
    activity_types: HashSet<String>,
    online_types: HashSet<String>,
    /// Where the rules of a tenant come from when somebody first asks for them.
    origin: Origin,
    /// For all that have nothing of their own.
    shared: OnceCell<Rulebook>,
    /// By tenant.
    rulebooks: FrozenMap<String, Box<Rulebook>>,
}

/// By which snapshot rules are read.
#[derive(Clone, Copy)]
enum Origin {
    /// That of all that is committed by now.
    Latest,
    /// That of the statement that runs.
    Seen,
    /// They are all there: a configuration that is assumed.
    Assumed,
}

impl Config {
    /// Whether scores go back into any attached table.
    pub fn writes_back(&self) -> bool {
        self.sources.iter().any(|source| source.writes_back())
    }

    /// Look-ups by what rows of attached tables tell. Deferred, persons who arrived after the snapshot of the transaction are
    /// as good as others, since nothing is derived by it.
    pub fn look_ups(&self) -> LookUps<'_> {
        self.tables.look_ups(!self.deferred)
    }

    /// The attached tables, each as the shards of it that this node has, or as itself.
    pub fn attached(&self) -> impl Iterator<Item = &[Rc<Source>]> {
        self.sources.chunk_by(|a, b| a.source_id == b.source_id)
    }

    /// By what transactions of different shards do not meet each other: the part that a person's key is in.
    pub fn part_of(&self, kind: &str, external_id: &str) -> u32 {
        let is_its = |source: &&Rc<Source>| {
            source.shard.is_some() && source.role == Role::Person && source.person_kind == kind && source.holds(external_id)
        };
        self.sources.iter().find(is_its).map_or(0, |source| source.part())
    }

    /// Whether it depends on an attached table, whose columns may have other names by now.
    fn is_from(&self, relation: u32) -> bool {
        self.sources.iter().any(|source| source.is_about(relation))
    }

    /// The local day of an instant; of one beyond the calendar, which only tampering can leave, the
    /// calendar's first or last.
    pub fn day(&self, at: i64) -> Day {
        self.time_zone.day(at).unwrap_or(if at > 0 { Day::LAST } else { Day::FIRST })
    }

    /// Whether two names of categories are of one that was renamed since the last run.
    pub fn is_renamed(&self, scorecard: &str, before: Option<&str>, after: Option<&str>) -> bool {
        let is_it = |renamed: &Renamed| {
            renamed.scorecard == scorecard && Some(renamed.before.as_str()) == before && Some(renamed.after.as_str()) == after
        };
        self.renamed.iter().any(is_it)
    }

    /// Whether activities of this type may be registered.
    pub fn knows_type(&self, activity_type: &str) -> bool {
        self.activity_types.contains(activity_type)
    }

    /// Whether persons of different tenants can be scored by different rules.
    pub fn has_tenants(&self) -> bool {
        self.has_tenants
    }

    /// The rules and categories by which persons of a tenant are scored.
    pub fn rulebook(&self, tenant: Option<&str>) -> &Rulebook {
        let Some(tenant) = tenant.filter(|tenant| self.may_have_own(tenant)) else {
            let rules = || self.asked(TENANT, "").map(|document| understood(&document)).unwrap_or_default();
            return self.shared.get_or_init(|| self.prepared("", rules()));
        };
        if let Some(rulebook) = self.rulebooks.get(tenant) {
            return rulebook;
        }
        let Some(document) = self.asked(TENANT, tenant) else {
            self.plain_tenants.insert(tenant.to_owned(), Box::default());
            return self.rulebook(None);
        };
        self.rulebooks.insert(tenant.to_owned(), Box::new(self.prepared(tenant, understood(&document))))
    }

    /// Whether a tenant has rules or categories of its own, as far as that is known.
    fn may_have_own(&self, tenant: &str) -> bool {
        const TENANTS: &str = "SELECT coalesce(jsonb_agg(t.tenant), '[]')::text
            FROM (SELECT r.tenant FROM leadscore.rule r WHERE r.tenant IS NOT NULL
                  UNION
                  SELECT c.tenant FROM leadscore.category c WHERE c.tenant IS NOT NULL) t";
        if !self.has_tenants || self.plain_tenants.get(tenant).is_some() {
            return false;
        }
        if self.tenants.get().is_none() && self.plain_tenants.len() < PLAIN_TENANTS {
            return true;
        }
        let ask = || self.asked(TENANTS, "").map(|list| understood(&list)).unwrap_or_default();
        self.tenants.get_or_init(ask).contains(tenant)
    }

    /// What a query says of a tenant, by the snapshot that the rules are read by.
    fn asked(&self, query: &str, tenant: &str) -> Option<String> {
        let owner = pg::owner_of(self.tables.state());
        match self.origin {
            Origin::Latest => {
                pg::as_role(owner, || pg::in_own_settings(|| pg::latest(query, pg_sys::TEXTOID, tenant.into_datum())))
            }
            Origin::Seen => pg::as_role(owner, || pg::in_own_settings(|| pg::seen(query, tenant))),
            Origin::Assumed => None,
        }
    }

    fn prepared(&self, tenant: &str, document: TenantDocument) -> Rulebook {
        let tenant = (!tenant.is_empty()).then_some(tenant);
        Rulebook::new(
            tenant,
            document.rules,
            document.categories,
            self.scorecards.clone(),
            &self.activity_types,
            &self.online_types,
        )
        .or_raise()
    }
}

#[derive(Deserialize)]
struct Document {
    scored_on: Day,
    live: bool,
    deferred: bool,
    time_zone: String,
    activity_types: HashSet<String>,
    online_types: HashSet<String>,
    scorecards: Vec<Scorecard>,
    has_tenants: bool,
    renamed: Vec<Renamed>,
    has_aliases: bool,
    sources: Vec<Source>,
}

/// A category that was renamed: it is the same one.
#[derive(Deserialize)]
struct Renamed {
    scorecard: String,
    before: String,
    after: String,
}

#[derive(Default, Deserialize)]
struct TenantDocument {
    rules: Vec<Rule>,
    categories: Vec<Category>,
}

/// So many tenants without anything of their own are asked for one by one, before all are listed that have.
const PLAIN_TENANTS: usize = 64;

const CONFIGURATION: &str = include_str!("../../sql/configure/configuration.sql");
const TENANT: &str = include_str!("../../sql/configure/tenant.sql");

fn understood<T: for<'d> Deserialize<'d>>(document: &str) -> T {
    serde_json::from_str(document).unwrap_or_else(|e| error!("leadscore: the configuration cannot be understood: {e}"))
}

fn read(schema: pg_sys::Oid) -> Config {
    pg::need_present_version(schema);
    // A statement's own snapshot may be older than the lock that it waited for.
    understand(schema, pg::in_own_settings(|| pg::latest(CONFIGURATION, pg_sys::TEXTOID, None)), Origin::Latest)
}

fn understand(schema: pg_sys::Oid, document: Option<String>, origin: Origin) -> Config {
    let document = document.unwrap_or_else(|| error!("leadscore: the configuration cannot be read"));
    let document: Document = understood(&document);
    let cards = Scorecards::new(document.scorecards.clone()).map_err(Refusal::from).or_raise();
    let mut sources = cluster::on_this_node(document.sources);
    for nth in 0..sources.len() {
        let source = &sources[nth];
        sources[nth].reads_written =
            source.writes_back() && sources.iter().any(|other| other.reads_any(source.table.relation, source.written()));
    }
    Config {
        tables: Tables::of(schema, &cards),
        scored_on: document.scored_on,
        live: document.live,
        deferred: document.deferred,
        time_zone: TimeZone::named(&document.time_zone),
        cards,
        has_aliases: document.has_aliases,
        sources: sources.into_iter().map(Rc::new).collect(),
        renamed: document.renamed,
        has_tenants: document.has_tenants,
        tenants: OnceCell::new(),
        plain_tenants: FrozenMap::new(),
        scorecards: document.scorecards,
        activity_types: document.activity_types,
        online_types: document.online_types,
        origin,
        shared: OnceCell::new(),
        rulebooks: FrozenMap::new(),
    }
}

/// A configuration that is assumed for persons of one tenant, or of all: settings, types, scorecards, rules and
/// categories instead of those that are stored.
#[derive(Clone, Deserialize)]
pub struct Assumption {
    pub time_zone: String,
    pub activity_types: HashSet<String>,
    pub scorecards: Vec<Scorecard>,
    pub rules: Vec<Rule>,
    pub categories: Vec<Category>,
}

/// The configuration as the active snapshot shows it, with what is assumed in its place.
pub fn assumed(assumption: Assumption) -> Config {
    let seen = as_seen();
    let mut by_tenant: HashMap<String, TenantDocument> = HashMap::new();
    let tenants: HashSet<String> = assumption
        .rules
        .iter()
        .filter_map(|rule| rule.tenant.clone())
        .chain(assumption.categories.iter().filter_map(|category| category.tenant.clone()))
        .collect();
    for tenant in tenants.iter().map(String::as_str).chain([""]) {
        let is_for = |of: &Option<String>| of.as_deref().is_none_or(|of| of == tenant);
        let rules = assumption.rules.iter().filter(|rule| is_for(&rule.tenant)).cloned().collect();
        let categories = assumption.categories.iter().filter(|category| is_for(&category.tenant)).cloned().collect();
        by_tenant.insert(tenant.to_owned(), TenantDocument { rules, categories });
    }
    let cards = Scorecards::new(assumption.scorecards.clone()).map_err(Refusal::from).or_raise();
    let config = Config {
        time_zone: TimeZone::named(&assumption.time_zone),
        tables: Tables::of(pg::own_schema(), &cards),
        cards,
        has_tenants: !tenants.is_empty(),
        tenants: OnceCell::from(tenants),
        plain_tenants: FrozenMap::new(),
        scorecards: assumption.scorecards,
        activity_types: assumption.activity_types,
        origin: Origin::Assumed,
        shared: OnceCell::new(),
        rulebooks: FrozenMap::new(),
        ..seen
    };
    for (tenant, document) in by_tenant {
        let rulebook = config.prepared(&tenant, document);
        if tenant.is_empty() {
            config.shared.get_or_init(|| rulebook);
        } else {
            config.rulebooks.insert(tenant, Box::new(rulebook));
        }
    }
    config
}

/// What is kept, the schema it was read from, and the table whose invalidation ends it.
struct Kept {
    schema: pg_sys::Oid,
    state: pg_sys::Oid,
    config: Option<Rc<Config>>,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };

    /// The relations that were invalidated since the latest reading began. A reading takes its
    /// snapshot first and waits for locks afterwards, and waiting processes what others committed
    /// meanwhile, which that snapshot does not show.
    static INVALIDATED: RefCell<HashSet<u32>> = RefCell::new(HashSet::new());
}

/// So many times the configuration is read at once before one that may be out of date by now is
/// used, and not kept.
const READINGS: usize = 4;

/// So many relations are told apart; whoever creates more while the configuration is read makes it
/// be read again.
const TOLD_APART: usize = 1_000;

/// Called for every relcache invalidation; `relation` is invalid when all are meant.
pub fn forget(relation: pg_sys::Oid) {
    INVALIDATED.with_borrow_mut(|invalidated| {
        let is_told = invalidated.len() < TOLD_APART;
        invalidated.insert(if is_told { relation.to_u32() } else { pg_sys::InvalidOid.to_u32() });
    });
    KEPT.with_borrow_mut(|kept| {
        let Some(k) = kept else { return };
        if relation == pg_sys::InvalidOid {
            *kept = None;
        } else if relation == k.state || k.config.as_ref().is_some_and(|config| config.is_from(relation.to_u32())) {
            k.config = None;
        }
    });
}

/// Whether a configuration that was just read is out of date: something that it was read from was
/// invalidated since the reading began.
fn is_outdated(config: &Config, state: pg_sys::Oid) -> bool {
    INVALIDATED.with_borrow(|invalidated| {
        invalidated
            .iter()
            .any(|&relation| relation == pg_sys::InvalidOid.to_u32() || relation == state.to_u32() || config.is_from(relation))
    })
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

/// The same of the schema of leadscore, which need not be looked up while this backend keeps its configuration.
pub fn present() -> Rc<Config> {
    let schema = KEPT.with_borrow(|kept| kept.as_ref().filter(|k| k.config.is_some()).map(|k| k.schema));
    current(schema.unwrap_or_else(pg::own_schema))
}

/// The configuration that this backend keeps, or what is read now, and kept from here on unless it
/// changed while it was read.
fn kept_or(schema: pg_sys::Oid, state: pg_sys::Oid, read: impl Fn() -> Config) -> Rc<Config> {
    let kept = KEPT.with_borrow(|kept| kept.as_ref().filter(|k| k.schema == schema).and_then(|k| k.config.clone()));
    if let Some(config) = kept {
        return config;
    }
    // This transaction's own changes come before the reading.
    pg::make_changes_visible();
    let mut readings = 0;
    loop {
        INVALIDATED.with_borrow_mut(HashSet::clear);
        let config = Rc::new(read());
        readings += 1;
        if !is_outdated(&config, state) {
            KEPT.set(Some(Kept { schema, state, config: Some(config.clone()) }));
            return config;
        }
        // It was in force when it was read. The next statement reads it again.
        if readings == READINGS {
            return config;
        }
    }
}

/// The configuration for reading only: no lock is taken, so it serves on a standby too.
pub fn read_only() -> Config {
    read(pg::own_schema())
}

/// The configuration as the active snapshot shows it, whoever asks.
pub fn as_seen() -> Config {
    let schema = pg::own_schema();
    pg::need_present_version(schema);
    let owner = pg::owner_of(pg::table(schema, "state"));
    let document = pg::as_role(owner, || pg::in_own_settings(|| pg::seen(CONFIGURATION, "")));
    understand(schema, document, Origin::Seen)
}

/// The configuration that this backend keeps, or that of now, for who only reads: no lock is
/// taken, so it serves on a standby too. Whoever asks, it is read with its owner's rights.
pub fn for_reading() -> Rc<Config> {
    // Whatever happens to the table that it was read from ends it, as soon as this session hears of it.
    pg::hear_of_changes();
    if let Some(config) = KEPT.with_borrow(|kept| kept.as_ref().and_then(|k| k.config.clone())) {
        return config;
    }
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
