//! What is registered on one person, read for `src/derive.rs` by index scans.

use crate::score::calendar::Day;
use crate::configure::config::Config;
use crate::score::derive::{Activity, Adjustment};
use crate::pg::person::History;
use crate::score::scoring::{Person, Rule, Unclear};

/// All that a person's standing follows from, besides its row.
pub struct Registered<'c> {
    /// The day from which silence counts.
    pub since: Day,
    pub activities: Vec<Activity<'c>>,
    pub adjustments: Vec<Adjustment>,
    /// The inactivity rules of which the person is not exempt.
    pub silences: Vec<&'c Rule>,
}

impl<'c> Registered<'c> {
    /// What is registered on a person who is known since an instant.
    pub fn on(config: &'c Config, history: &History, person: &Person, since: i64) -> Result<Registered<'c>, Unclear> {
        let is_silence_online = config.rules().any(|rule| rule.online && rule.applies_to(person));
        let is_exempt = is_silence_online && history.has_refused();
        Ok(Registered {
            since: config.time_zone.day(since).ok_or(Unclear)?,
            activities: activities(config, history, |_| true)?,
            adjustments: history.adjustments(),
            silences: config.rules().filter(|rule| rule.inactivity && !(rule.online && is_exempt)).collect(),
        })
    }
}

/// All activities of a person, each with those of the wanted rules that match it.
pub fn activities<'c>(
    config: &'c Config,
    history: &History,
    wanted: impl Fn(&Rule) -> bool,
) -> Result<Vec<Activity<'c>>, Unclear> {
    let mut activities = Vec::new();
    let mut beyond_calendar = false;
    history.each_activity(|activity| {
        let attributes = if config.asks_attributes(activity.activity_type) { activity.attributes.copy() } else { None };
        let day = config.time_zone.day(activity.occurred_at);
        beyond_calendar |= day.is_none();
        let matching: Vec<&Rule> =
            config.matching(activity.activity_type, attributes.as_ref()).filter(|rule| wanted(rule)).collect();
        activities.push(Activity {
            activity_id: activity.activity_id,
            occurred_at: activity.occurred_at,
            day: day.unwrap_or(Day(0)),
            matching: matching.into(),
        });
    });
    if beyond_calendar { Err(Unclear) } else { Ok(activities) }
}
