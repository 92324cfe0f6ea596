//! Why a score is what it is: `explain()`.

use crate::ask::one;
use crate::configure::config::{self, Config};
use crate::configure::rulebook::Rulebook;
use crate::pg::{self, Jsonb};
use pgrx::datum::{Date, DatumWithOid, TimestampWithTimeZone};
use pgrx::prelude::*;
use scoring::calendar::Day;
use scoring::explain::{self, Facts, Line};
use scoring::person::Standpoint;
use scoring::record::Record;
use scoring::rule::Rule;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// A line of the answer, in the order of its columns.
pub type Row = (
    Option<String>,
    Option<i64>,
    Option<String>,
    Option<TimestampWithTimeZone>,
    Option<i64>,
    bool,
    Option<Date>,
    Option<Date>,
    String,
);

/// What is known of an activity.
struct Known {
    activity_type: String,
    occurred_at: i64,
    /// Where a rule asks.
    attributes: Option<Jsonb>,
}

struct Registered<'c> {
    rulebook: &'c Rulebook,
    activities: HashMap<i64, Known>,
    adjustments: HashMap<i64, String>,
}

impl Facts for Registered<'_> {
    fn activity_type(&self, activity_id: i64) -> &str {
        self.activities.get(&activity_id).map_or("", |known| known.activity_type.as_str())
    }

    fn meets_condition(&self, activity_id: i64, rule: &Rule) -> bool {
        let attributes = self.activities.get(&activity_id).and_then(|known| known.attributes.as_ref());
        self.rulebook.has_condition(rule.rule_id, attributes)
    }

    fn adjustment(&self, adjustment_id: i64) -> String {
        self.adjustments.get(&adjustment_id).cloned().unwrap_or_else(|| "adjusted".into())
    }
}

const ADJUSTMENTS: &str = "SELECT j.adjustment_id, format('adjusted by %s: %s', j.adjusted_by, j.reason)
    FROM leadscore.adjustment j WHERE j.person_id = $1";

/// Who adjusted the person's score and why, in words, by the adjustment.
fn adjustments(person_id: i64) -> HashMap<i64, String> {
    pg::in_own_settings(|| {
        Spi::connect(|client| -> Result<_, pgrx::spi::Error> {
            let mut words = HashMap::new();
            for row in client.select(ADJUSTMENTS, None, &[DatumWithOid::from(person_id)])? {
                if let (Some(id), Some(text)) = (row.get::<i64>(1)?, row.get::<String>(2)?) {
                    words.insert(id, text);
                }
            }
            Ok(words)
        })
    })
    .unwrap_or_else(|e| error!("leadscore: {e}"))
}

impl Registered<'_> {
    /// Reads what the person's activities are, as far as they are wanted.
    fn read(&mut self, config: &Config, person_id: i64, is_wanted: impl Fn(i64) -> bool) {
        config.tables.history_seen(person_id).each_activity(|row| {
            if is_wanted(row.activity_id) {
                let asks = self.rulebook.asks_attributes(row.activity_type);
                self.activities.insert(
                    row.activity_id,
                    Known {
                        activity_type: row.activity_type.to_owned(),
                        occurred_at: row.occurred_at,
                        attributes: if asks { row.attributes.copy() } else { None },
                    },
                );
            }
        });
    }
}

/// Leaves out what tells of rows that the caller's row-level security hides.
fn leave_out_hidden(config: &Config, person_id: i64, lines: &mut Vec<Line>) {
    let visible = config.tables.visible_of(person_id);
    if visible.is_all() {
        return;
    }
    let stored = config.tables.history_seen(person_id).records();
    let hidden: HashSet<Record> = stored.iter().filter(|(at, _)| !visible.has_record(at)).map(|(_, record)| *record).collect();
    lines.retain(|line| {
        line.activity_id.is_none_or(|id| visible.has_activity(id))
            && line.record.is_none_or(|record| visible.has_cause(&record) && !hidden.contains(&record))
    });
}

/// `_explain(bigint, date, text, boolean)`: the lines, or those that count alone; these first, the latest first.
pub fn explain(person_id: Option<i64>, on_day: Option<Date>, scorecard: Option<&str>, all: bool) -> Vec<Row> {
    let config = config::for_reading();
    let (Some(person_id), Some(card)) = (person_id, config.cards.place(scorecard.unwrap_or_default())) else {
        return Vec::new();
    };
    one::ask(&config, person_id, |one| {
        let at = match on_day {
            Some(day) => Standpoint::on(Day(day.to_pg_epoch_days())),
            None => Standpoint::through(config.scored_on, one.persons.stored(one.found).scored_through),
        };
        let configuration = &one.rulebook.configuration;
        let mut history = one.history();
        let adjustments = if history.adjustments.is_empty() { HashMap::new() } else { adjustments(person_id) };
        let mut facts = Registered { rulebook: one.rulebook, activities: HashMap::new(), adjustments };
        let mut lines = if all {
            facts.read(&config, person_id, |_| true);
            explain::explain(configuration, &one.person, &mut history, at, card, &facts)
        } else {
            let lines = explain::explain_what_counts(configuration, &one.person, &mut history, at, card, &facts);
            let told: HashSet<i64> = lines.iter().filter_map(|line| line.activity_id).collect();
            facts.read(&config, person_id, |id| told.contains(&id));
            lines
        };
        leave_out_hidden(&config, person_id, &mut lines);
        let moment = |line: &Line| line.activity_id.and_then(|id| facts.activities.get(&id)).map(|known| known.occurred_at);
        // What has no moment of its own comes before what has one on the same day.
        lines.sort_by_cached_key(|line| {
            let at = moment(line);
            let day = line.counts_from.or_else(|| at.map(|at| config.day(at)));
            let nulls_first = |value: Option<i64>| Reverse(value.unwrap_or(i64::MAX));
            let rule = (line.rule.is_none(), line.rule.clone());
            (
                !line.counts,
                nulls_first(day.map(|day| i64::from(day.0))),
                nulls_first(at),
                nulls_first(line.activity_id),
                rule,
                line.why.clone(),
            )
        });
        let row = |line: Line| {
            let at = moment(&line);
            let activity_type = line.activity_id.map(|id| facts.activity_type(id).to_owned());
            (
                line.rule,
                line.activity_id,
                activity_type,
                at.map(pg::timestamptz),
                line.points,
                line.counts,
                line.counts_from.map(pg::date),
                line.counts_until.map(pg::date),
                line.why,
            )
        };
        lines.into_iter().map(row).collect()
    })
    .unwrap_or_default()
}
