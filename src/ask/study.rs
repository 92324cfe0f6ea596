//! What `evaluate()`, `evaluate_rules()`, `suggest_points()` and `suggest_bands()` look at: the persons on reference days in
//! the past, each with the records of what was known then and with whether the outcome followed.

use crate::arrive::progress::Progress;
use crate::ask::population::{self, Persons, Registered};
use crate::configure::config::{self, Assumption, Config};
use crate::error::{OrRaise, Refusal};
use crate::pg::{self, scan};
use evaluation::reference::{ReferenceDays, Standing};
use evaluation::tally::{Count, Tally};
use evaluation::{known, uncertainty};
use pgrx::prelude::*;
use scoring::calendar::{Day, Interval};
use scoring::category::{self, Category};
use scoring::configuration::Configuration;
use scoring::derive;
use scoring::record::{Record, earlier};
use scoring::rule::Rule;
use scoring::scorecard::Scorecards;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};

/// So many reference days are looked at, at most.
const MOST_DAYS: usize = 1_000;

/// What is asked; `sql/ask/evaluate.sql` has checked it.
#[derive(Clone, Deserialize)]
pub struct Question {
    /// The name of the function that is called, for what it tells.
    pub purpose: String,
    pub outcome: String,
    pub horizon: Interval,
    pub from_day: Day,
    pub until_day: Day,
    pub every: Interval,
    /// The last run's day, where it is asked: horizons that end after it are not over.
    pub known_until: Day,
    pub person_kind: Option<String>,
    pub tenant: Option<String>,
    pub scorecard: String,
    /// The most points that a rule may be suggested to give or take.
    pub max_points: Option<i64>,
    /// Whether suggested points keep their signs.
    pub keep_signs: Option<bool>,
    /// How many persons there are.
    pub persons: Option<u64>,
    /// Points that are suggested, by name of the rule.
    #[serde(default)]
    pub points: BTreeMap<String, i32>,
    /// Other lengths of time that rules are tried with.
    #[serde(default)]
    pub windows: Vec<Interval>,
}

impl Question {
    /// The reference days whose horizon is over.
    pub fn days(&self) -> ReferenceDays {
        ReferenceDays::new(self.from_day, self.until_day, self.every, self.horizon, self.known_until, MOST_DAYS)
    }
}

/// Persons on reference days, by a configuration: those of this node. What is counted of them can be added up with that of others.
pub struct Study<'q> {
    pub config: Config,
    pub question: &'q Question,
    pub days: ReferenceDays,
    /// The place of the scorecard.
    pub card: u16,
    /// The persons that are looked at; `None`: all.
    among: Option<HashSet<i64>>,
    /// Whether it says how far it is.
    tells: bool,
    /// Whether persons get the numbers by which they are drawn.
    numbers: bool,
}

/// A person on a reference day.
pub struct Case<'a> {
    pub person_id: i64,
    /// The number by which it is drawn, from its key, so that it is the same on every node; 0 unless asked for.
    pub number: u64,
    pub kind: &'a str,
    pub configuration: &'a Configuration,
    /// The place of the reference day, and the day.
    pub nth: usize,
    pub day: Day,
    pub is_positive: bool,
    /// Those that count on the day are the person's records by what was known then.
    pub records: &'a [Record],
}

impl Case<'_> {
    /// The points of each scorecard's own records.
    pub fn own(&self, counts: impl Fn(&Record) -> bool) -> Vec<i128> {
        let points = |record: &Record| if counts(record) { record.points_on(self.day) } else { 0 };
        derive::sums(self.configuration, self.records, points)
    }

    /// The score on a scorecard, from the points of the scorecards' own records.
    pub fn score(&self, own: &[i128], card: u16) -> i64 {
        self.configuration.cards.scores(own).map_err(Refusal::from).or_raise()[card as usize]
    }
}

/// What SQL hands over as JSON.
pub fn read<T: DeserializeOwned>(document: &str, what: &str) -> T {
    serde_json::from_str(document).map_err(|e| Refusal::unreadable(what, &e)).or_raise()
}

/// What the nodes say, in the same form.
pub fn read_parts<T: DeserializeOwned>(parts: Vec<Option<String>>) -> Vec<T> {
    parts.into_iter().flatten().map(|part| read(&part, "a part of an answer")).collect()
}

/// What a node says, for [`read_parts`].
pub fn written<T: Serialize>(part: &T) -> String {
    serde_json::to_string(part).expect("numbers and names")
}

/// A tally as a node hands it over: reference day, score, persons, outcomes.
pub type Counts = Vec<(usize, i64, u64, u64)>;

pub fn counts_of(tally: &Tally) -> Counts {
    tally.counts().map(|(day, score, count)| (day, score, count.persons, count.outcomes)).collect()
}

pub fn add_counts(tally: &mut Tally, counts: Counts) {
    for (day, score, persons, outcomes) in counts {
        tally.add_counts(day, score, Count { persons, outcomes });
    }
}

fn concerns(cards: &Scorecards, card: u16, question: &Question, rule: &Rule) -> bool {
    cards.place(&rule.scorecard).is_some_and(|place| cards.reaches(place, card))
        && question.person_kind.as_deref().is_none_or(|kind| rule.is_for_kind(kind))
}

/// The rules of an assumption that are in force for somebody and whose points are part of the score that is asked.
pub fn rules_of<'a>(assumption: &'a Assumption, question: &Question) -> Vec<&'a Rule> {
    let cards = Scorecards::new(assumption.scorecards.clone()).map_err(Refusal::from).or_raise();
    let Some(card) = cards.place(&question.scorecard) else { return Vec::new() };
    let mut rules: Vec<&Rule> =
        assumption.rules.iter().filter(|rule| rule.enabled && concerns(&cards, card, question, rule)).collect();
    rules.sort_by_key(|rule| rule.rule_id);
    rules
}

/// The mark in the names of rules that are derived beside those that there are: no name that somebody types has it.
const BESIDE: char = '\u{1}';

/// Puts rules beside those of an assumption: for each rule for which it gives one that is a little different, that one,
/// with an id of its own, under the same name with a number. A tenant's rule then still stands in the place of everybody's.
/// Returns by the ids of the new rules those of the old ones.
pub fn put_beside(assumption: &mut Assumption, number: usize, other: impl Fn(&Rule) -> Option<Rule>) -> HashMap<i32, i32> {
    let mut taken: HashSet<i32> = assumption.rules.iter().map(|rule| rule.rule_id).collect();
    let mut next = taken.iter().copied().max().unwrap_or(0);
    let mut ids = HashMap::new();
    for nth in 0..assumption.rules.len() {
        if let Some(rule) = other(&assumption.rules[nth]) {
            while !taken.insert(next) {
                next = next.wrapping_add(1);
            }
            ids.insert(next, assumption.rules[nth].rule_id);
            assumption.rules.push(Rule { rule_id: next, name: format!("{}{BESIDE}{number}", rule.name), ..rule });
        }
    }
    ids
}

/// Whether a rule was put beside another one.
pub fn is_beside(rule: &Rule) -> bool {
    rule.name.contains(BESIDE)
}

/// The names of what is left out or looks at the present, for a notice.
#[derive(Default, Serialize, Deserialize)]
pub struct Remarks {
    inactive: u64,
    /// Rules that look at the present, by id.
    present: BTreeMap<i32, String>,
}

impl<'q> Study<'q> {
    /// `None` if there is no such scorecard.
    pub fn new(assumption: Assumption, question: &'q Question) -> Option<Study<'q>> {
        let config = config::assumed(assumption);
        config.tables.check_may_read();
        let card = config.cards.place(&question.scorecard)?;
        Some(Study { config, question, days: question.days(), card, among: None, tells: true, numbers: false })
    }

    /// With the numbers by which persons are drawn.
    pub fn numbered(self) -> Study<'q> {
        Study { numbers: true, ..self }
    }

    /// The reference days from one place on, without a word.
    pub fn silent_from(self, from: usize) -> Study<'q> {
        let ReferenceDays { days, ends, left_out } = self.days;
        let days = ReferenceDays { days: days[from..].to_vec(), ends: ends[from..].to_vec(), left_out };
        Study { days, tells: false, ..self }
    }

    /// Of some persons alone, without a word.
    pub fn silent_among(self, ids: Option<HashSet<i64>>) -> Study<'q> {
        Study { among: ids, tells: false, ..self }
    }

    fn is_asked(&self, row: &scan::PersonRow, visible: &Option<HashSet<i64>>) -> bool {
        self.question.person_kind.as_deref().is_none_or(|kind| row.kind == kind)
            && self.question.tenant.as_deref().is_none_or(|tenant| row.tenant == Some(tenant))
            && visible.as_ref().is_none_or(|visible| visible.contains(&row.person_id))
            && self.among.as_ref().is_none_or(|among| among.contains(&row.person_id))
    }

    /// Hands over each person on each reference day on which it is looked at: it is known by then, and has no outcome yet. Returns
    /// what there is to tell.
    pub fn each(&self, mut take: impl FnMut(&Case)) -> Remarks {
        let config = &self.config;
        let days = &self.days;
        let (Some(&first), Some(&last)) = (days.days.first(), days.days.last()) else { return Remarks::default() };
        let visible = config.tables.visible();
        let mut remarks = Remarks::default();
        let mut rulebooks: HashSet<*const Configuration> = HashSet::new();
        let mut progress = Progress::on(self.question.purpose.clone());
        let total = || {
            let mut count = 0;
            config.tables.each_person(|row| count += i64::from(row.is_active && self.is_asked(&row, &visible)));
            count
        };
        population::each_part(config, |is_in| {
            let inactive = Cell::new(0);
            let numbers = RefCell::new(Vec::new());
            let persons = Persons::read_those(config, &|row| {
                let is_asked = is_in(row.person_id) && self.is_asked(row, &visible);
                if is_asked && !row.is_active {
                    inactive.set(inactive.get() + 1);
                }
                let is_looked_at = is_asked && row.is_active;
                if self.numbers && is_looked_at {
                    let number = match row.external_id.copy() {
                        Some(key) => uncertainty::number_of(&[row.kind, row.tenant.unwrap_or_default(), &key]),
                        None => row.person_id as u64,
                    };
                    numbers.borrow_mut().push((row.person_id, number));
                }
                is_looked_at
            });
            remarks.inactive += inactive.get();
            // In the order of the persons.
            let mut numbers = numbers.into_inner();
            numbers.sort_unstable();
            let mut outcomes: Vec<Option<Day>> = vec![None; persons.count()];
            let registered = Registered::read_between(
                config,
                &persons,
                (first, Some(last)),
                |_| {},
                |place, row, day| {
                    if row.activity_type == self.question.outcome {
                        outcomes[place] = earlier(outcomes[place], Some(day));
                    }
                },
            );
            registered.each(|place, person, rulebook, mut history| {
                pg::check_for_interrupts();
                let configuration = &rulebook.configuration;
                if rulebooks.insert(configuration) {
                    remarks.note(configuration, self);
                }
                if self.tells {
                    progress.advance(1, "persons derived", total);
                }
                let standing = |nth| days.standing(nth, person.since, outcomes[place]);
                // The days on which it is looked at follow one another.
                let Some(from) = (0..days.days.len()).find(|&nth| standing(nth) != Standing::Outside) else { return };
                let count = (from..days.days.len()).take_while(|&nth| standing(nth) != Standing::Outside).count();
                let own = &days.days[from..from + count];
                known::each_day(configuration, person, &mut history, own, |n, records| {
                    let nth = from + n;
                    take(&Case {
                        person_id: persons.row(place).person_id,
                        number: numbers.get(place).map_or(0, |&(_, number)| number),
                        kind: person.kind,
                        configuration,
                        nth,
                        day: days.days[nth],
                        is_positive: standing(nth) == Standing::Positive,
                        records,
                    });
                });
            });
        });
        remarks
    }

    /// Whether the points of a rule are part of the score that is asked.
    fn concerns(&self, rule: &Rule) -> bool {
        concerns(&self.config.cards, self.card, self.question, rule)
    }

    /// The names of the categories, the highest first, of the kind or of all, on the scorecard; those of the tenants of the
    /// persons that were looked at are added by [`Bands`].
    pub fn bands(&self) -> Bands {
        let mut bands = Bands::default();
        bands.note(&self.config.rulebook(self.question.tenant.as_deref()).configuration, self);
        bands
    }
}

impl Remarks {
    /// Takes in those of other persons.
    pub fn join(&mut self, others: Remarks) {
        self.inactive += others.inactive;
        self.present.extend(others.present);
    }

    /// Tells of all persons together.
    pub fn tell(&self, question: &Question) {
        let purpose = &question.purpose;
        let left_out = question.days().left_out;
        let n = |count: u64, one: &str, more: &str| if count == 1 { format!("1 {one}") } else { format!("{count} {more}") };
        if left_out > 0 {
            notice!(
                "{purpose}: {} left out, as a horizon of {} from there ends after the last run's day, {}",
                n(left_out as u64, "reference day is", "reference days are"),
                question.horizon,
                question.known_until
            );
        }
        if self.inactive > 0 {
            notice!("{purpose}: {} left out", n(self.inactive, "person who is not active is", "persons who are not active are"));
        }
        // Of several tenants' rules with one name it is told once.
        let mut names: Vec<&String> = Vec::new();
        self.present.values().for_each(|name| {
            if !names.contains(&name) {
                names.push(name)
            }
        });
        if !names.is_empty() {
            let (are, their) = if names.len() == 1 { ("this rule looks", "its") } else { ("these rules look", "their") };
            notice!(
                "{purpose}: {are} at the status or attributes that persons have now, not at those of the reference day, in {their} statuses or person_filter: {}",
                names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
            );
        }
    }

    fn note(&mut self, configuration: &Configuration, study: &Study) {
        for rule in configuration.rules.iter().filter(|rule| study.concerns(rule)) {
            let looks_at_present = (rule.statuses.is_some() || rule.person_filter.is_some()) && !is_beside(rule);
            if looks_at_present {
                self.present.insert(rule.rule_id, rule.name.clone());
            }
        }
    }
}

/// The names of categories, each with the highest of the bounds that it has (`None`: it is a lowest one).
#[derive(Default, Serialize, Deserialize)]
pub struct Bands {
    bounds: HashMap<String, Option<i64>>,
}

impl Bands {
    pub fn note(&mut self, configuration: &Configuration, study: &Study) {
        let mut note = |band: &Category| self.add(band.name.clone(), band.min_score);
        match study.question.person_kind.as_deref() {
            Some(kind) => category::bands(&configuration.categories, study.card, Some(kind)).for_each(&mut note),
            None => category::all_bands(&configuration.categories, study.card).for_each(&mut note),
        }
    }

    /// Takes in those of other persons.
    pub fn join(&mut self, others: Bands) {
        others.bounds.into_iter().for_each(|(name, bound)| self.add(name, bound));
    }

    fn add(&mut self, name: String, bound: Option<i64>) {
        let known = self.bounds.entry(name).or_insert(bound);
        *known = (*known).max(bound);
    }

    /// The highest first.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<(&str, Option<i64>)> = self.bounds.iter().map(|(name, bound)| (name.as_str(), *bound)).collect();
        names.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        names.into_iter().map(|(name, _)| name).collect()
    }
}
