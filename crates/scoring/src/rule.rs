//! What a rule is: its columns, what they must be, and its form in a configuration document.

use crate::calendar::{Day, Interval, NoLength};
use crate::person::Person;
use crate::refusal::{Code, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A rule, by the columns of `leadscore.rule`. A configuration document has all of them but
/// `rule_id` and `tenant`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, points and the other columns of leadscore.rule")]
pub struct Rule {
    #[serde(default)]
    #[schemars(skip)]
    pub rule_id: i32,
    /// Whose rule it is; `None`: everybody's.
    #[serde(default)]
    #[schemars(skip)]
    pub tenant: Option<String>,
    pub name: String,
    /// The scorecard that its points belong to.
    #[serde(default = "main", deserialize_with = "or_main")]
    #[schemars(with = "Option<String>")]
    pub scorecard: String,
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<RuleKind>")]
    pub kind: RuleKind,
    /// The activity types that match; `None`: all.
    #[schemars(with = "Option<Vec<String>>")]
    pub activity_types: Option<Vec<Option<String>>>,
    /// A JSON object that an activity's attributes must contain.
    #[schemars(with = "Option<Map<String, Value>>")]
    pub condition: Option<Box<RawValue>>,
    /// An SQL/JSON path that must be true for an activity's attributes.
    pub filter: Option<String>,
    /// The kinds of person it applies to; `None`: all.
    #[schemars(with = "Option<Vec<String>>")]
    pub person_kinds: Option<Vec<Option<String>>>,
    /// The present statuses of persons it applies to; `None`: all.
    #[schemars(with = "Option<Vec<String>>")]
    pub statuses: Option<Vec<Option<String>>>,
    /// An SQL/JSON path that must be true for the person's attributes.
    pub person_filter: Option<String>,
    /// Points of one record; negative for a penalty.
    pub points: i32,
    /// How long a record counts; `None`: for ever.
    pub relevant_for: Option<Interval>,
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<Decay>")]
    pub decay: Decay,
    /// The time after which a record is worth half, with `decay` = `halving`.
    pub half_life: Option<Interval>,
    /// Of a person's records of one day only the newest so many remain.
    pub max_per_day: Option<i32>,
    /// At most the newest so many records count for a person on any day.
    pub max_counted: Option<i32>,
    /// The length of silence after which the first penalty is due.
    pub inactive_for: Option<Interval>,
    /// The time between penalties of one silence; `None`: there is one.
    pub repeat_every: Option<Interval>,
    /// The most penalties of one silence.
    pub max_repeats: Option<i32>,
    /// A silence that ends with an activity, even a planned one, gives no penalties.
    #[serde(default, deserialize_with = "or_default")]
    #[schemars(with = "Option<bool>")]
    pub excused_by_planned: bool,
    /// How many matching activities there must be for a frequency rule.
    pub at_least: Option<i32>,
    /// The length of time in which they must lie.
    pub within: Option<Interval>,
    /// Activities before this day give nothing, and silence is counted from it.
    pub effective_from: Option<Day>,
    #[serde(default = "yes", deserialize_with = "or_yes")]
    #[schemars(with = "Option<bool>")]
    pub enabled: bool,
    /// Silence of what only the website sees, where not everybody may be seen.
    #[serde(skip)]
    pub online: bool,
    /// It takes every activity, whatever its type and attributes.
    #[serde(skip)]
    pub takes_all: bool,
    /// The place of its scorecard in the configuration.
    #[serde(skip)]
    pub card: u16,
}

/// What an error of reading JSON says, without its line and column, as a sentence.
pub fn without_place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    format!("{}.", words.rfind(" at line ").map_or(words.as_str(), |end| &words[..end]))
}

fn capitalised(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn main() -> String {
    "main".into()
}

fn yes() -> bool {
    true
}

/// What is left out or null in a document is as by default.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

fn or_main<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Option::deserialize(from).map(|scorecard| scorecard.unwrap_or_else(main))
}

fn or_yes<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Option::deserialize(from).map(|enabled| enabled.unwrap_or(true))
}

/// What a rule gives points for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// For each matching activity.
    #[default]
    Activity,
    /// For each period without any, in general taking them.
    Inactivity,
    /// While there are many.
    Frequency,
    /// For what a person is.
    Profile,
}

impl RuleKind {
    const NAMES: [&str; 4] = ["activity", "inactivity", "frequency", "profile"];

    pub fn name(self) -> &'static str {
        RuleKind::NAMES[self as usize]
    }
}

/// How a record loses its worth while it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    #[default]
    None,
    /// Evenly, from full points to none over `relevant_for`.
    Linear,
    /// By half with each `half_life`.
    Halving,
}

impl Decay {
    const NAMES: [&str; 3] = ["none", "linear", "halving"];
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            rule_id: 0,
            tenant: None,
            name: String::new(),
            scorecard: main(),
            kind: RuleKind::Activity,
            activity_types: None,
            condition: None,
            filter: None,
            person_kinds: None,
            statuses: None,
            person_filter: None,
            points: 0,
            relevant_for: None,
            decay: Decay::None,
            half_life: None,
            max_per_day: None,
            max_counted: None,
            inactive_for: None,
            repeat_every: None,
            max_repeats: None,
            excused_by_planned: false,
            at_least: None,
            within: None,
            effective_from: None,
            enabled: true,
            online: false,
            takes_all: false,
            card: 0,
        }
    }
}

fn holds(set: &Option<Vec<Option<String>>>, value: Option<&str>) -> bool {
    match set {
        None => true,
        Some(set) => value.is_some_and(|value| set.iter().any(|member| member.as_deref() == Some(value))),
    }
}

/// Why a rule does not apply to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotForPerson {
    Kind,
    Status,
    Filter,
    /// Who may not be seen on the website is not silent there.
    Unseen,
}

impl Rule {
    /// Whether it applies to a person: by kind, present status and `person_filter`.
    pub fn applies_to(&self, person: &Person) -> bool {
        self.is_for_kind(person.kind) && self.is_for_status(person.status) && self.fits(person) && !self.is_unseen(person)
    }

    /// Why it does not apply to a person; `None` if it does.
    pub fn not_for(&self, person: &Person) -> Option<NotForPerson> {
        if !self.is_for_kind(person.kind) {
            Some(NotForPerson::Kind)
        } else if !self.is_for_status(person.status) {
            Some(NotForPerson::Status)
        } else if !self.fits(person) {
            Some(NotForPerson::Filter)
        } else if self.is_unseen(person) {
            Some(NotForPerson::Unseen)
        } else {
            None
        }
    }

    pub fn is_for_kind(&self, kind: &str) -> bool {
        holds(&self.person_kinds, Some(kind))
    }

    pub fn is_for_status(&self, status: Option<&str>) -> bool {
        holds(&self.statuses, status)
    }

    fn fits(&self, person: &Person) -> bool {
        self.person_filter.is_none() || person.fits.contains(&self.rule_id)
    }

    fn is_unseen(&self, person: &Person) -> bool {
        self.online && person.is_unseen
    }

    /// Whether it takes activities of this type.
    pub fn is_for_type(&self, activity_type: &str) -> bool {
        self.kind != RuleKind::Profile && holds(&self.activity_types, Some(activity_type))
    }

    /// Whether it asks for an activity's attributes.
    pub fn asks_attributes(&self) -> bool {
        self.condition.is_some() || self.filter.is_some()
    }

    /// What it gives for one activity depends on others.
    pub fn is_capped(&self) -> bool {
        self.max_per_day.is_some() || self.max_counted.is_some()
    }

    /// The activity types that it names, without NULLs.
    pub fn named_types(&self) -> impl Iterator<Item = &str> {
        self.activity_types.iter().flatten().flatten().map(String::as_str)
    }

    /// The first day that it looks at.
    pub fn takes_effect_by(&self, day: Day) -> bool {
        self.effective_from.is_none_or(|first| day >= first)
    }

    /// A day as the rule sees it, which looks at nothing before it takes effect.
    pub fn no_earlier(&self, day: Day) -> Day {
        self.effective_from.map_or(day, |first| first.max(day))
    }

    /// From a row of `leadscore.rule` as JSON, checked.
    ///
    /// # Errors
    /// A refusal that names the rule and the column.
    pub fn from_row(row: &str) -> Result<Rule, Refusal> {
        let unreadable = |e: serde_json::Error| Refusal::new(Code::InvalidParameterValue, format!("a rule cannot be read: {e}"));
        // As they are: a condition can be nested more deeply than it can be read.
        let columns: HashMap<String, Box<RawValue>> = serde_json::from_str(row).map_err(unreadable)?;
        let text = |column: &str| -> String {
            columns.get(column).and_then(|value| serde_json::from_str(value.get()).ok()).unwrap_or_default()
        };
        let named = Rule { name: text("name"), ..Rule::default() };
        let is_none = |column: &str| match columns.get(column).map(|value| value.get()) {
            Some("null") => format!("{column} is NULL"),
            _ => format!("{column} \"{}\" does not exist", text(column)),
        };
        if !RuleKind::NAMES.contains(&text("kind").as_str()) {
            return Err(named
                .refuse(is_none("kind"))
                .detail("A rule gives points for activity, for what happens often or for what a person is, or takes them for inactivity.")
                .hint(format!("Set kind to one of: {}.", RuleKind::NAMES.join(", "))));
        }
        if !Decay::NAMES.contains(&text("decay").as_str()) {
            return Err(named
                .refuse(is_none("decay"))
                .detail("A record keeps its points for as long as it counts, or loses them evenly, or by half and half again.")
                .hint(format!("Set decay to one of: {}.", Decay::NAMES.join(", "))));
        }
        let rule: Rule = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(row)).map_err(|e| {
            let column = e.path().iter().next().map_or("a column".to_owned(), ToString::to_string);
            let value = columns.get(&column).map_or(String::new(), |value| format!(" It is {value}."));
            named
                .refuse(format!("{column} cannot be read"))
                .detail(format!("{}{value}", capitalised(&without_place(e.inner()))))
                .hint("A list has one dimension, such as '{call, meeting}'.")
        })?;
        rule.check()?;
        Ok(rule)
    }

    fn refuse(&self, what: impl AsRef<str>) -> Refusal {
        Refusal::new(Code::InvalidParameterValue, format!("rule \"{}\": {}", self.name, what.as_ref()))
    }

    fn check_length(&self, column: &str, length: Option<Interval>) -> Result<(), Refusal> {
        let Some(length) = length else { return Ok(()) };
        let why = match length.check() {
            Ok(()) => return Ok(()),
            Err(NoLength::PartOfADay) => "All scoring is in whole days, so hours, minutes and seconds have no meaning.".into(),
            Err(NoLength::NotPositive) => "The length of time must be positive.".into(),
            Err(NoLength::TooLong) => format!("The longest length of time is {} years.", Interval::LONGEST_YEARS),
        };
        let mut value = Vec::new();
        for (n, unit) in
            [(f64::from(length.months), "months"), (f64::from(length.days), "days"), (length.micros as f64 / 1e6, "seconds")]
        {
            if n != 0.0 {
                value.push(format!("{n} {unit}"));
            }
        }
        let value = if value.is_empty() { "0 days".into() } else { value.join(" ") };
        Err(self
            .refuse(format!("{column} of {value} cannot be used"))
            .detail(why)
            .hint("Use days, weeks, months or years, such as '60 days' or '3 months'."))
    }

    fn check_limit(&self, column: &str, value: Option<i32>) -> Result<(), Refusal> {
        match value {
            Some(n) if n < 1 => {
                Err(self.refuse(format!("{column} is {n}")).detail("A limit is at least 1.").hint(match column {
                    "at_least" => "Say how many activities there must be, such as 3.",
                    _ => "Leave it NULL for no limit, or set enabled to false to switch the rule off.",
                }))
            }
            _ => Ok(()),
        }
    }

    fn check_list(&self, column: &str, values: &Option<Vec<Option<String>>>) -> Result<(), Refusal> {
        match values {
            Some(v) if v.is_empty() => Err(self
                .refuse(format!("{column} is empty"))
                .detail("A rule for nothing would never apply.")
                .hint("Leave it NULL for all, or set enabled to false to switch the rule off.")),
            Some(v) if v.iter().any(Option::is_none) => Err(self
                .refuse(format!("{column} has a NULL in it"))
                .detail("Nothing equals NULL.")
                .hint("Leave the whole column NULL for all.")),
            _ => Ok(()),
        }
    }

    fn check_condition(&self) -> Result<(), Refusal> {
        let Some(condition) = &self.condition else { return Ok(()) };
        // As deep as it lies in a configuration document, which must be able to hold it.
        let parsed = serde_json::from_str::<Value>(&format!("[[[[{condition}]]]]")).map_err(|e| {
            self.refuse("condition cannot be read")
                .detail(format!("{e}."))
                .hint("Write it as a flat object of attributes, such as '{\"step\": \"interview\"}'.")
        })?;
        if parsed[0][0][0][0].is_object() {
            return Ok(());
        }
        Err(self
            .refuse("condition is no JSON object")
            .detail("A condition names attributes and the values that they must have.")
            .hint("Write it as an object, such as '{\"step\": \"interview\"}'."))
    }

    /// Checks what rows had to be from a later version on, so that those of before are restored.
    pub fn check_new(&self) -> Result<(), Refusal> {
        if self.max_repeats.is_some() && self.repeat_every.is_none() {
            return Err(self
                .refuse("max_repeats needs repeat_every")
                .detail("Without repeat_every there is one penalty, and no repeats that it could limit.")
                .hint("Set repeat_every, such as '30 days', or leave max_repeats NULL."));
        }
        Ok(())
    }

    /// The columns that have a meaning for some kinds of rule only: name, whether it is set, for which
    /// kinds, and what it is about.
    fn particular_columns(&self) -> [(&'static str, bool, &'static [RuleKind], &'static str); 15] {
        use RuleKind::{Activity, Frequency, Inactivity, Profile};
        let of_activities: &[RuleKind] = &[Activity, Inactivity, Frequency];
        [
            ("activity_types", self.activity_types.is_some(), of_activities, "about activities"),
            ("condition", self.condition.is_some(), of_activities, "about activities"),
            ("filter", self.filter.is_some(), of_activities, "about activities"),
            ("relevant_for", self.relevant_for.is_some(), &[Activity, Inactivity, Profile], "about single records"),
            ("decay", self.decay != Decay::None, &[Activity, Profile], "about records of activities and profiles"),
            ("half_life", self.half_life.is_some(), &[Activity, Profile], "about records of activities and profiles"),
            ("max_per_day", self.max_per_day.is_some(), &[Activity], "about records of activities"),
            ("max_counted", self.max_counted.is_some(), &[Activity], "about records of activities"),
            ("inactive_for", self.inactive_for.is_some(), &[Inactivity], "about silence"),
            ("repeat_every", self.repeat_every.is_some(), &[Inactivity], "about silence"),
            ("max_repeats", self.max_repeats.is_some(), &[Inactivity], "about silence"),
            ("excused_by_planned", self.excused_by_planned, &[Inactivity], "about silence"),
            ("at_least", self.at_least.is_some(), &[Frequency], "about how often something happens"),
            ("within", self.within.is_some(), &[Frequency], "about how often something happens"),
            // Here so that nobody forgets a column: it has a meaning for all.
            ("effective_from", false, &[], ""),
        ]
    }

    /// Checks all that can be said of the rule by itself. Whether its activity types and its scorecard
    /// exist, and whether its filters are predicates, is for the database to say.
    ///
    /// # Errors
    /// A refusal that names the rule, the column and the value.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.name.trim().is_empty() {
            return Err(self
                .refuse("the name is empty")
                .detail("People and configurations tell rules by their names.")
                .hint("Name the rule after what it rewards."));
        }
        self.check_list("activity_types", &self.activity_types)?;
        self.check_list("person_kinds", &self.person_kinds)?;
        self.check_list("statuses", &self.statuses)?;
        self.check_condition()?;
        self.check_length("relevant_for", self.relevant_for)?;
        self.check_length("half_life", self.half_life)?;
        self.check_length("inactive_for", self.inactive_for)?;
        self.check_length("repeat_every", self.repeat_every)?;
        self.check_length("within", self.within)?;
        self.check_limit("max_per_day", self.max_per_day)?;
        self.check_limit("max_counted", self.max_counted)?;
        self.check_limit("max_repeats", self.max_repeats)?;
        self.check_limit("at_least", self.at_least)?;
        if self.effective_from.is_some_and(|day| !day.is_within_calendar()) {
            return Err(Refusal::new(
                Code::DatetimeFieldOverflow,
                format!("rule \"{}\": effective_from is infinite or out of range", self.name),
            )
            .detail("A rule takes effect on a day between the years 1 and 9999.")
            .hint("Leave it NULL to count all activities."));
        }
        let article = if matches!(self.kind, RuleKind::Activity | RuleKind::Inactivity) { "an" } else { "a" };
        let kind = format!("{article} {} rule", self.kind.name());
        for (column, is_set, kinds, about) in self.particular_columns() {
            if is_set && !kinds.contains(&self.kind) {
                let hint = match column {
                    "decay" => "Set decay to none.".to_owned(),
                    "excused_by_planned" => "Set it to false.".to_owned(),
                    "max_per_day" | "max_counted" if self.kind == RuleKind::Inactivity => {
                        "Leave it NULL; max_repeats limits penalties.".to_owned()
                    }
                    _ => match kinds {
                        [only] => format!("Leave it NULL, or set kind to {}.", only.name()),
                        _ => "Leave it NULL.".to_owned(),
                    },
                };
                return Err(self.refuse(format!("{kind} has no {column}")).detail(format!("{column} is {about}.")).hint(hint));
            }
        }
        let need = |column: &str, why: &str, hint: &str| {
            Err(self.refuse(format!("{kind} needs {column}")).detail(why.to_owned()).hint(hint.to_owned()))
        };
        match self.kind {
            RuleKind::Inactivity if self.inactive_for.is_none() => need(
                "inactive_for",
                "The first penalty is due after that length of silence.",
                "Set inactive_for, such as '30 days'.",
            ),
            RuleKind::Inactivity if self.excused_by_planned && self.relevant_for.is_some() => Err(self
                .refuse("excused_by_planned goes without relevant_for")
                .detail("A penalty with a window of its own stays when activity resumes, so nothing can excuse it.")
                .hint("Leave relevant_for NULL, or set excused_by_planned to false.")),
            RuleKind::Frequency if self.at_least.is_none() => {
                need("at_least", "It gives its points while there are so many activities.", "Set at_least, such as 3.")
            }
            RuleKind::Frequency if self.within.is_none() => {
                need("within", "Its activities must lie in that length of time.", "Set within, such as '7 days'.")
            }
            _ if self.decay == Decay::Linear && self.relevant_for.is_none() => Err(self
                .refuse("linear decay needs relevant_for")
                .detail("A record decays from full points to none over relevant_for.")
                .hint("Set relevant_for, such as '60 days', or decay to none.")),
            _ if self.decay == Decay::Halving && self.half_life.is_none() => Err(self
                .refuse("halving decay needs half_life")
                .detail("A record loses half of its worth with each half_life.")
                .hint("Set half_life, such as '30 days', or decay to none.")),
            _ if self.decay != Decay::Halving && self.half_life.is_some() => Err(self
                .refuse("half_life needs halving decay")
                .detail("Without it nothing loses half of its worth.")
                .hint("Set decay to halving, or leave half_life NULL.")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(days: i32) -> Option<Interval> {
        Some(Interval::of_days(days))
    }

    fn activity() -> Rule {
        Rule { name: "call".into(), ..Rule::default() }
    }

    fn inactivity() -> Rule {
        Rule { kind: RuleKind::Inactivity, inactive_for: days(30), ..activity() }
    }

    fn frequency() -> Rule {
        Rule { kind: RuleKind::Frequency, at_least: Some(3), within: days(7), ..activity() }
    }

    fn profile() -> Rule {
        Rule { kind: RuleKind::Profile, ..activity() }
    }

    fn message(rule: Rule) -> String {
        rule.check().unwrap_err().message
    }

    #[test]
    fn sound_rules_pass() {
        for rule in [activity(), inactivity(), frequency(), profile()] {
            assert_eq!(rule.check(), Ok(()));
        }
        assert_eq!(Rule { decay: Decay::Linear, relevant_for: days(60), ..activity() }.check(), Ok(()));
        assert_eq!(Rule { decay: Decay::Halving, half_life: days(60), ..profile() }.check(), Ok(()));
        assert_eq!(Rule { excused_by_planned: true, ..inactivity() }.check(), Ok(()));
    }

    #[test]
    fn what_belongs_to_another_kind_is_refused() {
        assert_eq!(message(Rule { inactive_for: days(3), ..activity() }), "rule \"call\": an activity rule has no inactive_for");
        assert_eq!(
            message(Rule { max_per_day: Some(1), ..inactivity() }),
            "rule \"call\": an inactivity rule has no max_per_day"
        );
        assert_eq!(
            message(Rule { decay: Decay::Linear, relevant_for: days(60), ..inactivity() }),
            "rule \"call\": an inactivity rule has no decay"
        );
        assert_eq!(message(Rule { relevant_for: days(9), ..frequency() }), "rule \"call\": a frequency rule has no relevant_for");
        assert_eq!(message(Rule { filter: Some("$.a".into()), ..profile() }), "rule \"call\": a profile rule has no filter");
        assert_eq!(message(Rule { at_least: Some(1), ..profile() }), "rule \"call\": a profile rule has no at_least");
    }

    #[test]
    fn what_a_kind_needs_is_asked_for() {
        assert_eq!(message(Rule { inactive_for: None, ..inactivity() }), "rule \"call\": an inactivity rule needs inactive_for");
        assert_eq!(message(Rule { at_least: None, ..frequency() }), "rule \"call\": a frequency rule needs at_least");
        assert_eq!(message(Rule { within: None, ..frequency() }), "rule \"call\": a frequency rule needs within");
        assert_eq!(message(Rule { decay: Decay::Linear, ..activity() }), "rule \"call\": linear decay needs relevant_for");
        assert_eq!(message(Rule { decay: Decay::Halving, ..activity() }), "rule \"call\": halving decay needs half_life");
        assert_eq!(message(Rule { half_life: days(3), ..activity() }), "rule \"call\": half_life needs halving decay");
        assert_eq!(
            message(Rule { excused_by_planned: true, relevant_for: days(3), ..inactivity() }),
            "rule \"call\": excused_by_planned goes without relevant_for"
        );
        let rule = Rule { max_repeats: Some(2), ..inactivity() };
        assert_eq!(rule.check(), Ok(()));
        assert_eq!(rule.check_new().unwrap_err().message, "rule \"call\": max_repeats needs repeat_every");
    }

    #[test]
    fn lengths_are_whole_days() {
        let hours = Some(Interval { micros: 3_600_000_000, ..Interval::default() });
        let refusal = Rule { relevant_for: hours, ..activity() }.check().unwrap_err();
        assert!(refusal.message.contains("relevant_for"), "{}", refusal.message);
        assert!(refusal.detail.contains("whole days"), "{}", refusal.detail);
        assert!(Rule { relevant_for: days(0), ..activity() }.check().is_err());
    }

    #[test]
    fn lists_and_limits_say_something() {
        assert_eq!(message(Rule { statuses: Some(vec![]), ..activity() }), "rule \"call\": statuses is empty");
        assert_eq!(
            message(Rule { person_kinds: Some(vec![None]), ..activity() }),
            "rule \"call\": person_kinds has a NULL in it"
        );
        assert_eq!(message(Rule { max_counted: Some(0), ..activity() }), "rule \"call\": max_counted is 0");
    }

    #[test]
    fn a_row_is_read_as_postgresql_prints_it() {
        let row = r#"{"rule_id": 7, "name": "call", "kind": "inactivity", "decay": "none", "points": -5, "inactive_for": "P1M",
            "scorecard": "main", "activity_types": ["call", "visit"], "condition": {"n": 12345678901234567890.10},
            "effective_from": "2026-01-31", "enabled": true, "excused_by_planned": false, "statuses": null}"#;
        let rule = Rule::from_row(row).unwrap();
        assert_eq!((rule.rule_id, rule.points, rule.inactive_for), (7, -5, Some(Interval::of_months(1))));
        assert_eq!(rule.condition.unwrap().get(), r#"{"n": 12345678901234567890.10}"#);
        assert_eq!(rule.effective_from.unwrap().to_string(), "2026-01-31");
        let refused = |row: &str| Rule::from_row(row).unwrap_err().message;
        assert_eq!(refused(r#"{"name": "call", "kind": "silence"}"#), "rule \"call\": kind \"silence\" does not exist");
        assert_eq!(
            refused(r#"{"name": "call", "kind": "activity", "decay": "log", "points": 1}"#),
            "rule \"call\": decay \"log\" does not exist"
        );
    }
}
