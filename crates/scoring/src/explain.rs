//! Why a score is what it is: a line for each record that counts, and for what does not count the
//! reason why.

use crate::activity::{Activity, History, newest_first};
use crate::calendar::Day;
use crate::configuration::Configuration;
use crate::derive::{Candidate, Outcome, each_activity_outcome, each_candidate, matching};
use crate::frequency;
use crate::person::{Person, Standpoint};
use crate::record::{Fade, Record, RecordKind};
use crate::rule::{NotForPerson, Rule, RuleKind};
use crate::scorecard::MAIN;
use crate::silence::{self, Penalty};
use std::collections::HashSet;

/// A line of an explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The name of the rule; `None` for an adjustment, a limit, or an activity without any.
    pub rule: Option<String>,
    pub activity_id: Option<i64>,
    /// What it is worth where it counts, else its full points; `None` where there are none.
    pub points: Option<i64>,
    /// Whether it is part of the score: the points of the lines that count sum to it.
    pub counts: bool,
    pub counts_from: Option<Day>,
    pub counts_until: Option<Day>,
    pub why: String,
    /// The record that it tells of, whether or not that counts.
    pub record: Option<Record>,
}

/// What an explanation needs to know besides what scoring looks at.
pub trait Facts {
    fn activity_type(&self, activity_id: i64) -> &str;

    /// Whether the activity's attributes contain the rule's condition.
    fn meets_condition(&self, activity_id: i64, rule: &Rule) -> bool;

    /// Who adjusted and for what reason, in words.
    fn adjustment(&self, adjustment_id: i64) -> String;
}

/// Explains the score of a person on a scorecard, records of its parts included.
pub fn explain<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    at: Standpoint,
    card: u16,
    facts: &impl Facts,
) -> Vec<Line> {
    newest_first(&mut history.activities);
    let mut explanation = Explanation { configuration, person, history, at, card, facts, lines: Vec::new() };
    explanation.candidates(|_| true);
    explanation.ended_silences();
    explanation.activities_left_out();
    explanation.rules_left_out();
    if person.is_active {
        explanation.limits();
    } else {
        for line in explanation.lines.iter_mut().filter(|line| line.counts) {
            line.counts = false;
            line.why = "the person is not active".into();
        }
    }
    explanation.lines
}

/// The lines of [`explain`] that count, without a look at what does not: of a person with many activities these are few.
pub fn explain_what_counts<'r>(
    configuration: &'r Configuration,
    person: &Person,
    history: &mut History<'r>,
    at: Standpoint,
    card: u16,
    facts: &impl Facts,
) -> Vec<Line> {
    if !person.is_active {
        return Vec::new();
    }
    newest_first(&mut history.activities);
    let mut explanation = Explanation { configuration, person, history, at, card, facts, lines: Vec::new() };
    explanation.candidates(|candidate| candidate.counts(at));
    explanation.limits();
    explanation.lines
}

struct Explanation<'a, 'r, F> {
    configuration: &'r Configuration,
    person: &'a Person<'a>,
    history: &'a History<'r>,
    at: Standpoint,
    card: u16,
    facts: &'a F,
    lines: Vec<Line>,
}

impl<'r, F: Facts> Explanation<'_, 'r, F> {
    fn is_asked(&self, card: u16) -> bool {
        self.configuration.cards.reaches(card, self.card)
    }

    /// The rules that give points to the scorecard, or to a part of it.
    fn rules(&self) -> impl Iterator<Item = &'r Rule> + use<'_, 'r, F> {
        self.configuration.rules.iter().filter(|rule| self.is_asked(rule.card))
    }

    fn line(&self, rule: &Rule, why: String) -> Line {
        Line {
            rule: Some(rule.name.clone()),
            activity_id: None,
            points: Some(i64::from(rule.points)),
            counts: false,
            counts_from: None,
            counts_until: None,
            why,
            record: None,
        }
    }

    /// What can give points, whether or not it counts, as far as it is wanted.
    fn candidates(&mut self, is_wanted: impl Fn(&Candidate) -> bool) {
        let mut candidates = Vec::new();
        each_candidate(self.configuration, self.person, self.history, self.at.scored_on, self.at.scored_on, |candidate| {
            if is_wanted(&candidate) && self.is_asked(candidate.record.card) {
                candidates.push(candidate);
            }
        });
        for candidate in candidates {
            let record = candidate.record;
            let counts = candidate.counts(self.at);
            let why = if counts { self.why_it_counts(&candidate) } else { self.why_not(&candidate) };
            self.lines.push(Line {
                rule: candidate.rule.map(|rule| rule.name.clone()),
                activity_id: record.activity_id,
                points: Some(if counts { record.counted(self.at) } else { i64::from(record.points) }),
                counts,
                counts_from: Some(record.counts_from),
                counts_until: record.counts_until,
                why,
                record: Some(record),
            });
        }
    }

    fn why_it_counts(&self, candidate: &Candidate) -> String {
        let record = &candidate.record;
        let mut why = Vec::new();
        match record.kind {
            RecordKind::Activity => {}
            RecordKind::Penalty => why.push("penalty for silence".into()),
            RecordKind::Frequency => why.extend(candidate.rule.map(|rule| format!("at least {}", often(rule)))),
            RecordKind::Profile => why.push("for what the person is".into()),
            RecordKind::Adjustment => why.extend(record.adjustment_id.map(|id| self.facts.adjustment(id))),
        }
        match record.fade {
            Fade::None => {}
            Fade::Linear { until } => why.push(format!("left of {} points, which fall to 0 on {until}", record.points)),
            Fade::Halving { half_life } => why.push(format!("left of {} points, which halve every {half_life}", record.points)),
        }
        why.push(match (record.counts_until, record.kind) {
            (Some(end), _) => format!("counts until {end}"),
            (None, RecordKind::Penalty) => "counts until the next activity".into(),
            (None, _) => "counts for ever".into(),
        });
        if let Some(tenant) = candidate.rule.and_then(|rule| rule.tenant.as_ref()) {
            why.push(format!("rule of tenant {tenant}"));
        }
        if record.card != self.card {
            why.push(format!("on scorecard {}", self.configuration.cards.name(record.card)));
        }
        why.join("; ")
    }

    fn why_not(&self, candidate: &Candidate) -> String {
        let record = &candidate.record;
        let most = candidate.rule.and_then(|rule| rule.max_counted).unwrap_or_default();
        match (candidate.displaced_on, candidate.window_end) {
            (Some(day), _) if day <= record.counts_from => format!("newer ones count in its place: at most {most}"),
            (_, Some(end)) if end <= self.at.scored_on => {
                format!("no longer counts since {}", record.counts_until.unwrap_or(end))
            }
            (Some(day), _) if day <= self.at.reach => match record.kind {
                RecordKind::Penalty => cleared(day),
                RecordKind::Frequency => format!("counts anew since {day}"),
                _ => format!("newer ones count in its place since {day}: at most {most}"),
            },
            _ if record.kind == RecordKind::Penalty => {
                format!("penalty due on {} unless there is activity before", record.counts_from)
            }
            _ => format!("starts to count on {}", record.counts_from),
        }
    }

    /// Penalties of the last silence, which activity cleared, and those that a planned activity excuses.
    fn ended_silences(&mut self) {
        let day = self.at.scored_on;
        let mut lines = Vec::new();
        for rule in self.rules().filter(|rule| rule.kind == RuleKind::Inactivity && rule.applies_to(self.person)) {
            let days = self.history.activities.iter().filter(|activity| activity.matches(rule)).map(|activity| activity.day);
            let touches: Vec<Day> = silence::touches(rule, self.person.since, days).into_iter().collect();
            let spells: Vec<(Day, Day)> = touches.windows(2).map(|pair| (pair[0], pair[1])).collect();
            let mut told = |(touch, next): (Day, Day), until: Day, why: &dyn Fn(&Penalty) -> String| {
                let mut penalties = Vec::new();
                silence::spell(rule, touch, Some(next), until, &mut penalties);
                for penalty in penalties.iter().filter(|penalty| penalty.due_on <= until) {
                    lines.push(Line {
                        counts_from: Some(penalty.due_on),
                        counts_until: Some(next),
                        ..self.line(rule, why(penalty))
                    });
                }
            };
            // One with a window of its own is a candidate whether or not activity resumed.
            if rule.relevant_for.is_none()
                && let Some(&last) = spells.iter().rfind(|(_, next)| *next <= day)
            {
                told(last, last.1.plus(-1), &|_| if rule.excused_by_planned { excused(last.1) } else { cleared(last.1) });
            }
            if rule.excused_by_planned
                && let Some(&present) = spells.iter().find(|(touch, next)| *touch <= day && day < *next)
            {
                told(present, day, &|_| excused(present.1));
            }
        }
        self.lines.extend(lines);
    }

    /// Activities that a rule for their type does not take, and those for which there is no rule.
    fn activities_left_out(&mut self) {
        let mut taken: HashSet<(i64, i32)> = HashSet::new();
        let mut made_of: HashSet<i64> = HashSet::new();
        let mut not_newest: HashSet<(i64, i32)> = HashSet::new();
        each_activity_outcome(self.person, &self.history.activities, |activity, rule, outcome| match outcome {
            Outcome::Candidate(_) => {
                taken.insert((activity.activity_id, rule.rule_id));
                made_of.insert(activity.activity_id);
            }
            Outcome::NotOfTheNewest => {
                not_newest.insert((activity.activity_id, rule.rule_id));
            }
            Outcome::TooEarly => {}
        });
        let mut lines = Vec::new();
        for activity in &self.history.activities {
            let id = activity.activity_id;
            let activity_type = self.facts.activity_type(id);
            for rule in self.rules().filter(|rule| {
                rule.kind == RuleKind::Activity && rule.is_for_type(activity_type) && rule.is_for_kind(self.person.kind)
            }) {
                // That a condition is not met is worth a line where nothing else was made of the activity.
                if taken.contains(&(id, rule.rule_id)) || (!activity.matches(rule) && made_of.contains(&id)) {
                    continue;
                }
                let why = match (rule.not_for(self.person), activity.matches(rule)) {
                    (Some(reason), _) => self.not_for(rule, reason),
                    (None, false) => self.mismatch(activity, rule),
                    (None, true) if not_newest.contains(&(id, rule.rule_id)) => {
                        let most = rule.max_per_day.unwrap_or_default();
                        format!("newer ones of that day count in its place: at most {most} a day")
                    }
                    (None, true) => match rule.effective_from {
                        Some(first) => format!("before the rule takes effect on {first}"),
                        None => continue,
                    },
                };
                lines.push(Line { activity_id: Some(id), ..self.line(rule, why) });
            }
            let is_for_it = |rule: &&Rule| rule.is_for_type(activity_type) && rule.is_for_kind(self.person.kind);
            if self.card == MAIN && !self.configuration.rules.iter().any(|rule| is_for_it(&rule)) {
                lines.push(Line {
                    rule: None,
                    activity_id: Some(id),
                    points: None,
                    counts: false,
                    counts_from: None,
                    counts_until: None,
                    why: format!("no rule is for {activity_type}"),
                    record: None,
                });
            }
        }
        self.lines.extend(lines);
    }

    fn mismatch(&self, activity: &Activity, rule: &Rule) -> String {
        match (&rule.condition, &rule.filter) {
            (Some(condition), _) if !self.facts.meets_condition(activity.activity_id, rule) => {
                format!("its attributes do not have {condition}")
            }
            (_, Some(filter)) => format!("its attributes do not satisfy {filter}"),
            _ => "its attributes do not match".into(),
        }
    }

    fn not_for(&self, rule: &Rule, reason: NotForPerson) -> String {
        match reason {
            NotForPerson::Kind => format!("only for kind {}", words(&rule.person_kinds)),
            NotForPerson::Status => {
                format!("only for status {}; the person's is {}", words(&rule.statuses), self.person.status.unwrap_or("unknown"))
            }
            NotForPerson::Filter => {
                format!("only for persons whose attributes satisfy {}", rule.person_filter.as_deref().unwrap_or_default())
            }
            NotForPerson::Unseen => "the person does not want to be followed on the website".into(),
        }
    }

    /// Rules of other kinds that do not apply to the person, and frequencies that are not reached.
    fn rules_left_out(&mut self) {
        let mut lines = Vec::new();
        for rule in self.rules().filter(|rule| rule.kind != RuleKind::Activity) {
            match rule.not_for(self.person) {
                Some(NotForPerson::Kind) => {}
                Some(reason) => lines.push(self.line(rule, self.not_for(rule, reason))),
                None if rule.kind == RuleKind::Frequency => {
                    let activities = matching(rule, &self.history.activities);
                    let number = frequency::number_on(rule, &activities, self.at.reach);
                    // By its line: between two runs one that is over counts on, and one that has begun since counts already.
                    let is_counted =
                        |line: &Line| line.counts && line.record.is_some_and(|record| record.rule_id == Some(rule.rule_id));
                    if !self.lines.iter().any(is_counted) && !activities.is_empty() {
                        lines.push(self.line(rule, format!("{number} instead of at least {}", often(rule))));
                    }
                }
                None => {}
            }
        }
        self.lines.extend(lines);
    }

    /// The limits that change the score.
    fn limits(&mut self) {
        let mut own = vec![0i128; self.configuration.cards.count()];
        each_candidate(self.configuration, self.person, self.history, self.at.scored_on, self.at.scored_on, |candidate| {
            if candidate.counts(self.at)
                && let Some(sum) = own.get_mut(candidate.record.card as usize)
            {
                *sum += i128::from(candidate.record.counted(self.at));
            }
        });
        for limit in self.configuration.cards.limits(&own, self.card) {
            self.lines.push(Line {
                rule: None,
                activity_id: None,
                points: Some(limit.change),
                counts: true,
                counts_from: None,
                counts_until: None,
                why: format!("limited to {} by scorecard {}", limit.limit, self.configuration.cards.name(limit.card)),
                record: None,
            });
        }
    }
}

fn cleared(day: Day) -> String {
    format!("penalty cleared by activity on {day}")
}

fn excused(day: Day) -> String {
    format!("penalty excused by activity on {day}")
}

/// So many of a frequency rule's activities, in words.
fn often(rule: &Rule) -> String {
    format!("{} within {}", rule.at_least.unwrap_or_default(), rule.within.unwrap_or_default())
}

/// A list as people write it.
fn words(list: &Option<Vec<Option<String>>>) -> String {
    list.iter().flatten().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}
