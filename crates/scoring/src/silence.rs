//! Silence: what inactivity rules take while nothing happens.

use crate::calendar::Day;
use crate::record::{Fade, Record, RecordKind, earlier};
use crate::rule::Rule;
use std::collections::BTreeSet;

/// A penalty of one silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Penalty {
    pub due_on: Day,
    /// The day of the next matching activity after the silence began, if there is one.
    pub next_touch: Option<Day>,
    /// The end of the rule's own window.
    pub window_end: Option<Day>,
}

impl Penalty {
    /// The day on which activity clears it; `None` if it has a window of its own, or lasts.
    pub fn cleared_on(&self) -> Option<Day> {
        if self.window_end.is_none() { self.next_touch } else { None }
    }

    /// Its score record.
    pub fn record(&self, rule: &Rule) -> Record {
        Record {
            kind: RecordKind::Penalty,
            rule_id: Some(rule.rule_id),
            activity_id: None,
            adjustment_id: None,
            card: rule.card,
            points: rule.points,
            counts_from: self.due_on,
            counts_until: earlier(self.window_end, self.cleared_on()),
            fade: Fade::None,
        }
    }
}

/// The touch days of an inactivity rule: the day of `since` and those of matching activities, none before
/// the rule takes effect.
pub fn touches(rule: &Rule, since: Day, days: impl Iterator<Item = Day>) -> BTreeSet<Day> {
    days.chain([since]).map(|day| rule.no_earlier(day)).collect()
}

/// The penalties due until a day, and of the silence that lasts the first one due after it. Of silences
/// that had ended by `from_day` only penalties with a window of their own are told, as they alone can still
/// count then.
pub fn penalties(rule: &Rule, touches: &BTreeSet<Day>, from_day: Day, until_day: Day) -> Vec<Penalty> {
    let mut penalties = Vec::new();
    let mut following = touches.iter().copied().skip(1);
    for &touch in touches {
        let next_touch = following.next();
        let is_over = rule.relevant_for.is_none() && next_touch.is_some_and(|next| next <= from_day);
        let is_excused = rule.excused_by_planned && next_touch.is_some();
        if !is_over && !is_excused {
            spell(rule, touch, next_touch, until_day, &mut penalties);
        }
    }
    penalties
}

/// The penalties of the silence from one touch day to the next, due until a day, and the first one due after it.
pub fn spell(rule: &Rule, touch: Day, next_touch: Option<Day>, until_day: Day, penalties: &mut Vec<Penalty>) {
    let Some(first) = rule.inactive_for.and_then(|length| length.after(touch)) else { return };
    let most = match rule.repeat_every {
        None => 1,
        Some(_) => rule.max_repeats.unwrap_or(i32::MAX),
    };
    for nth in 0..most {
        let Some(due_on) = rule.repeat_every.map_or(Some(first), |length| length.times(nth).after(first)) else { break };
        if next_touch.is_some_and(|next| due_on >= next) {
            break;
        }
        let window_end = rule.relevant_for.and_then(|length| length.after(due_on));
        penalties.push(Penalty { due_on, next_touch, window_end });
        if due_on > until_day {
            break;
        }
    }
}
