//! Triggers on persons: what the application may write, what a new person's score is, and whom a change concerns.

use crate::arrive::waiting::{self, Arrived};
use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::error::{OrRaise, Refusal};
use crate::noted::{Note, Noted};
use crate::pg::person::{self, FoundPerson, Persons};
use crate::pg::source::AttachedPerson;
use crate::pg::table::StoredAt;
use crate::pg::tables::{NewPerson, ToldPerson};
use crate::pg::{self, ChangedRows, Jsonb};
use crate::score::rescore::{self, ByRules};
use crate::score::write_back::{self, Moved};
use crate::score::writer::Writer;
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{Date, DatumWithOid, TimestampWithTimeZone};
use pgrx::prelude::*;
use scoring::activity::History;
use scoring::calendar::Day;
use scoring::derive::{self, Standing};
use scoring::person::{Person, Standpoint};
use scoring::scorecard::MAIN;
use scoring::shortcut;
use std::cell::{Cell, RefCell};

/// Refuses what no person can be.
fn check(person_id: i64, tenant: Option<&str>, kind: Option<&str>, since: Option<i64>) -> Result<(), Refusal> {
    if since.is_some_and(|since| !pg::is_within_calendar(since)) {
        return Err(Refusal::new(
            Code::ERRCODE_DATETIME_FIELD_OVERFLOW,
            format!("person {person_id}: since is infinite or out of range"),
        )
        .detail("A person is known since one finite moment between the years 1 and 9999.")
        .hint("Correct since, or leave it out for the present moment."));
    }
    if kind == Some("") {
        return Err(Refusal::new(Code::ERRCODE_CHECK_VIOLATION, format!("person {person_id}: kind is empty"))
            .detail("A kind is a word such as candidate or contact, by which rules and categories know the person.")
            .hint("Give a kind that is not empty."));
    }
    if tenant == Some("") {
        return Err(Refusal::new(Code::ERRCODE_CHECK_VIOLATION, format!("person {person_id}: tenant is empty"))
            .detail("A tenant is the name of a customer; NULL stands for none.")
            .hint("Give NULL, or a tenant that is not empty."));
    }
    Ok(())
}

/// The same of a row that is stored by now, which triggers of others may have changed after leadscore's own.
fn check_stored(persons: &Persons, found: &FoundPerson) {
    check(persons.id(found), persons.tenant(found), Some(persons.kind(found)), Some(persons.since(found))).or_raise();
}

fn refuse_other_id(person_id: i64) -> ! {
    Refusal::new(Code::ERRCODE_FEATURE_NOT_SUPPORTED, format!("person {person_id}: person_id cannot change"))
        .detail("It leads every key of what is registered on the person.")
        .hint("To join two persons use leadscore.merge_person(); for the application's own key use external_id.")
        .raise()
}

/// `BEFORE INSERT OR UPDATE OF person_id, tenant, kind, since … FOR EACH ROW` on `leadscore.person`. What a
/// CHECK would say of tenant and kind, every UPDATE of a status would pay for.
pub fn person_arrives<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let new = trigger.new().ok_or(PgTriggerError::NotTrigger)?;
    let id = |person: &PgHeapTuple<_>| person.get_by_name::<i64>("person_id").ok().flatten().unwrap_or_default();
    let since = new.get_by_name::<TimestampWithTimeZone>("since").ok().flatten().map(i64::from);
    let word = |column: &str| new.get_by_name::<&str>(column).ok().flatten();
    check(id(&new), word("tenant"), word("kind"), since).or_raise();
    if let Some(old) = trigger.old() {
        if id(&old) != id(&new) {
            refuse_other_id(id(&old));
        }
        return Ok(Some(new.into_owned()));
    }
    let config = config::current(pg::schema_of(trigger.relid()?));
    let recorded = new.get_by_name::<TimestampWithTimeZone>("recorded_at").ok().flatten();
    if !config.live && recorded.is_none_or(|at| i64::from(at) != pg::now()) {
        // A restore brings the row with its score.
        return Ok(Some(new.into_owned()));
    }
    // What follows from the row alone: silence since long ago, and what a person is.
    let text = |column: &str| new.get_by_name::<String>(column).ok().flatten();
    let (tenant, kind, status) = (text("tenant"), text("kind").unwrap_or_default(), text("status"));
    let since = since.unwrap_or_else(pg::now);
    let rulebook = config.rulebook(tenant.as_deref());
    let fits = rulebook.fitting(|| attributes(&new));
    let person = Person {
        kind: &kind,
        status: status.as_deref(),
        since: config.day(since),
        is_active: new.get_by_name::<bool>("active").ok().flatten().unwrap_or(true),
        fits: &fits,
        // Who is new has not said that it does not want to be followed.
        is_unseen: false,
    };
    let standing = arrival(&config, &person, tenant.as_deref());
    let category = person.is_active.then(|| rulebook.configuration.category(MAIN, &kind, standing.scores[0])).flatten();
    let category = category.map(str::to_owned);
    let mut new = new.into_owned();
    let written = new
        .set_by_name("score", standing.scores[0])
        .and_then(|()| new.set_by_name("category", category))
        .and_then(|()| new.set_by_name("last_activity_at", None::<TimestampWithTimeZone>))
        .and_then(|()| new.set_by_name("scored_through", None::<Date>))
        .and_then(|()| new.set_by_name("penalised", standing.is_penalised));
    if let Err(e) = written {
        error!("leadscore: a person's row cannot be completed: {e}");
    }
    Ok(Some(new))
}

/// What the application knows of a person.
fn attributes<W: WhoAllocated>(person: &PgHeapTuple<W>) -> Option<Jsonb> {
    person.get_by_name::<pg::JsonText>("attributes").ok().flatten().map(|json| Jsonb::parse(&json.0))
}

/// What follows for a person on whom nothing is registered yet.
fn arrival(config: &Config, person: &Person, tenant: Option<&str>) -> Standing {
    let configuration = &config.rulebook(tenant).configuration;
    let at = Standpoint::on(config.scored_on);
    derive::derive(configuration, person, History::default(), at).map_err(Refusal::from).or_raise()
}

/// So many persons come at once when their table is attached: that takes long, and is told.
const TOLD: i64 = 25_000;

/// `AFTER INSERT … FOR EACH STATEMENT` on `leadscore.person`: stores the records of what the rows have
/// already, and meets what waited for them.
pub fn person_inserted<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    let inserted = ChangedRows::new(trigger);
    if inserted.count() > 0 {
        let schema = pg::schema_of(trigger.relid()?);
        let mut config = config::current(schema);
        if !config.live {
            let mut registered_now = false;
            inserted.each_person(&config.tables, |persons, _, person| {
                registered_now |= persons.recorded_at(person) == pg::now();
            });
            if !registered_now {
                // A restore brings the rows with what belongs to them.
                return Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>);
            }
            rescore::run("SELECT leadscore._go_live()", &[]);
            config = config::current(schema);
        }
        persons_arrived(&config, inserted.count(), |take| inserted.each_person(&config.tables, take));
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Takes a person with its row.
type Take<'t> = &'t mut dyn FnMut(&Persons, i64, &FoundPerson);

/// Stores the records of so many new persons, and lets them meet what waits for them.
fn persons_arrived(config: &Config, count: i64, each: impl FnOnce(Take)) {
    let mut writer = Writer::open(config, std::iter::empty());
    let mut ids = Vec::new();
    let mut attached = Vec::new();
    let mut table: Option<String> = None;
    // Of whom somebody else's trigger changed what leadscore had completed, or the row itself, by which they are derived already.
    let mut differing = Vec::new();
    // Row triggers of others come before: they may have deleted a person, and inserted another with its id.
    let has_others = !config.tables.inserts_persons();
    each(&mut |persons, person_id, inserted| {
        let mut stored_now = None;
        if has_others {
            stored_now = writer.look_at(person_id);
            if stored_now.is_none() {
                return;
            }
        }
        let found = stored_now.as_ref().unwrap_or(inserted);
        check_stored(persons, found);
        ids.push(person_id);
        if let Some((number, _)) = persons.source(found) {
            attached.push(person_id);
            if table.is_none() && count >= TOLD {
                table = config
                    .sources
                    .iter()
                    .find(|source| source.source_id == number)
                    .map(|source| pg::name_of(source.table.relation));
            }
        }
        let seen = writer.seen(person_id, found);
        let person = seen.person(persons, found);
        let standing = arrival(config, &person, persons.tenant(found));
        let stored = persons.stored(found);
        let is_as_completed = (stored.score, stored.penalised) == (standing.scores[0], standing.is_penalised);
        let is_derived = || {
            let history = writer.history(person_id);
            !history.records().is_empty() || history.due().is_some()
        };
        if !is_as_completed || rescore::has_derived(person_id) || has_others && is_derived() {
            differing.push(person_id);
            return;
        }
        writer.exchange(person_id, &[], &standing.records);
        writer.dues.extend(standing.due_on.map(|day| (person_id, day)));
        if !config.cards.is_main_alone() {
            writer.note_new_others(person_id, found, &standing.scores);
        }
        if (ids.len() as i64 % TOLD == 0 || (ids.len() as i64 == count && count > TOLD))
            && let Some(table) = &table
        {
            notice!("{table}: {} of {count} persons scored", ids.len());
        }
    });
    writer.close();
    // A few are looked at for what goes back to their tables, and for what waits for them: triggers of others may have registered
    // activities on them by now.
    if ids.len() <= pg::plans::FEW && differing.is_empty() && !config.has_aliases && !config.sources.is_empty() {
        pg::make_changes_visible();
        let persons = config.tables.persons_to_read();
        let (mut moved, mut arrived) = (Vec::new(), Vec::new());
        for &person_id in &ids {
            let Some(found) = persons.look_at(person_id) else { continue };
            let stored = persons.stored(&found);
            let source = persons.source(&found).map(|(number, key)| (number, key.to_owned()));
            moved.push(Moved { person_id, source, score: stored.score, category: stored.category.map(str::to_owned) });
            arrived.extend(persons.external_id(&found).map(|external_id| Arrived {
                person_id,
                kind: persons.kind(&found).to_owned(),
                tenant: persons.tenant(&found).map(str::to_owned),
                external_id: external_id.to_owned(),
            }));
        }
        drop(persons);
        write_back::write_back_moved(config, moved);
        waiting::admit_few(config, &arrived);
        if config.tables.has_visits() {
            rescore::run("SELECT leadscore._claim_visits($1)", &[DatumWithOid::from(ids)]);
        }
        return;
    }
    rescore::rescore(config, differing.into_iter().collect());
    rescore::run("SELECT leadscore._persons_arrived($1, $2)", &[DatumWithOid::from(ids), DatumWithOid::from(attached)]);
}

/// Stores a person whom a row of an attached table became, and what follows, as an INSERT would. `false`, and nothing is done,
/// where more belongs to one, or somebody else has its key.
pub fn new_person(
    config: &Config,
    source_id: i32,
    kind: &str,
    tenant: Option<&str>,
    external_id: &str,
    told: ToldPerson,
) -> bool {
    if !config.live || kind.is_empty() {
        return false;
    }
    let rulebook = config.rulebook(tenant);
    let fits = rulebook.fitting(|| told.attributes.map(Jsonb::parse));
    let person = Person {
        kind,
        status: told.status,
        since: config.day(told.since),
        is_active: told.active,
        fits: &fits,
        // Who is new has not said that it does not want to be followed.
        is_unseen: false,
    };
    let standing = arrival(config, &person, tenant);
    let category = told.active.then(|| rulebook.configuration.category(MAIN, kind, standing.scores[0])).flatten();
    let (score, penalised) = (standing.scores[0], standing.is_penalised);
    let new = NewPerson { kind, tenant, external_id, told, source_id, score, category, penalised };
    config.tables.insert_person(&new, |persons, person_id, found| {
        persons_arrived(config, 1, |take| take(persons, person_id, found));
    })
}

/// `BEFORE … FOR EACH STATEMENT` on `leadscore.person` and on attached tables that are written back.
pub fn write_begins<'a>(_trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    pg::lock_as_writer(pg::table(pg::own_schema(), "state"));
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// A changed row, with the savepoint in which it changed.
#[derive(Clone)]
struct Changed {
    savepoint: u32,
    person_id: i64,
    /// The version of the row that came of it.
    at: StoredAt,
    concerned: Concerned,
}

impl Note for Changed {
    fn savepoint(&self) -> u32 {
        self.savepoint
    }
}

thread_local! {
    /// Persons whose row trigger fired and whose statement trigger has not yet.
    static CHANGED: RefCell<Noted<Changed>> = const { RefCell::new(Noted::new()) };
}

/// Forgets persons that were noted in a savepoint, or in one within it: it was rolled back.
pub fn forget_noted(savepoint: u32) {
    CHANGED.with_borrow_mut(|noted| noted.forget(savepoint));
}

/// What of a person a changed row concerns.
#[derive(Clone)]
enum Concerned {
    Nothing,
    /// Activity rules that apply now and did not before, or the other way round; none is capped.
    Rules(Vec<i32>),
    Everything,
}

fn concerned(config: &Config, persons: &Persons, old: &FoundPerson, new: &FoundPerson) -> Concerned {
    let tenant = persons.tenant(new);
    if persons.tenant(old) != tenant {
        return Concerned::Everything;
    }
    let rulebook = config.rulebook(tenant);
    let fits = |row| rulebook.fitting(|| persons.attributes(row));
    let (fitted, fits) = (fits(old), fits(new));
    let since = config.day(persons.since(new));
    let known_since = if persons.since(old) == persons.since(new) { since } else { config.day(persons.since(old)) };
    concerned_by(config, rulebook, &as_seen(persons, old, known_since, &fitted), &as_seen(persons, new, since, &fits))
}

/// A row as rules see it, with the day of its `since` and the filters that its attributes fit.
fn as_seen<'p>(persons: &Persons, row: &'p FoundPerson, since: Day, fits: &'p [i32]) -> Person<'p> {
    Person {
        kind: persons.kind(row),
        status: persons.status(row),
        since,
        is_active: persons.is_active(row),
        fits,
        // That does not change with a row.
        is_unseen: false,
    }
}

fn concerned_by(config: &Config, rulebook: &Rulebook, before: &Person, after: &Person) -> Concerned {
    match shortcut::rules_of_change(&rulebook.configuration, before, after) {
        Ok(rules) if rules.is_empty() => Concerned::Nothing,
        // Activities may be stored that no rule has taken yet, and count as a whole.
        Ok(_) if config.deferred => Concerned::Everything,
        Ok(rules) => Concerned::Rules(rules),
        Err(_) => Concerned::Everything,
    }
}

/// Writes what an attached table tells of a person, and what follows, as an UPDATE would. `false`, and nothing is done, where
/// more belongs to one, or somebody else has changed the row.
pub fn change_person(config: &Config, kind: &str, tenant: Option<&str>, person: &AttachedPerson, told: &ToldPerson) -> bool {
    if !config.tables.change_person(person, told) {
        return false;
    }
    let rulebook = config.rulebook(tenant);
    let person_id = person.person_id;
    let fitted = rulebook.fitting(|| person.attributes.clone());
    let fits = rulebook.fitting(|| told.attributes.map(Jsonb::parse));
    let of =
        |status, since, is_active, fits| Person { kind, status, since: config.day(since), is_active, fits, is_unseen: false };
    let before = of(person.status.as_deref(), person.since, person.active, &fitted[..]);
    match concerned_by(config, rulebook, &before, &of(told.status, told.since, told.active, &fits[..])) {
        Concerned::Nothing => {}
        Concerned::Rules(rules) => rescore::rescore_rules(config, vec![ByRules { person_id, rules, at: None }]),
        Concerned::Everything => drop(rescore::rescore(config, std::iter::once(person_id).collect())),
    }
    true
}

/// `AFTER UPDATE` on `leadscore.person`: for each row it notes whom, for the statement it derives them anew as one set. Of a
/// statement of leadscore's own the writer does it, whose records are not stored yet.
pub fn person_changed<'a>(trigger: &'a PgTrigger<'a>) -> Result<Option<PgHeapTuple<'a, impl WhoAllocated>>, PgTriggerError> {
    if matches!(trigger.level(), PgTriggerLevel::Row) {
        let config = config::current(pg::schema_of(trigger.relid()?));
        config.tables.changed_person(trigger, |persons, old, new| {
            if persons.id(old) != persons.id(new) {
                refuse_other_id(persons.id(old));
            }
            let told = |person| (persons.tenant(person), persons.kind(person), persons.since(person));
            if told(old) != told(new) {
                check_stored(persons, new);
            }
            let concerned = concerned(&config, persons, old, new);
            if !matches!(concerned, Concerned::Nothing) {
                let (person_id, at) = (persons.id(new), persons.place(new));
                let savepoint = pg::current_savepoint();
                CHANGED.with_borrow_mut(|noted| noted.add(Changed { savepoint, person_id, at, concerned }));
            }
        });
    } else if !person::is_writing() && !CHANGED.with_borrow(Noted::is_empty) {
        score_changed(&config::current(pg::schema_of(trigger.relid()?)));
    }
    Ok(None::<PgHeapTuple<'a, pgrx::AllocatedByRust>>)
}

/// Derives those anew who are noted.
fn score_changed(config: &Config) {
    let changed = CHANGED.with_borrow_mut(|noted| noted.take(|_| true));
    let mut by_rules = Vec::new();
    let mut everything = Vec::new();
    for Changed { person_id, at, concerned, .. } in changed {
        match concerned {
            Concerned::Rules(rules) => by_rules.push(ByRules { person_id, rules, at: Some(at) }),
            _ => everything.push(person_id),
        }
    }
    if !everything.is_empty() {
        // Persons are locked in one order, so all of them together.
        everything.extend(by_rules.drain(..).map(|changed| changed.person_id));
        rescore::rescore(config, everything.into_iter().collect());
    } else if !by_rules.is_empty() {
        rescore::rescore_rules(config, by_rules);
    }
}

/// So often are persons derived anew whom triggers of others change whenever their score is written.
const AGAIN: usize = 8;

/// Derives those anew of whom triggers of others changed what rules look at while a writer stored their scores. What they make
/// of it each time anew has no end.
pub fn score_left(config: &Config) {
    thread_local! {
        static IS_UNDER_WAY: Cell<bool> = const { Cell::new(false) };
    }
    /// Also when an error unwinds.
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            IS_UNDER_WAY.set(false);
        }
    }
    if person::is_writing() || IS_UNDER_WAY.replace(true) {
        return;
    }
    let _over = Over;
    for _ in 0..AGAIN {
        if CHANGED.with_borrow(Noted::is_empty) {
            return;
        }
        score_changed(config);
    }
    CHANGED.with_borrow_mut(|noted| noted.take(|_| true));
}
