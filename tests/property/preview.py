"""What a changed configuration would do: preview() and test_config() against the model and against the deed.

A play of another sort: random data as in play.py, then one random configuration after the other.  For each,
preview_persons() and preview() must say what the model says, and what import_config() and a run then give, which are
rolled back; and the tests that a configuration carries must come out as the model has it.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from generate import KINDS, TIME_ZONES, TYPES
from model import Activity, Category, Interval, Model, Person, Rule
from play import DAY_ZERO, Mismatch, Outcome, Play, as_days, day_number, literal

NEW_TYPES = ["webinar", "fair"]


def as_json(value: Any) -> Any:
    if isinstance(value, Interval):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


class PreviewPlay(Play):
    """Counts persons and expectations compared in person_days."""

    def run(self) -> Outcome:
        try:
            self.start()
            for _ in range(self.rng.randint(2, 5)):
                self.act()
            self.recompute_some_day()
            for _ in range(6):
                self.check_preview()
                if self.make.chance(0.5):
                    self.act()
        except Mismatch as mismatch:
            self.outcome.passed = False
            self.outcome.story = self.tell(mismatch)
        self.outcome.persons = len(self.known_persons)
        return self.outcome

    # --- a configuration, as a document and as a model ---

    def configuration(self) -> tuple[dict, Model, list[str]]:
        """A random document, the model as it would be with it, and the activity types that there would be."""
        now = self.model
        then = Model(now.time_zone, now.persons, now.activities, dict(now.rules), dict(now.categories), now.adjustments)
        document: dict[str, Any] = {}
        types = list(TYPES)
        if self.make.chance(0.4):
            then.time_zone = self.rng.choice(TIME_ZONES)
            document["settings"] = {"time_zone": then.time_zone}
        if self.make.chance(0.3):
            types += NEW_TYPES
            document["activity_types"] = [{"activity_type": name} for name in NEW_TYPES]
        if self.make.chance(0.6):
            then.categories = {}
            for kind in [None, *KINDS]:
                if self.make.chance(0.6 if kind is None else 0.3):
                    for name, low in self.make.bands():
                        number = len(then.categories) + 1
                        then.categories[number] = Category(number, kind, f"{name} {kind or 'of all'}", low)
            rows = [{"person_kind": c.person_kind, "name": c.name, "min_score": c.min_score} for c in then.categories.values()]
            self.rng.shuffle(rows)
            document["categories"] = [self.sparse(row) for row in rows]
        if self.make.chance(0.85):
            names = [rule.name for rule in now.rules.values()]
            # Some rules go, some change, some stay as they are, some come.
            then.rules = {n: rule for n, rule in now.rules.items() if self.make.chance(0.8)}
            for number, rule in list(then.rules.items()):
                if self.make.chance(0.5):
                    then.rules[number] = Rule(rule_id=number, name=rule.name, **self.make.rule())
            for number in range(self.rng.randint(0, 4)):
                columns = self.make.rule()
                if columns["activity_types"] and len(types) > len(TYPES) and self.make.chance(0.5):
                    columns["activity_types"] = columns["activity_types"] + [self.rng.choice(NEW_TYPES)]
                then.rules[-1 - number] = Rule(rule_id=-1 - number, name=f"assumed {number} {len(names)}", **columns)
            document["rules"] = []
            for rule in then.rules.values():
                columns = {name: as_json(value) for name, value in vars(rule).items() if name != "rule_id"}
                document["rules"].append(self.sparse(columns))
            self.rng.shuffle(document["rules"])
        return document, then, types

    def sparse(self, columns: dict) -> dict:
        """What is NULL is sometimes left out and sometimes said."""
        return {name: value for name, value in columns.items() if value is not None or self.make.chance(0.3)}

    # --- tests that it carries ---

    def carried_tests(self, then: Model, types: list[str]) -> list[dict]:
        """Cases whose expectations are the model's."""
        zone = ZoneInfo(then.time_zone)
        anchor = self.make.anchor
        cases = []
        for number in range(self.rng.randint(1, 3)):
            kind, status = self.rng.choice(KINDS), self.make.status()
            since = anchor + timedelta(days=self.rng.randint(-200, 0))
            person = Person(1, kind, status, datetime.combine(since, time(0), zone))
            alone = Model(then.time_zone, {1: person}, {}, then.rules, then.categories, {})
            activities = []
            for nth in range(1, self.rng.randint(0, 8) + 1):
                day = anchor + timedelta(days=self.rng.randint(-200, 20))
                # No hour at which clocks change, so that a local time is one instant.
                clock = self.make.maybe(0.6, time(self.rng.randint(9, 20), self.rng.choice([0, 30])))
                attributes = self.make.maybe(0.6, self.make.attributes())
                kind_of = self.rng.choice(types)
                alone.activities[nth] = Activity(nth, 1, kind_of, datetime.combine(day, clock or time(0), zone), attributes)
                activities.append(self.sparse({
                    "activity_type": kind_of,
                    "on": day.isoformat() + (f" {clock:%H:%M}" if clock else ""),
                    "attributes": attributes,
                }))
            expect = []
            for day in sorted({anchor + timedelta(days=self.rng.randint(-200, 200)) for _ in range(self.rng.randint(1, 5))}):
                score = alone.score_at(person, day)
                expect.append(self.sparse({"on": day.isoformat(), "score": score,
                                           "category": self.make.maybe(0.7, alone.category_of(person, score))}))
            case = {"name": f"case {number}", "person": self.sparse({"kind": kind, "status": status, "since": since.isoformat()}),
                    "activities": activities, "expect": expect}
            if not activities and self.make.chance(0.5):
                del case["activities"]
            cases.append(case)
        return cases

    def check_carried_tests(self, document: dict, cases: list[dict]) -> None:
        """All of them pass as they are; where one is made wrong, that one alone fails."""
        wrong = copy.deepcopy(cases)
        odd = set()
        for case in wrong:
            for expectation in case["expect"]:
                if self.make.chance(0.2):
                    expectation["score"] += self.rng.choice([-3, -1, 1, 2])
                    odd.add((case["name"], expectation["on"]))
        for variant, fails in ((cases, set()), (wrong, odd)):
            rows = self.query(
                f"SELECT test, {as_days('on_day')}, expected_score, score, expected_category, category, passed"
                f" FROM leadscore.test_config({literal({**document, 'tests': variant})})"
            )
            self.outcome.person_days += len(rows)
            right = {(c["name"], e["on"]): e for c in cases for e in c["expect"]}
            if len(rows) != len(right):
                raise Mismatch("test_config left out expectations", [f"{len(rows)} of {len(right)}", json.dumps(document)])
            for name, number, expected, score, expected_category, category, passed in rows:
                key = name, (DAY_ZERO + timedelta(days=number)).isoformat()
                if score != right[key]["score"] or passed != (key not in fails):
                    raise Mismatch(
                        "test_config differs",
                        [f"{key}: the model says {right[key]}, test_config {score} {category}, expected {expected}"
                         f" {expected_category}, passed {passed}", json.dumps({**document, "tests": variant}, ensure_ascii=False)],
                    )

    # --- the comparison ---

    def check_preview(self) -> None:
        document, then, types = self.configuration()
        cases = self.carried_tests(then, types)
        self.check_carried_tests(document, cases)
        as_of = self.make.instant()
        day = then.day_of(as_of)
        arguments = f"{literal(document)}, {literal(as_of)}"
        before = dict(
            (row[0], row[1:]) for row in self.query("SELECT person_id, kind, score, category FROM leadscore.person")
        )
        said = {
            row[0]: row[1:]
            for row in self.query(
                "SELECT person_id, kind, score_before, category_before, score_after, category_after"
                f" FROM leadscore.preview_persons({arguments})"
            )
        }
        moved = Counter()
        for kind, category, after, persons in self.query(
            f"SELECT kind, category_before, category_after, persons FROM leadscore.preview({arguments})"
        ):
            moved[kind, category, after] += persons
        expected = {}
        for person in self.model.persons.values():
            score = then.score_at(person, day)
            expected[person.person_id] = (*before[person.person_id], score, then.category_of(person, score))
        self.compare(f"preview_persons as of {day}", expected, said, document)
        counted = Counter((kind, category, after) for kind, _, category, _, after in expected.values())
        if moved != counted:
            raise Mismatch("preview does not sum preview_persons up", [f"{counted - moved} missing", f"{moved - counted} too many"])

        # The deed, with the tests that it carries.
        self.execute("BEGIN")
        self.execute(f"SELECT leadscore.import_config({literal({**document, 'tests': cases})})")
        scored_on = self.execute(f"SELECT {as_days('scored_on')} FROM public.leadscore_recompute({literal(as_of)})")
        if scored_on[0][0] != day_number(day):
            raise Mismatch("the run after the import is of another day", [f"{day}: {scored_on}"])
        done = {
            row[0]: (*before[row[0]], *row[1:]) for row in self.query("SELECT person_id, score, category FROM leadscore.person")
        }
        self.execute("ROLLBACK")
        self.compare(f"import and run as of {day}, against the preview,", done, said, document)

    def compare(self, what: str, expected: dict, said: dict, document: dict) -> None:
        self.outcome.person_days += len(expected)
        if expected == said:
            return
        odd = sorted(n for n in {**expected, **said} if expected.get(n) != said.get(n))
        raise Mismatch(
            f"{what} differs",
            [f"person {n}: expected {expected.get(n)}, got {said.get(n)}" for n in odd[:5]]
            + [json.dumps(document, ensure_ascii=False)],
            odd[:1],
        )
