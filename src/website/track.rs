//! Website events as senders write them, in the Segment shape or in that of a recruitment pixel,
//! brought to one form. What an event does is SQL's business: `sql/track.sql`.

use crate::pg;
use chrono::DateTime;
use pgrx::JsonB;
use pgrx::datum::TimestampWithTimeZone;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::collections::HashMap;
use std::net::IpAddr;

/// Microseconds between 1970 and 2000, where PostgreSQL counts from.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The first instant of the years 1 and 10000, in microseconds since 1970.
const CALENDAR: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// Ids and names are stored and indexed; none that is real is longer.
const LONGEST_TEXT: usize = 255;
/// Details of an event, in bytes of JSON.
const LONGEST_PROPERTIES: usize = 16_384;

/// What an event does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Something took place.
    Track,
    /// The visitor is this person.
    Identify,
    /// Two visitors are one.
    Alias,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Track => "track",
            Kind::Identify => "identify",
            Kind::Alias => "alias",
        }
    }
}

/// An event in the one form that everything else works with; instants in microseconds since 1970.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub kind: Kind,
    pub name: Option<String>,
    pub visitor: Option<String>,
    /// Kind and the application's key.
    pub person: Option<(String, String)>,
    pub previous: Option<String>,
    pub message_id: Option<String>,
    pub at: i64,
    pub properties: Map<String, Value>,
    pub consent: Option<bool>,
    pub address: Option<IpAddr>,
    pub agent: Option<String>,
}

/// What the settings and the moment say about reading events.
pub struct Reading<'a> {
    /// The kind of a person whose id has none.
    pub default_kind: Option<&'a str>,
    /// The category of consent that decides; all of them where there is none.
    pub consent_category: Option<&'a str>,
    /// When they were received, in microseconds since 1970.
    pub received_at: i64,
    /// When the sender says that it sent them, for events that do not say so themselves.
    pub sent_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Segment {
    r#type: String,
    event: Option<Text>,
    anonymous_id: Option<Text>,
    user_id: Option<Text>,
    previous_id: Option<Text>,
    message_id: Option<Text>,
    timestamp: Option<Instant>,
    original_timestamp: Option<Instant>,
    sent_at: Option<Instant>,
    received_at: Option<Instant>,
    properties: Option<Map<String, Value>>,
    context: Option<Context>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    consent: Option<Value>,
    ip: Option<Text>,
    user_agent: Option<Text>,
    page: Option<Page>,
}

#[derive(Debug, Deserialize)]
struct Page {
    url: Option<Text>,
}

/// The vendor publishes the names of its events only; these fields are leadscore's.
#[derive(Debug, Deserialize)]
struct Pixel {
    event: Text,
    visitor: Option<Text>,
    customer: Option<Text>,
    person: Option<Text>,
    previous: Option<Text>,
    job: Option<Text>,
    url: Option<Text>,
    at: Option<Instant>,
    id: Option<Text>,
    consent: Option<Value>,
    ip: Option<Text>,
    agent: Option<Text>,
    properties: Option<Map<String, Value>>,
}

/// A text, for which senders also write a whole number.
#[derive(Debug)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) => Ok(Text(text)),
            Value::Number(number) if !number.is_f64() => Ok(Text(number.to_string())),
            other => Err(serde::de::Error::custom(format!("{} is no text", kind_of(&other)))),
        }
    }
}

/// An instant in microseconds since 1970: RFC 3339, or a number of milliseconds.
#[derive(Debug, Clone, Copy)]
struct Instant(i64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let instant = match &value {
            Value::String(text) => instant_of(text),
            Value::Number(number) => number.as_i64().and_then(|ms| ms.checked_mul(1000)),
            _ => None,
        };
        instant.filter(|at| CALENDAR.contains(at)).map(Instant).ok_or_else(|| {
            serde::de::Error::custom(format!("{} is no instant such as 2026-03-01T12:00:00Z", shortened(&value.to_string())))
        })
    }
}

/// RFC 3339; many senders leave the zone out and mean UTC.
pub fn instant_of(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{text}Z")))
        .ok()
        .map(|at| at.timestamp_micros())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(60).chain(['…']).collect() }
}

/// The text, or nothing where it is empty; refused where it is too long for an id.
fn id(field: &str, text: Option<Text>) -> Result<Option<String>, String> {
    match text {
        Some(Text(text)) if text.chars().count() > LONGEST_TEXT => {
            Err(format!("{field}: {} characters are more than {LONGEST_TEXT}", text.chars().count()))
        }
        Some(Text(text)) if !text.is_empty() => Ok(Some(text)),
        _ => Ok(None),
    }
}

/// Kind and key of a person from `kind:external_id`.
fn person_of(field: &str, text: &str, default_kind: Option<&str>) -> Result<(String, String), String> {
    match (text.split_once(':'), default_kind) {
        (Some((kind, key)), _) if !kind.is_empty() && !key.is_empty() => Ok((kind.to_owned(), key.to_owned())),
        (None, Some(kind)) => Ok((kind.to_owned(), text.to_owned())),
        _ => Err(format!("{field}: \"{}\" is not written kind:external_id", shortened(text))),
    }
}

/// Whether consent is given; nothing where the event does not say.
fn consent_of(value: Option<Value>, category: Option<&str>) -> Result<Option<bool>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(given)) => Ok(Some(given)),
        Some(Value::String(word)) => match word.as_str() {
            "granted" | "true" | "1" => Ok(Some(true)),
            "denied" | "false" | "0" => Ok(Some(false)),
            _ => Err(format!("consent: \"{}\" is neither granted nor denied", shortened(&word))),
        },
        Some(Value::Object(mut consent)) => match consent.remove("categoryPreferences") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(preferences)) => {
                let mut given = Vec::new();
                for (name, preference) in preferences {
                    match preference {
                        Value::Bool(yes) if category.is_none_or(|wanted| wanted == name) => given.push(yes),
                        Value::Bool(_) => {}
                        other => {
                            return Err(format!(
                                "consent.categoryPreferences.{}: {} is no boolean",
                                shortened(&name),
                                kind_of(&other)
                            ));
                        }
                    }
                }
                Ok(if given.is_empty() { None } else { Some(given.into_iter().all(|yes| yes)) })
            }
            Some(other) => Err(format!("consent.categoryPreferences: {} is no object", kind_of(&other))),
        },
        Some(other) => Err(format!("consent: {} is neither boolean, word nor object", kind_of(&other))),
    }
}

/// An address without its query and fragment, where names, e-mail addresses and tokens travel.
fn bare_url(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// What is kept of an event's details: never where it came from or with which program.
fn kept(mut properties: Map<String, Value>) -> Result<Map<String, Value>, String> {
    for dropped in ["ip", "userAgent", "user_agent", "search"] {
        properties.remove(dropped);
    }
    for address in ["url", "referrer"] {
        if let Some(Value::String(url)) = properties.get_mut(address) {
            *url = bare_url(url).to_owned();
        }
    }
    let length = Value::Object(properties.clone()).to_string().len();
    if length > LONGEST_PROPERTIES {
        return Err(format!("properties: {length} bytes are more than {LONGEST_PROPERTIES}"));
    }
    Ok(properties)
}

fn address_of(text: Option<Text>) -> Result<Option<IpAddr>, String> {
    match text {
        Some(Text(text)) if !text.is_empty() => match text.parse::<IpAddr>() {
            Ok(address) => Ok(Some(address.to_canonical())),
            Err(_) => Err(format!("ip: \"{}\" is no address", shortened(&text))),
        },
        _ => Ok(None),
    }
}

/// The sender's clock corrected: what it says about the event, by as much as it was wrong when
/// it sent it.
fn corrected(timestamp: Option<i64>, original: Option<i64>, sent_at: Option<i64>, received_at: i64) -> Result<i64, String> {
    let at = match (timestamp, original, sent_at) {
        // With both, a collector has corrected it already.
        (Some(at), Some(_), _) | (Some(at), None, None) => Some(at),
        (None, Some(at), None) => Some(at),
        (Some(at), None, Some(sent)) | (None, Some(at), Some(sent)) => {
            sent.checked_sub(at).and_then(|age| received_at.checked_sub(age))
        }
        (None, None, _) => Some(received_at),
    };
    at.filter(|at| CALENDAR.contains(at)).ok_or_else(|| "timestamp: corrected by sentAt it leaves the calendar".to_owned())
}

/// Reads one event.
///
/// # Errors
/// Why it cannot be taken, with the path to the field.
pub fn read(text: &str, reading: &Reading) -> Result<Event, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("it cannot be read: {e}"))?;
    match &value {
        Value::Object(fields) if fields.contains_key("type") => of_segment(typed(value)?, reading),
        Value::Object(_) => of_pixel(typed(value)?, reading),
        other => Err(format!("{} is no event", kind_of(other))),
    }
}

fn typed<'de, T: Deserialize<'de>>(value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|e| match e.path().to_string().as_str() {
        "." => e.inner().to_string(),
        path => format!("{path}: {}", e.inner()),
    })
}

fn of_segment(event: Segment, reading: &Reading) -> Result<Event, String> {
    let context = event.context.unwrap_or_default();
    let (mut kind, name) = match event.r#type.as_str() {
        "track" => (Kind::Track, Some(id("event", event.event)?.ok_or("event: a track call names its event")?)),
        "page" => (Kind::Track, Some("pageview".to_owned())),
        "identify" => (Kind::Identify, None),
        "alias" => (Kind::Alias, None),
        other => return Err(format!("type: \"{}\" is not track, page, identify or alias", shortened(other))),
    };
    let mut visitor = id("anonymousId", event.anonymous_id)?;
    let mut person = None;
    let mut previous = None;
    if let Some(user) = id("userId", event.user_id)? {
        match person_of("userId", &user, reading.default_kind) {
            Ok(found) => person = Some(found),
            // The new id of an alias may be that of another visitor.
            Err(_) if kind == Kind::Alias && !user.contains(':') => visitor = Some(user),
            Err(why) => return Err(why),
        }
    }
    if kind == Kind::Alias {
        previous = id("previousId", event.previous_id)?;
        if person.is_some() {
            // The earlier visitor is a person.
            kind = Kind::Identify;
            visitor = previous.take();
        }
    }
    let mut properties = event.properties.unwrap_or_default();
    if let Some(Text(url)) = context.page.and_then(|page| page.url) {
        properties.entry("url").or_insert(Value::String(url));
    }
    complete(Event {
        kind,
        name,
        visitor,
        person,
        previous,
        message_id: id("messageId", event.message_id)?,
        at: corrected(
            event.timestamp.map(|at| at.0),
            event.original_timestamp.map(|at| at.0),
            event.sent_at.map(|at| at.0).or(reading.sent_at),
            event.received_at.map_or(reading.received_at, |at| at.0),
        )?,
        properties: kept(properties)?,
        consent: consent_of(context.consent, reading.consent_category).map_err(|why| format!("context.{why}"))?,
        address: address_of(context.ip).map_err(|why| format!("context.{why}"))?,
        agent: context.user_agent.map(|agent| agent.0),
    })
}

fn of_pixel(event: Pixel, reading: &Reading) -> Result<Event, String> {
    let name = id("event", Some(event.event))?.ok_or("event: it has no name")?;
    let kind = match name.as_str() {
        "identify" => Kind::Identify,
        "alias" => Kind::Alias,
        _ => Kind::Track,
    };
    let mut properties = event.properties.unwrap_or_default();
    for (field, text) in [("url", event.url), ("job", event.job), ("customer", event.customer)] {
        if let Some(text) = text {
            properties.insert(field.to_owned(), Value::String(text.0));
        }
    }
    complete(Event {
        kind,
        name: Some(name),
        visitor: id("visitor", event.visitor)?,
        person: match id("person", event.person)? {
            Some(person) => Some(person_of("person", &person, reading.default_kind)?),
            None => None,
        },
        previous: id("previous", event.previous)?,
        message_id: id("id", event.id)?,
        at: corrected(event.at.map(|at| at.0), None, reading.sent_at, reading.received_at)?,
        properties: kept(properties)?,
        consent: consent_of(event.consent, reading.consent_category)?,
        address: address_of(event.ip)?,
        agent: event.agent.map(|agent| agent.0),
    })
}

/// Whether the event says enough for what it does.
fn complete(event: Event) -> Result<Event, String> {
    let withdraws = event.consent == Some(false);
    let lacks = match event.kind {
        Kind::Track => (event.visitor.is_none() && event.person.is_none()).then_some("neither a visitor nor a person is named"),
        // A person's consent, or the lack of it, needs no visitor.
        Kind::Identify if event.person.is_none() && !withdraws => Some("no person is named"),
        Kind::Identify if event.visitor.is_none() && event.consent.is_none() => Some("no visitor is named"),
        Kind::Identify => None,
        Kind::Alias => (event.visitor.is_none() || event.previous.is_none()).then_some("two visitors are not named"),
    };
    match lacks {
        Some(why) => Err(format!("{}: {why}", event.kind.name())),
        None => Ok(event),
    }
}

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// Whether a program rather than a person sent it: by the words that crawlers use of
/// themselves, or by the list of known ones.
pub fn is_robot(agent: &str) -> bool {
    if agent.is_empty() {
        return true;
    }
    // The crate remembers answers by a text's place in memory, length, beginning and end: a number
    // at the end that never comes twice keeps it from taking one agent for another.
    let asked = ASKED.replace(ASKED.get().wrapping_add(1));
    let mut end = agent.len().min(480);
    while !agent.is_char_boundary(end) {
        end -= 1;
    }
    let agent = &agent[..end];
    iscrawl::is_crawler(&format!("{agent} {:08}", asked % 100_000_000)) && !is_known_telephone(agent)
        || iscrawl::crawler_info(agent).is_some()
}

/// A maker of telephones has "bot" in its name.
fn is_known_telephone(agent: &str) -> bool {
    let agent = agent.to_ascii_lowercase();
    agent.contains("cubot")
        && !iscrawl::is_crawler(&format!("{} {:08}", agent.replace("cubot", ""), ASKED.replace(ASKED.get() + 1) % 100_000_000))
}

/// Number, reason why it cannot be read, what it does, name, visitor, kind and key of the person,
/// previous visitor, message id, moment, properties, consent, address, whether a robot sent it.
type Row = (
    i32,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<TimestampWithTimeZone>,
    Option<JsonB>,
    Option<bool>,
    Option<String>,
    bool,
);

/// `_read_events()`: the events in the order in which they came, each as read or with the reason
/// why it cannot be.
pub fn read_events(
    events: Option<Vec<Option<String>>>,
    sent_at: Option<&str>,
    default_kind: Option<&str>,
    consent_category: Option<&str>,
) -> Vec<Row> {
    let events = events.unwrap_or_default();
    let received_at = pg::now() + POSTGRES_EPOCH;
    let reading = Reading { default_kind, consent_category, received_at, sent_at: sent_at.and_then(instant_of) };
    let mut robots: HashMap<String, bool> = HashMap::new();
    let mut rows = Vec::with_capacity(events.len());
    for (index, text) in (0i32..).zip(events) {
        rows.push(match read(text.as_deref().unwrap_or("null"), &reading) {
            Ok(event) => {
                let robot = event.agent.is_some_and(|agent| match robots.get(&agent) {
                    Some(robot) => *robot,
                    None => {
                        let robot = is_robot(&agent);
                        robots.insert(agent, robot);
                        robot
                    }
                });
                let (person_kind, external_id) = event.person.unzip();
                (
                    index,
                    None,
                    Some(event.kind.name().to_owned()),
                    event.name,
                    event.visitor,
                    person_kind,
                    external_id,
                    event.previous,
                    event.message_id,
                    Some(pg::timestamptz(event.at - POSTGRES_EPOCH)),
                    (!event.properties.is_empty()).then_some(JsonB(Value::Object(event.properties))),
                    event.consent,
                    event.address.map(|address| address.to_string()),
                    robot,
                )
            }
            Err(reason) => (index, Some(reason), None, None, None, None, None, None, None, None, None, None, None, false),
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOON: i64 = 1_772_366_400_000_000; // 2026-03-01T12:00:00Z

    fn reading() -> Reading<'static> {
        Reading { default_kind: None, consent_category: None, received_at: NOON, sent_at: None }
    }

    fn take(event: Value) -> Event {
        read(&event.to_string(), &reading()).unwrap()
    }

    fn reason(event: Value) -> String {
        read(&event.to_string(), &reading()).unwrap_err()
    }

    #[test]
    fn both_shapes_are_one_event() {
        let segment = take(json!({"type": "track", "event": "jobview", "anonymousId": "v1", "messageId": "m1",
            "timestamp": "2026-03-01T11:00:00.000Z", "properties": {"job": "12"},
            "context": {"page": {"url": "https://example.org/jobs/12?mail=a@b.c#x"}, "ip": "::ffff:10.0.0.1"}}));
        let pixel = take(json!({"event": "jobview", "visitor": "v1", "id": "m1", "at": "2026-03-01T12:00:00+01:00",
            "job": 12, "url": "https://example.org/jobs/12", "ip": "10.0.0.1"}));
        assert_eq!(segment, pixel);
        assert_eq!(segment.at, NOON - 3_600_000_000);
        assert_eq!(segment.properties["url"], "https://example.org/jobs/12");
    }

    #[test]
    fn clocks_are_corrected() {
        // Sent at 10:05 by a clock that stood at 09:05 when it was 12:00 here.
        let event =
            json!({"type": "page", "anonymousId": "v", "timestamp": "2026-03-01T09:00:00Z", "sentAt": "2026-03-01T09:05:00Z"});
        assert_eq!(take(event).at, NOON - 300_000_000);
        let corrected = json!({"type": "page", "anonymousId": "v", "timestamp": "2026-03-01T10:00:00Z",
            "originalTimestamp": "2026-03-01T09:00:00Z", "sentAt": "2026-03-01T09:05:00Z"});
        assert_eq!(take(corrected).at, NOON - 7_200_000_000);
        assert_eq!(take(json!({"type": "page", "anonymousId": "v"})).at, NOON);
        let of_batch = Reading { sent_at: Some(NOON + 60_000_000), ..reading() };
        let event = read(r#"{"type": "page", "anonymousId": "v", "timestamp": 1772366400000}"#, &of_batch).unwrap();
        assert_eq!(event.at, NOON - 60_000_000);
    }

    #[test]
    fn reasons_name_the_field() {
        assert_eq!(reason(json!(7)), "a number is no event");
        assert_eq!(reason(json!({})), "missing field `event`");
        assert_eq!(reason(json!({"type": "group"})), "type: \"group\" is not track, page, identify or alias");
        assert_eq!(reason(json!({"type": "track", "anonymousId": "v"})), "event: a track call names its event");
        assert_eq!(reason(json!({"event": "jobview"})), "track: neither a visitor nor a person is named");
        assert_eq!(reason(json!({"event": "jobview", "visitor": {}})), "visitor: an object is no text");
        assert_eq!(reason(json!({"event": "jobview", "visitor": "v".repeat(256)})), "visitor: 256 characters are more than 255");
        assert_eq!(
            reason(json!({"event": "jobview", "visitor": "v", "at": "yesterday"})),
            "at: \"yesterday\" is no instant such as 2026-03-01T12:00:00Z"
        );
        assert_eq!(
            reason(json!({"type": "identify", "anonymousId": "v", "userId": "12"})),
            "userId: \"12\" is not written kind:external_id"
        );
        assert_eq!(
            reason(json!({"type": "page", "userId": "a:1", "context": {"ip": "here"}})),
            "context.ip: \"here\" is no address"
        );
        assert!(
            reason(json!({"type": "page", "userId": "a:1", "context": {"consent": 7}})).starts_with("context.consent: a number")
        );
        assert!(
            reason(json!({"type": "page", "userId": "a:1", "properties": {"a": "b".repeat(20_000)}}))
                .starts_with("properties: 20")
        );
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        assert!(read(&deep, &reading()).unwrap_err().starts_with("it cannot be read: recursion limit"));
    }

    #[test]
    fn consent_is_read_in_each_form() {
        let of = |consent: Value, category| consent_of(Some(consent), category).unwrap();
        assert_eq!(of(json!(true), None), Some(true));
        assert_eq!(of(json!("denied"), None), Some(false));
        let preferences = json!({"categoryPreferences": {"Analytics": true, "Advertising": false}});
        assert_eq!(of(preferences.clone(), Some("Analytics")), Some(true));
        assert_eq!(of(preferences.clone(), None), Some(false));
        assert_eq!(of(preferences, Some("Functional")), None);
        assert_eq!(of(Value::Null, None), None);
    }

    #[test]
    fn aliases_join_visitors_or_name_a_person() {
        let two = take(json!({"type": "alias", "previousId": "v1", "userId": "v2"}));
        assert_eq!((two.kind, two.previous.as_deref(), two.visitor.as_deref()), (Kind::Alias, Some("v1"), Some("v2")));
        let person = take(json!({"type": "alias", "previousId": "v1", "userId": "candidate:7"}));
        assert_eq!((person.kind, person.visitor.as_deref()), (Kind::Identify, Some("v1")));
        assert_eq!(person.person, Some(("candidate".into(), "7".into())));
    }

    #[test]
    fn robots_are_known() {
        const CHROME: &str =
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36";
        for robot in [
            "",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/120.0.0.0 Safari/537.36",
            "UptimeRobot/2.0",
            "BarracudaCentral",
            "curl/8.5.0",
        ] {
            assert!(is_robot(robot), "{robot}");
        }
        for person in [
            CHROME,
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Mozilla/5.0 (Linux; Android 9; CUBOT P30) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/88.0 Mobile Safari/537.36",
        ] {
            assert!(!is_robot(person), "{person}");
        }
        // Same place, length, beginning and end: the answer is the text's own.
        let mut agent = CHROME.to_owned();
        assert!(!is_robot(&agent));
        agent.replace_range(20..23, "bot");
        assert!(is_robot(&agent));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,40}".prop_map(Value::from),
            "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:00Z".prop_map(Value::from),
            prop_oneof![Just("track"), Just("page"), Just("identify"), Just("alias"), Just("a:b"), Just("granted")]
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 8, |inner| {
            let field = prop_oneof![
                prop_oneof![
                    Just("type"),
                    Just("event"),
                    Just("anonymousId"),
                    Just("userId"),
                    Just("previousId"),
                    Just("messageId"),
                    Just("timestamp"),
                    Just("originalTimestamp"),
                    Just("sentAt"),
                    Just("receivedAt"),
                    Just("properties"),
                    Just("context"),
                    Just("consent"),
                    Just("categoryPreferences"),
                    Just("ip"),
                    Just("userAgent"),
                    Just("page"),
                    Just("url"),
                    Just("visitor"),
                    Just("person"),
                    Just("at"),
                    Just("job"),
                    Just("agent")
                ]
                .prop_map(str::to_owned),
                "\\PC{0,6}".prop_map(String::from),
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((field, inner), 0..12).prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Fields of an event, each right, wrong or absent.
    fn any_event() -> impl Strategy<Value = Value> {
        let fields =
            ["type", "event", "anonymousId", "userId", "timestamp", "sentAt", "context", "properties", "visitor", "person", "at"];
        prop::collection::vec((prop::sample::select(fields.to_vec()), any_json()), 0..9)
            .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 3000, ..ProptestConfig::default() })]

        #[test]
        fn whatever_comes_is_read_or_refused(value in prop_oneof![any_json(), any_event()]) {
            if let Ok(event) = read(&value.to_string(), &reading()) {
                prop_assert!(CALENDAR.contains(&event.at));
                prop_assert!(event.visitor.is_some() || event.person.is_some() || event.consent == Some(false));
                prop_assert!(event.visitor.is_none_or(|id| !id.is_empty() && id.chars().count() <= LONGEST_TEXT));
                prop_assert!(!event.properties.contains_key("ip") && !event.properties.contains_key("userAgent"));
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,200}", agent in "\\PC{0,700}") {
            let _ = read(&text, &reading());
            let _ = is_robot(&agent);
        }
    }
}
