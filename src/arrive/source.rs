//! What a row of an attached table means: which of its columns play which part, and the person
//! or activity that it is. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// An attached table, a row of `leadscore.source` with what the catalogs say of it.
#[derive(Debug, Deserialize)]
pub struct Source {
    pub source_id: i32,
    pub relation: u32,
    pub partitioned: bool,
    pub role: Role,
    pub person_kind: String,
    pub activity_type: Option<String>,
    pub parts: Parts,
    pub owner: u32,
    /// The bound columns by their present names, followed by those that are written back;
    /// `None` when the triggers are gone.
    pub columns: Option<Vec<String>>,
    /// The type of the key column, quoted and qualified.
    pub key_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Person,
    Activity,
}

/// Positions in the list of bound columns.
#[derive(Debug, Default, Deserialize)]
pub struct Parts {
    pub key: usize,
    pub person: Option<usize>,
    pub moment: Option<usize>,
    pub activity_type: Option<usize>,
    pub status: Option<usize>,
    pub owner: Option<usize>,
    /// Columns that are written back; they follow the bound ones.
    pub score: Option<usize>,
    pub category: Option<usize>,
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    #[serde(default)]
    pub only_when: Vec<OnlyWhen>,
}

#[derive(Debug, Deserialize)]
pub struct Attribute {
    pub label: String,
    pub at: usize,
}

#[derive(Debug, Deserialize)]
pub struct OnlyWhen {
    pub at: usize,
    pub values: Vec<Value>,
}

impl Source {
    /// Whether scores or categories are written back to it.
    pub fn writes_back(&self) -> bool {
        self.parts.score.is_some() || self.parts.category.is_some()
    }

    /// How many columns are read; the rest of the list is written back.
    pub fn bound(&self) -> usize {
        let written = usize::from(self.parts.score.is_some()) + usize::from(self.parts.category.is_some());
        self.columns.as_ref().map_or(0, |columns| columns.len().saturating_sub(written))
    }
}

/// A value of a column, whatever its type.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// As text, in a form that no setting of the session changes.
    pub text: String,
    /// The text is a JSON value as it stands: a number, true, false, an object, an array.
    pub is_json: bool,
    /// The instant, of a timestamp or a date, in microseconds since 2000-01-01 UTC.
    pub moment: Option<i64>,
}

impl Cell {
    fn json(&self) -> Value {
        let text = || Value::String(self.text.clone());
        if self.is_json { serde_json::from_str(&self.text).unwrap_or_else(|_| text()) } else { text() }
    }

    /// The same as JSON text, with every digit of a number.
    fn json_text(&self) -> String {
        if self.is_json && serde_json::from_str::<IgnoredAny>(&self.text).is_ok() {
            self.text.clone()
        } else {
            Value::from(self.text.as_str()).to_string()
        }
    }

    /// Whether it is one of the values of `only_when`: by JSON, or by text for a string.
    fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(wanted) if self.is_json && wanted.parse::<f64>().is_ok() => {
                wanted.parse::<f64>() == self.text.parse::<f64>()
            }
            Value::String(wanted) => *wanted == self.text,
            Value::Number(wanted) => match self.json() {
                Value::Number(own) => wanted.as_f64() == own.as_f64(),
                _ => false,
            },
            other => *other == self.json(),
        }
    }
}

/// The person or activity that a row is.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub key: String,
    pub person: Option<String>,
    pub activity_type: Option<String>,
    pub moment: Option<i64>,
    /// A JSON object as text.
    pub attributes: Option<String>,
    pub status: Option<String>,
    pub owner: Option<String>,
}

/// What a row of the source is, from its bound columns in their order; `None` when it is
/// nothing: it does not satisfy `only_when`, or has no person, type or moment yet.
pub fn image(source: &Source, cells: &[Option<Cell>]) -> Option<Image> {
    let parts = &source.parts;
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).and_then(Option::as_ref);
    let text = |at: Option<usize>| cell(at).map(|cell| cell.text.clone());
    let wanted = parts.only_when.iter().all(|condition| match cell(Some(condition.at)) {
        Some(cell) => condition.values.iter().any(|value| cell.is(value)),
        None => condition.values.contains(&Value::Null),
    });
    let image = Image {
        key: text(Some(parts.key))?,
        person: text(parts.person),
        activity_type: text(parts.activity_type).or_else(|| source.activity_type.clone()),
        moment: cell(parts.moment).and_then(|cell| cell.moment),
        attributes: (!parts.attributes.is_empty()).then(|| {
            let member = |a: &Attribute| {
                let value = cell(Some(a.at)).map_or("null".into(), Cell::json_text);
                format!("{}:{value}", Value::from(a.label.as_str()))
            };
            format!("{{{}}}", parts.attributes.iter().map(member).collect::<Vec<_>>().join(","))
        }),
        status: text(parts.status),
        owner: text(parts.owner),
    };
    let complete = source.role == Role::Person
        || (image.person.is_some() && image.activity_type.is_some() && (parts.moment.is_none() || image.moment.is_some()));
    (wanted && complete).then_some(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(parts: Value) -> Source {
        serde_json::from_value(json!({
            "source_id": 1, "relation": 1, "partitioned": false, "role": "activity", "person_kind": "candidate", "activity_type": "call", "parts": parts,
            "owner": 10, "columns": ["id", "candidate_id", "at", "state"], "key_type": "pg_catalog.int8"
        }))
        .unwrap()
    }

    fn cell(text: &str) -> Option<Cell> {
        Some(Cell { text: text.into(), is_json: false, moment: None })
    }

    fn number(text: &str) -> Option<Cell> {
        Some(Cell { text: text.into(), is_json: true, moment: None })
    }

    fn moment(at: i64) -> Option<Cell> {
        Some(Cell { text: String::new(), is_json: false, moment: Some(at) })
    }

    #[test]
    fn a_row_is_an_activity_when_all_is_there() {
        let source = source(json!({"key": 0, "person": 1, "moment": 2}));
        let found = image(&source, &[number("7"), number("3"), moment(5)]).unwrap();
        assert_eq!((found.key.as_str(), found.person.as_deref(), found.moment), ("7", Some("3"), Some(5)));
        assert_eq!(found.activity_type.as_deref(), Some("call"));
        assert_eq!(image(&source, &[number("7"), None, moment(5)]), None);
        assert_eq!(image(&source, &[number("7"), number("3"), None]), None);
    }

    #[test]
    fn only_when_takes_values_lists_and_null() {
        let source = source(json!({"key": 0, "person": 1, "only_when": [{"at": 2, "values": ["done", 2, null]}]}));
        let wanted = |state| image(&source, &[number("7"), number("3"), state]).is_some();
        assert!(wanted(cell("done")));
        assert!(wanted(number("2")));
        assert!(wanted(number("2.0")));
        assert!(wanted(None));
        assert!(!wanted(cell("planned")));
        assert!(!wanted(cell("2")));
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let source = source(json!({"key": 0, "person": 1, "only_when": [{"at": 2, "values": ["3.00"]}]}));
        assert!(image(&source, &[number("7"), number("3"), number("3")]).is_some());
    }

    #[test]
    fn attributes_keep_their_labels_and_types() {
        let source = source(json!({"key": 0, "person": 1, "attributes": [{"label": "step", "at": 2}, {"label": "n", "at": 0}]}));
        let found = image(&source, &[number("7"), number("3"), cell("say \"hi\"")]).unwrap();
        assert_eq!(found.attributes.as_deref(), Some(r#"{"step":"say \"hi\"","n":7}"#));
    }

    #[test]
    fn attributes_keep_every_digit() {
        let source = source(json!({"key": 0, "person": 1, "attributes": [{"label": "n", "at": 2}]}));
        let attributes = |cell| image(&source, &[number("7"), number("3"), cell]).unwrap().attributes.unwrap();
        assert_eq!(attributes(number("12345678901234567890123.4500")), r#"{"n":12345678901234567890123.4500}"#);
        assert_eq!(attributes(number("NaN")), r#"{"n":"NaN"}"#);
        assert_eq!(attributes(None), r#"{"n":null}"#);
    }
}
