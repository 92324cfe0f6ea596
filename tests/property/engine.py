"""The engine alone against the model: thousands of random persons a minute, without a server.

The crate crates/scoring is given what PostgreSQL would find out (which activities match, which filters a person
satisfies) and asked for all that it can tell; engine.rs is its side of the conversation.
"""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import time
from collections import Counter
from datetime import date, timedelta
from typing import Any, Collection, Optional

from generate import KINDS, TENANTS, TIME_ZONES, TYPES, Generator
from model import Activity, Adjustment, Category, Interval, Model, Person, Rule, Scorecard, add
from play import Mismatch, day_number, microseconds, show, show_rule
from filters import Filter

POSTGRES_EPOCH = 946_684_800_000_000
SECONDS_AN_ANSWER = 20
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def column(value: Any) -> Any:
    if isinstance(value, (Interval, Filter)):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value


class Engine:
    """The running program."""

    def __init__(self) -> None:
        program = ["--quiet", "--package", "scoring", "--example", "engine"]
        subprocess.run(["cargo", "build", *program], cwd=ROOT, check=True)
        self.process = subprocess.Popen(["cargo", "run", *program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, case: dict) -> dict:
        print(json.dumps(case), file=self.process.stdin, flush=True)
        # A mistake that goes round in circles fills the memory while it does.
        if not select.select([self.process.stdout], [], [], SECONDS_AN_ANSWER)[0]:
            self.process.kill()
            self.process.wait()
            raise Mismatch(f"the engine gives no answer within {SECONDS_AN_ANSWER} s", [json.dumps(case)])
        line = self.process.stdout.readline()
        if not line:
            raise Mismatch("the engine ended", [json.dumps(case)])
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Case:
    """One random person with a configuration."""

    def __init__(self, seed: int, features: Collection[str]):
        self.rng = random.Random(seed)
        self.features = {f for f in sorted(features) if self.rng.random() < 0.7}
        self.between = "between" in features
        anchor = date(2023, 6, 1) + timedelta(days=self.rng.randint(0, 700))
        self.make = Generator(self.rng, anchor, self.rng.choice(TIME_ZONES), self.features)
        self.model = Model(self.make.time_zone)
        self.fill()

    def fill(self) -> None:
        rng, make, model = self.rng, self.make, self.model
        if "scorecards" in self.features:
            for number in range(rng.randint(1, 3)):
                name = f"card {number}"
                model.scorecards[name] = Scorecard(name, rng.choice([None, "main", *model.scorecards]), *make.limits())
            main = model.scorecards["main"]
            main.part_of = rng.choice(make.parents(model.scorecards, "main"))
            main.min_score, main.max_score = make.maybe(0.3, make.limits()) or (None, None)
        for number in range(1, rng.randint(1, 6) + 1):
            name, tenant = f"rule {rng.randint(1, 6)}", make.tenant()
            if any((r.name, r.tenant) == (name, tenant) for r in model.rules.values()):
                name = f"rule {number + 10}"
            model.rules[number] = Rule(number, name, tenant=tenant, **make.rule(model.scorecards))
        sets = [(t, c, k) for t in [None, *TENANTS] for c in model.scorecards for k in [None, *KINDS]]
        for tenant, card, kind in rng.sample(sets, min(len(sets), rng.randint(0, 12))):
            for name, low in make.bands():
                number = len(model.categories) + 1
                model.categories[number] = Category(number, kind, f"{name} {number}", low, tenant, card)
        active = "active" not in self.features or make.chance(0.95)
        person = Person(1, rng.choice(KINDS), make.status(), make.instant(), None, make.tenant(), None, make.person_attributes(), active)
        model.persons[1] = self.person = person
        for number in range(1, rng.choice([0, 1, 3, 8, 20]) + 1):
            attributes = make.maybe(0.9, make.attributes())
            instant = make.instant()
            if model.activities and make.chance(0.15):
                instant = rng.choice(list(model.activities.values())).occurred_at
            model.activities[number] = Activity(number, 1, rng.choice(TYPES), instant, attributes)
        burst = self.bursts() if make.chance(0.2) else None
        for number in range(1, rng.choice([0, 0, 1, 2]) + 1):
            begin = make.day()
            until = make.maybe(0.6, begin + timedelta(days=rng.randint(1, 60)))
            card = rng.choice(list(model.scorecards))
            model.adjustments[number] = Adjustment(number, 1, rng.choice([-20, -1, 1, 5, 30]), begin, until, card)
        # Often a day on which something begins or ends, or one beside it.
        turns = {d for r in model.records(person, make.anchor + timedelta(days=90)) for d in (r.counts_from, r.counts_until) if d}
        self.day = make.day()
        if turns and make.chance(0.6):
            self.day = rng.choice(sorted(turns)) + timedelta(days=rng.choice([-1, 0, 0, 1]))
        if burst:
            self.day = burst[0]
        if make.chance(0.1) and self.divide():
            pass
        elif make.chance(0.2) and self.crowd():
            pass
        elif model.activities and make.chance(0.5):
            # The new one is of these days, so that a shortcut can do.
            newest = model.activities[len(model.activities)]
            back = [0, 0, 1, 2, 7, -1]
            # Over on the very day.
            back += [r.relevant_for.days for r in model.rules.values() if r.relevant_for and not r.relevant_for.months] * 2
            newest.occurred_at = make.instant_on(self.day - timedelta(days=rng.choice(back)))
        self.reach = self.day + timedelta(days=rng.choice([0, 0, 1, 3, 20]))
        if burst:
            self.reach = max(self.reach, burst[1])
        self.days = [make.day() for _ in range(4)]
        self.until = self.day + timedelta(days=rng.randint(0, 150))

    def divide(self) -> bool:
        """A silence that is over, and a new activity within it, for a rule whose penalty it had."""
        rng, model = self.rng, self.model
        rules = [r for r in model.rules.values() if r.kind == "inactivity" and r.inactive_for and 2 < self.days_of(r.inactive_for) < 400]
        if not rules:
            return False
        # Penalties that outlast the silence need the most.
        rule = rng.choice([r for r in rules if r.relevant_for] or rules)
        length = self.days_of(rule.inactive_for)
        ends = rng.randint(0, length // 2)
        begins = ends + length + rng.randint(1, length)
        within = rng.randint(ends, min(begins, length - 1))
        self.person.since = self.make.instant_on(self.day - timedelta(days=begins))
        model.activities.clear()
        for number, days in enumerate((begins, ends, within), 1):
            attributes = self.make.maybe(0.9, self.make.attributes())
            instant = self.make.instant_on(self.day - timedelta(days=days))
            model.activities[number] = Activity(number, 1, rng.choice(rule.activity_types or TYPES), instant, attributes)
        return True

    @staticmethod
    def days_of(length: Interval) -> int:
        return length.months * 30 + length.days

    def crowd(self) -> bool:
        """Several activities of one day, and a new one that is newer than all others, for a rule that lets only some count."""
        rng, model = self.rng, self.model
        rules = [r for r in model.rules.values() if r.kind == "activity" and (r.max_per_day or r.max_counted)]
        if not rules:
            return False
        types = rng.choice(rules).activity_types or TYPES
        day = max([self.day, *(model.day_of(a.occurred_at) for a in model.activities.values())])
        for _ in range(rng.randint(2, 5)):
            number = len(model.activities) + 1
            attributes = self.make.maybe(0.9, self.make.attributes())
            model.activities[number] = Activity(number, 1, rng.choice(types), self.make.instant_on(day), attributes)
        newest = model.activities[len(model.activities)]
        newest.occurred_at = max(a.occurred_at for a in model.activities.values()) + timedelta(minutes=rng.choice([1, 90, 1500]))
        self.day = model.day_of(newest.occurred_at)
        return True

    def bursts(self) -> Optional[tuple[date, date]]:
        """Activities by which a frequency is reached, is over and is reached again, with a day within the first time and one
        by which the second has begun: between two runs both could count."""
        rng, model = self.rng, self.model
        rules = [r for r in model.rules.values() if r.kind == "frequency" and not r.within.months and r.within.days <= 14]
        if not rules:
            return None
        rule = rng.choice(rules)
        first = self.make.day()
        again = first + timedelta(days=rule.within.days + rng.randint(0, 3))
        for day in [first, again]:
            for _ in range(rule.at_least):
                number = len(model.activities) + 1
                types = rule.activity_types or TYPES
                attributes = self.make.maybe(0.9, self.make.attributes())
                model.activities[number] = Activity(number, 1, rng.choice(types), self.make.instant_on(day), attributes)
        return first + timedelta(days=rng.randrange(rule.within.days)), again + timedelta(days=rng.randint(0, 2))

    def document(self) -> dict:
        model, person = self.model, self.person
        return {
            "tenant": person.tenant,
            "rules": [{n: column(v) for n, v in vars(rule).items()} for rule in model.rules.values()],
            "categories": [
                {n: v for n, v in vars(c).items() if n != "category_id"} for c in model.categories.values()
            ],
            "scorecards": [vars(card) for card in model.scorecards.values()],
            "kind": person.kind,
            "status": person.status,
            "since": day_number(model.day_of(person.since)),
            "active": person.active,
            "fits": [
                r.rule_id for r in model.rules.values() if r.person_filter and r.person_filter.holds(person.attributes)
            ],
            "activities": [
                {
                    "activity_id": a.activity_id,
                    "occurred_at": microseconds(a.occurred_at) - POSTGRES_EPOCH,
                    "day": day_number(model.day_of(a.occurred_at)),
                    "matching": [r.rule_id for r in model.rules.values() if r.kind != "profile" and model.matches(r, a)],
                }
                for a in model.activities.values()
            ],
            "adjustments": [
                {**{n: column(v) for n, v in vars(a).items()}, "from_day": day_number(a.from_day), "until_day": day_number(a.until_day)}
                for a in model.adjustments.values()
            ],
            "scored_on": day_number(self.day),
            "reach": day_number(self.reach),
            "days": [day_number(day) for day in self.days],
            "until": day_number(self.until),
        }

    def judge(self, answer: dict) -> None:
        """Raises what differs."""
        model, person, cards = self.model, self.person, self.model.scorecards
        scores = {card: model.score_at(person, self.day, card) for card in cards}
        days = [self.day + timedelta(days=n) for n in range((self.until - self.day).days + 1)]
        course = list(zip(*(model.scores(person, days, card) for card in cards)))
        changes = [
            [day_number(day), dict(zip(cards, now))]
            for day, now, before in zip(days, course, [None, *course])
            if now != before
        ]
        expected = {
            "records": Counter(
                (r.rule_id, r.activity_id, r.points, day_number(r.counts_from), day_number(r.counts_until))
                for r in model.stored_records(person, self.day)
            ),
            "scores": scores,
            "between": {card: model.score_between(person, self.day, self.reach, card) for card in cards},
            "on_days": [{card: model.score_at(person, day, card) for card in cards} for day in self.days],
            "course": changes,
            "explained": scores,
        }
        if not self.between:
            del expected["between"]
        if person.active:
            expected["categories"] = {card: model.category_of(person, score, card) for card, score in scores.items()}
        answer["records"] = Counter(tuple(record) for record in answer["records"])
        for name, value in expected.items():
            if answer[name] != value:
                lines = [f"model  {value}", f"engine {answer[name]}"]
                if name == "records":
                    lines = [f"missing {value - answer[name]}", f"too many {answer[name] - value}"]
                raise Mismatch(f"{name} differ", lines)
        for name in ("shortcut", "shortcut_between"):
            if answer[name] is False:
                raise Mismatch(f"the {name} gives something else than deriving anew", [])
        self.judge_due(answer["due_on"])

    def judge_due(self, due_on: Optional[int]) -> None:
        """That nothing but an end or linear decay changes a score before the day that is noted."""
        if not self.person.active:
            return
        horizon = self.day + timedelta(days=400)
        begins = [r for r in self.model.records(self.person, horizon) if r.counts_from > self.day]
        first = min((r.counts_from for r in begins), default=None)
        for record in self.model.stored_records(self.person, self.day):
            if record.half_life is not None and record.counts_from <= self.day:
                step = self.day
                for _ in range(400):
                    step += timedelta(days=1)
                    if record.counts_on(step) and record.worth_on(step) != record.worth_on(self.day):
                        first = step if first is None else min(first, step)
                        break
        for a in self.model.adjustments.values():
            if a.from_day > self.day:
                first = a.from_day if first is None else min(first, a.from_day)
        if first is not None and first <= horizon and (due_on is None or due_on > day_number(first)):
            raise Mismatch("the day that is noted is too late", [f"{first} ({day_number(first)}), noted {due_on}"])

    def tell(self, mismatch: Mismatch) -> str:
        model, person = self.model, self.person
        lines = [mismatch.what, *(f"    {line}" for line in mismatch.lines)]
        lines.append(f"  on {self.day} ({day_number(self.day)}), by {self.reach}, {model.time_zone}; {person}")
        lines += [f"  since day {model.day_of(person.since)}", *(f"  {card}" for card in model.scorecards.values())]
        lines += [f"  {model.day_of(a.occurred_at)} {a}" for a in model.activities.values()]
        lines += [f"  {show_rule(rule)}" for rule in model.rules.values()]
        lines += [f"  {row}" for table in (model.adjustments, model.categories) for row in table.values()]
        lines += [f"  the model's {show(record)}" for record in model.stored_records(person, self.day)]
        return "\n".join(lines)


def play(first: int, count: Optional[int], end: Optional[float], features: Collection[str], failures: int) -> tuple[int, int]:
    """Asks about one person after the other; returns how many passed and failed."""
    started = time.monotonic()
    passed = failed = 0
    certain = Counter()
    engine = Engine()
    seed = first
    while (count is None or seed < first + count) and (end is None or time.monotonic() < end) and failed < failures:
        case = Case(seed, features)
        try:
            answer = engine.ask(case.document())
            certain[answer["shortcut"]] += 1
            case.judge(answer)
            passed += 1
        except Mismatch as mismatch:
            failed += 1
            print(f"seed {seed} of the engine failed: {case.tell(mismatch)}\n", flush=True)
            if engine.process.poll() is not None or mismatch.what == "the engine ended":
                engine = Engine()
        seed += 1
    engine.close()
    print(
        f"property, engine alone: {passed + failed} persons, {certain[True]} new activities by the shortcut"
        f" ({time.monotonic() - started:.0f} s)"
    )
    return passed, failed
