//! The configuration by which the persons of one tenant are scored.

use crate::category::{self, Category};
use crate::refusal::Refusal;
use crate::rule::{Rule, RuleKind};
use crate::scorecard::{MAIN, Scorecard, Scorecards};
use std::collections::HashSet;

/// Rules, categories and scorecards, as they are in effect for the persons of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Configuration {
    /// The enabled ones, in the order of their ids.
    pub rules: Vec<Rule>,
    pub categories: Vec<Category>,
    pub cards: Scorecards,
    /// What some of the rules need to look at, so that nobody else pays for it.
    pub looks_at: LooksAt,
}

/// What some of the rules look at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LooksAt {
    /// `person_filter`: the attributes of persons.
    pub person_attributes: bool,
    /// Whether a person refused to be seen on the website.
    pub consent: bool,
    pub silence: bool,
    /// Frequency: what an activity gives depends on others, without caps.
    pub frequency: bool,
    /// Records that fall to half on days that nothing else tells.
    pub halving: bool,
}

impl Configuration {
    /// What is in effect for a tenant (`None`: for persons without one): its own rules, and everybody's
    /// but those that it replaces by name. Rules and categories of other tenants may be among those given.
    ///
    /// # Errors
    /// A refusal of scorecards that cannot be.
    pub fn new(
        tenant: Option<&str>,
        rules: Vec<Rule>,
        mut categories: Vec<Category>,
        scorecards: Vec<Scorecard>,
    ) -> Result<Configuration, Refusal> {
        let cards = Scorecards::new(scorecards)?;
        let is_own = |of: &Option<String>| of.is_some() && of.as_deref() == tenant;
        let own: HashSet<String> = rules.iter().filter(|rule| is_own(&rule.tenant)).map(|rule| rule.name.clone()).collect();
        let mut in_effect: Vec<Rule> = rules
            .into_iter()
            .filter(|rule| rule.enabled && (is_own(&rule.tenant) || (rule.tenant.is_none() && !own.contains(&rule.name))))
            // One whose scorecard is gone has nowhere to give its points.
            .filter_map(|rule| cards.place(&rule.scorecard).map(|card| Rule { card, ..rule }))
            .collect();
        in_effect.sort_by_key(|rule| rule.rule_id);
        categories.retain_mut(|category| match cards.place(&category.scorecard) {
            Some(card) => {
                category.card = card;
                category.tenant.is_none() || is_own(&category.tenant)
            }
            None => false,
        });
        let any = |of: fn(&Rule) -> bool| in_effect.iter().any(of);
        let looks_at = LooksAt {
            person_attributes: any(|rule| rule.person_filter.is_some()),
            consent: any(|rule| rule.online),
            silence: any(|rule| rule.kind == RuleKind::Inactivity),
            frequency: any(|rule| rule.kind == RuleKind::Frequency),
            halving: any(|rule| rule.half_life.is_some()),
        };
        Ok(Configuration { rules: in_effect, categories, cards, looks_at })
    }

    /// The name of the category in which a score of a kind of person falls.
    pub fn category(&self, card: u16, kind: &str, score: i64) -> Option<&str> {
        category::category(&self.categories, card, kind, score).map(|category| category.name.as_str())
    }

    /// The rules of a kind.
    pub fn of_kind(&self, kind: RuleKind) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(move |rule| rule.kind == kind)
    }

    /// The rule of an id, if it is in effect.
    pub fn rule(&self, rule_id: i32) -> Option<&Rule> {
        self.rules.binary_search_by_key(&rule_id, |rule| rule.rule_id).ok().map(|at| &self.rules[at])
    }

    /// Whether the points of a rule simply add up to `main`'s score and touch no other, so that a change of
    /// one record is a change of the score.
    pub fn adds_up(&self, rule: &Rule) -> bool {
        rule.card == MAIN && self.cards.stands_alone(MAIN)
    }

    /// What `main`'s score is when nothing counts.
    pub fn nothing(&self) -> Vec<i64> {
        self.cards.scores(&[]).unwrap_or_else(|_| vec![0; self.cards.count()])
    }

    /// The lowest score of the category of a kind's score on a scorecard; `None` if it is in the lowest, or in none.
    pub fn floor(&self, card: u16, kind: &str, score: i64) -> Option<i64> {
        category::category(&self.categories, card, kind, score).and_then(|category| category.min_score)
    }
}

/// The place of `main` among the scores.
pub const MAIN_SCORE: usize = MAIN as usize;

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rule_id: i32, tenant: Option<&str>, name: &str, enabled: bool) -> Rule {
        Rule { rule_id, tenant: tenant.map(str::to_owned), name: name.into(), enabled, ..Rule::default() }
    }

    #[test]
    fn a_tenant_replaces_and_switches_off_by_name() {
        let rules = vec![
            rule(1, None, "call", true),
            rule(2, None, "visit", true),
            rule(3, Some("acme"), "call", true),
            rule(4, Some("acme"), "visit", false),
            rule(5, Some("other"), "mail", true),
        ];
        let ids = |tenant| {
            let configuration = Configuration::new(tenant, rules.clone(), vec![], vec![]).unwrap();
            configuration.rules.iter().map(|rule| rule.rule_id).collect::<Vec<_>>()
        };
        assert_eq!(ids(None), [1, 2]);
        assert_eq!(ids(Some("acme")), [3]);
        assert_eq!(ids(Some("other")), [1, 2, 5]);
    }
}
