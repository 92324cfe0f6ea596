//! What a row of an attached table means: which of its columns play which part, and the person
//! or activity that it is. Pure.

use crate::cluster::Shard;
use serde::Deserialize;
use serde_json::Value;

/// An attached table, a row of `leadscore.source` with what the catalogs say of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    pub source_id: i32,
    pub person_kind: String,
    pub role: Role,
    pub activity_type: Option<String>,
    /// The zone of columns without one; `None`: that of the settings.
    pub time_zone: Option<String>,
    pub parts: Parts,
    pub owner: u32,
    /// The table itself, with the columns that are read followed by those that are written back.
    #[serde(flatten)]
    pub table: Table,
    /// The tables that its rows reach through foreign keys; step 1 is the first.
    #[serde(default)]
    pub steps: Vec<Table>,
    /// Which shard of the table it is, where Citus distributes it.
    #[serde(skip)]
    pub shard: Option<Shard>,
    /// Whether any attached table reads a column to which it writes back.
    #[serde(skip)]
    pub reads_written: bool,
}

/// A table of the application.
#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    pub relation: u32,
    pub partitioned: bool,
    /// The bound columns by their present names; `None` when the trigger that binds them is gone.
    pub columns: Option<Vec<String>>,
    /// Their types, quoted and qualified.
    pub types: Option<Vec<String>>,
    /// Of a table that is reached: whether rows may have been committed that refer to a row that was not there.
    #[serde(default)]
    pub has_loose_keys: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Person,
    Activity,
}

/// Which columns play which part: positions in `columns`, but for those that are written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Parts {
    pub key: Vec<usize>,
    #[serde(default)]
    pub person: Vec<usize>,
    pub tenant: Option<usize>,
    pub moment: Option<usize>,
    pub activity_type: Option<usize>,
    pub status: Option<usize>,
    pub owner: Option<usize>,
    pub name: Option<usize>,
    #[serde(default)]
    pub attributes: Vec<Attribute>,
    #[serde(default)]
    pub only_when: Vec<OnlyWhen>,
    /// What is read: of which step (0: the table itself) and which of its bound columns, -1 for one that is lost.
    pub columns: Vec<(usize, i32)>,
    /// How each step is reached.
    #[serde(default)]
    pub steps: Vec<StepPart>,
    /// How many bound columns of the table itself are read; what follows is written back.
    pub reads: usize,
    /// Bound columns of the table itself that are written back.
    pub score: Option<usize>,
    pub category: Option<usize>,
    #[serde(default)]
    pub scorecards: Vec<CardPart>,
}

/// How a table is reached: from which step, by which of its bound columns, which are those of the reached table.
#[derive(Debug, Clone, Deserialize)]
pub struct StepPart {
    pub parent: usize,
    pub from: Vec<usize>,
    pub to: Vec<usize>,
}

/// The columns to which a scorecard other than main is written back.
#[derive(Debug, Clone, Deserialize)]
pub struct CardPart {
    pub scorecard: String,
    pub score: Option<usize>,
    pub category: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct Attribute {
    pub label: String,
    pub at: usize,
}

#[derive(Debug, Clone, Deserialize)]
pub struct OnlyWhen {
    pub at: usize,
    pub values: Vec<Value>,
}

impl OnlyWhen {
    fn is_met(&self, cell: Option<&Cell>) -> bool {
        match cell {
            Some(cell) => self.values.iter().any(|value| cell.is(value)),
            None => self.values.contains(&Value::Null),
        }
    }
}

impl Parts {
    /// Whether more than the moment is asked of what is read at a place.
    pub fn asks_text(&self, at: usize) -> bool {
        let single = [self.tenant, self.activity_type, self.status, self.owner, self.name];
        self.moment != Some(at)
            || single.contains(&Some(at))
            || self.key.contains(&at)
            || self.person.contains(&at)
            || self.attributes.iter().any(|attribute| attribute.at == at)
            || self.only_when.iter().any(|condition| condition.at == at)
    }
}

impl Table {
    /// Its bound columns; none when they are not known.
    pub fn columns(&self) -> &[String] {
        self.columns.as_deref().unwrap_or_default()
    }
}

impl Source {
    /// Whether scores or categories are written back to it.
    pub fn writes_back(&self) -> bool {
        self.parts.score.is_some() || self.parts.category.is_some() || !self.parts.scorecards.is_empty()
    }

    /// Whether the columns of it and of all that it reaches are known.
    pub fn is_bound(&self) -> bool {
        self.table.columns.is_some()
            && self.steps.len() == self.parts.steps.len()
            && self.steps.iter().all(|s| s.columns.is_some())
    }

    /// Whether it is the same table, and the same shard of it.
    pub fn is_same(&self, other: &Source) -> bool {
        self.source_id == other.source_id && self.table.relation == other.table.relation
    }

    /// Whether it reads this table.
    pub fn is_about(&self, relation: u32) -> bool {
        self.table.relation == relation || self.steps.iter().any(|step| step.relation == relation)
    }

    /// The columns of the table itself that are read.
    pub fn own(&self) -> &[String] {
        let columns = self.table.columns();
        &columns[..self.parts.reads.min(columns.len())]
    }

    /// The columns of the table itself that are written back.
    pub fn written(&self) -> &[String] {
        let columns = self.table.columns();
        &columns[self.parts.reads.min(columns.len())..]
    }

    /// Whether it reads any of these columns of a table.
    pub fn reads_any(&self, relation: u32, columns: &[String]) -> bool {
        let is_one = |column: &String| columns.contains(column);
        (self.table.relation == relation && self.own().iter().any(is_one))
            || self.steps.iter().any(|step| step.relation == relation && step.columns().iter().any(is_one))
    }

    /// A step's table; 0 is the table itself.
    pub fn at_step(&self, step: usize) -> &Table {
        if step == 0 { &self.table } else { &self.steps[step - 1] }
    }

    /// What is read of a row, from the bound columns of the table itself and of those that it reaches.
    pub fn read(&self, rows: &[Option<Vec<Option<Cell>>>]) -> Vec<Option<Cell>> {
        let cell = |&(step, at): &(usize, i32)| rows.get(step)?.as_ref()?.get(usize::try_from(at).ok()?)?.clone();
        self.parts.columns.iter().map(cell).collect()
    }

    /// The key of a row, from the bound columns of the table itself.
    pub fn key_of(&self, own: &[Option<Cell>]) -> Option<String> {
        key(self.parts.key.iter().map(|&at| {
            let at = usize::try_from(self.parts.columns.get(at)?.1).ok()?;
            own.get(at)?.as_ref().map(|cell| cell.text.as_str())
        }))
    }

    /// The values of a row's key, from the bound columns of the table itself.
    pub fn key_values(&self, own: &[Option<Cell>]) -> Option<Vec<String>> {
        self.key_columns()?.into_iter().map(|at| own.get(at)?.as_ref().map(|cell| cell.text.clone())).collect()
    }

    /// Which bound columns of the table itself are its key.
    pub fn key_columns(&self) -> Option<Vec<usize>> {
        self.parts.key.iter().map(|&at| usize::try_from(self.parts.columns.get(at)?.1).ok()).collect()
    }

    /// Whether a row is no activity whatever it reaches, from the bound columns of the table itself.
    pub fn is_nothing(&self, own: &[Option<Cell>]) -> bool {
        let parts = &self.parts;
        // `None` where it is a column of another table.
        let cell = |at: usize| match parts.columns.get(at) {
            Some((0, at)) => Some(usize::try_from(*at).ok().and_then(|at| own.get(at)?.as_ref())),
            _ => None,
        };
        let is_missing = |at: usize| cell(at).is_some_and(|cell| cell.is_none());
        self.role == Role::Activity
            && (parts.person.iter().any(|&at| is_missing(at))
                || parts.moment.is_some_and(is_missing)
                || parts.only_when.iter().any(|condition| cell(condition.at).is_some_and(|cell| !condition.is_met(cell))))
    }

    /// The key of what is read of a row.
    pub fn key_in(&self, cells: &[Option<Cell>], at: &[usize]) -> Option<String> {
        key(at.iter().map(|&at| cells.get(at)?.as_ref().map(|cell| cell.text.as_str())))
    }
}

/// A key of several columns is their values with commas between them.
fn key<'a>(values: impl ExactSizeIterator<Item = Option<&'a str>>) -> Option<String> {
    let single = values.len() == 1;
    let values: Option<Vec<&str>> = values.collect();
    let values = values.filter(|values| !values.is_empty())?;
    Some(shortened(match single {
        true => values[0].to_owned(),
        false => values.iter().map(|value| value.replace('\\', "\\\\").replace(',', "\\,")).collect::<Vec<_>>().join(","),
    }))
}

/// What is looked up by an index must fit into it: of a longer text its beginning and a number that tells it from others.
fn shortened(text: String) -> String {
    const MOST: usize = 1_000;
    if text.len() <= MOST {
        return text;
    }
    // FNV-1a of 128 bits, which stays the same for ever.
    let number = text.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{}… {number:032x}", text.chars().take(BEGINNING).collect::<String>())
}

/// How many characters of a longer text are kept.
const BEGINNING: usize = 100;

/// Whether a key is a shortened one, from which the values of its columns cannot be told.
pub fn is_shortened(key: &str) -> bool {
    key.rsplit_once("… ").is_some_and(|(beginning, number)| {
        number.len() == 32 && number.bytes().all(|byte| byte.is_ascii_hexdigit()) && beginning.chars().count() == BEGINNING
    })
}

/// So many bytes of attributes are kept of a row at most, and of one of them: jsonb holds a quarter of a gigabyte.
const LONGEST: usize = (1 << 28) - 1;

/// Whether jsonb can hold what json can: it has no null character, no half of a character, and no number beyond numeric, and it is
/// not too long.
fn is_storable(json: &str) -> bool {
    if json.len() > LONGEST {
        return false;
    }
    let bytes = json.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                let mut half = false;
                while at < bytes.len() && bytes[at] != b'"' {
                    let mut code = None;
                    if bytes[at] == b'\\' {
                        at += 1;
                        if bytes.get(at) == Some(&b'u') {
                            code = json.get(at + 1..at + 5).and_then(|hex| u32::from_str_radix(hex, 16).ok());
                            at += 4;
                        }
                    }
                    let is_low = code.is_some_and(|code| (0xdc00..0xe000).contains(&code));
                    if code == Some(0) || half != is_low {
                        return false;
                    }
                    half = code.is_some_and(|code| (0xd800..0xdc00).contains(&code));
                    at += 1;
                }
                if half {
                    return false;
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let end = bytes[at..].iter().position(|b| !matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
                let number = &json[at..end.map_or(json.len(), |end| at + end)];
                if !is_numeric(number) {
                    return false;
                }
                at += number.len();
            }
            _ => at += 1,
        }
    }
    true
}

/// Whether a number in JSON is within the limits of numeric, or near them.
fn is_numeric(number: &str) -> bool {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, part) = digits.trim_start_matches('-').split_once('.').unwrap_or((digits, ""));
    let Ok(exponent) = exponent.parse::<i64>() else { return false };
    whole.len() as i64 + exponent <= 131_072 && part.len() as i64 - exponent <= 16_383
}

/// The values of a key of so many columns.
pub fn values_of_key(key: &str, columns: usize) -> Vec<String> {
    if columns == 1 {
        return vec![key.to_owned()];
    }
    let mut values = vec![String::new()];
    let mut chars = key.chars();
    while let Some(c) = chars.next() {
        let value = values.last_mut().expect("there is one");
        match c {
            '\\' => value.extend(chars.next()),
            ',' => values.push(String::new()),
            c => value.push(c),
        }
    }
    values
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
    /// The elements of an array of one dimension, which is a JSON array among attributes.
    pub elements: Option<Vec<Option<Cell>>>,
}

impl Cell {
    fn json(&self) -> Value {
        let text = || Value::String(self.text.clone());
        if self.is_json { serde_json::from_str(&self.text).unwrap_or_else(|_| text()) } else { text() }
    }

    /// The same as JSON text, with every digit of a number; `None` where jsonb cannot hold it.
    fn json_text(&self) -> Option<String> {
        if let Some(elements) = &self.elements {
            let text = |element: &Option<Cell>| element.as_ref().map_or(Some("null".into()), Cell::json_text);
            return Some(format!("[{}]", elements.iter().map(text).collect::<Option<Vec<_>>>()?.join(",")));
        }
        if self.is_json && !matches!(self.text.as_str(), "NaN" | "Infinity" | "-Infinity") {
            is_storable(&self.text).then(|| self.text.clone())
        } else {
            (self.text.len() <= LONGEST).then(|| Value::from(self.text.as_str()).to_string())
        }
    }

    /// Whether it is one of the values of `only_when`: by JSON, or by text for a string.
    fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(wanted) if self.is_json => *wanted == self.text || is_same_number(wanted, &self.text),
            Value::String(wanted) => *wanted == self.text,
            Value::Number(wanted) => self.is_json && is_same_number(&wanted.to_string(), &self.text),
            other => *other == self.json(),
        }
    }
}

/// Whether two texts are of one number: exactly, as long as no floating-point number has to tell.
fn is_same_number(a: &str, b: &str) -> bool {
    match (a.parse::<i128>(), b.parse::<i128>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a.parse::<f64>().is_ok_and(|a| b.parse() == Ok(a)),
    }
}

/// The person or activity that a row is.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub key: String,
    pub person: Option<String>,
    pub tenant: Option<String>,
    pub activity_type: Option<String>,
    pub moment: Option<i64>,
    /// A JSON object as text.
    pub attributes: Option<String>,
    pub status: Option<String>,
    pub owner: Option<String>,
    pub name: Option<String>,
    /// Whether it satisfies `only_when`; of an activity it always does.
    pub active: bool,
}

/// Whose a row of the source is, from what is read of it: its tenant.
fn tenant_in(source: &Source, cells: &[Option<Cell>]) -> Option<String> {
    let cell = source.parts.tenant.and_then(|at| cells.get(at)).and_then(Option::as_ref);
    cell.map(|cell| cell.text.clone()).filter(|tenant| !tenant.is_empty()).map(shortened)
}

/// What a row of the source is, from what is read of it; `None` when it is nothing: an activity that does not satisfy
/// `only_when`, or has no person, type or moment yet.
pub fn image(source: &Source, cells: &[Option<Cell>]) -> Option<Image> {
    let parts = &source.parts;
    let cell = |at: Option<usize>| at.and_then(|at| cells.get(at)).and_then(Option::as_ref);
    let text = |at: Option<usize>| cell(at).map(|cell| cell.text.clone());
    let active = parts.only_when.iter().all(|condition| condition.is_met(cell(Some(condition.at))));
    let image = Image {
        key: source.key_in(cells, &parts.key)?,
        person: source.key_in(cells, &parts.person),
        tenant: tenant_in(source, cells),
        activity_type: text(parts.activity_type).map(shortened).or_else(|| source.activity_type.clone()),
        moment: cell(parts.moment).and_then(|cell| cell.moment),
        attributes: (!parts.attributes.is_empty()).then(|| {
            // One that jsonb cannot hold is left out: the application's row stays what it is.
            let mut rest = LONGEST;
            let member = |a: &Attribute| {
                let value = cell(Some(a.at)).map_or(Some("null".into()), Cell::json_text)?;
                let member = format!("{}:{value}", Value::from(a.label.as_str()));
                rest = rest.checked_sub(member.len())?;
                Some(member)
            };
            format!("{{{}}}", parts.attributes.iter().filter_map(member).collect::<Vec<_>>().join(","))
        }),
        status: text(parts.status),
        owner: text(parts.owner).map(shortened),
        name: text(parts.name),
        active,
    };
    let complete = source.role == Role::Person
        || (active
            && image.person.is_some()
            && image.activity_type.is_some()
            && (parts.moment.is_none() || image.moment.is_some()));
    complete.then_some(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(parts: Value) -> Source {
        let mut whole = json!({"columns": [[0, 0], [0, 1], [0, 2]], "reads": 3});
        whole.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "source_id": 1, "relation": 1, "partitioned": false, "role": "activity", "person_kind": "candidate", "activity_type": "call",
            "parts": whole, "owner": 10, "columns": ["id", "candidate_id", "at"], "types": ["int8", "int8", "timestamptz"]
        }))
        .unwrap()
    }

    fn cell(text: &str) -> Option<Cell> {
        Some(Cell { text: text.into(), is_json: false, moment: None, elements: None })
    }

    fn number(text: &str) -> Option<Cell> {
        Some(Cell { text: text.into(), is_json: true, moment: None, elements: None })
    }

    fn moment(at: i64) -> Option<Cell> {
        Some(Cell { text: String::new(), is_json: false, moment: Some(at), elements: None })
    }

    #[test]
    fn a_row_is_an_activity_when_all_is_there() {
        let source = source(json!({"key": [0], "person": [1], "moment": 2}));
        let found = image(&source, &[number("7"), number("3"), moment(5)]).unwrap();
        assert_eq!((found.key.as_str(), found.person.as_deref(), found.moment), ("7", Some("3"), Some(5)));
        assert_eq!(found.activity_type.as_deref(), Some("call"));
        assert_eq!(image(&source, &[number("7"), None, moment(5)]), None);
        assert_eq!(image(&source, &[number("7"), number("3"), None]), None);
    }

    #[test]
    fn only_when_takes_values_lists_and_null() {
        let source = source(json!({"key": [0], "person": [1], "only_when": [{"at": 2, "values": ["done", 2, null]}]}));
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
        let source = source(json!({"key": [0], "person": [1], "only_when": [{"at": 2, "values": ["3.00"]}]}));
        assert!(image(&source, &[number("7"), number("3"), number("3")]).is_some());
    }

    #[test]
    fn attributes_keep_their_labels_and_types() {
        let source =
            source(json!({"key": [0], "person": [1], "attributes": [{"label": "step", "at": 2}, {"label": "n", "at": 0}]}));
        let found = image(&source, &[number("7"), number("3"), cell("say \"hi\"")]).unwrap();
        assert_eq!(found.attributes.as_deref(), Some(r#"{"step":"say \"hi\"","n":7}"#));
    }

    #[test]
    fn attributes_keep_every_digit() {
        let source = source(json!({"key": [0], "person": [1], "attributes": [{"label": "n", "at": 2}]}));
        let attributes = |cell| image(&source, &[number("7"), number("3"), cell]).unwrap().attributes.unwrap();
        assert_eq!(attributes(number("12345678901234567890123.4500")), r#"{"n":12345678901234567890123.4500}"#);
        assert_eq!(attributes(number("NaN")), r#"{"n":"NaN"}"#);
        assert_eq!(attributes(None), r#"{"n":null}"#);
    }

    #[test]
    fn keys_of_several_columns_are_told_apart() {
        let of = |values: &[&str]| key(values.iter().map(|value| Some(*value))).unwrap();
        assert_eq!(of(&["1", "2"]), "1,2");
        assert_eq!(of(&["a,b"]), "a,b");
        assert_ne!(of(&["a,b", "c"]), of(&["a", "b,c"]));
        for values in [["a,b", "c"], ["a\\", ",b"], ["", ""], ["\\,", "x"]] {
            assert_eq!(values_of_key(&of(&values), 2), values);
        }
        assert_eq!(key([Some("1"), None].into_iter()), None);
    }

    #[test]
    fn a_person_that_does_not_satisfy_only_when_is_not_active() {
        let mut source = source(json!({"key": [0], "only_when": [{"at": 2, "values": [true]}]}));
        source.role = Role::Person;
        let active = |state| image(&source, &[number("7"), None, state]).unwrap().active;
        assert!(active(number("true")));
        assert!(!active(number("false")));
        assert!(!active(None));
    }

    #[test]
    fn what_is_reached_is_read_as_if_it_stood_in_the_row() {
        let source = source(json!({"key": [0], "person": [1], "columns": [[0, 0], [1, 1], [0, -1]]}));
        let cells = source.read(&[Some(vec![number("7"), number("9")]), Some(vec![number("9"), number("3")])]);
        assert_eq!(cells, vec![number("7"), number("3"), None]);
        assert_eq!(source.read(&[Some(vec![number("7")]), None])[1], None);
    }

    #[test]
    fn what_jsonb_cannot_hold_is_told() {
        for good in
            ["{}", r#""\\u0000""#, r#""\ud83d\ude00""#, r#"{"a": [1, -2.5e10, true], "b\"": "x"}"#, "1e130000", "1e-15000"]
        {
            assert!(is_storable(good), "{good}");
        }
        for bad in [
            r#""\u0000""#,
            r#""\ud83d""#,
            r#""\ud83dx""#,
            r#""\ude00""#,
            r#""\ud83d\n""#,
            "1e400000",
            "[1e-40000]",
            r#"{"\u0000": 1}"#,
            "1e99999999999999999999",
        ] {
            assert!(!is_storable(bad), "{bad}");
        }
        let source = source(json!({"key": [0], "person": [1], "attributes": [{"label": "a", "at": 2}, {"label": "n", "at": 0}]}));
        let found = image(&source, &[number("7"), number("3"), number(r#""\u0000""#)]).unwrap();
        assert_eq!(found.attributes.as_deref(), Some(r#"{"n":7}"#));
    }

    #[test]
    fn an_array_is_one_among_attributes() {
        let source = source(json!({"key": [0], "person": [1], "attributes": [{"label": "a", "at": 2}]}));
        let attributes = |elements| {
            let array = Cell { text: "{…}".into(), is_json: false, moment: None, elements: Some(elements) };
            image(&source, &[number("7"), number("3"), Some(array)]).unwrap().attributes
        };
        assert_eq!(attributes(vec![cell("b\"c"), None, number("1.5")]).as_deref(), Some(r#"{"a":["b\"c",null,1.5]}"#));
        assert_eq!(attributes(vec![]).as_deref(), Some(r#"{"a":[]}"#));
        assert_eq!(attributes(vec![number(r#""\u0000""#)]).as_deref(), Some("{}"));
    }

    #[test]
    fn long_keys_are_shortened_and_told_apart() {
        let long = |end: &str| shortened("ä".repeat(900) + end);
        assert_eq!(shortened("x".into()), "x");
        assert_eq!(long("1"), long("1"));
        assert_ne!(long("1"), long("2"));
        assert!(long("1").len() < 300);
        assert!(is_shortened(&long("1")));
        for whole in ["", "x", "… 0123456789abcdef0123456789abcdef", &"x".repeat(1_000)] {
            assert!(!is_shortened(whole), "{whole}");
        }
    }
}
