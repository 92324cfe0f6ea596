//! What the report says of many persons at once, from one pass over each table. Where persons are on several nodes, each of
//! them has a part of it, and the parts are joined.

use crate::ask::cooling::{self, Above, Fall, Loss};
use crate::ask::one::OneByOne;
use crate::ask::population::{Name, Names, Places};
use crate::configure::config::{self, Config};
use crate::error::{OrRaise, Refusal};
use pgrx::JsonB;
use scoring::calendar::Day;
use scoring::person::Standpoint;
use scoring::scorecard::MAIN;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

/// How many persons a list on the page has.
const LISTED: usize = 10;
/// Bars are this many points wide, or a multiple of it.
const BAR: i128 = 5;
/// More bars than this are too thin to be seen.
const BARS: i128 = 200;

/// What the persons of a node give.
#[derive(Default, Serialize, Deserialize)]
struct Part {
    present: Vec<Present>,
    /// How many persons have which score.
    scores: Vec<(i64, i64)>,
    rules: Vec<RulePoints>,
    first: Vec<Ranked>,
    cooling: Vec<Falls>,
    grid: Vec<Cell>,
}

#[derive(Serialize)]
struct Overview {
    persons: usize,
    /// How many persons are in each category.
    present: Vec<Present>,
    scores: Vec<Bar>,
    /// How many points each rule gives now; adjustments have none.
    rules: Vec<RulePoints>,
    /// Who has the highest scores.
    first: Vec<i64>,
    cooling: Vec<Falls>,
    grid: Vec<Cell>,
}

#[derive(Serialize, Deserialize)]
struct Present {
    category: Option<String>,
    persons: usize,
}

/// Scores from one up to, but not including, another.
#[derive(Debug, PartialEq, Serialize)]
struct Bar {
    low: i64,
    high: i64,
    persons: i64,
}

#[derive(Serialize, Deserialize)]
struct RulePoints {
    rule_id: Option<i32>,
    points: i64,
}

/// By the score, the highest first, then by the id.
type Ranked = (Reverse<i64>, i64);

#[derive(Serialize, Deserialize)]
struct Falls {
    person_id: i64,
    score: i64,
    category: Option<String>,
    falls_on: String,
    falls_to_score: i64,
    falls_to_category: Option<String>,
}

/// How many persons are in a category of `main` and in one of another scorecard, and the highest scores that they have.
#[derive(Serialize, Deserialize)]
struct Cell {
    scorecard: String,
    category: Option<String>,
    other: Option<String>,
    persons: i64,
    high: i64,
    other_high: i64,
}

/// By scorecard, category and category there: the persons, and the two highest scores of a cell.
type Cells = HashMap<(String, Option<String>, Option<String>), (i64, i64, i64)>;

/// An active person; names by their places.
struct Standing {
    person_id: i64,
    tenant: Option<Name>,
    kind: Name,
    main: Option<Name>,
    main_score: i64,
    /// On the scorecard that is asked for; `None`: it has no score there.
    score: Option<i64>,
    category: Option<Name>,
    at: Standpoint,
    /// What it can lose in the days for which falls are listed.
    loss: Loss,
}

/// `_overview_part(text, text, text, int)`: of the active persons of an owner and a tenant, or of all, as far as the caller
/// may see them; falls are those of so many days.
pub fn part(owner: Option<&str>, tenant: Option<&str>, scorecard: &str, within_days: i32) -> Option<JsonB> {
    let config = config::for_reading();
    config.tables.check_may_read();
    let card = config.cards.place(scorecard)?;
    let mut names = Names::default();
    let mut persons = read_persons(&config, owner, tenant, card, &mut names);
    let places = Places::of(persons.iter().map(|person| person.person_id));
    let grid = read_others(&config, card, &mut persons, &places, &mut names);
    persons.retain(|person| person.score.is_some());
    let places = if card == MAIN { places } else { Places::of(persons.iter().map(|person| person.person_id)) };
    let rules = read_records(&config, card, config.scored_on.plus(within_days), &mut persons, &places);

    let mut present: HashMap<Option<Name>, usize> = HashMap::new();
    for person in &persons {
        *present.entry(person.category).or_default() += 1;
    }
    let name = |place: Option<Name>| names.name(place).map(str::to_owned);
    let mut scores: BTreeMap<i64, i64> = BTreeMap::new();
    for score in persons.iter().filter_map(|person| person.score) {
        *scores.entry(score).or_default() += 1;
    }
    let part = Part {
        present: present.into_iter().map(|(place, persons)| Present { category: name(place), persons }).collect(),
        scores: scores.into_iter().collect(),
        rules,
        first: highest(persons.iter().map(|person| (Reverse(person.score.unwrap_or_default()), person.person_id)).collect()),
        cooling: falls(&config, card, &persons, &names, config.scored_on.plus(within_days)),
        grid,
    };
    Some(JsonB(serde_json::to_value(part).expect("numbers and names")))
}

/// `_overview(jsonb)`: what the parts of all nodes are together.
pub fn overview(parts: JsonB) -> JsonB {
    let parts = serde_json::from_value(parts.0).map_err(|e| Refusal::unreadable("a part of the report", &e)).or_raise();
    JsonB(serde_json::to_value(joined(parts)).expect("numbers and names"))
}

fn joined(parts: Vec<Part>) -> Overview {
    let mut present: HashMap<Option<String>, usize> = HashMap::new();
    let mut scores: BTreeMap<i64, i64> = BTreeMap::new();
    let mut rules: HashMap<Option<i32>, i128> = HashMap::new();
    let (mut first, mut cooling) = (Vec::new(), Vec::new());
    let mut cells = Cells::new();
    for part in parts {
        for Present { category, persons } in part.present {
            *present.entry(category).or_default() += persons;
        }
        for (score, persons) in part.scores {
            *scores.entry(score).or_default() += persons;
        }
        for RulePoints { rule_id, points } in part.rules {
            *rules.entry(rule_id).or_default() += i128::from(points);
        }
        first.extend(part.first);
        cooling.extend(part.cooling);
        for cell in part.grid {
            let known = cells.entry((cell.scorecard, cell.category, cell.other)).or_insert((0, i64::MIN, i64::MIN));
            *known = (known.0 + cell.persons, known.1.max(cell.high), known.2.max(cell.other_high));
        }
    }
    cooling
        .sort_by(|a: &Falls, b| (Reverse(a.score), &a.falls_on, a.person_id).cmp(&(Reverse(b.score), &b.falls_on, b.person_id)));
    cooling.truncate(LISTED);
    Overview {
        persons: present.values().sum(),
        present: present.into_iter().map(|(category, persons)| Present { category, persons }).collect(),
        scores: bars(&scores),
        rules: rules.into_iter().map(|(rule_id, points)| RulePoints { rule_id, points: to_bigint(points) }).collect(),
        first: highest(first).into_iter().map(|(_, person_id)| person_id).collect(),
        cooling,
        grid: grid(cells),
    }
}

/// How `main` stands against each scorecard that has categories: the highest scores first.
fn grid(cells: Cells) -> Vec<Cell> {
    let mut high: HashMap<(String, Option<String>), i64> = HashMap::new();
    let mut other_high: HashMap<(String, Option<String>), i64> = HashMap::new();
    for ((scorecard, category, other), (_, own, others)) in &cells {
        let highest = high.entry((scorecard.clone(), category.clone())).or_insert(i64::MIN);
        *highest = (*own).max(*highest);
        let highest = other_high.entry((scorecard.clone(), other.clone())).or_insert(i64::MIN);
        *highest = (*others).max(*highest);
    }
    let with_categories: HashSet<String> =
        cells.keys().filter(|(.., other)| other.is_some()).map(|(scorecard, ..)| scorecard.clone()).collect();
    let mut shown: Vec<Cell> = cells
        .into_iter()
        .filter(|((scorecard, ..), _)| with_categories.contains(scorecard))
        .map(|((scorecard, category, other), (persons, ..))| Cell {
            high: high[&(scorecard.clone(), category.clone())],
            other_high: other_high[&(scorecard.clone(), other.clone())],
            scorecard,
            category,
            other,
            persons,
        })
        .collect();
    shown.sort_by(|a, b| {
        let order = |cell: &Cell| (Reverse(cell.high), cell.category.clone(), Reverse(cell.other_high), cell.other.clone());
        a.scorecard.cmp(&b.scorecard).then_with(|| order(a).cmp(&order(b)))
    });
    shown
}

fn read_persons(config: &Config, owner: Option<&str>, tenant: Option<&str>, card: u16, names: &mut Names) -> Vec<Standing> {
    let visible = config.tables.visible();
    let mut persons = Vec::new();
    config.tables.each_person(|row| {
        let is_wanted = row.is_active
            && owner.is_none_or(|owner| row.owner == Some(owner))
            && tenant.is_none_or(|tenant| row.tenant == Some(tenant))
            && visible.as_ref().is_none_or(|visible| visible.contains(&row.person_id));
        if is_wanted {
            let category = row.category.map(|category| names.keep(category));
            persons.push(Standing {
                person_id: row.person_id,
                tenant: row.tenant.map(|tenant| names.keep(tenant)),
                kind: names.keep(row.kind),
                main: category,
                main_score: row.score,
                score: (card == MAIN).then_some(row.score),
                category: category.filter(|_| card == MAIN),
                at: Standpoint::through(config.scored_on, row.scored_through),
                loss: Loss::default(),
            });
        }
    });
    persons
}

/// Takes in the scores on other scorecards, and returns how `main` stands against each.
fn read_others(config: &Config, card: u16, persons: &mut [Standing], places: &Places, names: &mut Names) -> Vec<Cell> {
    type Category = Option<Name>;
    let mut counts: HashMap<(u16, Category, Category), (i64, i64, i64)> = HashMap::new();
    config.tables.each_other_score(|person_id, of, score, category| {
        let Some(place) = places.get(person_id) else { return };
        let person = &mut persons[place];
        let category = category.map(|category| names.keep(category));
        if of == card {
            (person.score, person.category) = (Some(score), category);
        }
        let known = counts.entry((of, person.main, category)).or_insert((0, i64::MIN, i64::MIN));
        *known = (known.0 + 1, known.1.max(person.main_score), known.2.max(score));
    });
    let cell = |((of, main, other), (persons, high, other_high)): ((u16, Category, Category), (i64, i64, i64))| Cell {
        scorecard: config.cards.name(of).to_owned(),
        category: names.name(main).map(str::to_owned),
        other: names.name(other).map(str::to_owned),
        persons,
        high,
        other_high,
    };
    counts.into_iter().map(cell).collect()
}

/// Sums what each rule gives, and what each person can lose until a day.
fn read_records(config: &Config, card: u16, until: Day, persons: &mut [Standing], places: &Places) -> Vec<RulePoints> {
    let scored_on = config.scored_on;
    let mut points: HashMap<Option<i32>, i128> = HashMap::new();
    config.tables.each_record(|person_id, record| {
        if config.cards.reaches(record.card, card)
            && let Some(place) = places.get(person_id)
        {
            let person = &mut persons[place];
            let at = Standpoint { scored_on, reach: person.at.reach };
            if let Some(loss) = Loss::by(&record, at, until) {
                person.loss.add(loss);
            }
            *points.entry(record.rule_id).or_default() += i128::from(record.counted(at));
        }
    });
    config.tables.each_due(|person_id, day| {
        if day <= until
            && let Some(place) = places.get(person_id)
        {
            persons[place].loss.add(Loss::Unknown);
        }
    });
    points.into_iter().map(|(rule_id, points)| RulePoints { rule_id, points: to_bigint(points) }).collect()
}

/// Those with the highest scores, the highest first.
fn highest(mut ranked: Vec<Ranked>) -> Vec<Ranked> {
    if ranked.len() > LISTED {
        ranked.select_nth_unstable(LISTED);
        ranked.truncate(LISTED);
    }
    ranked.sort_unstable();
    ranked
}

/// Who falls to a lower category until a day: those with the highest scores, of equal ones who falls first.
fn falls(config: &Config, card: u16, persons: &[Standing], names: &Names, until: Day) -> Vec<Falls> {
    let mut candidates: Vec<(i64, Above)> = Vec::new();
    for person in persons {
        let configuration = &config.rulebook(names.name(person.tenant)).configuration;
        let kind = names.text(person.kind);
        if let Some(score) = person.score
            && let Some(floor) = configuration.floor(card, kind, score)
        {
            let stands = Above { score, floor, reach: person.at.reach };
            if person.loss.is_enough(&stands) {
                candidates.push((person.person_id, stands));
            }
        }
    }
    candidates.sort_unstable_by_key(|(person_id, above)| (Reverse(above.score), *person_id));
    let one_by_one = OneByOne::of(config);
    let mut falls: Vec<Fall> = Vec::new();
    // Who has a lower score than ten that fall need not be asked.
    for equals in candidates.chunk_by(|one, other| one.1.score == other.1.score) {
        falls.extend(
            equals.iter().filter_map(|(person_id, above)| cooling::fall(config, &one_by_one, card, *person_id, above, until)),
        );
        if falls.len() >= LISTED {
            break;
        }
    }
    falls.sort_by_key(|fall| (Reverse(fall.score), fall.falls_on, fall.person_id));
    falls.truncate(LISTED);
    let shown = |fall: Fall| Falls {
        person_id: fall.person_id,
        score: fall.score,
        category: fall.category,
        falls_on: fall.falls_on.to_string(),
        falls_to_score: fall.falls_to_score,
        falls_to_category: fall.falls_to_category,
    };
    falls.into_iter().map(shown).collect()
}

/// How many scores lie in each of some equal ranges, those without any left out.
fn bars(scores: &BTreeMap<i64, i64>) -> Vec<Bar> {
    let (Some((&lowest, _)), Some((&highest, _))) = (scores.first_key_value(), scores.last_key_value()) else {
        return Vec::new();
    };
    let (lowest, highest) = (i128::from(lowest), i128::from(highest));
    let first = BAR * lowest.div_euclid(BAR);
    let width = BAR * ((highest - lowest + 1 + BARS - 1) / BARS).max(1);
    let mut counts: HashMap<i128, i64> = HashMap::new();
    for (&score, persons) in scores {
        *counts.entry((i128::from(score) - first) / width).or_default() += persons;
    }
    let mut bars: Vec<_> = counts.into_iter().collect();
    bars.sort_unstable();
    let bar = |(nth, persons): (i128, i64)| Bar {
        low: to_bigint(first + nth * width),
        high: to_bigint(first + (nth + 1) * width),
        persons,
    };
    bars.into_iter().map(bar).collect()
}

/// Nothing that a page shows is beyond a bigint.
fn to_bigint(number: i128) -> i64 {
    number.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(low: i64, high: i64, persons: i64) -> Bar {
        Bar { low, high, persons }
    }

    fn bars_of(scores: &[i64]) -> Vec<Bar> {
        bars(&scores.iter().map(|score| (*score, 1)).collect())
    }

    #[test]
    fn bars_start_at_a_multiple_of_five_below_zero_too() {
        assert_eq!(bars_of(&[-1, 0, 4, 5]), [bar(-5, 0, 1), bar(0, 5, 2), bar(5, 10, 1)]);
    }

    #[test]
    fn bars_are_no_more_than_can_be_seen() {
        assert_eq!(bars_of(&[0, 1000]), [bar(0, 30, 1), bar(990, 1020, 1)]);
        assert_eq!(bars_of(&[i64::MIN, i64::MAX]).len(), 2);
        assert!(bars_of(&[]).is_empty());
    }

    #[test]
    fn parts_are_added_up() {
        let cell = |category: &str, other: Option<&str>, persons, high| Cell {
            scorecard: "fit".into(),
            category: Some(category.into()),
            other: other.map(str::to_owned),
            persons,
            high,
            other_high: high,
        };
        let part = |score: i64, person_id: i64, grid: Vec<Cell>| Part {
            present: vec![Present { category: Some("hot".into()), persons: 2 }],
            scores: vec![(score, 1), (2000, 1)],
            rules: vec![RulePoints { rule_id: Some(1), points: i64::MAX }],
            first: vec![(Reverse(2000), person_id + 1), (Reverse(score), person_id)],
            cooling: Vec::new(),
            grid,
        };
        let whole = joined(vec![
            part(0, 10, vec![cell("cold", None, 1, 5), cell("hot", Some("good"), 1, 9)]),
            part(7, 20, vec![cell("cold", None, 3, 50)]),
        ]);
        assert_eq!((whole.persons, whole.present.len(), whole.present[0].persons), (4, 1, 4));
        assert_eq!(whole.scores, [bar(0, 55, 2), bar(1980, 2035, 2)]);
        assert_eq!(whole.rules[0].points, i64::MAX);
        assert_eq!(whole.first, [11, 21, 20, 10]);
        // The part that has nobody in a category of the other scorecard counts, too.
        let cells: Vec<_> = whole.grid.iter().map(|cell| (cell.category.as_deref(), cell.persons)).collect();
        assert_eq!(cells, [(Some("cold"), 4), (Some("hot"), 1)]);
    }
}
