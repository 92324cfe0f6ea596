//! A person that several functions are asked about one after the other, as the columns of the worklist are: what the first of
//! them reads serves the others, as long as each would read the same.

use crate::ask::one;
use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::pg::table::StoredAt;
use crate::pg::{self, Moment};
use scoring::activity::{Activity, Adjustment, History};
use scoring::calendar::Day;
use scoring::person::Person;
use scoring::record::Record;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// A person with all that is registered on it, as a snapshot shows it.
pub struct Known {
    person_id: i64,
    moment: Moment,
    config: Rc<Config>,
    tenant: Option<String>,
    kind: String,
    status: Option<String>,
    since: Day,
    is_active: bool,
    is_unseen: bool,
    fits: Vec<i32>,
    pub scored_through: Option<Day>,
    activities: OnceCell<Vec<KnownActivity>>,
    adjustments: OnceCell<Vec<Adjustment>>,
    records: OnceCell<Vec<(StoredAt, Record)>>,
}

pub struct KnownActivity {
    pub activity_id: i64,
    pub activity_type: String,
    pub occurred_at: i64,
    /// The rules that match it, by their places.
    matching: Vec<usize>,
}

thread_local! {
    static LATEST: RefCell<Option<Rc<Known>>> = const { RefCell::new(None) };
}

/// Called when a transaction ends.
pub fn forget() {
    LATEST.with_borrow_mut(|latest| drop(latest.take()));
}

/// A person by its id; `None` when there is no such person, or none that the caller may see.
pub fn known(person_id: i64) -> Option<Rc<Known>> {
    let config = config::for_reading();
    let moment = Moment::present();
    let is_it = |known: &Rc<Known>| known.person_id == person_id && Rc::ptr_eq(&known.config, &config) && known.moment == moment;
    let known = LATEST.with_borrow(|latest| latest.as_ref().filter(|known| is_it(known)).cloned());
    if let Some(known) = known {
        return config.tables.may_see(person_id).then_some(known);
    }
    let known = one::ask(&config, person_id, |one| Known {
        person_id,
        moment,
        tenant: one.persons.tenant(one.found).map(str::to_owned),
        kind: one.person.kind.to_owned(),
        status: one.person.status.map(str::to_owned),
        since: one.person.since,
        is_active: one.person.is_active,
        is_unseen: one.person.is_unseen,
        fits: one.person.fits.to_vec(),
        scored_through: one.persons.stored(one.found).scored_through,
        activities: OnceCell::new(),
        adjustments: OnceCell::new(),
        records: OnceCell::new(),
        config: config.clone(),
    })?;
    let known = Rc::new(known);
    LATEST.with_borrow_mut(|latest| *latest = Some(known.clone()));
    Some(known)
}

impl Known {
    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn rulebook(&self) -> &Rulebook {
        self.config.rulebook(self.tenant.as_deref())
    }

    pub fn person(&self) -> Person<'_> {
        Person {
            kind: &self.kind,
            status: self.status.as_deref(),
            since: self.since,
            is_active: self.is_active,
            fits: &self.fits,
            is_unseen: self.is_unseen,
        }
    }

    pub fn activities(&self) -> &[KnownActivity] {
        self.activities.get_or_init(|| {
            let rulebook = self.rulebook();
            let mut activities = Vec::new();
            self.config.tables.history_seen(self.person_id).each_activity(|activity| {
                let asks = rulebook.asks_attributes(activity.activity_type);
                let attributes = if asks { activity.attributes.copy() } else { None };
                activities.push(KnownActivity {
                    activity_id: activity.activity_id,
                    activity_type: activity.activity_type.to_owned(),
                    occurred_at: activity.occurred_at,
                    matching: rulebook.places_matching(activity.activity_type, attributes.as_ref()).collect(),
                });
            });
            activities
        })
    }

    /// All that is registered on the person.
    pub fn history(&self) -> History<'_> {
        let rules = &self.rulebook().configuration.rules;
        let activity = |known: &KnownActivity| Activity {
            activity_id: known.activity_id,
            occurred_at: known.occurred_at,
            day: self.config.day(known.occurred_at),
            matching: known.matching.iter().map(|&place| &rules[place]).collect(),
        };
        let adjustments = self.adjustments.get_or_init(|| self.config.tables.history_seen(self.person_id).adjustments());
        History { activities: self.activities().iter().map(activity).collect(), adjustments: adjustments.clone() }
    }

    /// The score records that are stored, and where.
    pub fn records(&self) -> &[(StoredAt, Record)] {
        self.records.get_or_init(|| self.config.tables.history_seen(self.person_id).records())
    }

    /// Which of its rows the caller may see.
    pub fn visible(&self) -> pg::scan::VisibleOf {
        self.config.tables.visible_of(self.person_id)
    }
}
