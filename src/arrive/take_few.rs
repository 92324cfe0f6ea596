//! Brings changed rows of an attached table to activities, and one row to a person, by index look-ups. Says no where
//! the set-based statements of `sql/arrive/take.sql` must do it, since more has to be known than persons and what rows were.

use crate::arrive::source::{Image, Source};
use crate::arrive::waiting;
use crate::configure::config::Config;
use crate::pg::plans::OfFew;
use crate::pg::source::{AttachedActivity, AttachedPerson, LookUps};
use crate::pg::tables::{NewActivity, ToldPerson};
use crate::pg::{self, Jsonb};
use crate::score::activity_trigger;
use crate::score::person_trigger;
use crate::score::rescore::{self, ToDerive};
use crate::score::writer::Writer;
use pgrx::datum::DatumWithOid;
use pgrx::prelude::*;
use std::cell::LazyCell;
use std::collections::HashSet;
use std::iter;

thread_local! {
    static INSERT_ACTIVITY: OfFew = const { OfFew::new(
        c"INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes, source_id, source_key)
          VALUES ($1, $2, $3, $4::jsonb, $5, $6)",
    ) };
    static UPDATE_ACTIVITY: OfFew = const { OfFew::new(
        c"UPDATE leadscore.activity SET person_id = $6, activity_type = $3, occurred_at = $4, attributes = $5::jsonb
          WHERE person_id = $1 AND activity_id = $2",
    ) };
    static DELETE_ACTIVITY: OfFew =
        const { OfFew::new(c"DELETE FROM leadscore.activity WHERE person_id = $1 AND activity_id = $2") };
    static INSERT_PERSON: OfFew = const { OfFew::new(
        c"INSERT INTO leadscore.person (kind, tenant, external_id, name, status, owner, since, attributes, active, source_id)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10)
          ON CONFLICT DO NOTHING",
    ) };
    static UPDATE_PERSON: OfFew = const { OfFew::new(
        c"UPDATE leadscore.person p
          SET name = CASE WHEN $8 THEN $2 ELSE p.name END, status = CASE WHEN $9 THEN $3 ELSE p.status END,
              owner = CASE WHEN $10 THEN $4 ELSE p.owner END, since = coalesce($5, p.since), attributes = $6::jsonb, active = $7
          WHERE p.person_id = $1",
    ) };
}

/// A changed row: the key that it had, if it was there, and what it is now, if it is anything.
pub type Row = (Option<String>, Option<Image>);

/// From so many rows on statements for many are as fast, where each activity would be a statement.
const MANY_STATEMENTS: usize = 16;

/// Locks persons whom changed rows of several attachments name, and whose activities they were, until the transaction ends, if
/// they are several, in the order of their ids.
fn lock_named(config: &Config, batches: &[(&Source, &[Row])]) {
    if !config.live || config.deferred || pg::is_replaying() {
        return;
    }
    pg::make_changes_visible();
    let look_ups = config.look_ups();
    let mut ids: Vec<i64> = Vec::new();
    for (source, (before_key, after)) in batches.iter().flat_map(|(source, rows)| rows.iter().map(move |row| (source, row))) {
        if let Some(key) = before_key {
            let found = look_ups.activities_of(source.source_id, key).unwrap_or_default();
            ids.extend(found.iter().map(|activity| activity.person_id));
        }
        if let Some(image) = after {
            ids.extend(person_of(&look_ups, source, image));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > 1 {
        lock(config, ids);
    }
}

/// What becomes of the activity of one row.
enum Step<'r> {
    Nothing,
    Insert(NewActivity<'r>),
    Update(AttachedActivity, NewActivity<'r>),
    Delete(AttachedActivity),
}

impl Step<'_> {
    /// The person whom it had and the one whom it has.
    fn persons(&self) -> impl Iterator<Item = i64> {
        let (before, after) = match self {
            Step::Nothing => (None, None),
            Step::Insert(new) => (None, Some(new.person_id)),
            Step::Update(activity, new) if activity.person_id == new.person_id => (None, Some(new.person_id)),
            Step::Update(activity, new) => (Some(activity.person_id), Some(new.person_id)),
            Step::Delete(activity) => (Some(activity.person_id), None),
        };
        before.into_iter().chain(after)
    }
}

/// What becomes of the activities of changed rows of one attachment.
struct Plan<'r> {
    config: &'r Config,
    source: &'r Source,
    rows: &'r [Row],
    steps: Vec<Step<'r>>,
    /// Whether activities are written without statements.
    directly: bool,
}

impl<'r> Plan<'r> {
    /// `None` where the statements of `sql/arrive/take.sql` must do it: where more has to be known than persons and what rows
    /// were, and where several statements would change one person.
    fn of(config: &'r Config, source: &'r Source, rows: &'r [Row]) -> Option<Plan<'r>> {
        // While changes are replayed no trigger of leadscore's tables does the rest.
        if !config.live || pg::is_replaying() {
            return None;
        }
        let directly = LazyCell::new(|| !config.deferred && config.tables.writes_activities());
        if rows.len() >= MANY_STATEMENTS && !*directly {
            return None;
        }
        pg::make_changes_visible();
        let steps = steps(config, source, rows)?;
        let keys = |row: &'_ Row| row.1.as_ref().map(|image| image.key.clone()).or_else(|| row.0.clone());
        if rows.len() > 1 && rows.iter().map(keys).collect::<HashSet<_>>().len() < rows.len() {
            return None;
        }
        let directly = steps.iter().any(|step| !matches!(step, Step::Nothing)) && *directly;
        let plan = Plan { config, source, rows, steps, directly };
        // What several rows do to one person is one change of its score.
        let concerned = plan.concerned();
        let is_repeated = || concerned.iter().collect::<HashSet<_>>().len() < concerned.len();
        (directly || !is_repeated()).then_some(plan)
    }

    /// The persons of the activities.
    fn concerned(&self) -> Vec<i64> {
        self.steps.iter().flat_map(Step::persons).collect()
    }

    /// The same plan, made again after others were waited for, or wrote; `None` where it concerns others by now.
    fn again(&self) -> Option<Plan<'r>> {
        pg::make_changes_visible();
        let steps = steps(self.config, self.source, self.rows)?;
        let again = Plan { steps, ..*self };
        (again.concerned() == self.concerned()).then_some(again)
    }

    /// Does it, for persons who are locked, by a writer that was opened for them; deferred there is none.
    fn carry_out(self, writer: Option<Writer>) {
        // Statements open what they write themselves.
        let undone = match writer.filter(|_| self.directly) {
            Some(writer) => carry_out(writer, self.steps),
            None => {
                let is_undone = |step: &Step| !is_done_by_statement(self.config, step);
                self.steps.iter().enumerate().filter(|(_, step)| is_undone(step)).map(|(nth, _)| nth).collect()
            }
        };
        undone.into_iter().for_each(|nth| take_again(self.source, &self.rows[nth]));
    }
}

/// Brings a few changed rows to activities; says whether it did. Otherwise nothing is done.
pub fn take_activities(config: &Config, source: &Source, rows: &[Row]) -> bool {
    let committed = pg::completed_transactions();
    let Some(mut plan) = Plan::of(config, source, rows) else { return false };
    let concerned = plan.concerned();
    if concerned.is_empty() {
        return true;
    }
    // One new activity writes its person's row without locking it first; deferred nobody's row is written.
    if let ([Step::Insert(new)], [(_, Some(image))]) = (plan.steps.as_slice(), rows)
        && (config.deferred || plan.directly)
    {
        // Whom it was planned for may have been waited for.
        let is_still =
            || pg::completed_transactions() == committed || person_of(&config.look_ups(), source, image) == Some(new.person_id);
        if !insert(config, new, is_still) {
            take_again(source, &rows[0]);
        }
        return true;
    }
    let Some(locked) = lock(config, concerned) else { return false };
    // One who was just going or changing has been waited for.
    if pg::completed_transactions() != committed {
        let Some(again) = plan.again() else { return false };
        plan = again;
    }
    plan.carry_out(locked.0);
    true
}

/// Brings changed rows of several attachments of a table to activities; the persons of all, if they are several, are locked before
/// any is written. Does so for one attachment after the other as long as what was read of them `is_still` so, and says of how many
/// it did: for the others nothing is done but that.
pub fn take_together(config: &Config, batches: &[(&Source, &[Row])], is_still: impl Fn() -> bool) -> usize {
    let committed = pg::completed_transactions();
    let plans = batches.iter().map(|&(source, rows)| Plan::of(config, source, rows)).collect::<Option<Vec<_>>>();
    let is_direct = |plan: &Plan| plan.directly || plan.concerned().is_empty();
    let Some(plans) = plans.filter(|plans| plans.iter().all(is_direct)) else {
        lock_named(config, batches);
        return 0;
    };
    let all: HashSet<i64> = plans.iter().flat_map(Plan::concerned).collect();
    if all.len() < 2 {
        return 0;
    }
    let mut locked = lock(config, all.into_iter().collect());
    if pg::completed_transactions() != committed {
        return 0;
    }
    let mut done = 0;
    for mut plan in plans {
        // By triggers of the application, what was written of the attachment before may have changed persons or taken them away.
        if done > 0 {
            if !is_still() {
                break;
            }
            locked = lock(config, plan.concerned());
            let Some(again) = plan.again() else { break };
            plan = again;
        }
        let Some(Locked(writer)) = locked.take() else { break };
        plan.carry_out(writer);
        done += 1;
    }
    done
}

/// Brings over a row, whatever its activity is by now, that may have one already.
fn take_again(source: &Source, (before_key, after): &Row) {
    let key = before_key.clone().or_else(|| after.as_ref().map(|image| image.key.clone()));
    waiting::take_activities(source, &[(key, after.clone())]);
}

/// Does one step by itself; `false` where somebody else was faster, and its row is to be taken again.
fn is_done_by_statement(config: &Config, step: &Step) -> bool {
    match step {
        Step::Nothing => true,
        Step::Insert(new) => {
            // Triggers of others may have brought it over meanwhile.
            pg::make_changes_visible();
            let is_none = config.look_ups().activities_of(new.source_id, new.source_key).is_some_and(|found| found.is_empty());
            is_none && insert(config, new, || true)
        }
        Step::Update(activity, new) => update(activity, new),
        Step::Delete(activity) => delete(activity),
    }
}

/// Writes activities of persons who are locked, and what follows for the persons, as the statements would. Returns the places
/// of those that somebody else was faster with.
fn carry_out(mut writer: Writer, steps: Vec<Step>) -> Vec<usize> {
    let config = writer.config;
    let mut derived = ToDerive::default();
    let (mut added, mut undone) = (Vec::new(), Vec::new());
    let day = |new: &NewActivity| Some(config.day(new.occurred_at));
    for (nth, step) in steps.into_iter().enumerate() {
        match step {
            Step::Nothing => {}
            Step::Insert(new) => added.push(new),
            // Somebody may have changed it in ways that no rule sees, or taken it away, without locking its person.
            Step::Update(activity, new) if !config.tables.update_activity(&activity, &new) => {
                if !update(&activity, &new) {
                    derived.push(activity.person_id, None);
                    undone.push(nth);
                }
            }
            Step::Update(activity, new) => {
                derived.push(activity.person_id, None);
                derived.push(new.person_id, day(&new));
            }
            Step::Delete(activity) if !config.tables.delete_activity(&activity) => {
                if !delete(&activity) {
                    derived.push(activity.person_id, None);
                    undone.push(nth);
                }
            }
            Step::Delete(activity) => {
                derived.push(activity.person_id, None);
            }
        }
    }
    // The later of two at one instant is the one with the higher number.
    added.sort_by(|a, b| (a.occurred_at, a.source_key).cmp(&(b.occurred_at, b.source_key)));
    let ids = if added.is_empty() { Some(Vec::new()) } else { config.tables.insert_activities(added.iter()) };
    let ids = ids.unwrap_or_else(|| error!("leadscore: an activity cannot be stored"));
    let changed = derived.ids();
    let mut scored = Vec::new();
    for (activity_id, new) in ids.into_iter().zip(added) {
        if changed.contains(&new.person_id) {
            derived.push(new.person_id, day(&new));
        } else {
            scored.push((activity_id, new));
        }
    }
    pg::make_changes_visible();
    activity_trigger::score_added(&mut writer, &scored);
    rescore::rescore_by(&mut writer, derived);
    writer.close();
    undone
}

/// What is to be done for each of several rows; `None` where more has to be known of one.
fn steps<'r>(config: &Config, source: &'r Source, rows: &'r [Row]) -> Option<Vec<Step<'r>>> {
    let look_ups = config.look_ups();
    rows.iter().map(|row| step(config, &look_ups, source, row)).collect()
}

/// What is to be done for a row; `None` where more has to be known than its person and what it was before.
fn step<'r>(config: &Config, look_ups: &LookUps, source: &'r Source, (before_key, after): &'r Row) -> Option<Step<'r>> {
    let found = match (before_key, after) {
        (None, None) => return Some(Step::Nothing),
        (Some(key), Some(image)) if *key != image.key => return None,
        (None, Some(image)) => {
            // Another row has the key, which is gone unseen or will change later.
            let is_taken = !look_ups.activities_of(source.source_id, &image.key)?.is_empty();
            if is_taken || look_ups.is_waiting(source.source_id, &image.key) {
                return None;
            }
            None
        }
        (Some(key), _) => found(look_ups, source, key)?,
    };
    let Some(image) = after else {
        return Some(found.map_or(Step::Nothing, Step::Delete));
    };
    let activity_type = image.activity_type.as_deref().filter(|activity_type| config.knows_type(activity_type))?;
    let person_id = person_of(look_ups, source, image)?;
    let before = found.as_ref().map(|activity| activity.occurred_at);
    let new = NewActivity {
        person_id,
        activity_type,
        occurred_at: image.moment.or(before).unwrap_or_else(pg::now),
        attributes: image.attributes.as_deref(),
        source_id: source.source_id,
        source_key: &image.key,
    };
    let Some(activity) = found else { return Some(Step::Insert(new)) };
    let is_same = activity.person_id == person_id
        && activity.activity_type == activity_type
        && activity.occurred_at == new.occurred_at
        && activity.attributes == new.attributes.map(Jsonb::parse);
    Some(if is_same { Step::Nothing } else { Step::Update(activity, new) })
}

/// The person whom a row names, as of now.
fn person_of(look_ups: &LookUps, source: &Source, image: &Image) -> Option<i64> {
    look_ups.person_of_tenant(&source.person_kind, image.person.as_deref()?, image.tenant.as_deref())
}

/// The activity that a row is, if it is one. `None` where it waits, or where the snapshot of the transaction does not tell.
fn found(look_ups: &LookUps, source: &Source, key: &str) -> Option<Option<AttachedActivity>> {
    let waits = || look_ups.is_waiting(source.source_id, key);
    if waits() {
        return None;
    }
    let mut found = look_ups.activities_of(source.source_id, key).filter(|found| found.len() <= 1)?;
    // One that was an activity may have come to wait just now.
    if found.is_empty() && waits() {
        return None;
    }
    Some(found.pop())
}

/// Persons who are locked, by the writer of what follows for them; deferred there is none.
struct Locked<'c>(Option<Writer<'c>>);

/// Locks persons; `None` where they are not all there. Persons are locked before their activities, in the order of their ids, and
/// the rows that they came from before them. Deferred, nobody is waited for: `score_pending()` sees who went meanwhile.
fn lock(config: &Config, ids: Vec<i64>) -> Option<Locked<'_>> {
    if config.deferred || ids.is_empty() {
        return Some(Locked(None));
    }
    let (writer, are_there) = lock_all(config, ids);
    are_there.then_some(Locked(Some(writer)))
}

/// Locks the rows to which scores of these persons are written back, and then the persons, in the order of their ids; says whether
/// they are all there.
fn lock_all(config: &Config, mut ids: Vec<i64>) -> (Writer<'_>, bool) {
    ids.sort_unstable();
    ids.dedup();
    let writer = Writer::open(config, ids.iter().copied());
    let missing = ids.into_iter().filter(|person_id| writer.find_and_lock(*person_id).is_none()).count();
    (writer, missing == 0)
}

/// Locks the persons whose rows these are, in the order of their ids; where that can change their scores, the rows to which these
/// are written back before them.
pub fn have_persons(config: &Config, source: &Source, rows: &[Row], scores: bool) {
    pg::make_changes_visible();
    let look_ups = config.look_ups();
    let images = rows.iter().filter_map(|(_, image)| image.as_ref());
    let person_of = |image: &Image| look_ups.person_of_tenant(&source.person_kind, &image.key, image.tenant.as_deref());
    let mut ids: Vec<i64> = images.filter_map(person_of).collect();
    if scores {
        lock_all(config, ids);
    } else {
        ids.sort_unstable();
        let persons = config.tables.persons();
        ids.into_iter().for_each(|person_id| drop(persons.look_at(person_id).and_then(|seen| persons.lock(person_id, seen))));
    }
}

/// Inserts an activity; `false` where it is not its person's by now, who is not scored then.
fn insert(config: &Config, new: &NewActivity, is_still: impl Fn() -> bool) -> bool {
    if let Some(activity_id) = config.tables.insert_activities(iter::once(new)).and_then(|ids| ids.first().copied()) {
        return activity_trigger::score_new(config, activity_id, new, is_still);
    }
    INSERT_ACTIVITY.with(|statement| {
        statement.run(&[
            DatumWithOid::from(new.person_id),
            DatumWithOid::from(new.activity_type),
            DatumWithOid::from(pg::timestamptz(new.occurred_at)),
            DatumWithOid::from(new.attributes),
            DatumWithOid::from(new.source_id),
            DatumWithOid::from(new.source_key),
        ])
    });
    true
}

fn update(activity: &AttachedActivity, new: &NewActivity) -> bool {
    UPDATE_ACTIVITY.with(|statement| {
        statement.run(&[
            DatumWithOid::from(activity.person_id),
            DatumWithOid::from(activity.activity_id),
            DatumWithOid::from(new.activity_type),
            DatumWithOid::from(pg::timestamptz(new.occurred_at)),
            DatumWithOid::from(new.attributes),
            DatumWithOid::from(new.person_id),
        ]) == 1
    })
}

fn delete(activity: &AttachedActivity) -> bool {
    DELETE_ACTIVITY
        .with(|statement| statement.run(&[DatumWithOid::from(activity.person_id), DatumWithOid::from(activity.activity_id)]) == 1)
}

/// Stores what the row of a person is now; says whether it did. Otherwise nothing is done.
pub fn take_person(config: &Config, source: &Source, row: &Row) -> bool {
    match row {
        _ if pg::is_replaying() => false,
        (None, Some(image)) => new_person(config, source, image),
        (Some(key), Some(image)) if *key == image.key => change_person(config, source, image),
        _ => false,
    }
}

/// A new row becomes a person, unless somebody has its key.
fn new_person(config: &Config, source: &Source, image: &Image) -> bool {
    pg::make_changes_visible();
    if config.has_aliases || (pg::transaction_has_one_snapshot() && !config.tables.is_in_sight(source.source_id)) {
        return false;
    }
    if !matches!(config.tables.attached_person(&source.person_kind, &image.key, image.tenant.as_deref()), (None, true)) {
        return false;
    }
    let told = ToldPerson {
        name: image.name.as_deref(),
        status: image.status.as_deref(),
        owner: image.owner.as_deref(),
        since: image.moment.unwrap_or_else(pg::now),
        attributes: image.attributes.as_deref(),
        active: image.active,
    };
    if person_trigger::new_person(config, source.source_id, &source.person_kind, image.tenant.as_deref(), &image.key, told) {
        return true;
    }
    INSERT_PERSON.with(|statement| {
        statement.run(&[
            DatumWithOid::from(source.person_kind.as_str()),
            DatumWithOid::from(image.tenant.as_deref()),
            DatumWithOid::from(image.key.as_str()),
            DatumWithOid::from(image.name.as_deref()),
            DatumWithOid::from(image.status.as_deref()),
            DatumWithOid::from(image.owner.as_deref()),
            DatumWithOid::from(pg::timestamptz(image.moment.unwrap_or_else(pg::now))),
            DatumWithOid::from(image.attributes.as_deref()),
            DatumWithOid::from(image.active),
            DatumWithOid::from(source.source_id),
        ]) == 1
    })
}

/// Whether a person is what its row says; what the table does not tell may be anything.
fn is_as_told(source: &Source, image: &Image, person: &AttachedPerson) -> bool {
    let parts = &source.parts;
    (parts.name.is_none() || person.name == image.name)
        && (parts.status.is_none() || person.status == image.status)
        && (parts.owner.is_none() || person.owner == image.owner)
        && image.moment.is_none_or(|moment| person.since == moment)
        && (parts.attributes.is_empty() || person.attributes == image.attributes.as_deref().map(Jsonb::parse))
        && (parts.only_when.is_empty() || person.active == image.active)
}

/// Raises the serialization error of a transaction whose statements would compare a row with its person as it was: where
/// somebody else has changed the person since, one who seems to be what the row says would stay another.
pub fn refuse_past_person(config: &Config, source: &Source, image: &Image) {
    let is_told = |person: &AttachedPerson| {
        person.source_id == Some(source.source_id) && !person.departed && is_as_told(source, image, person)
    };
    let (person, is_sure) = config.tables.attached_person(&source.person_kind, &image.key, image.tenant.as_deref());
    if !is_sure && !person.as_ref().is_some_and(is_told) {
        pg::refuse_snapshot();
    }
}

/// The row of a person changes; what the table does not tell stays as it is.
fn change_person(config: &Config, source: &Source, image: &Image) -> bool {
    pg::make_changes_visible();
    let key = (source.person_kind.as_str(), image.key.as_str(), image.tenant.as_deref());
    let (Some(person), true) = config.tables.attached_person(key.0, key.1, key.2) else { return false };
    if person.source_id != Some(source.source_id) || person.departed {
        return false;
    }
    let parts = &source.parts;
    // Parts that were lost say something, too.
    if (parts.attributes.is_empty() && person.attributes.is_some()) || (parts.only_when.is_empty() && !person.active) {
        return false;
    }
    let name = if parts.name.is_some() { &image.name } else { &person.name };
    let status = if parts.status.is_some() { &image.status } else { &person.status };
    let owner = if parts.owner.is_some() { &image.owner } else { &person.owner };
    let since = image.moment.unwrap_or(person.since);
    let attributes = image.attributes.as_deref();
    if is_as_told(source, image, &person) {
        return true;
    }
    let person_id = person.person_id;
    let told = ToldPerson {
        name: name.as_deref(),
        status: status.as_deref(),
        owner: owner.as_deref(),
        since,
        attributes,
        active: image.active,
    };
    if person_trigger::change_person(config, &source.person_kind, image.tenant.as_deref(), &person, &told) {
        return true;
    }
    UPDATE_PERSON.with(|statement| {
        statement.run(&[
            DatumWithOid::from(person_id),
            DatumWithOid::from(name.as_deref()),
            DatumWithOid::from(status.as_deref()),
            DatumWithOid::from(owner.as_deref()),
            DatumWithOid::from(image.moment.map(pg::timestamptz)),
            DatumWithOid::from(attributes),
            DatumWithOid::from(image.active),
            // What the table does not tell may just be changing.
            DatumWithOid::from(parts.name.is_some()),
            DatumWithOid::from(parts.status.is_some()),
            DatumWithOid::from(parts.owner.is_some()),
        ]) == 1
    })
}
