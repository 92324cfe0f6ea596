//! The configuration as a document: its types, and presets.

#![expect(dead_code, reason = "a document is read to be checked; its fields are otherwise what its JSON Schema is made of")]

use crate::error::{OrRaise, Refusal};
use crate::pg::JsonText;
use pgrx::JsonB;
use pgrx::PgSqlErrorCode as Code;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Rules, categories, activity types and settings. A section that is left out stays as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with settings, activity_types, categories and rules")]
pub struct Document {
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Settings")]
    pub settings: Option<Settings>,
    #[serde(default, deserialize_with = "section")]
    #[schemars(with = "Vec<ActivityType>")]
    pub activity_types: Option<Vec<ActivityType>>,
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
#[serde(deny_unknown_fields, expecting = "an object with time_zone, notify_channel and keep_category_changes")]
pub struct Settings {
    pub time_zone: String,
    /// Each run sends one NOTIFY on this channel.
    pub notify_channel: Option<String>,
    /// How long changes of category are kept, in whole days, weeks, months or years.
    pub keep_category_changes: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with activity_type and description")]
pub struct ActivityType {
    pub activity_type: String,
    pub description: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, min_score, person_kind and color")]
pub struct Category {
    pub person_kind: Option<String>,
    pub name: String,
    pub min_score: Option<i64>,
    pub color: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, expecting = "an object with name, points and the other columns of leadscore.rule")]
pub struct Rule {
    pub name: String,
    pub kind: Option<RuleKind>,
    pub activity_types: Option<Vec<String>>,
    pub condition: Option<Map<String, Value>>,
    pub person_kinds: Option<Vec<String>>,
    pub statuses: Option<Vec<String>>,
    pub points: i32,
    pub relevant_for: Option<String>,
    pub decay: Option<Decay>,
    pub max_per_day: Option<i32>,
    pub max_counted: Option<i32>,
    pub inactive_for: Option<String>,
    pub repeat_every: Option<String>,
    pub max_repeats: Option<i32>,
    pub effective_from: Option<String>,
    pub enabled: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    Activity,
    Inactivity,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    None,
    Linear,
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
    pub status: Option<String>,
    /// The day since when the person is known.
    pub since: String,
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
    pub score: i64,
    pub category: Option<String>,
}

fn refuse(path: String, why: impl Into<String>) -> Refusal {
    Refusal::new(Code::ERRCODE_INVALID_PARAMETER_VALUE, format!("configuration: {path} is not as expected"))
        .detail(why)
        .hint("leadscore.export_config() shows what a configuration looks like.")
}

/// Types as people call them, in messages of serde.
fn in_words(message: &str) -> String {
    let message = message.replace("expected i32", "expected a whole number").replace("expected i64", "expected a whole number");
    message.replace("expected a sequence", "expected an array")
}

/// Serde takes an array for a struct, field by field; a document that is written so is a mistake.
fn only_objects(config: &Value) -> Result<(), Refusal> {
    let need = |path: String, value: &Value| match value {
        Value::Array(_) => Err(refuse(path, "It is an array, where an object was expected.")),
        _ => Ok(()),
    };
    need("the document".into(), config)?;
    need("settings".into(), &config["settings"])?;
    for section in ["activity_types", "categories", "rules"] {
        for (i, item) in config[section].as_array().into_iter().flatten().enumerate() {
            need(format!("{section}[{i}]"), item)?;
        }
    }
    Ok(())
}

/// Checks a document's types and that no name comes twice.
///
/// # Errors
/// A refusal that names the path to the field and what was expected there.
pub fn check(config: Value) -> Result<Document, Refusal> {
    only_objects(&config)?;
    let document: Document = serde_path_to_error::deserialize(config).map_err(|e| {
        let path = e.path().to_string();
        refuse(if path == "." { "the document".into() } else { path }, format!("{}.", in_words(&e.inner().to_string())))
    })?;
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
    unique("categories", document.categories.iter().flatten().map(|c| ((&c.person_kind, &c.name), c.name.as_str())))?;
    unique("tests", document.tests.iter().flatten().map(|t| (&t.name, t.name.as_str())))?;
    for (i, c) in document.categories.iter().flatten().enumerate() {
        if c.name.is_empty() || c.person_kind.as_deref() == Some("") {
            return Err(refuse(format!("categories[{i}]"), "A name is empty."));
        }
    }
    for (i, r) in document.rules.iter().flatten().enumerate() {
        if matches!(r.kind, Some(RuleKind::Inactivity)) && r.max_repeats.is_some() && r.repeat_every.is_none() {
            return Err(refuse(
                format!("rules[{i}].max_repeats"),
                "It limits repeats, so a rule that has it was expected to have repeat_every.",
            ));
        }
    }
    if let Some(i) = document.activity_types.iter().flatten().position(|t| t.activity_type.is_empty()) {
        return Err(refuse(format!("activity_types[{i}]"), "The name is empty."));
    }
    Ok(document)
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

/// The document as it is written, once it is known to be sound: numbers in conditions may have
/// more digits than serde's.
pub fn checked_config(config: Option<&str>) -> JsonText {
    let text = config.unwrap_or("null");
    // Text of a jsonb value: what is no JSON to serde is nested too deeply, or a number beyond all of its types.
    let parsed = serde_json::from_str(text).map_err(|e| refuse("the document".into(), format!("{e}.")));
    parsed.and_then(check).or_raise();
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
        let silence = json!({"name": "a", "points": -1, "kind": "inactivity", "inactive_for": "9 days", "max_repeats": 2});
        assert_eq!(refusal(json!({"rules": [silence]})).0, "configuration: rules[0].max_repeats is not as expected");
    }

    #[test]
    fn names_come_once() {
        let twice = json!({"rules": [{"name": "a", "points": 1}, {"name": "a", "points": 2}]});
        assert_eq!(refusal(twice), ("configuration: rules[1] is not as expected".into(), "The name \"a\" comes twice.".into()));
    }
}
