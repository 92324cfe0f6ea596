"""What leadscore is made of in a database, read from the catalogs: for each object its definition, comment and privileges.

Two databases with the same answer cannot be told apart by their objects. No OID and no position that depends on history
is part of it, but the order of a table's columns is: a row type has it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Optional

HOME = "leadscore_home"  # the schema of CREATE EXTENSION in the databases that are compared


@dataclass
class Thing:
    """An object: of the extension, or a part of one of its tables."""

    kind: str
    name: str  # qualified and quoted, with argument types
    oid: int
    create: Optional[str] = None  # the statement that makes it; for functions and views also replaces it
    drop: Optional[str] = None
    facts: dict[str, Any] = field(default_factory=dict)  # all else that two of its kind can differ in
    comment: Optional[str] = None
    acl: Optional[list[str]] = None  # as stored; None: PostgreSQL's default
    rights: frozenset = frozenset()  # the same, spelled out: (grantee, privilege, grantable)
    initial: Optional[list[str]] = None  # what pg_dump takes for the extension's own
    row: dict[str, Any] = field(default_factory=dict)  # for those who write statements


Key = tuple[str, str]

NAMESPACES = """
SELECT n.oid, quote_ident(n.nspname) AS name, obj_description(n.oid, 'pg_namespace') AS comment, n.nspacl::text[] AS acl, 'n' AS aclkind, n.nspowner AS owner,
       (SELECT i.initprivs::text[] FROM pg_init_privs i WHERE i.classoid = 'pg_namespace'::regclass AND i.objoid = n.oid) AS initial
FROM pg_namespace n JOIN members m ON m.classid = 'pg_namespace'::regclass AND m.objid = n.oid
"""
RELATIONS = """
SELECT c.oid, c.oid::regclass::text AS name, c.relkind::text AS relkind, obj_description(c.oid, 'pg_class') AS comment, c.relacl::text[] AS acl,
       CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END AS aclkind, c.relowner AS owner, c.reloptions AS options,
       c.relpersistence::text AS persistence, c.relreplident::text AS identity, c.relrowsecurity AS row_security, c.relforcerowsecurity AS forced,
       CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END AS query,
       (SELECT jsonb_build_object('type', format_type(s.seqtypid, NULL), 'start', s.seqstart, 'increment', s.seqincrement, 'max', s.seqmax, 'min', s.seqmin,
                                  'cache', s.seqcache, 'cycle', s.seqcycle,
                                  'of', (SELECT d.refobjid::regclass::text || '.' || a.attname || ' ' || d.deptype::text FROM pg_depend d
                                         JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                         WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i') AND d.refclassid = 'pg_class'::regclass))
        FROM pg_sequence s WHERE s.seqrelid = c.oid) AS sequence,
       (SELECT i.initprivs::text[] FROM pg_init_privs i WHERE i.classoid = 'pg_class'::regclass AND i.objoid = c.oid AND i.objsubid = 0) AS initial,
       (SELECT e.extcondition[array_position(e.extconfig, c.oid)] FROM pg_extension e WHERE e.extname = 'leadscore') AS dumped,
       (SELECT c.oid = ANY (e.extconfig) FROM pg_extension e WHERE e.extname = 'leadscore') AS is_dumped
FROM pg_class c JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S')
"""
COLUMNS = """
SELECT c.oid::regclass::text AS owner_name, c.relkind::text AS relkind, quote_ident(a.attname) AS name, a.attnum,
       row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS position,
       format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null, a.attidentity::text AS identity, a.attgenerated::text AS generated,
       pg_get_expr(d.adbin, d.adrelid) AS default, a.attstorage::text AS storage, a.attcompression::text AS compression, (SELECT array_agg(o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_') AS options,
       CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collation,
       col_description(c.oid, a.attnum) AS comment, a.attacl::text[] AS acl
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE (EXISTS (SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
       OR EXISTS (SELECT FROM members m WHERE m.classid = 'pg_type'::regclass AND m.objid = c.reltype))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'c') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
# Since PostgreSQL 18 NOT NULL is a constraint, which the columns show already.
CONSTRAINTS = """
SELECT o.oid, quote_ident(o.conname) AS name, o.conrelid::regclass::text AS owner_name, pg_get_constraintdef(o.oid) AS definition, o.contype::text AS type,
       o.convalidated AS validated, obj_description(o.oid, 'pg_constraint') AS comment
FROM pg_constraint o JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = o.conrelid
WHERE o.contype NOT IN ('n', 't')
"""
INDEXES = """
SELECT i.indexrelid AS oid, i.indexrelid::regclass::text AS name, i.indrelid::regclass::text AS owner_name, pg_get_indexdef(i.indexrelid) AS definition,
       i.indisvalid AS valid, i.indisclustered AS clustered, i.indisreplident AS identity, obj_description(i.indexrelid, 'pg_class') AS comment,
       EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.contype IN ('p', 'u', 'x')) AS of_constraint
FROM pg_index i JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = i.indrelid
"""
TRIGGERS = """
SELECT t.oid, quote_ident(t.tgname) AS name, t.tgrelid::regclass::text AS owner_name, pg_get_triggerdef(t.oid) AS definition, t.tgenabled::text AS enabled,
       obj_description(t.oid, 'pg_trigger') AS comment
FROM pg_trigger t JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = t.tgrelid
WHERE NOT t.tgisinternal
"""
FUNCTIONS = """
SELECT p.oid, p.oid::regprocedure::text AS name, p.prokind::text AS prokind, pg_get_functiondef(p.oid) AS definition, p.prolang = (SELECT oid FROM pg_language WHERE lanname = 'c') AS is_c,
       p.prosecdef AS definer, obj_description(p.oid, 'pg_proc') AS comment, p.proacl::text[] AS acl, 'f' AS aclkind, p.proowner AS owner,
       (SELECT i.initprivs::text[] FROM pg_init_privs i WHERE i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid) AS initial
FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid
"""
TYPES = """
SELECT t.oid, t.oid::regtype::text AS name, t.typtype::text AS typtype, t.typrelid, obj_description(t.oid, 'pg_type') AS comment, t.typacl::text[] AS acl, 'T' AS aclkind, t.typowner AS owner,
       (SELECT array_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS attributes,
       (SELECT i.initprivs::text[] FROM pg_init_privs i WHERE i.classoid = 'pg_type'::regclass AND i.objoid = t.oid) AS initial
FROM pg_type t JOIN members m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
WHERE t.typtype <> 'b'
  -- The row type of a table or a view comes and goes with it, also where it is a member by itself, as in PostgreSQL 17.
  AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')
"""
# Members of every sort, also of those that the queries above do not know.
MEMBERS = """
SELECT i.type || ' ' || i.identity FROM members m CROSS JOIN pg_identify_object(m.classid, m.objid, 0) i
"""
# Which object uses which, through rules, defaults and row types.
USES = """
WITH owner AS (
    SELECT 'pg_rewrite'::regclass::oid AS classid, r.oid AS objid, 'pg_class'::regclass::oid AS of_class, r.ev_class AS of FROM pg_rewrite r
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, 'pg_class'::regclass, d.adrelid FROM pg_attrdef d
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, 'pg_class'::regclass, t.typrelid FROM pg_type t JOIN pg_class c ON c.oid = t.typrelid AND c.relkind <> 'c'
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, 'pg_type'::regclass, c.reltype FROM pg_class c WHERE c.relkind = 'c'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, coalesce(CASE WHEN c.relkind <> 'c' THEN 'pg_class'::regclass::oid END, 'pg_type'::regclass::oid),
           coalesce(CASE WHEN c.relkind <> 'c' THEN c.oid END, e.oid)
    FROM pg_type t JOIN pg_type e ON e.typarray = t.oid LEFT JOIN pg_class c ON c.oid = e.typrelid
)
SELECT DISTINCT coalesce(u.of_class, d.classid), coalesce(u.of, d.objid), coalesce(r.of_class, d.refclassid), coalesce(r.of, d.refobjid)
FROM pg_depend d
LEFT JOIN owner u ON u.classid = d.classid AND u.objid = d.objid
LEFT JOIN owner r ON r.classid = d.refclassid AND r.objid = d.refobjid
WHERE d.deptype IN ('n', 'a') AND d.refclassid IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass)
"""
WITH_MEMBERS = """
WITH members AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'leadscore')
"""
RIGHTS = """
SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, a.privilege_type, a.is_grantable
FROM aclexplode(coalesce(%s::text[]::aclitem[], acldefault(%s, %s))) a
"""


def rows(cursor, query: str) -> list[dict[str, Any]]:
    cursor.execute(WITH_MEMBERS + query)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


class Database:
    """The objects of leadscore in one database."""

    def __init__(self, connection):
        self.cursor = connection.cursor()
        # For good: a name without its schema is one of PostgreSQL's.
        self.cursor.execute("SET search_path = ''; SET client_min_messages = warning")
        self.things: dict[Key, Thing] = {}
        self.read()

    def add(self, kind: str, row: dict[str, Any], name: Optional[str] = None, **more: Any) -> Thing:
        thing = Thing(kind, name or row["name"], row.get("oid") or 0, comment=row.get("comment"), acl=sorted(row["acl"]) if row.get("acl") is not None else None, row=row, **more)
        thing.initial = sorted(row["initial"]) if row.get("initial") is not None else None
        if "aclkind" in row:
            # A function without an ACL is everybody's to execute, and so on.
            self.cursor.execute(RIGHTS, (row["acl"], row["aclkind"], row["owner"]))
            thing.rights = frozenset(self.cursor.fetchall())
        self.things[kind, thing.name] = thing
        return thing

    def read(self) -> None:
        cursor = self.cursor
        for row in rows(cursor, NAMESPACES):
            self.add("schema", row, create=f"CREATE SCHEMA {row['name']}", drop=f"DROP SCHEMA {row['name']}")
        for row in rows(cursor, TYPES):
            create = f"CREATE TYPE {row['name']} AS ({', '.join(row['attributes'])})" if row["typtype"] == "c" else None
            self.add("type", row, create=create, drop=f"DROP TYPE {row['name']}", facts={"sort": row["typtype"]})
        columns: dict[str, list[dict[str, Any]]] = {}
        for row in rows(cursor, COLUMNS):
            columns.setdefault(row["owner_name"], []).append(row)
        for row in rows(cursor, RELATIONS):
            kind = {"r": "table", "p": "table", "v": "view", "m": "view", "S": "sequence"}[row["relkind"]]
            facts = {key: row[key] for key in ("relkind", "options", "persistence", "identity", "row_security", "forced", "sequence", "dumped", "is_dumped")}
            create = None
            if kind == "view":
                options = f" WITH ({', '.join(row['options'])})" if row["options"] else ""
                create = f"CREATE OR REPLACE VIEW {row['name']}{options} AS\n{row['query']}".rstrip(";")
            elif kind == "table":
                create = f"CREATE TABLE {row['name']} (\n    " + ",\n    ".join(column_sql(c) for c in columns.get(row["name"], [])) + "\n)"
                if row["options"]:
                    create += f" WITH ({', '.join(row['options'])})"
            self.add(kind, row, create=create, drop=f"DROP {kind.upper()} {row['name']}", facts=facts)
        for owner, members in columns.items():
            for row in members:
                facts = {key: row[key] for key in ("position", "type", "not_null", "identity", "generated", "default", "storage", "compression", "options", "collation")}
                thing = self.add("column", row, f"{owner}.{row['name']}", facts=facts)
                # A column has no default privileges of its own.
                thing.rights = frozenset(thing.acl or [])
        for row in rows(cursor, CONSTRAINTS):
            self.add("constraint", row, f"{row['owner_name']}.{row['name']}", create=f"ALTER TABLE {row['owner_name']} ADD CONSTRAINT {row['name']} {row['definition']}",
                     drop=f"ALTER TABLE {row['owner_name']} DROP CONSTRAINT {row['name']}", facts={"type": row["type"], "validated": row["validated"]})  # fmt: skip
        for row in rows(cursor, INDEXES):
            own = None if row["of_constraint"] else row["definition"]
            self.add("index", row, create=own, drop=own and f"DROP INDEX {row['name']}",
                     facts={"definition": row["definition"], "valid": row["valid"], "clustered": row["clustered"], "identity": row["identity"]})  # fmt: skip
        for row in rows(cursor, TRIGGERS):
            self.add("trigger", row, f"{row['owner_name']}.{row['name']}", create=row["definition"], drop=f"DROP TRIGGER {row['name']} ON {row['owner_name']}", facts={"enabled": row["enabled"]})
        for row in rows(cursor, FUNCTIONS):
            word = "PROCEDURE" if row["prokind"] == "p" else "FUNCTION"
            # The library by the name that the control file gives it; a body BEGIN ATOMIC without spaces at the ends of lines.
            definition = re.sub(r"AS '[^']*', ", "AS 'MODULE_PATHNAME', ", row["definition"]) if row["is_c"] else row["definition"]
            self.add("function", row, create=definition.rstrip(), drop=f"DROP {word} {row['name']}", facts={"word": word})
        cursor.execute(WITH_MEMBERS + MEMBERS)
        for (identity,) in cursor.fetchall():
            self.things.setdefault(("member", identity), Thing("member", identity, 0))

    def of_row_type(self, table: str) -> set[Key]:
        """The views that use a table's row type; it cannot get a column with a default while they are there."""
        self.cursor.execute(
            """SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
               JOIN pg_class c ON d.refclassid = 'pg_type'::regclass AND d.refobjid = c.reltype AND c.oid = %s::regclass""",
            (table,),
        )
        return {("view", name) for (name,) in self.cursor.fetchall()} & self.things.keys()

    def users(self) -> dict[Key, set[Key]]:
        """For each object, which others cannot be without it."""
        cursor = self.cursor
        cursor.execute("SELECT 'pg_class'::regclass::oid, 'pg_type'::regclass::oid, 'pg_proc'::regclass::oid, 'pg_trigger'::regclass::oid, 'pg_constraint'::regclass::oid")
        classes = dict(zip(("class", "type", "proc", "trigger", "constraint"), cursor.fetchone()))
        of = {"table": "class", "view": "class", "sequence": "class", "index": "class", "type": "type", "function": "proc", "trigger": "trigger", "constraint": "constraint"}
        by_id = {(classes[of[t.kind]], t.oid): (t.kind, t.name) for t in self.things.values() if t.kind in of}
        cursor.execute(USES)
        used: dict[Key, set[Key]] = {}
        for user_class, user, class_, object_ in cursor.fetchall():
            a, b = by_id.get((user_class, user)), by_id.get((class_, object_))
            if a and b and a != b:
                used.setdefault(b, set()).add(a)
        return used


def column_sql(row: dict[str, Any]) -> str:
    """A column as in CREATE TABLE; its identity's sequence has the defaults."""
    sql = f"{row['name']} {row['type']}"
    if row["collation"]:
        sql += f" COLLATE {row['collation']}"
    if row["identity"]:
        sql += f" GENERATED {'ALWAYS' if row['identity'] == 'a' else 'BY DEFAULT'} AS IDENTITY"
    elif row["generated"]:
        sql += f" GENERATED ALWAYS AS ({row['default']}) STORED"
    elif row["default"] is not None:
        sql += f" DEFAULT {row['default']}"
    return sql + (" NOT NULL" if row["not_null"] else "")


def differences(one: Database, other: Database) -> list[str]:
    """Each way in which the objects of two databases differ, in words."""
    found = []
    for key in sorted(one.things.keys() | other.things.keys()):
        a, b = one.things.get(key), other.things.get(key)
        what = f"{key[0]} {key[1]}"
        if a is None or b is None:
            found.append(f"{what}: only in the {'second' if a is None else 'first'}")
            continue
        for aspect in ("create", "facts", "comment", "acl", "initial"):
            x, y = getattr(a, aspect), getattr(b, aspect)
            # The columns of a table are compared one by one.
            if x != y and not (aspect == "create" and key[0] == "table"):
                found.append(f"{what}: {aspect} differs\n    first:  {x}\n    second: {y}")
    return found
