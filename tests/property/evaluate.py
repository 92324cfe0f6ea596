"""Whether a score foretells an outcome: evaluate() and evaluate_rules() against the model.

A play like that of previews: random data, then one random question after the other, of the configuration as it is or of a
random document.  Every person is scored anew for every reference day from a history that ends on it, and the
figures are counted the long way: pair by pair, and as fractions.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import count
from math import sqrt
from typing import Any, Optional

from generate import KINDS, TENANTS, TYPES
from model import Interval, Model, Person, add
from play import DAY_ZERO, Mismatch, literal
from preview import PreviewPlay

# Six decimals, and what is lost where they are rounded.
NEAR = 1e-6


class Case:
    """A person on a reference day."""

    def __init__(self, person: Person, day: date, positive: bool, score: int, category: Optional[str]):
        self.person, self.day, self.positive, self.score, self.category = person, day, positive, score, category


def auc(cases: list[Case], score: Any = lambda case: case.score) -> Optional[float]:
    won, pairs = Fraction(0), 0
    for positive in (c for c in cases if c.positive):
        for negative in (c for c in cases if not c.positive and c.day == positive.day):
            pairs += 1
            ours, theirs = score(positive), score(negative)
            won += 1 if ours > theirs else Fraction(1, 2) if ours == theirs else 0
    return float(won / pairs) if pairs else None


def top_decile(cases: list[Case]) -> Optional[float]:
    outcomes = sum(c.positive for c in cases)
    if not outcomes:
        return None
    room, found = Fraction(len(cases), 10), Fraction(0)
    for score in sorted({c.score for c in cases}, reverse=True):
        same = [c for c in cases if c.score == score]
        taken = min(Fraction(1), room / len(same))
        found += taken * sum(c.positive for c in same)
        room -= taken * len(same)
    return float(found / outcomes)


def wilson(outcomes: int, persons: int) -> tuple[float, float]:
    """The rates p with (rate - p)² = z² p (1 - p) / n."""
    z, rate = 1.959963984540054, outcomes / persons
    a, b, c = 1 + z * z / persons, -(2 * rate + z * z / persons), rate * rate
    root = sqrt(max(0.0, b * b - 4 * a * c))
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def near(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return abs(float(left) - float(right)) <= NEAR


class EvaluatePlay(PreviewPlay):
    """Counts persons on reference days in person_days."""

    ACTS = (3, 6)
    CHECKS = 5

    def ask(self) -> None:
        self.check_evaluation()

    def question(self) -> tuple[dict, Model, str]:
        """The arguments, the model that they are asked of, and how they are written."""
        document, then, tenant = None, self.model, None
        if self.make.chance(0.5):
            document, then, _, tenant = self.configuration()
        elif "tenants" in self.features:
            tenant = self.make.maybe(0.2, self.rng.choice(TENANTS))
        persons = self.model.persons.values()
        if tenant is not None and not any(p.tenant == tenant for p in persons):
            return self.question()
        first = self.make.anchor + timedelta(days=self.rng.randint(-250, 60))
        kind = self.rng.choice(KINDS)
        asked = {
            "outcome": self.rng.choice(TYPES),
            "horizon": self.rng.choice([Interval(0, 1), Interval(0, 30), Interval(1, 0), Interval(3, 0), Interval(1, 3)]),
            "from_day": first,
            "until_day": first + timedelta(days=self.rng.choice([0, 20, 90, 200])),
            "every": self.rng.choice([Interval(1, 0), Interval(0, 17), Interval(0, 40), Interval(1, 1)]),
            "person_kind": kind if any(p.kind == kind for p in persons) and self.make.chance(0.3) else None,
            "scorecard": self.rng.choice(list(then.scorecards)) if self.make.chance(0.3) else "main",
            "tenant": tenant,
        }
        written = ", ".join(
            f"{name} => {literal(str(value) if isinstance(value, Interval) else value.isoformat() if isinstance(value, date) else value)}"
            for name, value in asked.items()
            if value is not None
        )
        if document is not None:
            written += f", config => {literal(document)}"
        return asked, then, written

    def reference_days(self, asked: dict, last_run: date) -> list[date]:
        days = []
        for nth in count():
            day = add(asked["from_day"], asked["every"].times(nth))
            if day > asked["until_day"]:
                return days
            if add(day, asked["horizon"]) <= last_run:
                days.append(day)

    def known(self, then: Model, day: date) -> Model:
        known = copy.copy(then)
        known.activities = {n: a for n, a in then.activities.items() if then.day_of(a.occurred_at) <= day}
        return known

    def cases(self, asked: dict, then: Model, last_run: date) -> list[Case]:
        cases = []
        for day in self.reference_days(asked, last_run):
            known = self.known(then, day)
            for person in then.persons.values():
                outcomes = [then.day_of(a.occurred_at) for a in then.activities_of(person) if a.activity_type == asked["outcome"]]
                if (
                    not person.active
                    or asked["person_kind"] not in (None, person.kind)
                    or asked["tenant"] not in (None, person.tenant)
                    or then.day_of(person.since) > day
                    or any(outcome <= day for outcome in outcomes)
                ):
                    continue
                positive = any(outcome <= add(day, asked["horizon"]) for outcome in outcomes)
                score = known.score_at(person, day, asked["scorecard"])
                cases.append(Case(person, day, positive, score, known.category_of(person, score, asked["scorecard"])))
        return cases

    def check_evaluation(self) -> None:
        asked, then, written = self.question()
        last_run = DAY_ZERO + timedelta(days=self.query("SELECT scored_on - date '2000-01-01' FROM leadscore.state")[0][0])
        cases = self.cases(asked, then, last_run)
        self.outcome.person_days += len(cases)
        rows = self.query(f"SELECT * FROM leadscore.evaluate({written})")
        said = {row[0]: row[1:] for row in rows}
        whole = len(cases), sum(c.positive for c in cases)
        rate = Fraction(whole[1], whole[0]) if whole[0] else None
        for category in {None, *(c.category for c in cases), *said}:
            mine = cases if category is None else [c for c in cases if c.category == category]
            persons, outcomes = len(mine), sum(c.positive for c in mine)
            own = Fraction(outcomes, persons) if persons else None
            expected = [persons, outcomes, own, *(wilson(outcomes, persons) if persons else (None, None)), own / rate if rate and own is not None else None]
            expected += [auc(cases), top_decile(cases)] if category is None else [None, None]
            if category not in said or not all(near(a, b) for a, b in zip(expected, said[category])):
                self.differs(f"evaluate() of category {category}", written, expected, said.get(category))
        if rows and rows[-1][0] is not None:
            self.differs("the last row of evaluate()", written, None, rows[-1][0])
        if cases and self.make.chance(0.5):
            self.check_rules(asked, then, written, cases)

    def check_rules(self, asked: dict, then: Model, written: str, cases: list[Case]) -> None:
        """Of one rule persons with it and the AUC without it, as it is and with another length of time."""
        windows = [Interval(0, 20), Interval(2, 0)]
        said = {
            (row[0], row[1]): row[2:]
            for row in self.query(
                "SELECT rule, rule_window::text, persons_with, outcomes_with, persons_without, auc, auc_without"
                f" FROM leadscore.evaluate_rules({written}, windows => {literal('{' + ','.join(map(str, windows)) + '}')}) ORDER BY rule, rule_window"
            )
        }
        names = sorted({name for name, _ in said})
        if not names:
            return
        name = self.rng.choice(names)
        lines = [window for rule, window in said if rule == name]
        column = {"activity": "relevant_for", "profile": "relevant_for", "inactivity": "inactive_for", "frequency": "within"}
        whole = auc(cases)
        without = copy.copy(then)
        without.rules = {n: replace(r, enabled=False) if r.name == name else r for n, r in then.rules.items()}
        auc_without = self.auc_of(asked, without, cases)
        # Rules of tenants may have the name and another length: then it is not told which line is which.
        lengths = {getattr(r, column[r.kind]) for r in then.rules.values() if r.name == name and r.enabled}
        if len(lengths) != 1:
            return
        (length,) = lengths
        for window in [None, *windows]:
            if window == length:
                continue
            tried = copy.copy(then)
            if window is not None:
                tried.rules = {n: replace(r, **{column[r.kind]: window}) if r.name == name else r for n, r in then.rules.items()}
            with_it = [c for c in cases if self.has_rule(tried, c, name)]
            shown = str(window or length) if window or length else None
            key = next((w for w in lines if (w is None) == (shown is None) and (w is None or self.same_length(w, shown))), "missing")
            expected = [len(with_it), sum(c.positive for c in with_it), len(cases) - len(with_it),
                        whole if window is None else self.auc_of(asked, tried, cases), auc_without]
            if key == "missing" or not all(near(a, b) for a, b in zip(expected, said[name, key])):
                self.differs(f"evaluate_rules() of rule {name} with {shown}", written, expected, said.get((name, key)))

    def same_length(self, left: str, right: str) -> bool:
        return self.query(f"SELECT {literal(left)}::interval::text = {literal(right)}::interval::text")[0][0]

    def has_rule(self, then: Model, case: Case, name: str) -> bool:
        known = self.known(then, case.day)
        return any(r.counts_on(case.day) and then.rules[r.rule_id].name == name for r in known.records(case.person, case.day))

    def auc_of(self, asked: dict, then: Model, cases: list[Case]) -> Optional[float]:
        scores = {id(c): self.known(then, c.day).score_at(c.person, c.day, asked["scorecard"]) for c in cases}
        return auc(cases, lambda case: scores[id(case)])

    def differs(self, what: str, written: str, expected: Any, said: Any) -> None:
        show = [str(x) if isinstance(x, (Decimal, Fraction)) else x for x in expected or []]
        raise Mismatch(f"{what} differs", [f"expected {show}, got {[str(x) for x in said] if said else said}",
                                           f"SELECT * FROM leadscore.evaluate({written});"])
