//! All rows of a table of which nothing is stored yet, such as one that is being attached, become activities or wait: sorted,
//! stored and scored without the statements by which a table is brought in step that has been attached before.

use crate::arrive::progress::{Progress, TELL_EVERY};
use crate::arrive::source::Source;
use crate::arrive::source_trigger;
use crate::configure::config::{self, Config};
use crate::pg::arrivals::Arrivals;
use crate::pg::scan::ActivityRow;
use crate::pg::source::{self as rows, Rows, Scratch};
use crate::pg::tables::NewActivity;
use crate::pg::{self, name_of};
use crate::score::activity_trigger::Inserted;
use crate::score::rescore::run;
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

/// `_takes_all(int)`: whether [`take_all`] does for an attached table what the statements would.
pub fn takes_all(number: Option<i32>) -> bool {
    let Some(number) = number else { return false };
    let config = config::present();
    // Rows of shards are told of by the name of the whole table.
    of_number(&config, number).all(|source| source.shard.is_none()) && config.tables.takes_all()
}

fn of_number(config: &Config, number: i32) -> impl Iterator<Item = &Rc<Source>> {
    config.sources.iter().filter(move |source| source.source_id == number)
}

/// `_take_all(int)`: makes activities of the rows of an attached table whose person and type are known, scores them, and
/// returns the other ones.
pub fn take_all(result: &Rows, number: Option<i32>) {
    let config = config::present();
    for source in number.iter().flat_map(|&number| of_number(&config, number)) {
        let arrivals = read(&config, source, result);
        if arrivals.count > 0 {
            if !config.live {
                run("SELECT leadscore._go_live()", &[]);
            }
            store(&config::present(), source, arrivals);
        }
    }
}

/// Persons by their keys.
struct Known(HashMap<Box<str>, i64, RandomState>);

impl Known {
    fn of(config: &Config, kind: &str) -> Known {
        let mut persons = HashMap::default();
        config.tables.each_key(kind, |key, tenant, person_id| {
            persons.insert(of_tenant(key, tenant).into(), person_id);
        });
        Known(persons)
    }

    fn person(&self, key: &str, tenant: Option<&str>) -> Option<i64> {
        self.0.get(&*of_tenant(key, tenant)).copied()
    }
}

/// A key, and the tenant if there is one, as one text, which is no other key: no text of PostgreSQL's has a null character.
fn of_tenant<'k>(key: &'k str, tenant: Option<&str>) -> Cow<'k, str> {
    tenant.map_or(Cow::Borrowed(key), |tenant| Cow::Owned(format!("{key}\0{tenant}")))
}

/// Reads all rows, and returns those whose person and type are known; the others are left in the result.
fn read(config: &Config, source: &Source, result: &Rows) -> Arrivals {
    let known = Known::of(config, &source.person_kind);
    let mut arrivals = Arrivals::new();
    let mut scratch = Scratch::new();
    source_trigger::each_image(config, source, |image, _| {
        let person = image.person.as_deref().and_then(|key| known.person(key, image.tenant.as_deref()));
        let activity_type = image.activity_type.as_deref().filter(|activity_type| config.knows_type(activity_type));
        match (person, activity_type) {
            (Some(person_id), Some(activity_type)) => arrivals.put(&NewActivity {
                person_id,
                activity_type,
                occurred_at: image.moment.unwrap_or_else(pg::now),
                attributes: image.attributes.as_deref(),
                source_id: source.source_id,
                source_key: &image.key,
            }),
            _ => rows::in_scratch_memory(&mut scratch, || result.add(source_trigger::activity_columns(&image))),
        }
    });
    arrivals
}

/// Stores and scores activities. Whatever the plan of a query, they are numbered alike; those of a person are found side by side
/// from then on.
fn store(config: &Config, source: &Source, arrivals: Arrivals) {
    let total = arrivals.count;
    let progress = (total >= TELL_EVERY).then(|| (Progress::on(name_of(source.table.relation)), total));
    let mut stored = config.tables.new_activities(source.source_id);
    let mut inserted = Inserted::new(config, source.source_id, progress);
    arrivals.each(|arrival| {
        if inserted.is_full(arrival.row.person_id) {
            stored.finish();
            inserted.score();
        }
        let activity_id = stored.add(&arrival);
        inserted.add(&ActivityRow { activity_id, ..arrival.row });
    });
    stored.finish();
    inserted.score();
}
