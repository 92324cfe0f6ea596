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
from time import monotonic as time_now
from typing import Any, Optional
from zoneinfo import ZoneInfo

from filters import Filter
from generate import KINDS, TENANTS, TIME_ZONES, TYPES
from model import Activity, Category, Interval, Model, Person, Rule, Scorecard
from play import DAY_ZERO, Mismatch, Outcome, Play, as_days, day_number, literal

NEW_TYPES = ["webinar", "fair"]


def as_json(value: Any) -> Any:
    if isinstance(value, (Interval, Filter)):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


class PreviewPlay(Play):
    """Counts persons and expectations compared in person_days."""

    # So many statements come before the first question, and so many questions are asked.
    ACTS = (2, 5)
    CHECKS = 6

    def ask(self) -> None:
        self.check_preview()

    def run(self) -> Outcome:
        try:
            self.start()
            for _ in range(self.rng.randint(*self.ACTS)):
                self.act()
            self.recompute_some_day()
            for _ in range(self.CHECKS):
                self.ask()
                if self.make.chance(0.5):
                    self.act()
                if time_now() > self.deadline:
                    self.outcome.cut_short = True
                    break
        except Mismatch as mismatch:
            self.outcome.passed = False
            self.outcome.story = self.tell(mismatch)
        self.outcome.persons = len(self.known_persons)
        return self.outcome

    def start(self) -> None:
        """Leaves out what a document cannot say yet."""
        schema = self.query("SELECT leadscore.config_schema()")[0][0]
        parts = schema.get("$defs", {})

        def says(part: str, column: str) -> bool:
            return column in parts.get(part, {}).get("properties", {})

        said = {
            "filters": says("Rule", "filter") and says("Rule", "person_filter"),
            "halving": says("Rule", "half_life"),
            "frequency": says("Rule", "within"),
            "profile": says("Rule", "within"),
            "excused": says("Rule", "excused_by_planned"),
            "scorecards": says("Category", "scorecard") and "scorecards" in schema.get("properties", {}),
            "tenants": self.exists("leadscore.import_config(jsonb,text)"),
        }
        self.features -= {feature for feature, can in said.items() if not can}
        self.test_persons_have = [name for name in ("attributes", "active") if says("TestPerson", name)]
        names = self.query(
            "SELECT proname, proargnames FROM pg_catalog.pg_proc WHERE pronamespace = 'leadscore'::regnamespace"
            " AND proname IN ('preview', 'preview_persons', 'test_config')"
        )
        self.arguments = {name: found or [] for name, found in names}
        super().start()

    # --- a configuration, as a document and as a model ---

    def configuration(self) -> tuple[dict, Model, list[str], Optional[str]]:
        """A random document, the model as it would be with it, the activity types that there would be, and whose
        configuration it is: with a tenant its own rules and categories alone, without one those of nobody's."""
        now = self.model
        then = Model(
            now.time_zone, now.persons, now.activities, dict(now.rules), dict(now.categories), now.adjustments, dict(now.scorecards)
        )
        document: dict[str, Any] = {}
        types = list(TYPES)
        tenant = self.rng.choice(TENANTS) if "tenants" in self.features and self.make.chance(0.3) else None
        if tenant is None:
            if self.make.chance(0.4):
                then.time_zone = self.rng.choice(TIME_ZONES)
                document["settings"] = {"time_zone": then.time_zone}
            if self.make.chance(0.3):
                types += NEW_TYPES
                document["activity_types"] = [{"activity_type": name} for name in NEW_TYPES]
            if "scorecards" in self.features and self.make.chance(0.5):
                self.assume_scorecards(document, then)
        if self.make.chance(0.6):
            self.assume_categories(document, then, tenant)
        if self.make.chance(0.85):
            self.assume_rules(document, then, tenant, types)
        return document, then, types, tenant

    def assume_scorecards(self, document: dict, then: Model) -> None:
        """Other limits and parts, and a new one."""
        if self.make.chance(0.5):
            then.scorecards["assumed"] = Scorecard("assumed")
        for name in list(then.scorecards):
            if self.make.chance(0.5):
                part_of = self.rng.choice(self.make.parents(then.scorecards, name))
                then.scorecards[name] = Scorecard(name, part_of, *self.make.limits())
        document["scorecards"] = [self.sparse(vars(card)) for card in then.scorecards.values()]
        self.rng.shuffle(document["scorecards"])

    def assume_categories(self, document: dict, then: Model, tenant: Optional[str]) -> None:
        then.categories = {n: c for n, c in then.categories.items() if c.tenant != tenant}
        rows = []
        for card in then.scorecards:
            for kind in [None, *KINDS]:
                if self.make.chance(0.6 if kind is None else 0.3):
                    for name, low in self.make.bands():
                        number = -1 - len(rows)
                        name = f"{name} {kind or 'of all'} {card} {tenant or ''}".strip()
                        then.categories[number] = Category(number, kind, name, low, tenant, card)
                        rows.append({"person_kind": kind, "name": name, "min_score": low, "scorecard": card})
        if "scorecards" not in self.features:
            rows = [{n: v for n, v in row.items() if n != "scorecard"} for row in rows]
        self.rng.shuffle(rows)
        document["categories"] = [self.sparse(row) for row in rows]

    def assume_rules(self, document: dict, then: Model, tenant: Optional[str], types: list[str]) -> None:
        """Some rules go, some change, some stay as they are, some come."""
        concerned = {n: rule for n, rule in then.rules.items() if rule.tenant == tenant}
        others = {n: rule for n, rule in then.rules.items() if rule.tenant != tenant}
        assumed = {n: rule for n, rule in concerned.items() if self.make.chance(0.8)}
        for number, rule in list(assumed.items()):
            if self.make.chance(0.5):
                assumed[number] = Rule(
                    rule_id=number, name=rule.name, tenant=tenant, **self.make.rule(then.scorecards)
                )
        common = [rule.name for rule in others.values() if rule.tenant is None]
        taken = {rule.name for rule in assumed.values()}
        for number in range(self.rng.randint(0, 4)):
            columns = self.make.rule(then.scorecards)
            if columns["activity_types"] and len(types) > len(TYPES) and self.make.chance(0.5):
                columns["activity_types"] = columns["activity_types"] + [self.rng.choice(NEW_TYPES)]
            name = f"assumed {number} {len(concerned)}"
            if tenant is not None and common and self.make.chance(0.5):
                name = self.rng.choice(common)
            if name not in taken:
                taken.add(name)
                assumed[-1 - number] = Rule(rule_id=-1 - number, name=name, tenant=tenant, **columns)
        then.rules = {**others, **assumed}
        # What the features that are off would say is not even known to older versions.
        said = self.make.rule(then.scorecards).keys() | {"name"}
        document["rules"] = [
            self.sparse({n: as_json(v) for n, v in vars(rule).items() if n in said}) for rule in assumed.values()
        ]
        self.rng.shuffle(document["rules"])

    def sparse(self, columns: dict) -> dict:
        """What is NULL is sometimes left out and sometimes said."""
        return {name: value for name, value in columns.items() if value is not None or self.make.chance(0.3)}

    # --- tests that it carries ---

    def carried_tests(self, then: Model, types: list[str], tenant: Optional[str]) -> list[dict]:
        """Cases whose expectations are the model's."""
        zone = ZoneInfo(then.time_zone)
        anchor = self.make.anchor
        cases = []
        for number in range(self.rng.randint(1, 3)):
            kind, status = self.rng.choice(KINDS), self.make.status()
            since = anchor + timedelta(days=self.rng.randint(-200, 0))
            person = Person(1, kind, status, datetime.combine(since, time(0), zone), tenant=tenant)
            if "attributes" in self.test_persons_have and "filters" in self.features:
                person.attributes = self.make.person_attributes()
            alone = Model(then.time_zone, {1: person}, {}, then.rules, then.categories, {}, then.scorecards)
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
            described = {"kind": kind, "status": status, "since": since.isoformat()}
            if person.attributes is not None:
                described["attributes"] = person.attributes
            case = {"name": f"case {number}", "person": self.sparse(described),
                    "activities": activities, "expect": expect}
            if not activities and self.make.chance(0.5):
                del case["activities"]
            cases.append(case)
        return cases

    def arguments_of(self, function: str, tenant: Optional[str]) -> str:
        """With the tenant, as far as the function asks for one."""
        return f", tenant => {literal(tenant)}" if tenant is not None and "tenant" in self.arguments[function] else ""

    def check_carried_tests(self, document: dict, cases: list[dict], tenant: Optional[str]) -> None:
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
                f" FROM leadscore.test_config({literal({**document, 'tests': variant})}{self.arguments_of('test_config', tenant)})"
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
        document, then, types, tenant = self.configuration()
        # Whose person a test is of is told by the tenant whose configuration it is.
        carries = tenant is None or "tenant" in self.arguments["test_config"]
        cases = self.carried_tests(then, types, tenant) if carries else []
        if carries:
            self.check_carried_tests(document, cases, tenant)
        as_of = self.make.instant()
        day = then.day_of(as_of)
        arguments = f"{literal(document)}, as_of => {literal(as_of)}{self.arguments_of('preview', tenant)}"
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
            # Of whom nothing counts, or whom it does not concern, it need not speak.
            if person.person_id not in said and (not person.active or tenant not in (None, person.tenant)):
                del expected[person.person_id]
        self.compare(f"preview_persons as of {day}", expected, said, document)
        counted = Counter((kind, category, after) for kind, _, category, _, after in expected.values())
        if moved != counted:
            raise Mismatch("preview does not sum preview_persons up", [f"{counted - moved} missing", f"{moved - counted} too many"])

        # The deed, with the tests that it carries.
        self.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        whose = "" if tenant is None else f", {literal(tenant)}"
        whole = {**document, "tests": cases} if carries else document
        self.execute(f"SELECT leadscore.import_config({literal(whole)}{whose})")
        scored_on = self.execute(f"SELECT {as_days('scored_on')} FROM public.leadscore_recompute({literal(as_of)})")
        if scored_on[0][0] != day_number(day):
            raise Mismatch("the run after the import is of another day", [f"{day}: {scored_on}"])
        done = {
            row[0]: (*before[row[0]], *row[1:]) for row in self.query("SELECT person_id, score, category FROM leadscore.person")
        }
        if "scorecards" in self.features:
            cards = {row[:2]: row[2:] for row in self.query("SELECT person_id, scorecard, score, category FROM leadscore.person_score")}
        self.execute("ROLLBACK")
        done = {n: row for n, row in done.items() if n in said or n in expected}
        self.compare(f"import and run as of {day}, against the preview,", done, said, document)
        if "scorecards" in self.features:
            scores = {
                (person.person_id, card): then.score_at(person, day, card)
                for person in self.model.persons.values()
                for card in then.scorecards
                if card != "main"
            }
            expected_cards = {
                (n, card): (score, then.category_of(self.model.persons[n], score, card)) for (n, card), score in scores.items()
            }
            self.compare_by_person(f"scores of scorecards after an import and a run as of {day}", expected_cards, cards)

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
