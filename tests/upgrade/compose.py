"""The upgrade script from one version to another, from the difference of their objects."""

from __future__ import annotations

import re

import psycopg2

from definitions import HOME, Database, Key, column_sql, differences
from versions import PRESENT, ROOT, Extension, fresh, released, upgraded

CAN_BE_DROPPED = ("trigger", "constraint", "index", "view", "function", "type")
# What is by hand comes first; below this line is what needs the new objects.
AFTER = "-- AFTER WHAT IS COMPARED\n"
HEADER = """-- leadscore {old} to {new}. tools/upgrade-script makes this script: what is by hand in it comes from
-- tests/upgrade/by_hand. tests/upgrade/run holds it to the install script.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL check_function_bodies = false;
"""


class Cannot(Exception):
    """What only a person can decide."""


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def rows_of(new: Database, table: str) -> list[str]:
    """The rows that a new table begins with, as statements."""
    columns = [t.row for k, t in new.things.items() if k[0] == "column" and t.row["owner_name"] == table and not t.row["generated"]]
    if not columns:
        return []
    names = ", ".join(c["name"] for c in columns)
    # A moment of the installation is one of the upgrade.
    read = [f"CASE WHEN {c['name']} > now() - interval '1 hour' THEN 'DEFAULT' ELSE {c['name']}::text END" if c["default"] == "now()" else f"{c['name']}::text" for c in columns]
    new.cursor.execute(f"SELECT {', '.join(read)} FROM {table} ORDER BY 1")
    return [
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ("
        + ", ".join("NULL" if v is None else v if (v, c["default"]) == ("DEFAULT", "now()") else f"{literal(v)}::{c['type']}" for c, v in zip(columns, row))
        + ")"
        for row in new.cursor.fetchall()
    ]


def with_users(dropped: set[Key], users: dict[Key, set[Key]]) -> set[Key]:
    """These objects and all that cannot be without them."""
    found, rest = set(dropped), list(dropped)
    while rest:
        for user in users.get(rest.pop(), ()):
            if user not in found:
                found.add(user)
                rest.append(user)
    return found


def alter_table(old: Database, new: Database, table: str) -> list[str]:
    """What a column more, or another default, is in SQL."""
    made = []
    a, b = old.things["table", table], new.things["table", table]
    if a.facts["options"] != b.facts["options"] and b.facts["options"]:
        made.append(f"ALTER TABLE {table} SET ({', '.join(b.facts['options'])})")
    if a.facts["identity"] != b.facts["identity"]:
        made.append(f"ALTER TABLE {table} REPLICA IDENTITY " + {"d": "DEFAULT", "n": "NOTHING", "f": "FULL"}.get(b.facts["identity"], "DEFAULT"))
    for key, thing in new.things.items():
        if key[0] != "column" or thing.row["owner_name"] != table:
            continue
        was, row = old.things.get(key), thing.row
        if was is None:
            made.append(f"ALTER TABLE {table} ADD COLUMN {column_sql(row)}")
            continue
        if was.facts["default"] != thing.facts["default"] and not row["generated"]:
            made.append(f"ALTER TABLE {table} ALTER COLUMN {row['name']} " + ("DROP DEFAULT" if row["default"] is None else f"SET DEFAULT {row['default']}"))
        if was.facts["not_null"] != thing.facts["not_null"]:
            made.append(f"ALTER TABLE {table} ALTER COLUMN {row['name']} {'SET' if row['not_null'] else 'DROP'} NOT NULL")
    return made


def in_order_of_drops(old: Database, dropped: set[Key]) -> list[Key]:
    """Who needs another goes first."""
    users, made = old.users(), []

    def go(key: Key) -> None:
        if key in dropped and key not in made:
            for user in sorted(users.get(key, ()), key=lambda k: -old.things[k].oid):
                go(user)
            made.append(key)

    for key in sorted(dropped, key=lambda k: -old.things[k].oid):
        go(key)
    return made


def structure(old: Database, new: Database, dropped: set[Key]) -> list[tuple[Key, str]]:
    """The statements that make the objects of the one those of the other, each with the object that it is for."""
    made = []
    for key in in_order_of_drops(old, dropped):
        if key[0] not in CAN_BE_DROPPED or not old.things[key].drop:
            raise Cannot(f"{key[0]} {key[1]} would have to be dropped")
        made.append((key, old.things[key].drop))
    # In the order in which the install script made them: what one needs is there.
    for key, thing in sorted(new.things.items(), key=lambda item: item[1].oid):
        was = None if key in dropped else old.things.get(key)
        if key[0] == "table" and was is not None:
            made += [(key, statement) for statement in alter_table(old, new, key[1])]
        elif thing.create and (was is None or (was.create != thing.create and key[0] != "table")):
            if was is not None and key[0] == "type":
                before, after = was.row["attributes"], thing.row["attributes"]
                if after[: len(before)] != before:
                    raise Changed(key)
                made += [(key, f"ALTER TYPE {key[1]} ADD ATTRIBUTE {attribute}") for attribute in after[len(before) :]]
            elif was is not None and key[0] not in ("function", "view"):
                raise Changed(key)
            else:
                made.append((key, thing.create))
                if key[0] == "table":
                    made += [(key, statement) for statement in rows_of(new, key[1])]
    return made


class Changed(Exception):
    """An object that cannot be changed in place."""

    def __init__(self, key: Key):
        self.key = key


def find_structure(connection, old: Database, new: Database) -> list[tuple[Key, str]]:
    """What has to be dropped is found by trying: PostgreSQL says what it cannot replace."""
    users = old.users()
    # Privileges that are said cannot go back to those that go without saying.
    default_again = {k for k, t in new.things.items() if k[0] in ("function", "view", "type") and t.acl is None and k in old.things and old.things[k].acl is not None}
    gone = {k for k in old.things.keys() - new.things.keys() if k[0] in CAN_BE_DROPPED and old.things[k].drop}
    dropped = with_users(gone | default_again, users)
    while True:
        failed: set[Key] = set()
        try:
            statements = structure(old, new, dropped)
        except Changed as changed:
            dropped = with_users(dropped | {changed.key}, users)
            continue
        with connection.cursor() as cursor:
            # Outside of an extension's script its members cannot be dropped.
            cursor.execute("BEGIN; SET LOCAL allow_system_table_mods = on; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL check_function_bodies = false")
            cursor.execute("DELETE FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'leadscore')")
            for key, statement in statements:
                try:
                    cursor.execute(statement.replace("MODULE_PATHNAME", "leadscore"))
                except psycopg2.Error as error:
                    # 42P13: invalid function definition; 42P16: invalid table definition, of a view here.
                    if error.pgcode in ("42P13", "42P16") and key in old.things and key not in dropped:
                        failed = {key}
                        break
                    # 0A000: feature not supported.
                    if error.pgcode == "0A000" and key[0] == "table":
                        cursor.execute("ROLLBACK")
                        failed = old.of_row_type(key[1]) - dropped
                        if failed:
                            break
                    raise Cannot(f"{key[0]} {key[1]}: {error}\n{statement[:400]}") from error
            cursor.execute("ROLLBACK")
        if not failed:
            return statements
        dropped = with_users(dropped | failed, users)


def labels(old: Database, new: Database) -> list[str]:
    """Comments, privileges and what pg_dump takes, where they still differ."""
    made = []
    for key, thing in sorted(new.things.items(), key=lambda item: (item[1].oid, item[0])):
        was = old.things.get(key)
        if was is None:
            continue
        kind, name = key
        word = thing.facts["word"] if kind == "function" else kind.upper()
        target = name
        if kind in ("trigger", "constraint"):
            target = f"{thing.row['name']} ON {thing.row['owner_name']}"
        if was.comment != thing.comment:
            made.append(f"COMMENT ON {word} {target} IS {'NULL' if thing.comment is None else literal(thing.comment)}")
        if kind != "column":
            grantee_word = {"view": "TABLE", "table": "TABLE"}.get(kind, word)
            if thing.acl is not None and was.acl is None and was.rights == thing.rights:
                # The default, said aloud: so that it is stored as in the install script.
                made.append(f"GRANT {' ,'.join(sorted({p for _, p, _ in thing.rights}))} ON {grantee_word} {name} TO CURRENT_USER")
            for grantee, privilege, _ in sorted(was.rights - thing.rights):
                made.append(f"REVOKE {privilege} ON {grantee_word} {name} FROM {grantee}")
            for grantee, privilege, grantable in sorted(thing.rights - was.rights):
                made.append(f"GRANT {privilege} ON {grantee_word} {name} TO {grantee}{' WITH GRANT OPTION' if grantable else ''}")
        if kind in ("table", "sequence") and thing.facts["is_dumped"] and (was.facts["is_dumped"], was.facts["dumped"]) != (True, thing.facts["dumped"]):
            made.append(f"SELECT pg_catalog.pg_extension_config_dump({literal(name)}, {literal(thing.facts['dumped'] or '')})")
    return made


def script(parts: list[str]) -> str:
    text = "".join(part if part.endswith(";\n") else part.rstrip() + ";\n" for part in parts)
    return re.sub(rf"\b{HOME}\.", "@extschema@.", text)


def compose(extension: Extension, old_version: str) -> tuple[str, list[str]]:
    """The script from a released version to what is installed, and what differs after it has run."""
    name = f"leadscore--{old_version}--{PRESENT}.sql"
    by_hand = ROOT / "tests" / "upgrade" / "by_hand" / name
    first, _, last = (by_hand.read_text() if by_hand.exists() else "").partition(AFTER)
    parts = [HEADER.format(old=old_version, new=PRESENT)] + ([first.rstrip() + "\n"] if first else [])
    extension.place(released(old_version))
    extension.place(name, script(parts))
    new = Database(fresh("new"))
    # What is done by hand is there before anything is compared.
    connection = upgraded("old", old_version)
    parts += ["\n" + statement for _, statement in find_structure(connection, Database(connection), new)]
    extension.place(name, script(parts))
    # The second time for what only the first one made.
    for _ in range(2):
        more = labels(Database(upgraded("old", old_version)), new)
        parts += ["\n" + more[0], *more[1:]] if more else []
        extension.place(name, script(parts))
    parts += ["\n" + last.lstrip()] if last else []
    extension.place(name, script(parts))
    return script(parts), differences(Database(upgraded("old", old_version)), new)
