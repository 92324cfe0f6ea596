//! The configuration as a document: its types, and presets.

#![expect(dead_code, reason = "a document is read to be checked; its fields are otherwise what its JSON Schema is made of")]

use crate::error::{OrRaise, Refusal};
use crate::pg::JsonText;
use pgrx::JsonB;
use pgrx::PgSqlErrorCode as Code;
use schemars::JsonSchema;
use scoring::calendar::Interval;
use scoring::rule::{Rule, without_place};
use scoring::scorecard::{self, Scorecards};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Rules, categories, scorecards, activity types and settings. A section that is left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with settings, activity_types, scorecards, categories and rules")]
pub struct Document {
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Settings")]
    pub settings: Option<Settings>,
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<ActivityType>")]
    pub activity_types: Option<Vec<ActivityType>>,
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<Scorecard>")]
    pub scorecards: Option<Vec<Scorecard>>,
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<Category>")]
    pub categories: Option<Vec<Category>>,
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<Rule>")]
    pub rules: Option<Vec<Rule>>,
    /// What the rules must give; not stored.
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<Test>")]
    pub tests: Option<Vec<Test>>,
}

/// A section that the document has. It is never null, which could mean that nothing of it is to
/// stay as well as all.
fn section<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with time_zone and the other columns of leadscore.settings")]
pub struct Settings {
    pub time_zone: String,
    /// Each run sends one NOTIFY on this channel.
    pub notify_channel: Option<String>,
    /// How long changes of category are kept.
    pub keep_category_changes: Option<Interval>,
    /// When what is registered is scored.
    pub scoring: Option<Scoring>,
    /// Where a person is in the application, such as `https://app/{kind}/{external_id}`.
    pub person_url: Option<String>,
    /// The activity type that scores are to foretell.
    pub outcome_type: Option<String>,
    /// Within how long it counts.
    pub outcome_horizon: Option<Interval>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scoring {
    AtOnce,
    Deferred,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with activity_type and description")]
pub struct ActivityType {
    pub activity_type: String,
    pub description: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with scorecard, part_of, min_score, max_score and description")]
pub struct Scorecard {
    pub scorecard: String,
    /// The scorecard to whose score its own is added.
    pub part_of: Option<String>,
    pub min_score: Option<i64>,
    pub max_score: Option<i64>,
    pub description: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, min_score, scorecard, person_kind and color")]
pub struct Category {
    /// The scorecard whose score it is a band of; `main` unless it is named.
    pub scorecard: Option<String>,
    pub person_kind: Option<String>,
    pub name: String,
    pub min_score: Option<i64>,
    pub color: Option<String>,
}

impl Category {
    fn scorecard(&self) -> &str {
        self.scorecard.as_deref().unwrap_or(scorecard::MAIN_NAME)
    }
}

/// A person as rules see it, what is registered on it, and what they must make of that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    pub name: String,
    pub person: TestPerson,
    #[serde(default)]
    pub activities: Vec<TestActivity>,
    pub expect: Vec<Expectation>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestPerson {
    pub kind: String,
    pub name: Option<String>,
    pub status: Option<String>,
    /// The day since when the person is known.
    pub since: String,
    pub attributes: Option<Map<String, Value>>,
    /// Of a person who is not active nothing counts.
    pub active: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestActivity {
    pub activity_type: String,
    /// The local day, or day and time.
    pub on: String,
    pub attributes: Option<Map<String, Value>>,
}

/// The score and, if given, the category on a day.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub on: String,
    /// The scorecard whose score it is; `main` unless it is named.
    pub scorecard: Option<String>,
    pub score: i64,
    pub category: Option<String>,
}

fn refuse(path: String, why: impl Into<String>) -> Refusal {
    let why = why.into();
    let hint = if why.ends_with("is no length of time.") {
        "Write days, weeks, months or years, such as \"60 days\" or \"3 months\"."
    } else if why.ends_with("is no day.") {
        "Write a day as 2026-01-31."
    } else {
        "leadscore.export_config() shows what a configuration looks like."
    };
    Refusal::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("configuration: {path} is not as expected"))
        .detail(why)
        .hint(hint)
}

/// Types as people call them, in messages of serde.
fn in_words(message: &str) -> String {
    let message = message.replace("expected i32", "expected a whole number").replace("expected i64", "expected a whole number");
    // A rule's row has these two, and a rule in a document has neither.
    message.replace("expected a sequence", "expected an array").replace("`rule_id`, `tenant`, ", "")
}

/// The path to the field at which a document could not be read.
fn field(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    match error.path().to_string().as_str() {
        "." => "the document".into(),
        path => path.into(),
    }
}

/// Serde takes an array for a struct, field by field; a document that is written so is a mistake.
fn only_objects(config: &Value) -> Result<(), Refusal> {
    let need = |path: String, value: &Value| match value {
        Value::Array(_) => Err(refuse(path, "It is an array, where an object was expected.")),
        _ => Ok(()),
    };
    need("the document".into(), config)?;
    need("settings".into(), &config["settings"])?;
    for section in ["activity_types", "scorecards", "categories", "rules"] {
        for (i, item) in config[section].as_array().into_iter().flatten().enumerate() {
            need(format!("{section}[{i}]"), item)?;
        }
    }
    Ok(())
}

/// What a rule's row may be and a rule in a document may not: it has neither an id nor a tenant, its condition is an
/// object, and its lists have no null.
fn only_rules_of_documents(config: &Value) -> Result<(), Refusal> {
    for (i, rule) in config["rules"].as_array().into_iter().flatten().enumerate() {
        for (column, value) in rule.as_object().into_iter().flatten() {
            let at = |of: &str| format!("rules[{i}].{column}{of}");
            match (column.as_str(), value) {
                ("rule_id", _) => {
                    return Err(refuse(at(""), "unknown field `rule_id`: rules are matched by name, and keep their ids."));
                }
                ("tenant", _) => {
                    return Err(refuse(at(""), "unknown field `tenant`: whose rules they are is an argument of the import."));
                }
                ("condition", Value::Object(_) | Value::Null) => {}
                ("condition", other) => {
                    return Err(refuse(at(""), format!("invalid value: `{other}`, expected an object.")));
                }
                (_, Value::Array(members)) => {
                    if let Some(n) = members.iter().position(Value::is_null) {
                        return Err(refuse(at(&format!("[{n}]")), "invalid type: null, expected a string."));
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Time zone, scorecards and activity types are common to all tenants.
fn only_sections_of_tenants(document: &Document, tenant: &str) -> Result<(), Refusal> {
    let common = [
        ("settings", document.settings.is_some()),
        ("activity_types", document.activity_types.is_some()),
        ("scorecards", document.scorecards.is_some()),
    ];
    match common.iter().find(|(_, is_there)| *is_there) {
        Some((section, _)) => Err(Refusal::new(
            Code::ERRCODE_INVALID_PARAMETER_VALUE,
            format!("configuration: {section} is not a section of a tenant's document"),
        )
        .detail(format!(
            "Tenant \"{tenant}\" has rules and categories of its own; settings, activity types and scorecards are common to all."
        ))
        .hint(format!("Leave {section} out, or import the document without a tenant."))),
        None => Ok(()),
    }
}

/// Checks a document's types, that no name comes twice, and that its scorecards make sense together.
///
/// # Errors
/// A refusal that names the path to the field and what was expected there.
pub fn check(config: Value) -> Result<Document, Refusal> {
    only_objects(&config)?;
    only_rules_of_documents(&config)?;
    let document: Document =
        serde_path_to_error::deserialize(config).map_err(|e| refuse(field(&e), in_words(&without_place(e.inner()))))?;
    fn unique<'n, K: std::hash::Hash + Eq>(section: &str, names: impl Iterator<Item = (K, &'n str)>) -> Result<(), Refusal> {
        let mut seen = HashSet::new();
        for (i, (key, name)) in names.enumerate() {
            if !seen.insert(key) {
                return Err(refuse(format!("{section}[{i}]"), format!("The name \"{name}\" comes twice.")));
            }
        }
        Ok(())
    }
    unique("rules", document.rules.iter().flatten().map(|r| (&r.name, r.name.as_str())))?;
    unique("activity_types", document.activity_types.iter().flatten().map(|t| (&t.activity_type, t.activity_type.as_str())))?;
    unique("scorecards", document.scorecards.iter().flatten().map(|c| (&c.scorecard, c.scorecard.as_str())))?;
    let bands = document.categories.iter().flatten();
    unique("categories", bands.map(|c| ((c.scorecard(), &c.person_kind, &c.name), c.name.as_str())))?;
    unique("tests", document.tests.iter().flatten().map(|t| (&t.name, t.name.as_str())))?;
    for (i, c) in document.categories.iter().flatten().enumerate() {
        if c.name.is_empty() || c.person_kind.as_deref() == Some("") {
            return Err(refuse(format!("categories[{i}]"), "A name is empty."));
        }
    }
    for (i, r) in document.rules.iter().flatten().enumerate() {
        if r.check_new().is_err() {
            return Err(refuse(
                format!("rules[{i}].max_repeats"),
                "It limits repeats, so a rule that has it was expected to have repeat_every.",
            ));
        }
    }
    if let Some(i) = document.activity_types.iter().flatten().position(|t| t.activity_type.is_empty()) {
        return Err(refuse(format!("activity_types[{i}]"), "The name is empty."));
    }
    check_scorecards(&document)?;
    Ok(document)
}

/// A section of scorecards is all that there are, so what the other sections name must be among them.
fn check_scorecards(document: &Document) -> Result<(), Refusal> {
    let Some(scorecards) = &document.scorecards else { return Ok(()) };
    if let Some(i) = scorecards.iter().position(|c| c.scorecard.is_empty()) {
        return Err(refuse(format!("scorecards[{i}]"), "The name is empty."));
    }
    let rows = scorecards.iter().map(|c| scorecard::Scorecard {
        scorecard: c.scorecard.clone(),
        part_of: c.part_of.clone(),
        min_score: c.min_score,
        max_score: c.max_score,
    });
    let cards = Scorecards::new(rows.collect())?;
    let rules = document.rules.iter().flatten().map(|r| r.scorecard.as_str());
    let bands = document.categories.iter().flatten().map(Category::scorecard);
    let named = rules.enumerate().map(|of| ("rules", of)).chain(bands.enumerate().map(|of| ("categories", of)));
    for (section, (i, name)) in named {
        if cards.place(name).is_none() {
            return Err(refuse(format!("{section}[{i}].scorecard"), format!("There is no scorecard \"{name}\".")));
        }
    }
    Ok(())
}

const PRESETS: [(&str, &str); 2] = [
    ("recruitment", include_str!("../../sql/configure/preset/recruitment.json")),
    ("recruitment_nl", include_str!("../../sql/configure/preset/recruitment_nl.json")),
];

/// The document of a preset.
///
/// # Errors
/// A refusal that lists the presets when there is none of that name.
fn preset_of(name: &str) -> Result<Value, Refusal> {
    let (_, text) = PRESETS.iter().find(|(known, _)| *known == name).ok_or_else(|| {
        Refusal::new(Code::ERRCODE_UNDEFINED_OBJECT, format!("preset \"{name}\" does not exist"))
            .detail("A preset is a configuration that comes with leadscore.")
            .hint(format!("Presets: {}.", PRESETS.map(|(known, _)| known).join(", ")))
    })?;
    serde_json::from_str(text).map_err(|e| refuse(format!("preset {name}"), e.to_string()))
}

/// The document as it is written, once it is known to be sound, for a tenant if one is named: numbers in conditions may
/// have more digits than serde's.
pub fn checked_config(config: Option<&str>, tenant: Option<&str>) -> JsonText {
    let text = config.unwrap_or("null");
    // Text of a jsonb value: what is no JSON to serde is nested too deeply, or a number beyond all of its types.
    let parsed = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|e| {
        let what = without_place(e.inner());
        // As deep as that, the place tells nothing.
        let field = if what.starts_with("recursion limit") { "the document".into() } else { field(&e) };
        refuse(field, in_words(&what))
    });
    let document = parsed.and_then(check).or_raise();
    if let Some(tenant) = tenant {
        only_sections_of_tenants(&document, tenant).or_raise();
    }
    JsonText(text.to_owned())
}

pub fn config_schema() -> JsonB {
    JsonB(schemars::schema_for!(Document).to_value())
}

pub fn preset(name: Option<&str>) -> JsonB {
    JsonB(preset_of(name.unwrap_or("NULL")).or_raise())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(config: Value) -> (String, String) {
        let refusal = check(config).unwrap_err();
        (refusal.message, refusal.detail)
    }

    #[test]
    fn presets_are_sound() {
        for (name, _) in PRESETS {
            let document = check(preset_of(name).unwrap()).unwrap();
            assert!(document.rules.is_some_and(|rules| !rules.is_empty()), "{name}");
        }
        assert!(preset_of("sales").unwrap_err().hint.contains("recruitment_nl"));
    }

    #[test]
    fn errors_name_the_path() {
        let (message, detail) = refusal(json!({"rules": [{"name": "a", "points": 1}, {"name": "b", "points": "ten"}]}));
        assert_eq!(message, "configuration: rules[1].points is not as expected");
        assert_eq!(detail, "invalid type: string \"ten\", expected a whole number.");
        assert!(refusal(json!({"rules": [{"name": "a", "points": 1, "pints": 2}]})).1.contains("unknown field `pints`"));
        assert!(refusal(json!({"rules": [{"name": "a"}]})).1.contains("missing field `points`"));
        assert!(refusal(json!({"rules": [{"name": "a", "points": 1, "kind": "Activity"}]})).0.contains("rules[0].kind"));
        assert_eq!(refusal(json!([])).0, "configuration: the document is not as expected");
        let (message, detail) = refusal(json!({"rules": null}));
        assert_eq!(message, "configuration: rules is not as expected");
        assert_eq!(detail, "invalid type: null, expected an array.");
        assert_eq!(
            refusal(json!({"rules": [{"name": "a", "points": 1, "tenant": "acme"}]})).0,
            "configuration: rules[0].tenant is not as expected"
        );
        assert_eq!(
            refusal(json!({"rules": [{"name": "a", "points": 1, "rule_id": 1}]})).0,
            "configuration: rules[0].rule_id is not as expected"
        );
        assert_eq!(
            refusal(json!({"rules": [{"name": "a", "points": 1, "condition": [1]}]})).0,
            "configuration: rules[0].condition is not as expected"
        );
        assert_eq!(
            refusal(json!({"rules": [{"name": "a", "points": 1, "statuses": ["b", null]}]})).0,
            "configuration: rules[0].statuses[1] is not as expected"
        );
        assert_eq!(
            refusal(json!({"rules": [{"name": "a", "points": 1, "within": "a week"}]})).1,
            "\"a week\" is no length of time."
        );
        let silence = json!({"name": "a", "points": -1, "kind": "inactivity", "inactive_for": "9 days", "max_repeats": 2});
        assert_eq!(refusal(json!({"rules": [silence]})).0, "configuration: rules[0].max_repeats is not as expected");
    }

    #[test]
    fn names_come_once() {
        let twice = json!({"rules": [{"name": "a", "points": 1}, {"name": "a", "points": 2}]});
        assert_eq!(refusal(twice), ("configuration: rules[1] is not as expected".into(), "The name \"a\" comes twice.".into()));
    }

    #[test]
    fn conditions_are_read_with_all_that_a_rule_has() {
        let rule = json!({"name": "a", "points": 1, "kind": "frequency", "at_least": 3, "within": "7 days", "condition": {"n": [1, null]},
            "filter": "$.n > 1", "person_filter": "$.region == \"west\"", "scorecard": "fit", "enabled": null});
        let document =
            check(json!({"rules": [rule], "scorecards": [{"scorecard": "fit", "part_of": "main", "max_score": 40}]})).unwrap();
        let rule = &document.rules.unwrap()[0];
        assert!(rule.enabled && rule.check().is_ok());
        assert_eq!(rule.condition.as_ref().unwrap().get(), r#"{"n":[1,null]}"#);
    }

    #[test]
    fn scorecards_make_sense_together() {
        let cards = json!([{"scorecard": "fit"}]);
        assert_eq!(
            refusal(json!({"scorecards": cards, "categories": [{"name": "a", "scorecard": "fat"}]})).0,
            "configuration: categories[0].scorecard is not as expected"
        );
        assert_eq!(
            refusal(json!({"scorecards": cards, "rules": [{"name": "a", "points": 1, "scorecard": "x"}]})).1,
            "There is no scorecard \"x\"."
        );
        assert!(check(json!({"scorecards": cards, "rules": [{"name": "a", "points": 1}]})).is_ok());
        assert!(refusal(json!({"scorecards": [{"scorecard": "a", "part_of": "a"}]})).0.contains("part of itself"));
    }

    #[test]
    fn a_tenant_has_rules_and_categories() {
        let document = check(json!({"scorecards": [], "rules": []})).unwrap();
        assert!(only_sections_of_tenants(&document, "acme").unwrap_err().message.contains("scorecards"));
        assert_eq!(only_sections_of_tenants(&check(json!({"rules": [], "categories": []})).unwrap(), "acme"), Ok(()));
    }
}
