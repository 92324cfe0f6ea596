//! Scorecards: how the points of rules become the scores of a person.

use crate::refusal::{Code, Refusal};
use serde::Deserialize;

/// A row of `leadscore.scorecard`.
#[derive(Debug, Clone, Deserialize)]
pub struct Scorecard {
    pub scorecard: String,
    /// The scorecard to whose score its own is added.
    pub part_of: Option<String>,
    pub min_score: Option<i64>,
    pub max_score: Option<i64>,
}

/// All scorecards; the one at place 0 is `main`.
#[derive(Debug, Clone)]
pub struct Scorecards {
    cards: Vec<Scorecard>,
    part_of: Vec<Option<u16>>,
    /// The places, each before the one that it is part of.
    order: Vec<u16>,
}

/// The place of `main`.
pub const MAIN: u16 = 0;

/// The name of the scorecard that is always there.
pub const MAIN_NAME: &str = "main";

impl Default for Scorecards {
    fn default() -> Scorecards {
        let main = Scorecard { scorecard: MAIN_NAME.into(), part_of: None, min_score: None, max_score: None };
        Scorecards { cards: vec![main], part_of: vec![None], order: vec![MAIN] }
    }
}

/// By how much a limit changes a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The scorecard that has it.
    pub card: u16,
    /// The limit, in points.
    pub limit: i64,
    /// What it adds, in points: negative where it caps.
    pub change: i64,
}

impl Scorecards {
    /// From the rows of `leadscore.scorecard`; `main` need not be among them.
    ///
    /// # Errors
    /// A refusal of a scorecard that is part of one that does not exist, directly or not part of itself,
    /// or whose limits leave no score.
    pub fn new(rows: Vec<Scorecard>) -> Result<Scorecards, Refusal> {
        let mut cards = Scorecards::default().cards;
        for row in rows {
            match row.scorecard.as_str() {
                MAIN_NAME => cards[0] = row,
                _ => cards.push(row),
            }
        }
        cards[1..].sort_by(|a, b| a.scorecard.cmp(&b.scorecard));
        let refuse = |what: String| Refusal::new(Code::InvalidParameterValue, what);
        let mut part_of = Vec::new();
        for card in &cards {
            let Some(whole) = &card.part_of else {
                part_of.push(None);
                continue;
            };
            let Some(place) = cards.iter().position(|other| other.scorecard == *whole) else {
                return Err(refuse(format!("scorecard \"{}\" is part of \"{whole}\", which does not exist", card.scorecard))
                    .detail("The score of a part is added to another scorecard's.")
                    .hint(format!("INSERT INTO leadscore.scorecard (scorecard) VALUES ('{}');", whole.replace('\'', "''"))));
            };
            part_of.push(Some(place as u16));
        }
        for card in &cards {
            if let (Some(min), Some(max)) = (card.min_score, card.max_score)
                && min > max
            {
                return Err(refuse(format!("scorecard \"{}\": min_score {min} is above max_score {max}", card.scorecard))
                    .detail("No score is both not below the one and not above the other.")
                    .hint("Exchange them, or leave one NULL."));
            }
        }
        // Each after all of its parts: whoever still has parts to come waits.
        let mut order: Vec<u16> = Vec::new();
        while order.len() < cards.len() {
            let ready = (0..cards.len() as u16).find(|&place| {
                !order.contains(&place)
                    && (0..cards.len() as u16).all(|other| part_of[other as usize] != Some(place) || order.contains(&other))
            });
            let Some(ready) = ready else {
                let place = (0..cards.len() as u16).find(|place| !order.contains(place)).unwrap_or(MAIN);
                return Err(refuse(format!("scorecard \"{}\" would be part of itself", cards[place as usize].scorecard))
                    .detail("The score of a part is added to another scorecard's, so there can be no cycle.")
                    .hint("Set part_of of one of them to NULL."));
            };
            order.push(ready);
        }
        Ok(Scorecards { cards, part_of, order })
    }

    /// How many there are, `main` included.
    pub fn count(&self) -> usize {
        self.cards.len()
    }

    /// Whether there is nothing but `main`.
    pub fn is_main_alone(&self) -> bool {
        self.cards.len() == 1
    }

    /// Whether the points of one simply add up to its score and reach no other: it has no limit, and is part
    /// of nothing.
    pub fn stands_alone(&self, place: u16) -> bool {
        let is_limited = |card: &Scorecard| card.min_score.is_some() || card.max_score.is_some();
        self.cards.get(place as usize).is_some_and(|card| !is_limited(card)) && self.part_of[place as usize].is_none()
    }

    /// The place of the scorecard of a name.
    pub fn place(&self, name: &str) -> Option<u16> {
        self.cards.iter().position(|card| card.scorecard == name).map(|place| place as u16)
    }

    pub fn name(&self, place: u16) -> &str {
        self.cards.get(place as usize).map_or("", |card| card.scorecard.as_str())
    }

    /// All but `main`: place and name.
    pub fn others(&self) -> impl Iterator<Item = (u16, &str)> {
        self.cards.iter().enumerate().skip(1).map(|(place, card)| (place as u16, card.scorecard.as_str()))
    }

    /// Whether what belongs to one scorecard reaches the score of another: it is that one, or part of it.
    pub fn reaches(&self, card: u16, whole: u16) -> bool {
        let mut at = Some(card);
        while let Some(place) = at {
            if place == whole {
                return true;
            }
            at = self.part_of.get(place as usize).copied().flatten();
        }
        false
    }

    /// The scores from the points of each scorecard's own records.
    ///
    /// # Errors
    /// A refusal when a score leaves the range of bigint.
    pub fn scores(&self, own: &[i128]) -> Result<Vec<i64>, Refusal> {
        self.sum_up(own, &mut |_| {})
    }

    /// The limits that change the score of a scorecard, those of its parts included.
    pub fn limits(&self, own: &[i128], whole: u16) -> Vec<Limit> {
        let mut limits = Vec::new();
        let _ = self.sum_up(own, &mut |limit| {
            if self.reaches(limit.card, whole) {
                limits.push(limit);
            }
        });
        limits
    }

    fn sum_up(&self, own: &[i128], bites: &mut dyn FnMut(Limit)) -> Result<Vec<i64>, Refusal> {
        let mut sums = own.to_vec();
        sums.resize(self.cards.len(), 0);
        let mut scores = vec![0; self.cards.len()];
        for &place in &self.order {
            let card = &self.cards[place as usize];
            let sum = sums[place as usize];
            let low = card.min_score.map(i128::from);
            let high = card.max_score.map(i128::from);
            let score = low.map_or(sum, |low| sum.max(low));
            let score = high.map_or(score, |high| score.min(high));
            let beyond = |sum: i128| {
                let refusal = Refusal::score_out_of_range(sum);
                let detail = format!("{} Its scorecard is \"{}\".", refusal.detail, card.scorecard);
                refusal.detail(detail)
            };
            let change = |by: i128| i64::try_from(by).map_err(|_| beyond(by));
            scores[place as usize] = change(score)?;
            if score != sum {
                bites(Limit { card: place, limit: scores[place as usize], change: change(score - sum)? });
            }
            if let Some(whole) = self.part_of[place as usize] {
                sums[whole as usize] += score;
            }
        }
        Ok(scores)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(name: &str, part_of: Option<&str>, min: Option<i64>, max: Option<i64>) -> Scorecard {
        Scorecard { scorecard: name.into(), part_of: part_of.map(str::to_owned), min_score: min, max_score: max }
    }

    #[test]
    fn parts_add_up_within_their_limits() {
        let cards = Scorecards::new(vec![
            card("web", Some("main"), None, Some(40)),
            card("fit", None, Some(0), None),
            card("main", None, None, None),
            card("clicks", Some("web"), None, None),
        ])
        .unwrap();
        let place = |name| cards.place(name).unwrap() as usize;
        let mut own = vec![0; 4];
        own[place("main")] = 7;
        own[place("web")] = 30;
        own[place("clicks")] = 25;
        own[place("fit")] = -3;
        let scores = cards.scores(&own).unwrap();
        assert_eq!(["main", "web", "clicks", "fit"].map(|name| scores[place(name)]), [47, 40, 25, 0]);
        let limits = cards.limits(&own, MAIN);
        assert_eq!(limits, [Limit { card: place("web") as u16, limit: 40, change: -15 }]);
        assert_eq!(cards.limits(&own, place("fit") as u16).len(), 1);
        assert!(cards.reaches(place("clicks") as u16, MAIN) && !cards.reaches(place("fit") as u16, MAIN));
    }

    #[test]
    fn cycles_and_strangers_are_refused() {
        let refused = |rows| Scorecards::new(rows).unwrap_err().message;
        assert_eq!(
            refused(vec![card("a", Some("b"), None, None), card("b", Some("a"), None, None)]),
            "scorecard \"a\" would be part of itself"
        );
        assert_eq!(refused(vec![card("main", Some("main"), None, None)]), "scorecard \"main\" would be part of itself");
        assert_eq!(refused(vec![card("a", Some("x"), None, None)]), "scorecard \"a\" is part of \"x\", which does not exist");
        assert!(refused(vec![card("a", None, Some(2), Some(1))]).contains("above max_score"));
    }

    #[test]
    fn scores_stay_in_range() {
        let cards = Scorecards::default();
        assert_eq!(cards.scores(&[i128::from(i64::MAX)]).unwrap(), [i64::MAX]);
        assert_eq!(cards.scores(&[i128::from(i64::MAX) + 1]).unwrap_err().message, "score out of range");
    }
}
