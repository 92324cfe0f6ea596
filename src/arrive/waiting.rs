//! Rows of attached tables become activities, or wait for their person or their type. Rows that wait and who arrives meet by
//! the key that both name, at every isolation level.

use crate::arrive::source::{Image, Source};
use crate::configure::config::{self, Config};
use crate::error::Refusal;
use crate::pg::latest::Latest;
use crate::pg::meet::{self, Side};
use crate::pg::{self, Statement};
use pgrx::PgSqlErrorCode as Code;
use pgrx::datum::{DatumWithOid, TimestampWithTimeZone};
use pgrx::prelude::*;
use std::collections::HashSet;

thread_local! {
    /// Persons and types that rows name and nobody knows.
    static UNMET: Latest = const { Latest::new(
        "SELECT DISTINCT CASE WHEN p.unknown THEN c.tenant END, CASE WHEN p.unknown THEN c.external_id END,
                CASE WHEN t.unknown THEN c.type END
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) c(new_key, external_id, tenant, type)
         CROSS JOIN LATERAL (SELECT NOT EXISTS (
             SELECT FROM leadscore._person_key k
             WHERE k.kind = $1 AND k.external_id = c.external_id AND k.tenant IS NOT DISTINCT FROM c.tenant) AS unknown) p
         CROSS JOIN LATERAL (SELECT NOT EXISTS (
             SELECT FROM leadscore.activity_type t WHERE t.activity_type = c.type) AS unknown) t
         WHERE c.new_key IS NOT NULL AND (p.unknown OR t.unknown)",
    ) };
    /// Whom rows name, and whose activities they are.
    static PERSONS: Latest = const { Latest::new(
        "SELECT k.person_id
         FROM unnest($3::text[], $4::text[]) c(external_id, tenant)
         JOIN leadscore._person_key k ON k.kind = $2 AND k.external_id = c.external_id AND k.tenant IS NOT DISTINCT FROM c.tenant
         UNION
         SELECT a.person_id FROM leadscore.activity a WHERE a.source_id = $1 AND a.source_key = ANY ($5)",
    ) };
    /// A person that is just going is waited for, and then not found.
    static LOCK_PERSONS: Latest = const { Latest::new("SELECT leadscore._lock_persons($1)") };
    /// Rows that are activities.
    static ACTIVITIES: Latest = const { Latest::new(
        "SELECT a.activity_id FROM leadscore.activity a WHERE a.source_id = $1 AND a.source_key = ANY ($2)",
    ) };
    /// One that is just coming to another person, or to wait, is waited for, and then not found.
    static LOCK_ACTIVITIES: Latest = const { Latest::new(
        "SELECT FROM leadscore.activity a WHERE a.source_id = $1 AND a.source_key = ANY ($2) ORDER BY a.activity_id FOR UPDATE",
    ) };
    /// A new key that is there already and of no row in this call: of a row that is gone unseen, or that will change later.
    static RECHECK: Latest = const { Latest::new(
        "SELECT leadscore._recheck_at_commit($1, $3)
         WHERE EXISTS (SELECT FROM leadscore.activity a
                       WHERE a.source_id = $1 AND a.source_key = ANY ($3) AND (a.source_key = ANY ($2)) IS NOT TRUE)
            OR EXISTS (SELECT FROM leadscore.waiting w
                       WHERE w.source_id = $1 AND w.source_key = ANY ($3) AND (w.source_key = ANY ($2)) IS NOT TRUE)",
    ) };
    /// What waited makes place; it keeps its moment where the table does not tell one.
    static RELEASE: Latest = const { Latest::new(
        "DELETE FROM leadscore.waiting w
         WHERE w.source_id = $1 AND (w.source_key = ANY ($2) OR w.source_key = ANY ($3))
         RETURNING w.source_key, (extract(epoch FROM w.occurred_at) * 1000000)::bigint",
    ) };
    static TAKE: Latest = const { Latest::new(include_str!("../../sql/arrive/take_activities.sql")) };
    static ADMIT: Latest = const { Latest::new(include_str!("../../sql/arrive/admit.sql")) };
    static KEYS: Latest = const { Latest::new(
        "SELECT p.kind, p.tenant, p.external_id FROM leadscore.person p WHERE p.person_id = ANY ($1) AND p.external_id IS NOT NULL",
    ) };
    static ANYBODY_WAITS: Latest = const { Latest::new("SELECT FROM leadscore.waiting LIMIT 1") };
}

fn waiting() -> pg_sys::Oid {
    pg::table(pg::own_schema(), "waiting")
}

fn types() -> pg_sys::Oid {
    pg::table(pg::own_schema(), "activity_type")
}

fn person_key(kind: &str, tenant: Option<&str>, external_id: &str) -> u64 {
    meet::key((kind, tenant, external_id))
}

thread_local! {
    /// Persons and types that are there by now, and not in the snapshot of the transaction.
    static PRESENT: Latest = const { Latest::new(
        "SELECT coalesce(array_agg(k.person_id), '{}')
         FROM unnest($2::text[], $3::text[]) c(external_id, tenant)
         JOIN leadscore._person_key k ON k.kind = $1 AND k.external_id = c.external_id AND k.tenant IS NOT DISTINCT FROM c.tenant",
    ) };
    static KNOWN: Latest =
        const { Latest::new("SELECT t.activity_type FROM leadscore.activity_type t WHERE t.activity_type = ANY ($1)") };
    static UNSEEN: Statement = const { Statement::new(
        "SELECT FROM unnest($1::text::bigint[]) u(person_id)
         WHERE NOT EXISTS (SELECT FROM leadscore.person p WHERE p.person_id = u.person_id)
         UNION ALL
         SELECT FROM unnest($2::text[]) u(activity_type)
         WHERE NOT EXISTS (SELECT FROM leadscore.activity_type t WHERE t.activity_type = u.activity_type)",
    ) };
}

thread_local! {
    static LEFT: Latest = const { Latest::new(
        "SELECT FROM (SELECT FROM leadscore.waiting w WHERE w.source_id = $1
                      UNION ALL
                      SELECT FROM leadscore.activity a WHERE a.source_id = $1
                      UNION ALL
                      SELECT FROM leadscore.person p WHERE p.source_id = $1 AND NOT p.departed) x LIMIT 1",
    ) };
}

/// Whether anything is there by now that came from an attached table, all of whose rows are gone. Where the snapshot of the
/// transaction stays that is a serialization failure.
pub fn is_left(of_source: i32) -> bool {
    let is_left = LEFT.with(|left| left.run(&[DatumWithOid::from(of_source)])) > 0;
    if is_left && pg::transaction_has_one_snapshot() {
        pg::refuse_snapshot();
    }
    is_left
}

/// Raises the error of a transaction whose snapshot does not show what its rows belong to.
pub fn refuse_unseen() -> ! {
    Refusal::new(
        Code::ERRCODE_T_R_SERIALIZATION_FAILURE,
        "could not serialize access due to a person or an activity type that arrived in the meantime",
    )
    .hint("The transaction might succeed if retried.")
    .raise()
}

/// Brings changed rows of an attached table to activities: each with the key that it had, if it was there, and what it is now,
/// if it is anything.
pub fn take_activities(source: &Source, rows: &[(Option<String>, Option<Image>)]) {
    let after = |of: &dyn Fn(&Image) -> Option<String>| -> Vec<Option<String>> {
        rows.iter().map(|(_, after)| after.as_ref().and_then(of)).collect()
    };
    let old_keys: Vec<Option<String>> = rows.iter().map(|(before_key, _)| before_key.clone()).collect();
    let new_keys = after(&|image| Some(image.key.clone()));
    let persons = after(&|image| image.person.clone());
    let tenants = after(&|image| image.tenant.clone());
    let activity_types = after(&|image| image.activity_type.clone());
    let moments: Vec<Option<TimestampWithTimeZone>> =
        rows.iter().map(|(_, after)| after.as_ref().and_then(|image| image.moment).map(pg::timestamptz)).collect();
    let number = || DatumWithOid::from(source.source_id);
    let kind = || DatumWithOid::from(source.person_kind.as_str());
    let keys = || (DatumWithOid::from(old_keys.clone()), DatumWithOid::from(new_keys.clone()));

    // From here on whoever arrives waits until these rows are seen to wait; who has arrived by now is seen below. Says whether
    // anybody or any type is new to it.
    let meet_unmet = || -> bool {
        let args = [
            kind(),
            keys().1,
            DatumWithOid::from(persons.clone()),
            DatumWithOid::from(tenants.clone()),
            DatumWithOid::from(activity_types.clone()),
        ];
        let unmet = UNMET.with(|unmet| unmet.rows(&args));
        let key =
            |row: &Vec<Option<String>>| row[1].as_deref().map(|key| person_key(&source.person_kind, row[0].as_deref(), key));
        let absent = unmet.iter().filter_map(key);
        let unknown = unmet.iter().filter_map(|row| row[2].as_deref().map(meet::key));
        let is_new = |about, part, key: &u64| !meet::holds(about, part, Some(*key), Side::Looks);
        let absent: Vec<u64> = absent.filter(|key| is_new(waiting(), source.part(), key)).collect();
        let unknown: Vec<u64> = unknown.filter(|key| is_new(types(), 0, key)).collect();
        meet::meet(waiting(), source.part(), &absent, Side::Looks);
        meet::meet(types(), 0, &unknown, Side::Looks);
        !absent.is_empty() || !unknown.is_empty()
    };
    let config = config::for_reading();
    // Persons are derived by what the one snapshot of the transaction shows of them and their activities; deferred they are not.
    let refuse_what_is_not_shown = || {
        let present = || {
            let args = [kind(), DatumWithOid::from(persons.clone()), DatumWithOid::from(tenants.clone())];
            PRESENT.with(|present| present.rows(&args)).first().and_then(|row| row[0].clone())
        };
        let present = if config.deferred { None } else { present() }.unwrap_or_else(|| "{}".into());
        // One may have arrived while it was waited for.
        let known = KNOWN.with(|known| known.rows(&[DatumWithOid::from(activity_types.clone())]));
        let known: Vec<Option<String>> = known.into_iter().map(|mut row| row.swap_remove(0)).collect();
        if UNSEEN.with(|unseen| unseen.run(&[DatumWithOid::from(present), DatumWithOid::from(known)])) > 0 {
            refuse_unseen();
        }
        let look_ups = config.look_ups();
        let is_shown = |key: &String| look_ups.activities_of(source.source_id, key).is_some();
        if !config.deferred && !old_keys.iter().flatten().all(is_shown) {
            pg::refuse_snapshot();
        }
    };
    // Persons, or deferred, where nobody else is waited for, the activities themselves.
    let to_lock = || -> Vec<i64> {
        let rows = if config.deferred {
            ACTIVITIES.with(|activities| activities.rows(&[number(), keys().0]))
        } else {
            let args = [number(), kind(), DatumWithOid::from(persons.clone()), DatumWithOid::from(tenants.clone()), keys().0];
            PERSONS.with(|persons| persons.rows(&args))
        };
        rows.iter().filter_map(|row| row[0].as_deref()?.parse().ok()).collect()
    };
    let lock = |found: Vec<i64>| match config.deferred {
        true => LOCK_ACTIVITIES.with(|lock| lock.run(&[number(), keys().0])),
        false => LOCK_PERSONS.with(|lock| lock.run(&[DatumWithOid::from(found)])),
    };
    let mut locked: HashSet<i64> = HashSet::new();
    let mut released = Vec::new();
    let mut begins = true;
    loop {
        let committed = pg::completed_transactions();
        // Whose person was just going, and has been waited for, waits for another.
        let meets = meet_unmet();
        if begins && pg::transaction_has_one_snapshot() {
            refuse_what_is_not_shown();
        }
        let found = to_lock();
        let are_locked = found.iter().all(|id| locked.contains(id));
        if are_locked && !begins && !meets {
            break;
        }
        locked.extend(&found);
        lock(found);
        if begins {
            RECHECK.with(|recheck| recheck.run(&[number(), keys().0, keys().1]));
        }
        released.extend(RELEASE.with(|release| release.rows(&[number(), keys().0, keys().1])));
        begins = false;
        // A row that came to somebody else while it was waited for is that person's, who is locked too.
        if pg::completed_transactions() == committed || pg::transaction_has_one_snapshot() {
            break;
        }
    }
    let epoch = (i64::from(pg_sys::POSTGRES_EPOCH_JDATE) - i64::from(pg_sys::UNIX_EPOCH_JDATE)) * 86_400_000_000;
    let held_moment =
        |row: &Vec<Option<String>>| row[1].as_deref().and_then(|at| at.parse::<i64>().ok()).map(|at| pg::timestamptz(at - epoch));
    let held_moments: Vec<Option<TimestampWithTimeZone>> = released.iter().map(held_moment).collect();
    let held_keys: Vec<Option<String>> = released.into_iter().map(|mut row| row.swap_remove(0)).collect();
    TAKE.with(|take| {
        take.run(&[
            number(),
            kind(),
            keys().0,
            keys().1,
            DatumWithOid::from(persons.clone()),
            DatumWithOid::from(tenants.clone()),
            DatumWithOid::from(activity_types.clone()),
            DatumWithOid::from(moments),
            DatumWithOid::from(after(&|image| image.attributes.clone())),
            DatumWithOid::from(held_keys),
            DatumWithOid::from(held_moments),
        ])
    });
    // Persons who are not locked may have gone in between, and others come whom the rows then wait for.
    if config.deferred && meet_unmet() {
        admit(None);
    }
}

/// `_admit_waiting(bigint[])`: rows that wait for these persons, who have arrived, or for anybody or any type that is known
/// now, become activities.
pub fn admit_waiting(ids: Option<Vec<Option<i64>>>) {
    let ids: Option<Vec<i64>> = ids.map(|ids| ids.into_iter().flatten().collect());
    match &ids {
        Some(ids) if ids.is_empty() => return,
        Some(ids) => {
            let config = config::for_reading();
            let mut keys: Vec<(u32, u64)> = KEYS.with(|keys| {
                let rows = keys.rows(&[DatumWithOid::from(ids.clone())]);
                let key = |row: &Vec<Option<String>>| {
                    let (kind, external_id) = (row[0].as_deref()?, row[2].as_deref()?);
                    Some((config.part_of(kind, external_id), person_key(kind, row[1].as_deref(), external_id)))
                };
                rows.iter().filter_map(key).collect()
            });
            meet_arrived(&mut keys);
        }
        None => meet::meet_all(types(), 0, Side::Changes),
    }
    admit(ids);
}

/// `_admit_present()`: the same of whoever and whatever is known by now, without meeting those who arrive or wait. A row that
/// somebody else is changing is theirs: it waits no longer, or is looked at again, once they have committed.
pub fn admit_present() {
    admit(None);
}

fn admit(ids: Option<Vec<i64>>) {
    if ANYBODY_WAITS.with(|anybody| anybody.run(&[])) > 0 {
        ADMIT.with(|admit| admit.run(&[DatumWithOid::from(ids)]));
    }
}

/// From here on rows that name one of these persons, by the part of each and its key, are seen to wait.
fn meet_arrived(keys: &mut [(u32, u64)]) {
    keys.sort_by_key(|(part, _)| *part);
    for keys in keys.chunk_by(|a, b| a.0 == b.0) {
        let of_part: Vec<u64> = keys.iter().map(|(_, key)| *key).collect();
        meet::meet(waiting(), keys[0].0, &of_part, Side::Changes);
    }
}

/// A person who has just arrived.
pub struct Arrived {
    pub person_id: i64,
    pub kind: String,
    pub tenant: Option<String>,
    pub external_id: String,
}

/// The same for a few persons, of whom it is known by which keys rows wait for them.
pub fn admit_few(config: &Config, persons: &[Arrived]) {
    let part_and_key = |person: &Arrived| {
        let key = person_key(&person.kind, person.tenant.as_deref(), &person.external_id);
        (config.part_of(&person.kind, &person.external_id), key)
    };
    meet_arrived(&mut persons.iter().map(part_and_key).collect::<Vec<_>>());
    pg::make_changes_visible();
    let is_awaited = |person: &&Arrived| config.tables.is_awaited(&person.kind, &person.external_id);
    let awaited: Vec<i64> = persons.iter().filter(is_awaited).map(|person| person.person_id).collect();
    if !awaited.is_empty() {
        ADMIT.with(|admit| admit.run(&[DatumWithOid::from(awaited)]));
    }
}
