"""Plays one seed: random statements against a database, compared with the model.

The model's data is changed along with each statement; everything derived is
then asked of both.  All SQL is written out with its values, so that the log of
a seed can be given to psql and does the same again.
"""

from __future__ import annotations

import copy
import itertools
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from io import StringIO
from typing import Any, Callable, Collection, Iterable, Optional

import psycopg2

from features import ASKED
from filters import Filter
from generate import KINDS, STATUSES, TENANTS, TIME_ZONES, TYPES, Generator
from model import Activity, Adjustment, Category, Interval, Model, Person, Record, Rule, Scorecard, foretold

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DAY_ZERO = date(2000, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SHOWN = 12  # lines of one sort in a failure's story


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"timestamptz '{value.astimezone(timezone.utc).strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, Interval):
        parts = []
        if value.months:
            years = value.months % 12 == 0
            parts.append(f"{value.months // 12} years" if years else f"{value.months} months")
        if value.days:
            weeks = value.days % 7 == 0
            parts.append(f"{value.days // 7} weeks" if weeks else f"{value.days} days")
        return f"interval '{' '.join(parts)}'"
    if isinstance(value, Filter):
        return literal(str(value)) + "::jsonpath"
    if isinstance(value, dict):
        return literal(json.dumps(value, ensure_ascii=False)) + "::jsonb"
    if isinstance(value, list):
        return "ARRAY[" + ", ".join(literal(v) for v in value) + "]::text[]"
    raise TypeError(type(value))


def tuples(rows: Iterable[Iterable[Any]]) -> str:
    return ", ".join("(" + ", ".join(literal(v) for v in row) + ")" for row in rows)


def microseconds(instant: Optional[datetime]) -> Optional[int]:
    return None if instant is None else (instant - EPOCH) // MICROSECOND


def instant_of(count: int) -> datetime:
    return EPOCH + count * MICROSECOND


# Instants and days are read as numbers, whatever DateStyle the session has.
def as_number(expression: str) -> str:
    return f"(extract(epoch FROM {expression}) * 1000000)::bigint"


def as_days(expression: str) -> str:
    return f"({expression} - date '2000-01-01')"


def day_number(day: Optional[date]) -> Optional[int]:
    return None if day is None else (day - DAY_ZERO).days


def day_text(number: Optional[int]) -> str:
    return "for ever" if number is None else (DAY_ZERO + timedelta(days=number)).isoformat()


class Mismatch(Exception):
    def __init__(self, what: str, lines: list[str], persons: Iterable[int] = (), rules: Iterable[int] = ()):
        super().__init__(what)
        self.what, self.lines = what, lines
        self.persons, self.rules = list(dict.fromkeys(persons)), list(dict.fromkeys(rules))


@dataclass
class State:
    """All that a rollback takes back."""

    model: Model = field(default_factory=Model)
    last_run: Optional[date] = None
    # Rules, categories, scorecards or the time zone have changed since the last run.
    edited: bool = False
    # Statements only say who is to be derived, and somebody may be.
    deferred: bool = False
    pending: bool = False
    # The activities and the days since when persons are known, as the last run found them.
    found: dict = field(default_factory=dict)


@dataclass
class Outcome:
    seed: int
    passed: bool = True
    story: str = ""
    persons: int = 0
    person_days: int = 0
    foretold: int = 0  # of these, by forecast and cooling
    statements: int = 0
    cut_short: bool = False


class Play:
    def __init__(self, connection, seed: int, log: StringIO, deadline: float, features: Collection[str] = ()):
        self.connection = connection
        self.cursor = connection.cursor()
        self.seed = seed
        self.log = log
        self.deadline = deadline
        self.rng = random.Random(seed)
        self.state = State()
        self.outcome = Outcome(seed)
        self.statements: list[str] = []
        self.tag = 0
        self.known_persons: set[int] = set()
        # The first category of each person on each scorecard.
        self.born_as: dict[tuple[int, str], Optional[str]] = {}
        self.has_forgotten = False
        # Later names of categories, with the first ones.
        self.first_names: dict[Optional[str], Optional[str]] = {}
        self.features = {name for name in sorted(features) if name in ASKED or self.rng.random() < 0.65}

        self.level = "read committed"

        # Half of the seeds live around today, so that the day of the last run
        # is today and each statement must be exact at once.
        self.today = seed % 2 == 0
        zone = self.rng.choice(TIME_ZONES)
        if self.today:
            anchor = datetime.now(timezone.utc).date()
        else:
            anchor = date(2023, 6, 1) + timedelta(days=self.rng.randint(0, 700))
        self.make = Generator(self.rng, anchor, zone, self.features)

    @property
    def model(self) -> Model:
        return self.state.model

    # --- statements ---

    def execute(self, sql: str) -> list[tuple]:
        self.statements.append(sql)
        self.log.write(sql + ";\n")
        self.outcome.statements += 1
        try:
            self.cursor.execute(sql)
            return self.cursor.fetchall() if self.cursor.description else []
        except psycopg2.Error as error:
            text = str(error).strip()
            raise Mismatch(f"a statement failed with {error.pgcode}", [sql, *text.splitlines()]) from error

    def execute_again(self, sql: str) -> list[tuple]:
        """A statement that may have to be tried again where snapshots last: of another seed, say, something committed
        between its snapshot and its lock."""
        for _ in range(20):
            try:
                return self.execute(sql)
            except Mismatch as mismatch:
                if self.inside or self.level == "read committed" or not mismatch.what.endswith("40001"):
                    raise
        return self.execute(sql)

    @property
    def inside(self) -> bool:
        return self.connection.info.transaction_status != psycopg2.extensions.TRANSACTION_STATUS_IDLE

    def query(self, sql: str) -> list[tuple]:
        """Reads for a comparison; no part of the story."""
        try:
            self.cursor.execute(sql)
            return self.cursor.fetchall()
        except psycopg2.Error as error:
            text = str(error).strip()
            raise Mismatch(f"a query failed with {error.pgcode}", [sql, *text.splitlines()]) from error

    def exists(self, function: str) -> bool:
        return self.query(f"SELECT to_regprocedure({literal(function)}) IS NOT NULL")[0][0]

    def has_column(self, table: str, column: str) -> bool:
        return self.query(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_attribute"
            f" WHERE attrelid = 'leadscore.{table}'::regclass AND attname = '{column}' AND NOT attisdropped)"
        )[0][0]

    def some_scorecard(self) -> str:
        return self.rng.choice(list(self.model.scorecards))

    def scorecard_argument(self, scorecard: str) -> str:
        """The last argument of a function that asks about one; main can be left out."""
        if scorecard == "main" and ("scorecards" not in self.features or self.make.chance(0.5)):
            return ""
        return f", scorecard => {literal(scorecard)}"

    def next_tag(self) -> int:
        self.tag += 1
        return self.tag

    def some(self, values: Iterable[Any], most: int = 6) -> list[Any]:
        values = list(values)
        return self.rng.sample(values, min(len(values), self.rng.randint(1, most)))

    # --- setting up ---

    def start(self) -> None:
        rng = self.rng
        # Nothing derived may depend on what a session has set.
        self.execute(f"SET TimeZone = {literal(rng.choice(TIME_ZONES))}")
        self.execute(f"SET DateStyle = {literal(rng.choice(['ISO, MDY', 'SQL, DMY', 'German', 'Postgres, YMD']))}")
        self.execute(f"SET IntervalStyle = {literal(rng.choice(['postgres', 'iso_8601', 'sql_standard']))}")
        self.execute(f"SET search_path = {rng.choice(['public', 'pg_catalog', 'leadscore, public'])}")
        self.has = {
            # With a scorecard at the end, or from before there were any.
            # With a scorecard at the end, or from before there were any.
            name: self.exists(f"leadscore.{signature})") or self.exists(f"leadscore.{signature},text)")
            for name, signature in {
                "adjust": "adjust(bigint,integer,text,date,date",
                "merge": "merge_person(bigint,bigint",
                "forget": "forget_person(bigint",
                "forget_tenant": "forget_tenant(text",
                "batches": "recompute_in_batches(timestamptz,integer",
            }.items()
        }
        self.key = "tenant, kind, external_id" if self.has_column("person", "tenant") else "kind, external_id"
        if "isolation" in self.features:
            self.set_isolation()
        if "filters" in self.features:
            self.check_filters()
        self.attributes_nullable = self.query(
            "SELECT NOT attnotnull FROM pg_catalog.pg_attribute"
            " WHERE attrelid = 'leadscore.activity'::regclass AND attname = 'attributes'"
        )[0][0]
        known = [(name, "a type of the property test") for name in TYPES]
        self.execute(
            f"INSERT INTO leadscore.activity_type (activity_type, description) VALUES {tuples(known)}"
            " ON CONFLICT DO NOTHING"
        )
        self.set_time_zone(self.make.time_zone)

        first = [self.insert_rules, self.insert_categories]
        rng.shuffle(first)
        if "scorecards" in self.features:
            # Rules and categories can only be of those that are there.
            cards = [*[self.insert_scorecard] * rng.randint(1, 3), *[self.edit_scorecard] * rng.randint(0, 2)]
            first.insert(rng.choice([0, 0, 0, 1, 2]), lambda: [action() for action in cards])
        if not self.today and self.make.chance(0.5):
            first.append(lambda: self.insert_persons(rng.randint(2, 8)))
            first.append(lambda: self.insert_activities(rng.randint(20, 80)))
        for action in first:
            action()
            self.check_changes()
        if self.today:
            self.recompute_today()
        self.insert_persons(rng.randint(3, 10))
        self.check_exact()
        self.insert_activities(rng.randint(10, 60))
        self.check_exact()

    def check_filters(self) -> None:
        """That the model evaluates filters as PostgreSQL does."""
        rows = [(n, self.make.filter(), self.make.person_attributes()) for n in range(60)]
        found = self.query(
            "SELECT n, pg_catalog.jsonb_path_match(coalesce(document, '{}'), filter, silent => true)"
            f" FROM (VALUES {tuples(rows)}) AS v (n, filter, document)"
        )
        for number, verdict in found:
            _, filtered, document = rows[number]
            if filtered.holds(document) != (verdict is True):
                raise Mismatch("the model misjudges a filter", [f"{filtered} of {document}: PostgreSQL says {verdict}"])

    # --- settings, rules and categories ---

    def set_isolation(self) -> None:
        self.level = self.rng.choice(["read committed", "repeatable read", "repeatable read", "serializable"])
        self.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {self.level}")

    def set_scoring(self) -> None:
        scoring = "at_once" if self.state.deferred else "deferred"
        self.execute(f"UPDATE leadscore.settings SET scoring = {literal(scoring)}")
        self.state.deferred = not self.state.deferred

    def score_pending(self) -> None:
        most = self.make.maybe(0.5, self.rng.randint(1, 5))
        for _ in range(200):
            found = self.execute_again(f"SELECT leadscore.score_pending({'' if most is None else most})")[0][0]
            if found < 0 or (most is not None and found > most):
                raise Mismatch("score_pending derived more persons than it might", [f"{found} of {most}"])
            if found == 0 or most is None:
                break
        self.state.pending = False
        found = self.execute_again("SELECT leadscore.score_pending()")[0][0]
        if found:
            raise Mismatch("persons are pending after score_pending()", [f"{found} more"])

    def set_time_zone(self, zone: str) -> None:
        self.execute(f"UPDATE leadscore.settings SET time_zone = {literal(zone)}")
        self.model.time_zone = zone
        self.make.move_to(zone)
        self.state.edited = True

    def change_time_zone(self) -> None:
        self.set_time_zone(self.rng.choice(TIME_ZONES))

    def insert_rules(self, count: Optional[int] = None) -> None:
        for _ in range(count or self.rng.randint(3, 9)):
            columns = {"name": f"rule {self.next_tag()}", **self.make.rule(self.model.scorecards)}
            if "tenants" in self.features:
                columns |= self.whose_rule()
            self.insert_rule(columns)

    def whose_rule(self) -> dict:
        """A tenant, and often the name of a common rule that is replaced or switched off."""
        if not self.make.chance(0.45):
            return {"tenant": None}
        tenant = self.rng.choice(TENANTS)
        taken = {r.name for r in self.model.rules.values() if r.tenant == tenant}
        common = [r.name for r in self.model.rules.values() if r.tenant is None and r.name not in taken]
        if common and self.make.chance(0.7):
            return {"tenant": tenant, "name": self.rng.choice(common), "enabled": self.make.chance(0.6)}
        return {"tenant": tenant}

    def insert_rule(self, columns: dict) -> None:
        # What is NULL is sometimes left out and sometimes said.
        given = {n: v for n, v in columns.items() if v is not None or self.make.chance(0.3)}
        values = ", ".join(literal(v) for v in given.values())
        found = self.execute(f"INSERT INTO leadscore.rule ({', '.join(given)}) VALUES ({values}) RETURNING rule_id")
        rule_id = found[0][0]
        self.model.rules[rule_id] = Rule(rule_id=rule_id, **columns)
        self.state.edited = True

    def add_rule(self) -> None:
        if len(self.model.rules) < 14:
            self.insert_rules(1)

    def update_rule(self, rule: Rule, columns: dict) -> None:
        changes = ", ".join(f"{name} = {literal(value)}" for name, value in columns.items())
        self.execute(f"UPDATE leadscore.rule SET {changes} WHERE rule_id = {rule.rule_id}")
        for name, value in columns.items():
            setattr(rule, name, value)
        self.state.edited = True

    def edit_rule(self) -> None:
        if not self.model.rules:
            return
        rule = self.rng.choice(list(self.model.rules.values()))
        fresh = self.make.rule(self.model.scorecards)
        kind = self.rng.random()
        if kind < 0.3:
            self.update_rule(rule, {"enabled": not rule.enabled})
        elif kind < 0.5:
            self.update_rule(rule, {"points": fresh["points"]})
        elif kind < 0.75:
            names = ["person_kinds", "statuses", "effective_from", "person_filter", "scorecard"]
            if rule.kind != "profile":
                names += ["activity_types", "condition", "filter"]
            name = self.rng.choice([n for n in names if n in fresh])
            # A profile rule has nothing to match activities by.
            if fresh["kind"] != "profile" or name in names[:5]:
                self.update_rule(rule, {name: fresh[name]})
        elif kind < 0.8 and "tenants" in self.features:
            self.give_rule(rule)
        else:
            self.update_rule(rule, fresh)

    def give_rule(self, rule: Rule) -> None:
        """To another tenant, or to everybody."""
        tenant = self.make.tenant()
        if all((r.tenant, r.name) != (tenant, rule.name) for r in self.model.rules.values()):
            self.update_rule(rule, {"tenant": tenant})

    def toggle_rules(self) -> None:
        self.execute("UPDATE leadscore.rule SET enabled = NOT enabled WHERE points > 5")
        for rule in self.model.rules.values():
            if rule.points > 5:
                rule.enabled = not rule.enabled
        self.state.edited = True

    def delete_rule(self) -> None:
        if len(self.model.rules) > 2:
            rule_id = self.rng.choice(list(self.model.rules))
            self.execute(f"DELETE FROM leadscore.rule WHERE rule_id = {rule_id}")
            del self.model.rules[rule_id]
            self.state.edited = True

    # Scorecards

    def insert_scorecard(self) -> None:
        if len(self.model.scorecards) > 4:
            return
        name = f"card {self.next_tag()}"
        low, high = self.make.limits()
        part_of = self.rng.choice([None, "main", *self.model.scorecards])
        self.execute(
            "INSERT INTO leadscore.scorecard (scorecard, part_of, min_score, max_score)"
            f" VALUES {tuples([(name, part_of, low, high)])}"
        )
        self.model.scorecards[name] = Scorecard(name, part_of, low, high)
        self.state.edited = True

    def edit_scorecard(self) -> None:
        card = self.model.scorecards[self.some_scorecard()]
        if self.make.chance(0.4):
            card.part_of = self.rng.choice(self.make.parents(self.model.scorecards, card.scorecard))
            change = f"part_of = {literal(card.part_of)}"
        else:
            card.min_score, card.max_score = self.make.limits()
            change = f"min_score = {literal(card.min_score)}, max_score = {literal(card.max_score)}"
        self.execute(f"UPDATE leadscore.scorecard SET {change} WHERE scorecard = {literal(card.scorecard)}")
        self.state.edited = True

    def delete_scorecard(self) -> None:
        """One that nothing belongs to."""
        model = self.model
        used = {"main"}
        for table in (model.rules, model.categories, model.adjustments):
            used |= {row.scorecard for row in table.values()}
        used |= {card.part_of for card in model.scorecards.values()}
        free = [name for name in model.scorecards if name not in used]
        if free:
            name = self.rng.choice(free)
            self.execute(f"DELETE FROM leadscore.scorecard WHERE scorecard = {literal(name)}")
            del model.scorecards[name]
            self.state.edited = True

    # Categories, by sets of those for one tenant, scorecard and kind

    def insert_categories(self) -> None:
        for kind in [None, *KINDS]:
            if self.make.chance(0.75 if kind is None else 0.35):
                self.insert_bands(None, "main", kind)
        if "tenants" in self.features:
            for tenant in TENANTS:
                if self.make.chance(0.4):
                    self.insert_bands(tenant, "main", self.rng.choice([None, *KINDS]))
        for card in list(self.model.scorecards)[1:]:
            if self.make.chance(0.6):
                self.insert_bands(self.make.tenant(), card, self.make.maybe(0.3, self.rng.choice(KINDS)))

    def insert_bands(self, tenant: Optional[str], scorecard: str, kind: Optional[str]) -> None:
        tag = self.next_tag()
        self.insert_category_rows([(tenant, scorecard, kind, f"{name} {tag}", low) for name, low in self.make.bands()])

    def insert_category_rows(self, rows: list[tuple]) -> None:
        # A name is never used again for another category, so that names tell what changed.
        keep = [n for n, feature in enumerate(["tenants", "scorecards", None, None, None]) if feature in (None, *self.features)]
        columns = [["tenant", "scorecard", "person_kind", "name", "min_score"][n] for n in keep]
        found = self.execute(
            f"INSERT INTO leadscore.category ({', '.join(columns)})"
            f" VALUES {tuples([row[n] for n in keep] for row in rows)} RETURNING category_id"
        )
        for (category_id,), (tenant, scorecard, person_kind, name, low) in zip(found, rows):
            self.model.categories[category_id] = Category(category_id, person_kind, name, low, tenant, scorecard)
        self.state.edited = True

    def edit_categories(self) -> None:
        tenant, scorecard, kind = self.make.tenant(), self.some_scorecard(), self.rng.choice([None, *KINDS])
        if self.model.categories and self.make.chance(0.6):
            some = self.rng.choice(list(self.model.categories.values()))
            tenant, scorecard, kind = some.tenant, some.scorecard, some.person_kind
        bands = [
            c
            for c in self.model.categories.values()
            if (c.tenant, c.scorecard, c.person_kind) == (tenant, scorecard, kind)
        ]
        upper = [c for c in bands if c.min_score is not None]
        choice = self.rng.random()
        self.state.edited = True
        if not bands:
            self.insert_bands(tenant, scorecard, kind)
        elif choice < 0.2:
            ids = ", ".join(str(c.category_id) for c in bands)
            self.execute(f"DELETE FROM leadscore.category WHERE category_id IN ({ids})")
            for category in bands:
                del self.model.categories[category.category_id]
            if self.make.chance(0.4):
                # The same names come back, in other bands.
                names = [c.name for c in bands]
                self.rng.shuffle(names)
                lows = [low for _, low in self.make.bands()]
                self.insert_category_rows([(tenant, scorecard, kind, name, low) for name, low in zip(names, lows)])
        elif choice < 0.5 and upper:
            category = self.rng.choice(upper)
            taken = {c.min_score for c in upper}
            low = self.rng.choice([n for n in range(-30, 90) if n not in taken])
            self.execute(
                f"UPDATE leadscore.category SET min_score = {low} WHERE category_id = {category.category_id}"
            )
            category.min_score = low
        elif choice < 0.65 and upper:
            category = self.rng.choice(upper)
            self.execute(f"DELETE FROM leadscore.category WHERE category_id = {category.category_id}")
            del self.model.categories[category.category_id]
        elif choice < 0.82:
            category = self.rng.choice(bands)
            name = f"band {self.next_tag()}"
            self.execute(
                f"UPDATE leadscore.category SET name = {literal(name)} WHERE category_id = {category.category_id}"
            )
            self.first_names[name] = self.first_names.get(category.name, category.name)
            category.name = name
        else:
            taken = {c.min_score for c in upper}
            low = self.rng.choice([n for n in range(-60, 200) if n not in taken])
            self.insert_category_rows([(tenant, scorecard, kind, f"band {self.next_tag()}", low)])

    # --- persons ---

    def new_person(self) -> dict:
        """The columns of a person that the features of this play have."""
        columns: dict[str, Any] = {
            "kind": self.rng.choice(KINDS),
            "external_id": f"x{self.next_tag()}",
            "status": self.make.status(),
            "since": self.make.instant(),
        }
        if "filters" in self.features:
            columns["attributes"] = self.make.person_attributes()
        if "active" in self.features:
            columns["active"] = self.make.chance(0.85)
        if "tenants" in self.features:
            columns["tenant"] = self.make.tenant()
        return columns

    def adopt_persons(self, found: list[tuple], rows: list[dict]) -> None:
        for (person_id, since), row in zip(found, rows):
            self.model.persons[person_id] = Person(person_id, **{**row, "since": instant_of(since)})
            self.known_persons.add(person_id)

    def insert_persons(self, count: Optional[int] = None) -> None:
        count = count or self.rng.choice([1, 1, 1, 2, 4])
        if len(self.model.persons) + count > 25:
            return
        rows = [self.new_person() for _ in range(count)]
        names = list(rows[0])
        if self.make.chance(0.15):  # registered just now
            names.remove("since")
        found = self.execute(
            f"INSERT INTO leadscore.person ({', '.join(names)}) VALUES {tuples([row[n] for n in names] for row in rows)}"
            f" RETURNING person_id, {as_number('since')}"
        )
        self.adopt_persons(found, rows)

    def upsert_persons(self) -> None:
        if not self.model.persons or len(self.model.persons) > 24:
            return
        rows = []
        for person in self.some(self.model.persons.values(), 3):
            row = self.new_person()
            rows.append({n: row[n] if n in ("status", "attributes", "active") else getattr(person, n) for n in row})
        rows.append(self.new_person())
        self.rng.shuffle(rows)
        names = [n for n in rows[0] if n != "since"]
        changes = ", ".join(f"{n} = excluded.{n}" for n in names if n in ("status", "attributes", "active"))
        found = self.execute(
            f"INSERT INTO leadscore.person ({', '.join(names)}) VALUES {tuples([row[n] for n in names] for row in rows)}"
            f" ON CONFLICT ({self.key}) {'WHERE external_id IS NOT NULL ' if 'tenant' in self.key else ''}DO UPDATE SET {changes}"
            f" RETURNING person_id, {as_number('since')}"
        )
        self.adopt_persons(found, rows)

    def changeable(self) -> list[str]:
        """Columns of a person that scores depend on."""
        on = {"attributes": "filters", "active": "active", "tenant": "tenants"}
        return ["status", "kind", "since"] + [name for name, feature in on.items() if feature in self.features]

    def update_person(self) -> None:
        if not self.model.persons:
            return
        person = self.rng.choice(list(self.model.persons.values()))
        column = self.rng.choice(["status", "status", *self.changeable()])
        value = self.new_person()[column]
        if column == "active" and self.make.chance(0.7):
            value = not person.active
        self.execute(
            f"UPDATE leadscore.person SET {column} = {literal(value)} WHERE person_id = {person.person_id}"
        )
        setattr(person, column, value)

    def update_persons(self) -> None:
        """Several persons in one statement, in one column or in all of them."""
        if not self.model.persons:
            return
        chosen = self.some(self.model.persons.values(), 10)
        every = self.changeable()
        columns = self.rng.choice([[name] for name in every] + [every])
        rows = [self.new_person() for _ in chosen]
        types = {"since": "timestamptz", "attributes": "jsonb", "active": "boolean"}
        changes = ", ".join(f"{name} = v.{name}::{types.get(name, 'text')}" for name in columns)
        values = tuples([p.person_id, *(row[name] for name in columns)] for p, row in zip(chosen, rows))
        self.execute(
            f"UPDATE leadscore.person AS p SET {changes} FROM (VALUES {values}) AS v"
            f" (person_id, {', '.join(columns)}) WHERE p.person_id = v.person_id"
        )
        for person, row in zip(chosen, rows):
            for name in columns:
                setattr(person, name, row[name])

    def same_status_for_all(self) -> None:
        status = self.make.status()
        self.execute(f"UPDATE leadscore.person SET status = {literal(status)}")
        for person in self.model.persons.values():
            person.status = status

    def update_owner(self) -> None:
        column = self.rng.choice(["owner", "name"]) if self.has_column("person", "name") else "owner"
        self.execute(f"UPDATE leadscore.person SET {column} = 'someone else'")

    def forget(self, person_ids: list[int]) -> None:
        for person_id in person_ids:
            del self.model.persons[person_id]
        for table in (self.model.activities, self.model.adjustments):
            for number in [n for n, row in table.items() if row.person_id in person_ids]:
                del table[number]

    def delete_persons(self) -> None:
        if len(self.model.persons) < 4:
            return
        gone = [p.person_id for p in self.some(self.model.persons.values(), 2)]
        if self.has["forget"] and self.make.chance(0.4):
            gone = gone[:1]
            self.execute(f"SELECT leadscore.forget_person({gone[0]})")
        else:
            self.execute(f"DELETE FROM leadscore.person WHERE person_id IN ({', '.join(map(str, gone))})")
        self.forget(gone)

    def merge_persons(self) -> None:
        pairs = [
            (a.person_id, b.person_id)
            for a in self.model.persons.values()
            for b in self.model.persons.values()
            if a is not b and a.kind == b.kind and a.tenant == b.tenant
        ]
        adjusted = {a.person_id for a in self.model.adjustments.values()}
        pairs = [(a, b) for a, b in pairs if a not in adjusted and b not in adjusted]
        if not self.has["merge"] or not pairs or len(self.model.persons) < 4:
            return
        loser, winner = self.rng.choice(pairs)
        self.execute(f"SELECT leadscore.merge_person({loser}, {winner})")
        for activity in self.model.activities.values():
            if activity.person_id == loser:
                activity.person_id = winner
        # What a merge makes of the two rows is a choice of its own; what they
        # are worth then is not.
        more = [name for name in self.changeable() if name not in ("kind", "status", "since")]
        rows = self.query(
            f"SELECT {', '.join(['person_id', as_number('since'), 'kind', 'status', 'external_id', *more])}"
            f" FROM leadscore.person WHERE person_id IN ({loser}, {winner})"
        )
        del self.model.persons[loser]
        for person_id, since, kind, status, external_id, *values in rows:
            self.model.persons[person_id] = Person(
                person_id, kind, status, instant_of(since), external_id, **dict(zip(more, values))
            )

    def forget_tenant(self) -> None:
        if not self.has["forget_tenant"]:
            return
        tenant = self.rng.choice(TENANTS)
        self.execute(f"SELECT leadscore.forget_tenant({literal(tenant)})")
        self.forget([p.person_id for p in self.model.persons.values() if p.tenant == tenant])
        for table in (self.model.rules, self.model.categories):
            for number in [n for n, row in table.items() if row.tenant == tenant]:
                del table[number]
        self.state.edited = True
        # With the tenant went what changed while a person, who may have moved since, was its.
        self.has_forgotten = True
        self.born_as.clear()

    # --- activities ---

    def new_activity(self) -> tuple:
        person_id = self.rng.choice(list(self.model.persons))
        occurred_at = self.make.instant()
        if self.model.activities and self.make.chance(0.15):
            # The very instant of another one.
            occurred_at = self.rng.choice(list(self.model.activities.values())).occurred_at
        attributes = {"n": self.next_tag(), **self.make.attributes()}
        return person_id, self.rng.choice(TYPES), occurred_at, attributes

    def adopt(self, activity_id: int, row: tuple) -> None:
        self.model.activities[activity_id] = Activity(activity_id, *row)

    def insert_activities(self, count: Optional[int] = None) -> None:
        if not self.model.persons or len(self.model.activities) > 300:
            return
        count = count or self.rng.choice([1, 1, 1, 1, 2, 3, 8, 25])
        rows = [self.new_activity() for _ in range(count)]
        if self.make.chance(0.3):  # many on one person
            rows = [(rows[0][0], *row[1:]) for row in rows]
        if self.attributes_nullable and self.make.chance(0.1):
            rows = [(*row[:3], None) for row in rows]
            columns = "person_id, activity_type, occurred_at"
            values = tuples(row[:3] for row in rows)
        else:
            columns, values = "person_id, activity_type, occurred_at, attributes", tuples(rows)
        found = self.execute(
            f"INSERT INTO leadscore.activity ({columns}) VALUES {values} RETURNING activity_id, attributes IS NULL"
        )
        for (activity_id, none), row in zip(found, rows):
            self.adopt(activity_id, row if none or row[3] is not None else (*row[:3], {}))

    def insert_now(self) -> None:
        """An activity whose moment is left to the default."""
        if not self.model.persons:
            return
        person_id, activity_type, _, attributes = self.new_activity()
        found = self.execute(
            "INSERT INTO leadscore.activity (person_id, activity_type, attributes)"
            f" VALUES {tuples([(person_id, activity_type, attributes)])}"
            f" RETURNING activity_id, {as_number('occurred_at')}"
        )
        self.adopt(found[0][0], (person_id, activity_type, instant_of(found[0][1]), attributes))

    def copy_activities(self) -> None:
        if not self.model.persons or len(self.model.activities) > 300:
            return
        rows = [self.new_activity() for _ in range(self.rng.randint(1, 30))]
        data = "".join(
            "\t".join(
                [
                    str(person_id),
                    activity_type,
                    occurred_at.strftime("%Y-%m-%d %H:%M:%S.%f") + "+00",
                    json.dumps(attributes, ensure_ascii=False).replace("\\", "\\\\"),
                ]
            )
            + "\n"
            for person_id, activity_type, occurred_at, attributes in rows
        )
        sql = "COPY leadscore.activity (person_id, activity_type, occurred_at, attributes) FROM STDIN"
        self.statements.append(f"{sql} -- {len(rows)} rows")
        self.log.write(f"{sql};\n{data}\\.\n")
        self.outcome.statements += 1
        try:
            self.cursor.copy_expert(sql, StringIO(data))
        except psycopg2.Error as error:
            raise Mismatch(f"COPY failed with {error.pgcode}", str(error).strip().splitlines()) from error
        self.adopt_tagged(rows)

    def adopt_tagged(self, rows: list[tuple]) -> None:
        """Finds the ids of new activities by the number each one carries."""
        wanted = {row[3]["n"]: row for row in rows}
        found = self.query(
            "SELECT activity_id, (attributes ->> 'n')::int FROM leadscore.activity"
            f" WHERE (attributes ->> 'n')::int IN ({', '.join(map(str, wanted))})"
        )
        for activity_id, tag in found:
            self.adopt(activity_id, wanted[tag])

    def copies(self) -> None:
        """A second activity at the same instants, by INSERT … SELECT."""
        if not self.model.activities or len(self.model.activities) > 300:
            return
        chosen = {a.activity_id: a for a in self.some(self.model.activities.values(), 5)}
        # In order of id, so that the new ids follow in the same order.
        found = self.execute(
            "INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
            " SELECT person_id, activity_type, occurred_at, attributes FROM leadscore.activity"
            f" WHERE activity_id IN ({', '.join(map(str, chosen))}) ORDER BY activity_id RETURNING activity_id"
        )
        for (activity_id,), source in zip(found, sorted(chosen)):
            a = chosen[source]
            # The copy carries another one's number, and is never looked for by it.
            self.adopt(activity_id, (a.person_id, a.activity_type, a.occurred_at, copy.deepcopy(a.attributes)))

    def update_activity(self) -> None:
        if not self.model.activities:
            return
        activity = self.rng.choice(list(self.model.activities.values()))
        column = self.rng.choice(["occurred_at", "occurred_at", "activity_type", "attributes", "person_id"])
        _, activity_type, occurred_at, attributes = self.new_activity()
        value = {
            "occurred_at": occurred_at,
            "activity_type": activity_type,
            "attributes": attributes,
            "person_id": self.rng.choice(list(self.model.persons)),
        }[column]
        self.execute(
            f"UPDATE leadscore.activity SET {column} = {literal(value)} WHERE activity_id = {activity.activity_id}"
        )
        setattr(activity, column, value)

    def update_activities(self) -> None:
        if not self.model.activities:
            return
        chosen = self.some(self.model.activities.values(), 20)
        rows = [(a.activity_id, *self.new_activity()) for a in chosen]
        columns = self.rng.choice(
            [
                ["occurred_at"],
                ["person_id"],
                ["activity_type", "attributes"],
                ["person_id", "activity_type", "occurred_at", "attributes"],
            ]
        )
        changes = ", ".join(f"{name} = v.{name}" for name in columns)
        self.execute(
            f"UPDATE leadscore.activity AS a SET {changes} FROM (VALUES {tuples(rows)}) AS v"
            " (activity_id, person_id, activity_type, occurred_at, attributes) WHERE a.activity_id = v.activity_id"
        )
        for activity, (_, person_id, activity_type, occurred_at, attributes) in zip(chosen, rows):
            values = {
                "person_id": person_id,
                "activity_type": activity_type,
                "occurred_at": occurred_at,
                "attributes": attributes,
            }
            for name in columns:
                setattr(activity, name, values[name])

    def shift_activities(self) -> None:
        """All of one person some hours on or back, across midnights."""
        if not self.model.persons:
            return
        person_id = self.rng.choice(list(self.model.persons))
        hours = self.rng.choice([-24, -1, 1, 24, 24 * 31])
        self.execute(
            f"UPDATE leadscore.activity SET occurred_at = occurred_at + interval '{hours} hours'"
            f" WHERE person_id = {person_id}"
        )
        for activity in self.model.activities.values():
            if activity.person_id == person_id:
                activity.occurred_at += timedelta(hours=hours)

    def move_activities(self) -> None:
        """All of one person to another one."""
        if len(self.model.persons) < 2:
            return
        source, target = self.rng.sample(list(self.model.persons), 2)
        self.execute(f"UPDATE leadscore.activity SET person_id = {target} WHERE person_id = {source}")
        for activity in self.model.activities.values():
            if activity.person_id == source:
                activity.person_id = target

    def touch_activities(self) -> None:
        """An UPDATE that changes nothing, and statements that meet no row."""
        self.execute(
            self.rng.choice(
                [
                    "UPDATE leadscore.activity SET occurred_at = occurred_at",
                    "UPDATE leadscore.activity SET attributes = attributes, recorded_at = now()",
                    "UPDATE leadscore.activity SET activity_type = 'call' WHERE false",
                    "DELETE FROM leadscore.activity WHERE activity_id < 0",
                    "UPDATE leadscore.person SET status = status, kind = kind, since = since",
                ]
            )
        )

    def delete_activities(self) -> None:
        if not self.model.activities:
            return
        gone = [a.activity_id for a in self.some(self.model.activities.values(), self.rng.choice([1, 1, 12]))]
        self.execute(f"DELETE FROM leadscore.activity WHERE activity_id IN ({', '.join(map(str, gone))})")
        for activity_id in gone:
            del self.model.activities[activity_id]

    def delete_newest(self) -> None:
        """The newest of a person, which lets displaced ones count again."""
        if not self.model.activities:
            return
        person_id = self.rng.choice(list(self.model.activities.values())).person_id
        mine = [a for a in self.model.activities.values() if a.person_id == person_id]
        newest = max(mine, key=lambda a: (a.occurred_at, a.activity_id))
        self.execute(f"DELETE FROM leadscore.activity WHERE activity_id = {newest.activity_id}")
        del self.model.activities[newest.activity_id]

    def delete_earlier(self) -> None:
        """Some of a person that are not its newest: these may take their own records alone."""
        if not self.model.activities:
            return
        person_id = self.rng.choice(list(self.model.activities.values())).person_id
        mine = [a for a in self.model.activities.values() if a.person_id == person_id]
        mine.sort(key=lambda a: (a.occurred_at, a.activity_id))
        gone = [a.activity_id for a in self.some(mine[:-1], self.rng.choice([1, 1, 1, 3]))]
        if not gone:
            return
        delete = f"DELETE FROM leadscore.activity WHERE activity_id IN ({', '.join(map(str, gone))})"
        if self.make.chance(0.3):
            # With a status of the same person, in one statement.
            status = self.make.status()
            self.execute(
                f"WITH gone AS ({delete})"
                f" UPDATE leadscore.person SET status = {literal(status)} WHERE person_id = {person_id}"
            )
            self.model.persons[person_id].status = status
        else:
            self.execute(delete)
        for activity_id in gone:
            del self.model.activities[activity_id]

    def replace_activities(self) -> None:
        """Deletes and inserts in one statement."""
        if not self.model.activities:
            return
        if self.make.chance(0.5):
            return self.reinsert_activities()
        gone = [a.activity_id for a in self.some(self.model.activities.values(), 5)]
        rows = [self.new_activity() for _ in range(self.rng.randint(1, 5))]
        found = self.execute(
            f"WITH gone AS (DELETE FROM leadscore.activity WHERE activity_id IN ({', '.join(map(str, gone))}))"
            " INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
            f" VALUES {tuples(rows)} RETURNING activity_id"
        )
        for activity_id in gone:
            del self.model.activities[activity_id]
        for (activity_id,), row in zip(found, rows):
            self.adopt(activity_id, row)

    def reinsert_activities(self) -> None:
        """The same, where the INSERT reads what the DELETE returns: then the
        triggers fire in the other order, and for the same persons."""
        gone = self.some(self.model.activities.values(), self.rng.choice([1, 1, 5]))
        gone = sorted(a.activity_id for a in gone)
        occurred_at, tag = self.make.instant(), self.next_tag()
        found = self.execute(
            "WITH gone AS (DELETE FROM leadscore.activity"
            f" WHERE activity_id IN ({', '.join(map(str, gone))}) RETURNING *)"
            " INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
            f" SELECT person_id, activity_type, {literal(occurred_at)}, {literal({'n': tag})} FROM gone"
            " ORDER BY gone.activity_id RETURNING activity_id"
        )
        for (activity_id,), source in zip(found, gone):
            old = self.model.activities.pop(source)
            self.adopt(activity_id, (old.person_id, old.activity_type, occurred_at, {"n": tag}))

    def status_and_activity(self) -> None:
        """A status and an activity of the same person in one statement."""
        if not self.model.persons:
            return
        if self.make.chance(0.5):
            return self.status_then_activity()
        row = self.new_activity()
        person, status = self.model.persons[row[0]], self.make.status()
        found = self.execute(
            f"WITH changed AS (UPDATE leadscore.person SET status = {literal(status)} WHERE person_id = {row[0]})"
            " INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
            f" VALUES {tuples([row])} RETURNING activity_id"
        )
        person.status = status
        self.adopt(found[0][0], row)

    def status_then_activity(self) -> None:
        """The same for several persons, where the INSERT reads what the UPDATE returns."""
        chosen = sorted(self.some(self.model.persons, self.rng.choice([1, 1, 4])))
        status, activity_type, occurred_at = self.make.status(), self.rng.choice(TYPES), self.make.instant()
        attributes = {"n": self.next_tag(), **self.make.attributes()}
        found = self.execute(
            f"WITH changed AS (UPDATE leadscore.person SET status = {literal(status)}"
            f" WHERE person_id IN ({', '.join(map(str, chosen))}) RETURNING person_id)"
            " INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
            f" SELECT person_id, {literal(activity_type)}, {literal(occurred_at)}, {literal(attributes)}"
            " FROM changed RETURNING activity_id, person_id"
        )
        for activity_id, person_id in found:
            self.model.persons[person_id].status = status
            self.adopt(activity_id, (person_id, activity_type, occurred_at, dict(attributes)))

    def merge_activities(self) -> None:
        """MERGE with an insert, an update and a delete."""
        if len(self.model.activities) < 3 or self.connection.server_version < 150000:
            return
        updated, deleted = self.rng.sample(list(self.model.activities.values()), 2)
        row = self.new_activity()
        if self.make.chance(0.5):  # all of it on one person
            row = (updated.person_id, *row[1:])
        rows = [
            (0, "insert", *row),
            (updated.activity_id, "update", *self.new_activity()),
            (deleted.activity_id, "delete", *self.new_activity()),
        ]
        self.execute(
            f"MERGE INTO leadscore.activity AS a USING (VALUES {tuples(rows)}) AS v"
            " (activity_id, action, person_id, activity_type, occurred_at, attributes)"
            " ON a.activity_id = v.activity_id"
            " WHEN MATCHED AND v.action = 'delete' THEN DELETE"
            " WHEN MATCHED THEN UPDATE SET occurred_at = v.occurred_at, person_id = v.person_id"
            " WHEN NOT MATCHED THEN INSERT (person_id, activity_type, occurred_at, attributes)"
            " VALUES (v.person_id, v.activity_type, v.occurred_at, v.attributes)"
        )
        updated.person_id, updated.occurred_at = rows[1][2], rows[1][4]
        del self.model.activities[deleted.activity_id]
        self.adopt_tagged([row])

    # --- adjustments ---

    def adjust(self) -> None:
        if not self.has["adjust"] or not self.model.persons:
            return
        if self.model.adjustments and self.make.chance(0.3):
            number = self.rng.choice(list(self.model.adjustments))
            self.execute(f"SELECT leadscore.unadjust({number})")
            del self.model.adjustments[number]
            return
        person_id = self.rng.choice(list(self.model.persons))
        from_day = self.make.day()
        until_day = self.make.maybe(0.6, from_day + timedelta(days=self.rng.randint(1, 60)))
        points = self.rng.choice([-20, -5, -1, 1, 5, 30])
        scorecard = self.some_scorecard()
        found = self.execute(
            f"SELECT leadscore.adjust({person_id}, {points}, 'property test',"
            f" {literal(from_day)}, {literal(until_day)}::date{self.scorecard_argument(scorecard)})"
        )
        self.model.adjustments[found[0][0]] = Adjustment(
            found[0][0], person_id, points, from_day, until_day, scorecard
        )

    # --- what is refused, and what is rolled back ---

    def refused(self) -> None:
        """A statement that fails half-way, and must leave nothing behind."""
        if not self.model.persons:
            return
        good, bad = self.new_activity(), self.new_activity()
        statements = self.meaningless() + (
            [
                "INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
                f" VALUES {tuples([good, (987654321, *bad[1:])])}",
                "INSERT INTO leadscore.activity (person_id, activity_type, occurred_at, attributes)"
                f" VALUES {tuples([good, (bad[0], 'no such type', *bad[2:])])}",
                "UPDATE leadscore.activity SET occurred_at = 'infinity'",
                "WITH changed AS (UPDATE leadscore.person SET status = 'open')"
                " INSERT INTO leadscore.activity (person_id, activity_type)"
                f" VALUES ({good[0]}, 'call'), ({good[0]}, 'no such type')",
            ]
        )
        statement = self.rng.choice(statements)
        if statement.startswith("UPDATE") and not self.model.activities:
            return
        inside = self.inside
        if inside:
            self.execute("SAVEPOINT before_refused")
        self.statements.append(statement + " -- is to be refused")
        self.log.write(statement + "; -- is to be refused\n")
        self.outcome.statements += 1
        try:
            self.cursor.execute(statement)
        except psycopg2.Error as error:
            if error.pgcode is None or error.pgcode.startswith("XX"):
                raise Mismatch(
                    f"a bad statement was not refused but failed with {error.pgcode}",
                    [statement, str(error).strip()],
                ) from error
        else:
            raise Mismatch("a bad statement was not refused", [statement])
        if inside:
            self.execute("ROLLBACK TO SAVEPOINT before_refused")

    def meaningless(self) -> list[str]:
        """Rules and scorecards that have no meaning."""
        rule = "INSERT INTO leadscore.rule (name, points, {}) VALUES ('without meaning', 1, {})".format
        found = {
            "filters": [
                rule("filter", "'$.level'"),
                rule("filter", "'$.level + 1'"),
                rule("person_filter", "'$.tags[*] ? (@ == \"a\")'"),
                "INSERT INTO leadscore.rule (name, points, filter)"
                " SELECT 'with meaning', 1, '$.level == 1'::jsonpath UNION ALL SELECT 'without', 1, '$'",
            ],
            "halving": [
                rule("decay", "'halving'"),
                rule("decay, half_life", "'halving', '12 hours'"),
                rule("kind, inactive_for, decay, half_life", "'inactivity', '9 days', 'halving', '9 days'"),
            ],
            "frequency": [
                rule("kind, at_least", "'frequency', 2"),
                rule("kind, within", "'frequency', '7 days'"),
                rule("kind, at_least, within", "'frequency', 0, '7 days'"),
                rule("kind, at_least, within, relevant_for", "'frequency', 2, '7 days', '7 days'"),
            ],
            "profile": [rule("kind, decay", "'profile', 'linear'")],
            "excused": [
                rule("kind, inactive_for, relevant_for, excused_by_planned", "'inactivity', '9 days', '9 days', true")
            ],
            "scorecards": [
                rule("scorecard", "'no such scorecard'"),
                "UPDATE leadscore.scorecard SET part_of = scorecard",
                "DELETE FROM leadscore.scorecard WHERE scorecard = 'main'",
                "INSERT INTO leadscore.scorecard (scorecard, part_of) VALUES ('a', 'b'), ('b', 'c'), ('c', 'a')",
                "INSERT INTO leadscore.scorecard (scorecard, part_of) VALUES ('a', 'no such scorecard')",
                "INSERT INTO leadscore.scorecard (scorecard, min_score, max_score) VALUES ('a', 2, 1)",
                "INSERT INTO leadscore.category (name, scorecard) VALUES ('cold', 'no such scorecard')",
            ],
        }
        for table in (self.model.rules, self.model.categories, self.model.adjustments):
            # In use, so it stays.
            for row in table.values():
                found["scorecards"].append(f"DELETE FROM leadscore.scorecard WHERE scorecard = {literal(row.scorecard)}")
        for card in self.model.scorecards.values():
            # A circle of two or more.
            if card.part_of is not None:
                found["scorecards"].append(
                    f"UPDATE leadscore.scorecard SET part_of = {literal(card.scorecard)}"
                    f" WHERE scorecard = {literal(card.part_of)}"
                )
        return [statement for feature, some in found.items() if feature in self.features for statement in some]

    def transaction(self) -> None:
        """Some statements together, of which some or all are taken back."""
        before = copy.deepcopy(self.state)
        self.execute("BEGIN")
        for _ in range(self.rng.randint(1, 3)):
            if self.make.chance(0.5):
                saved = copy.deepcopy(self.state)
                self.execute("SAVEPOINT one")
                for _ in range(self.rng.randint(1, 2)):
                    self.act(inside=True)
                if self.make.chance(0.6):
                    self.execute("ROLLBACK TO SAVEPOINT one")
                    self.roll_back_to(saved)
                    self.check_exact()
                else:
                    self.execute("RELEASE SAVEPOINT one")
            else:
                self.act(inside=True)
        if self.make.chance(0.5):
            self.execute("COMMIT")
        else:
            self.execute("ROLLBACK")
            self.roll_back_to(before)
            self.check_exact()

    def roll_back_to(self, state: State) -> None:
        self.state = state
        if self.has_forgotten:
            self.born_as.clear()
        if self.make.time_zone != state.model.time_zone:
            self.make.move_to(state.model.time_zone)

    # --- recompute ---

    def now_day(self) -> date:
        # In a transaction now() is its beginning.
        return instant_day(self.query(f"SELECT {as_number('now()')}")[0][0], self.model.time_zone)

    def recompute_today(self) -> None:
        self.recompute(self.now_day(), None)

    def recompute_some_day(self) -> None:
        if self.today and self.make.chance(0.75):
            return self.recompute_today()
        day = self.make.next_run_day(self.state.last_run)
        self.recompute(day, self.make.instant_on(day))

    def recompute(self, day: date, as_of: Optional[datetime]) -> None:
        full = self.make.chance(0.12)
        # Of an earlier day, batches leave persons ahead who had something since.
        if self.has["batches"] and not self.inside and day >= self.now_day() and self.make.chance(0.2):
            return self.recompute_in_batches(day, as_of)
        if as_of is not None:
            # Where the clock skips midnight, an instant may be of another day.
            day = self.model.day_of(as_of)
        arguments = [] if as_of is None else [literal(as_of)]
        if full:
            arguments.append("full_rebuild => true")
        settled = self.exact_on() == day
        before, last_change = self.standing(), self.query("SELECT coalesce(max(change_id), 0) FROM leadscore.category_change")[0][0]
        sql = (
            f"SELECT {as_days('scored_on')}, records_added, records_removed, persons_changed, categories_changed"
            f" FROM public.leadscore_recompute({', '.join(arguments)})"
        )
        rows = self.execute_again(sql)
        self.state.last_run, self.state.edited, self.state.pending = day, False, False
        self.state.found = self.what_there_is()
        if len(rows) != 1 or rows[0][0] != day_number(day):
            raise Mismatch("a run returned something else than one row of its day", [f"{day}: {rows}"])
        if settled and any(rows[0][3:] if full else rows[0][1:]):
            raise Mismatch(
                "a run changed something although all was exact already",
                [f"added, removed, persons, categories: {rows[0][1:]}"],
            )
        self.check_counts(before, last_change, rows[0][3:])
        self.check(day, deep=True)
        if self.make.chance(0.2):
            again = self.execute_again(
                sql if as_of is not None else sql.replace("recompute(", "recompute(" + ("" if full else "now()"))
            )
            if any(again[0][3:] if full else again[0][1:]):
                raise Mismatch(
                    "a second run on the same day changed something",
                    [f"added, removed, persons, categories: {again[0][1:]}"],
                )
            self.check(day, deep=False)

    def standing(self) -> dict[tuple[int, str], tuple]:
        """Score and category of each person on each scorecard, as they are stored."""
        rows = "SELECT person_id, 'main', score, category FROM leadscore.person"
        if "scorecards" in self.features:
            rows += " UNION ALL SELECT person_id, scorecard, score, category FROM leadscore.person_score"
        return {row[:2]: row[2:] for row in self.query(rows)}

    def check_counts(self, before: dict, last_change: int, counted: tuple) -> None:
        """That a run counts each person once whose score or category changed, and whose category did, on any scorecard."""
        after = self.standing()
        persons = {key[0] for key in before if key in after and after[key] != before[key]}
        changes = self.query(f"SELECT DISTINCT person_id FROM leadscore.category_change WHERE change_id > {last_change}")
        if counted != (len(persons), len(changes)):
            raise Mismatch(
                "a run does not count what it changed",
                [f"persons {sorted(persons)}, of another category {sorted(row[0] for row in changes)}; counted {counted}"],
            )

    def recompute_in_batches(self, day: date, as_of: Optional[datetime]) -> None:
        """Each batch commits, so that it may be refused where snapshots last; the next call goes on from there."""
        day = day if as_of is None else self.model.day_of(as_of)
        moment = "now()" if as_of is None else literal(as_of)
        self.execute_again(f"CALL leadscore.recompute_in_batches({moment}, {self.rng.choice([1, 3, 1000])})")
        self.state.last_run, self.state.edited, self.state.pending = day, False, False
        self.state.found = self.what_there_is()
        self.check(day, deep=True)

    def change_and_nights(self) -> None:
        """Nights that go by what was noted when persons changed: nothing else makes them look at anybody."""
        if self.make.chance(0.6):
            self.add_rule_by_status()
        day = self.make.anchor + timedelta(days=self.rng.randint(-60, 10))
        for change in [lambda: None, self.change_what_fits, lambda: None, lambda: None]:
            self.recompute(day, self.make.instant_on(day))
            change()
            day += timedelta(days=self.rng.choice([1, 2, 5, 10, 30]))

    def add_rule_by_status(self) -> None:
        """A rule for activities whose points simply add up, for persons of some statuses."""
        columns = self.make.rule()
        while columns["kind"] != "activity":
            columns = self.make.rule()
        columns |= {name: None for name in ["condition", "filter", "person_kinds", "person_filter", "effective_from"] if name in columns}
        columns |= {"max_per_day": None, "max_counted": None, "statuses": self.make.subset(STATUSES[:2]), "enabled": True}
        if "halving" in self.features and self.make.chance(0.6):
            columns |= {"decay": "halving", "half_life": self.make.interval()}
        if "tenants" in self.features:
            columns["tenant"] = None
        self.insert_rule({"name": f"rule {self.next_tag()}", **columns})

    def rules_of(self, person: Person) -> set[int]:
        return {rule.rule_id for rule in self.model.rules_for(person) if self.model.applies(rule, person)}

    def change_what_fits(self) -> None:
        """Status or attributes of several persons, one by one; rather so that nothing but rules for activities apply or do so no
        longer, whose records can be told by themselves."""
        for person in self.some(self.model.persons.values(), 6):
            column = self.rng.choice(["status", "attributes"] if "filters" in self.features else ["status"])
            value = self.new_person()[column]
            if self.make.chance(0.7):
                now = self.rules_of(person)
                for status in self.rng.sample([*STATUSES, None], len(STATUSES) + 1):
                    then = self.rules_of(replace(person, status=status))
                    if now != then and all(self.model.rules[n].kind == "activity" for n in now ^ then):
                        column, value = "status", status
            self.execute(f"UPDATE leadscore.person SET {column} = {literal(value)} WHERE person_id = {person.person_id}")
            setattr(person, column, value)

    # --- comparisons ---

    def exact_on(self) -> Optional[date]:
        """The day on which scores must be exact now without a run, if any."""
        if self.state.last_run is None or self.state.edited or self.state.pending:
            return None
        return self.state.last_run if self.state.last_run == self.now_day() else None

    def check_exact(self) -> None:
        day = self.exact_on()
        if day is not None:
            self.check(day, deep=self.make.chance(0.12))
        else:
            self.check_changes()
            if self.make.chance(0.1):
                self.check_score_at()
            if self.state.last_run is not None and not self.state.edited and not self.state.pending:
                if self.make.chance(0.1):
                    self.check_explained_as_stored()
                if "between" in self.features and self.make.chance(0.4):
                    self.check_between()

    def check(self, day: date, deep: bool) -> None:
        self.check_data()
        self.check_records(day)
        self.check_persons(day)
        if "scorecards" in self.features:
            self.check_person_scores(day)
        self.check_changes()
        if deep:
            self.check_verify()
            self.check_score_at()
            self.check_explain(day)
            self.check_forecast(day)
            self.check_worklist(day)
            self.check_tampering()
            self.check_cooling(day)
            self.check_history()

    def check_data(self) -> None:
        """That the activities are those the statements made, no more and no less."""
        stored = {
            row[0]: row[1:]
            for row in self.query(
                f"SELECT activity_id, person_id, activity_type, {as_number('occurred_at')} FROM leadscore.activity"
            )
        }
        expected = {
            a.activity_id: (a.person_id, a.activity_type, microseconds(a.occurred_at))
            for a in self.model.activities.values()
        }
        if stored != expected:
            odd = [n for n in {**expected, **stored} if stored.get(n) != expected.get(n)]
            raise Mismatch(
                "the activities themselves differ",
                [f"activity {n}: expected {expected.get(n)}, stored {stored.get(n)}" for n in odd[:SHOWN]],
                [row[0] for n in odd for row in [expected.get(n) or stored.get(n)]],
            )

    def check_records(self, day: date) -> None:
        stored = Counter(
            self.query(
                f"SELECT person_id, rule_id, activity_id, points, {as_days('counts_from')}, {as_days('counts_until')}"
                " FROM leadscore.score_record WHERE rule_id IS NOT NULL"
            )
        )
        expected = Counter(
            (p.person_id, r.rule_id, r.activity_id, r.points, day_number(r.counts_from), day_number(r.counts_until))
            for p in self.model.persons.values()
            for r in self.model.stored_records(p, day)
        )
        if stored == expected:
            return
        missing, extra = expected - stored, stored - expected
        first = min([row[0] for row in [*missing, *extra]])

        def lines(title: str, rows: Counter) -> list[str]:
            mine = sorted((r for r in rows.elements() if r[0] == first), key=lambda r: (r[1], r[4], r[2] or 0))
            return [
                f"{'stored once too often' if rows is extra and r in expected else title}: rule {r[1]}, {'activity ' + str(r[2]) if r[2] else 'penalty'},"
                f" {r[3]} points, from {day_text(r[4])} until {day_text(r[5])}"
                for r in mine[:SHOWN]
            ]

        concerned = [row for row in [*missing, *extra] if row[0] == first]
        raise Mismatch(
            f"score records on {day} differ ({missing.total()} missing, {extra.total()} too many)",
            lines("expected, not stored", missing) + lines("stored, not expected", extra),
            [first],
            [row[1] for row in concerned],
        )

    def check_persons(self, day: date) -> None:
        more = self.changeable()[3:]
        stored = {
            row[0]: row[1:]
            for row in self.query(
                f"SELECT person_id, kind, status, {as_number('since')}, score, category,"
                f" {as_number('last_activity_at')}{''.join(', ' + name for name in more)} FROM leadscore.person"
            )
        }
        self.outcome.person_days += len(self.model.persons)
        expected = {}
        for person in self.model.persons.values():
            score = self.model.score_at(person, day)
            expected[person.person_id] = (
                person.kind,
                person.status,
                microseconds(person.since),
                score,
                self.model.category_of(person, score),
                microseconds(self.model.last_activity_at(person)),
                *(getattr(person, name) for name in more),
            )
        if stored == expected:
            return
        names = ["kind", "status", "since", "score", "category", "last_activity_at", *more]
        odd = [n for n in {**expected, **stored} if stored.get(n) != expected.get(n)]
        lines = []
        for number in odd[:SHOWN]:
            if number not in expected or number not in stored:
                lines.append(f"person {number} is {'missing' if number in expected else 'still there'}")
                continue
            for name, want, have in zip(names, expected[number], stored[number]):
                if want != have:
                    lines.append(f"person {number}: {name} expected {want}, stored {have}")
        raise Mismatch(f"persons on {day} differ", lines, odd[:1], [])

    def check_person_scores(self, day: date) -> None:
        """A row for each person and each scorecard but main."""
        stored = {row[:2]: row[2:] for row in self.query("SELECT person_id, scorecard, score, category FROM leadscore.person_score")}
        expected = {}
        for person in self.model.persons.values():
            for card in self.model.scorecards:
                if card != "main":
                    score = self.model.score_at(person, day, card)
                    expected[person.person_id, card] = (score, self.model.category_of(person, score, card))
        self.outcome.person_days += len(expected)
        self.compare_by_person(f"scores of scorecards on {day}", expected, stored)

    def compare_by_person(self, what: str, expected: dict, stored: dict) -> None:
        """Both have keys that begin with a person."""
        if stored != expected:
            odd = [n for n in {**expected, **stored} if stored.get(n) != expected.get(n)]
            lines = [f"person and scorecard {n}: expected {expected.get(n)}, stored {stored.get(n)}" for n in odd[:SHOWN]]
            raise Mismatch(f"{what} differ", lines, [odd[0][0]])

    def check_between(self) -> None:
        """That each person has the scores of the last run's day, or with what has happened since.

        What the run knew of and lies after its day waits for the next one, but for persons who were derived anew
        since; so each such activity may count already or not.
        """
        run, today = self.state.last_run, self.now_day()
        if abs((today - run).days) > 60:
            return  # too much would lie between
        stored: dict[int, dict[str, tuple]] = {}
        cards = list(self.model.scorecards)
        rows = self.query("SELECT person_id, 'main', score, category FROM leadscore.person")
        if "scorecards" in self.features:
            rows += self.query("SELECT person_id, scorecard, score, category FROM leadscore.person_score")
        for person_id, card, score, category in rows:
            stored.setdefault(person_id, {})[card] = (score, category)
        known = {key for key, value in self.what_there_is().items() if self.state.found.get(key) == value}

        def view(person: Person, score: Callable[[str], int]) -> dict[str, tuple]:
            scores = {card: score(card) for card in cards}
            return {card: (s, self.model.category_of(person, s, card)) for card, s in scores.items()}

        for person in self.model.persons.values():
            self.outcome.person_days += 1
            have = stored.get(person.person_id)
            seen = [view(person, lambda card: self.model.score_at(person, run, card))]
            if have in seen:
                continue
            ahead = [
                a.activity_id
                for a in self.model.activities_of(person)
                if ("activity", a.activity_id) in known and run < self.model.day_of(a.occurred_at) <= today
            ]
            since_ahead = ("person", person.person_id) in known and self.model.day_of(person.since) > run
            if len(ahead) > 5:
                continue
            for since_waits in (False, True)[: 1 + since_ahead]:
                for count in range(len(ahead) + 1):
                    for waiting in itertools.combinations(ahead, count):
                        args = waiting, since_waits
                        seen.append(view(person, lambda card: self.model.score_between(person, run, today, card, *args)))
            if have not in seen:
                raise Mismatch(
                    f"scores between the run of {run} and {today} differ",
                    [f"person {person.person_id}: stored {have}", f"on the day of the run {seen[0]}"]
                    + [f"by now {v}" for v in seen[1:]],
                    [person.person_id],
                )

    def what_there_is(self) -> dict[tuple[str, int], tuple]:
        activities = self.model.activities.values()
        return {
            **{("person", p.person_id): (p.since,) for p in self.model.persons.values()},
            **{
                ("activity", a.activity_id): (a.person_id, a.activity_type, a.occurred_at, json.dumps(a.attributes))
                for a in activities
            },
        }

    def first_name(self, category: Optional[str]) -> Optional[str]:
        return self.first_names.get(category, category)

    def check_changes(self) -> None:
        """That the changes of category of each person form one chain from the
        category it was born with to the present one.

        Being born with a category may or may not be written down as a change,
        so the beginning of a chain is taken from the first look at a person.
        A category that was renamed is the same one, and its new name no change.
        """
        chains: dict[tuple[int, str], list[tuple]] = {}
        rows = "SELECT person_id, 'main', from_category, to_category FROM leadscore.category_change ORDER BY change_id"
        present = "SELECT person_id, 'main', category FROM leadscore.person"
        if "scorecards" in self.features:
            rows = rows.replace("'main'", "scorecard")
            present += " UNION ALL SELECT person_id, scorecard, category FROM leadscore.person_score"
        for person_id, card, before, after in self.query(rows):
            chains.setdefault((person_id, card), []).append((before, after))
        for person_id, card, category in self.query(present):
            key = person_id, card
            chain = chains.get(key, [])
            if key not in self.born_as:
                if self.state.pending:
                    continue  # perhaps not derived yet
                self.born_as[key] = self.first_name(chain[0][0] if chain else category)
            at = self.born_as[key]
            for before, after in chain:
                if self.first_name(before) != at or self.first_name(after) == at:
                    at = ("broken",)
                    break
                at = self.first_name(after)
            if at != self.first_name(category):
                raise Mismatch(
                    "the changes of category are no chain to the present one",
                    [f"person {person_id} was {self.born_as[key]} of {card} at first and is {category}; changes:"]
                    + [f"  {before} → {after}" for before, after in chain[-SHOWN:]],
                    [person_id],
                )

    def check_verify(self) -> None:
        if "verify" not in self.features:
            return
        rows = self.query("SELECT * FROM leadscore.verify()")
        if rows:
            raise Mismatch(f"verify() returned {len(rows)} rows", [str(row) for row in rows[:SHOWN]])

    def check_score_at(self) -> None:
        if "score_at" not in self.features:
            return
        pairs = [
            (person_id, self.make.day() if self.make.chance(0.8) else self.make.day() + timedelta(days=400))
            for person_id in self.model.persons
            for _ in range(2)
        ]
        if not pairs:
            return
        card = self.some_scorecard()
        rows = self.query(
            f"SELECT v.person_id, {as_days('v.on_day')}, leadscore.score_at(v.person_id, v.on_day{self.scorecard_argument(card)})"
            f" FROM (VALUES {tuples(pairs)}) AS v (person_id, on_day)"
        )
        self.outcome.person_days += len(rows)
        wrong = []
        for person_id, number, score in rows:
            day = DAY_ZERO + timedelta(days=number)
            expected = self.model.score_at(self.model.persons[person_id], day, card)
            if score != expected:
                wrong.append((person_id, f"person {person_id} on {day}, {card}: expected {expected}, score_at gives {score}"))
        if wrong:
            raise Mismatch("score_at differs", [line for _, line in wrong[:SHOWN]], [wrong[0][0]])

    def check_explain(self, day: date) -> None:
        if "explain" not in self.features or not self.model.persons or not self.make.chance(0.5):
            return
        card = self.some_scorecard()
        argument = self.scorecard_argument(card)
        rows = self.query(
            "SELECT p.person_id, coalesce((SELECT sum(e.points) FILTER (WHERE e.counts)"
            f" FROM leadscore.explain(p.person_id, {literal(day)}{argument}) AS e), 0)::bigint FROM leadscore.person AS p"
        )
        for person_id, score in rows:
            expected = self.model.score_at(self.model.persons[person_id], day, card)
            if score != expected:
                raise Mismatch(
                    "explain does not add up to the score",
                    [f"person {person_id} on {day}, {card}: expected {expected}, explained {score}"],
                    [person_id],
                )

        # Line by line, of the rules of the scorecard and its parts: what is worth something that day.
        person = self.rng.choice(list(self.model.persons.values()))
        some_day = self.make.day() if self.make.chance(0.5) else day
        names = {rule.name for rule in self.model.rules.values()}
        stored = Counter(
            row
            for row in self.query(
                f"SELECT rule, activity_id, points::int, {as_days('counts_from')}, {as_days('counts_until')}"
                f" FROM leadscore.explain({person.person_id}, {literal(some_day)}{argument}) WHERE counts AND points <> 0"
            )
            if row[0] in names
        )
        expected_lines = Counter(
            (self.model.rules[r.rule_id].name, r.activity_id, worth, day_number(r.counts_from), day_number(r.counts_until))
            for r in self.model.records(person, some_day)
            for worth in [r.worth_on(some_day)]
            if worth and card in self.wholes(self.model.rules[r.rule_id].scorecard)
        )
        if stored != expected_lines:
            raise Mismatch(
                f"explain of {some_day}, {card} has other lines",
                [f"missing {row}" for row in expected_lines - stored] + [f"too many {row}" for row in stored - expected_lines],
                [person.person_id],
            )

    def wholes(self, card: Optional[str]) -> list[str]:
        """A scorecard and those that it is, directly or not, a part of."""
        found = []
        while card is not None:
            found.append(card)
            card = self.model.scorecards[card].part_of
        return found

    def check_worklist(self, day: date) -> None:
        """What it says of the past and of the year ahead is what the model says of each day."""
        if "worklist" not in self.features or not self.model.persons:
            return
        shown = {row[0] for row in self.query("SELECT person_id FROM leadscore.worklist")}
        there = {p.person_id for p in self.model.persons.values() if p.active}
        if shown != there:
            raise Mismatch("the worklist has others than those who are active", [f"{shown ^ there}"], shown ^ there)
        if not there:
            return
        person = self.model.persons[self.rng.choice(sorted(there))]
        rows = self.query(f"SELECT score, category, change_7, change_30, outlook FROM leadscore.worklist WHERE person_id = {person.person_id}")
        score, category, change_7, change_30, outlook = rows[0]
        self.outcome.person_days += 367
        expected = [score - self.model.score_at(person, day - timedelta(days=days)) for days in (7, 30)]
        turns = f"stays {category}" if category is not None else None
        year = [day + timedelta(days=n) for n in range(1, 366)]
        for some_day, (_, then) in zip(year, foretold(self.model, person, year)):
            if then != category:
                turns = f"turns {'to no category' if then is None else then} on {some_day}"
                break
        if [change_7, change_30, outlook] != [*expected, turns]:
            raise Mismatch(
                f"the worklist of {day} differs",
                [f"expected {[*expected, turns]}, worklist {[change_7, change_30, outlook]}"],
                [person.person_id],
            )

    def check_tampering(self) -> None:
        """Whatever one of leadscore's columns is changed to, verify() finds it."""
        if "verify" not in self.features:
            return
        ways = [
            "UPDATE leadscore.person SET score = score + 1",
            "UPDATE leadscore.person SET category = coalesce(category, '') || 'x'",
            "UPDATE leadscore.person SET last_activity_at = coalesce(last_activity_at, now()) - interval '1 second'",
            "DELETE FROM leadscore.score_record",
            "INSERT INTO leadscore.score_record SELECT * FROM leadscore.score_record",
            "UPDATE leadscore.score_record SET points = points - 1",
            "UPDATE leadscore.score_record SET counts_from = counts_from - 1",
            "UPDATE leadscore.score_record SET counts_until = coalesce(counts_until, '9999-01-01') + 1",
            "UPDATE leadscore.score_record SET rule_id = coalesce(rule_id, 0) + 1000",
            "INSERT INTO leadscore.score_record (person_id, points, counts_from) SELECT 1 + max(person_id), 1, '2024-01-01' FROM leadscore.person",
        ]
        if "scorecards" in self.features:
            ways += [
                "UPDATE leadscore.person_score SET score = score - 1",
                "UPDATE leadscore.person_score SET category = coalesce(category, '') || 'x'",
                "DELETE FROM leadscore.person_score",
            ]
        way = self.rng.choice(ways)
        table = "person_score" if "person_score" in way else "person" if "leadscore.person SET" in way else "score_record"
        rows = self.query(f"SELECT ctid::text, person_id FROM leadscore.{table} ORDER BY ctid")
        if not rows:
            return
        # Within a transaction of the story, a rollback would take back what the story did.
        if self.inside:
            return
        at, victim = self.rng.choice(rows)
        is_orphan = "max(person_id)" in way
        if not is_orphan:
            way += f" WHERE ctid = '{at}'"
        self.execute("BEGIN")
        self.execute("SET LOCAL session_replication_role = replica")
        self.execute(way)
        found = self.query("SELECT person_id FROM leadscore.verify()")
        self.execute("ROLLBACK")
        if not found or (not is_orphan and {row[0] for row in found} != {victim}):
            raise Mismatch(f"verify() does not find what was changed: {way}", [str(row) for row in found[:SHOWN]], [victim])

    def check_forecast(self, day: date) -> None:
        if "course" not in self.features or not self.model.persons or not self.make.chance(0.5):
            return
        person = self.rng.choice(list(self.model.persons.values()))
        until = day + timedelta(days=self.rng.randint(2, 70))
        card = self.some_scorecard()
        rows = self.query(
            f"SELECT {as_days('day')}, score, category"
            f" FROM leadscore.forecast({person.person_id}, {literal(until)}{self.scorecard_argument(card)})"
        )
        stored = {DAY_ZERO + timedelta(days=row[0]): row[1:] for row in rows}
        days = [day + timedelta(days=n) for n in range((until - day).days + 1)]
        course = foretold(self.model, person, days, card)
        expected = {d: then for d, then, before in zip(days[1:], course[1:], course) if then != before}
        self.outcome.person_days += (until - day).days
        self.outcome.foretold += (until - day).days
        if stored != expected:
            odd = sorted(d for d in {**stored, **expected} if stored.get(d) != expected.get(d))
            raise Mismatch(
                f"forecast of {card} from {day} until {until} differs",
                [f"{d}: expected {expected.get(d)}, forecast {stored.get(d)}" for d in odd[:SHOWN]],
                [person.person_id],
            )

    def check_explained_as_stored(self) -> None:
        """That explain without a day adds up to the stored score, also between two runs."""
        if "explain" not in self.features:
            return
        card = self.some_scorecard()
        if card == "main":
            stored = "SELECT person_id, score FROM leadscore.person"
        else:
            stored = f"SELECT person_id, score FROM leadscore.person_score WHERE scorecard = {literal(card)}"
        rows = self.query(
            f"SELECT p.person_id, p.score, x.score FROM ({stored}) AS p CROSS JOIN LATERAL ("
            " SELECT coalesce(sum(e.points) FILTER (WHERE e.counts), 0)::bigint AS score"
            f" FROM leadscore.explain(p.person_id{self.scorecard_argument(card)}) AS e) AS x"
        )
        self.outcome.person_days += len(rows)
        for person_id, score, explained in rows:
            if score != explained:
                raise Mismatch(
                    "explain does not add up to the stored score",
                    [f"person {person_id}, {card}: stored {score}, explained {explained}"],
                    [person_id],
                )

    def falls(self, person: Person, day: date, until: date, card: str) -> Optional[tuple]:
        """The first day on which the person is in a lower category than on a day, and what then."""
        days = [day + timedelta(days=n) for n in range((until - day).days + 1)]
        (score, category), *later = foretold(self.model, person, days, card)
        if category is None:
            return None
        bound = next(c.min_score for c in self.model.bands(person, card) if c.name == category)
        for some_day, (then, category) in zip(days[1:], later):
            if bound is not None and then < bound:
                return some_day, then, category
        return None

    def check_cooling(self, day: date) -> None:
        if "course" not in self.features or not self.make.chance(0.5):
            return
        within = self.rng.randint(1, 40)
        card = self.some_scorecard()
        stored = {
            row[0]: (DAY_ZERO + timedelta(days=row[1]), row[2], row[3])
            for row in self.query(
                f"SELECT person_id, {as_days('falls_on')}, falls_to_score, falls_to_category"
                f" FROM leadscore.cooling({within}{self.scorecard_argument(card)})"
            )
        }
        expected = {}
        for person in self.model.persons.values():
            fall = self.falls(person, day, day + timedelta(days=within), card)
            if fall is not None:
                expected[person.person_id] = fall
        self.outcome.person_days += within * len(self.model.persons)
        self.outcome.foretold += within * len(self.model.persons)
        if stored != expected:
            odd = sorted(n for n in {**stored, **expected} if stored.get(n) != expected.get(n))
            raise Mismatch(
                f"cooling({within}) of {card} on {day} differs",
                [f"person {n}: expected {expected.get(n)}, cooling {stored.get(n)}" for n in odd[:SHOWN]],
                odd[:1],
            )

    def check_history(self) -> None:
        if "course" not in self.features or not self.model.persons or not self.make.chance(0.5):
            return
        person = self.rng.choice(list(self.model.persons.values()))
        begin = self.make.day()
        until = begin + timedelta(days=self.rng.randint(0, 120))
        card = self.some_scorecard()
        rows = self.query(
            f"SELECT {as_days('day')}, score, category"
            f" FROM leadscore.history({person.person_id}, {literal(begin)}, {literal(until)}{self.scorecard_argument(card)})"
        )
        stored = [(DAY_ZERO + timedelta(days=row[0]), row[1], row[2]) for row in rows]
        days = [begin + timedelta(days=n) for n in range((until - begin).days + 1)]
        expected: list[tuple] = []
        for some_day, (score, category) in zip(days, foretold(self.model, person, days, card)):
            if not expected or expected[-1][1] != score:
                expected.append((some_day, score, category))
        self.outcome.person_days += (until - begin).days
        if stored != expected:
            odd = [e for e in [*stored, *expected] if e not in stored or e not in expected]
            raise Mismatch(f"history of {card} from {begin} until {until} differs", [str(e) for e in odd[:SHOWN]], [person.person_id])

    # --- the play ---

    def act(self, inside: bool = False) -> None:
        """One random statement, or a few that belong together."""
        data: list[tuple[int, Callable[[], Any]]] = [
            (16, self.insert_activities),
            (3, self.insert_now),
            (6, self.copy_activities),
            (3, self.copies),
            (7, self.update_activity),
            (7, self.update_activities),
            (3, self.shift_activities),
            (2, self.move_activities),
            (3, self.touch_activities),
            (5, self.delete_activities),
            (3, self.delete_newest),
            (6, self.delete_earlier),
            (5, self.replace_activities),
            (4, self.status_and_activity),
            (4, self.merge_activities),
            (7, self.update_person),
            (5, self.update_persons),
            (1, self.same_status_for_all),
            (1, self.update_owner),
            (4, self.insert_persons),
            (2, self.upsert_persons),
            (1, self.delete_persons),
            (1, self.merge_persons),
            (4, self.adjust),
            (3, self.refused),
        ]
        # Around today an edit ends the exactness until the next run, so it is
        # rarer there and a run follows sooner.
        edits: list[tuple[float, Callable[[], Any]]] = [
            (2, self.add_rule),
            (5, self.edit_rule),
            (1, self.toggle_rules),
            (1.5, self.delete_rule),
            (3, self.edit_categories),
            (0.7, self.change_time_zone),
        ]
        if "scorecards" in self.features:
            edits += [(1, self.insert_scorecard), (3, self.edit_scorecard), (1, self.delete_scorecard)]
        if "tenants" in self.features:
            edits.append((0.3, self.forget_tenant))
        rare = 0.35 if self.today else 1
        choices = data + [(weight * rare, action) for weight, action in edits]
        # A transaction whose snapshot lasts may be refused a run.
        runs = not inside or self.level == "read committed"
        if runs:
            choices.append((4 if inside else 12, self.recompute_some_day))
        if "deferred" in self.features:
            choices += [(3, self.set_scoring), (40 if self.state.pending else 1, self.score_pending)][: 1 + runs]
        if "isolation" in self.features and not inside:
            choices.append((3, self.set_isolation))
        if self.today and self.exact_on() is None and runs:
            choices.append((40, self.recompute_today))
        if not inside:
            choices.append((12, self.transaction))
            if not self.today:
                choices.append((4, self.change_and_nights))
        weights = [weight for weight, _ in choices]
        action = self.rng.choices([action for _, action in choices], weights)[0]
        action()
        if self.state.deferred and any(action == other for _, other in data):
            self.state.pending = True
        self.check_exact()

    def run(self) -> Outcome:
        try:
            self.start()
            for _ in range(self.rng.randint(40, 70)):
                self.act()
                if time.monotonic() > self.deadline:
                    self.outcome.cut_short = True
                    break
            if self.today:
                self.recompute_today()
            else:
                self.recompute_some_day()
        except Mismatch as mismatch:
            self.outcome.passed = False
            self.outcome.story = self.tell(mismatch)
        self.outcome.persons = len(self.known_persons)
        return self.outcome

    def tell(self, mismatch: Mismatch) -> str:
        model = self.model
        day = self.state.last_run
        lines = [f"seed {self.seed} failed after statement {len(self.statements)}: {mismatch.what}"]
        lines += [f"    {line}" for line in mismatch.lines]
        lines.append(
            f"  time zone {model.time_zone}, last run on {day}"
            + (", rules, categories or settings edited since" if self.state.edited else "")
            + (", scoring deferred" if self.state.deferred else "")
        )
        lines.append(f"  features {', '.join(sorted(self.features))}")
        if len(model.scorecards) > 1 or model.scorecards["main"] != Scorecard("main"):
            lines += [f"  {card}" for card in model.scorecards.values()]
        concerned = set(mismatch.rules)
        for person_id in mismatch.persons[:2]:
            person = model.persons.get(person_id)
            if person is None:
                continue
            lines.append(
                f"  person {person_id}: {person.kind}, status {person.status},"
                f" since {person.since.isoformat()} (local day {model.day_of(person.since)})"
                f"{'' if person.active else ', not active'}, tenant {person.tenant},"
                f" {json.dumps(person.attributes, ensure_ascii=False)}"
            )
            for category in model.categories.values():
                if any(category in model.bands(person, card) for card in model.scorecards):
                    lines.append(f"    {category}")
            mine = sorted(model.activities_of(person), key=lambda a: (a.occurred_at, a.activity_id))
            for a in mine[-40:]:
                lines.append(
                    f"    activity {a.activity_id}: {a.activity_type} at {a.occurred_at.isoformat()}"
                    f" (local day {model.day_of(a.occurred_at)}) {json.dumps(a.attributes, ensure_ascii=False)}"
                )
            for adjustment in model.adjustments.values():
                if adjustment.person_id == person_id:
                    lines.append(f"    {adjustment}")
            if day is not None and not mismatch.rules:
                for record in model.stored_records(person, day):
                    concerned.add(record.rule_id)
                    lines.append(f"    the model's record, worth {record.worth_on(day)} on {day}: {show(record)}")
        for rule_id in sorted(concerned):
            if rule_id in model.rules:
                lines.append(f"  {show_rule(model.rules[rule_id])}")
            else:
                lines.append(f"  rule {rule_id} is no more")
        lines.append("  the last statements:")
        for sql in self.statements[-8:]:
            lines.append("    " + (sql if len(sql) < 400 else sql[:400] + " …") + ";")
        return "\n".join(lines)


def instant_day(count: int, zone: str) -> date:
    return Model(time_zone=zone).day_of(instant_of(count))


def show(record: Record) -> str:
    what = f"activity {record.activity_id}" if record.activity_id else "no activity"
    return (
        f"rule {record.rule_id}, {what}, {record.points} points,"
        f" from {record.counts_from} until {record.counts_until or 'for ever'}"
    )


def show_rule(rule: Rule) -> str:
    columns = {n: v for n, v in vars(rule).items() if v is not None and n not in ("rule_id", "name")}
    text = ", ".join(f"{n} {str(v) if isinstance(v, Interval) else repr(v)}" for n, v in columns.items())
    return f"rule {rule.rule_id}: {text}"
