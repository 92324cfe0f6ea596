"""The versions of leadscore, and databases in which one of them is installed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, Optional, Union

import psycopg2

from definitions import HOME

ROOT = Path(__file__).resolve().parents[2]
RELEASED = Path(__file__).resolve().parent / "released"
PRESENT = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]


def releases() -> list[str]:
    """The released versions, oldest first."""
    found = [path.stem.split("--")[1] for path in RELEASED.glob("leadscore--*.sql") if path.stem.count("--") == 1]
    return sorted(found, key=lambda version: [int(n) for n in version.split(".")])


def newest_release() -> str:
    return releases()[-1]


def released(version: str) -> Path:
    return RELEASED / f"leadscore--{version}.sql"


class Extension:
    """The server's directory of extension scripts. What is placed there is gone afterwards, or is as it was."""

    def __init__(self) -> None:
        config = os.environ.get("PG_CONFIG", "pg_config")
        share = subprocess.run([config, "--sharedir"], check=True, capture_output=True, text=True).stdout.strip()
        self.directory = Path(share) / "extension"
        self.before: dict[str, Optional[str]] = {}

    def __enter__(self) -> "Extension":
        return self

    def __exit__(self, *_: object) -> None:
        for name, text in self.before.items():
            self._write(name, text)

    def place(self, script: Union[Path, str], text: Optional[str] = None) -> None:
        name = script.name if isinstance(script, Path) else script
        if text is None:
            text = Path(script).read_text()
        path = self.directory / name
        self.before.setdefault(name, path.read_text() if path.exists() else None)
        self._write(name, text)

    def _write(self, name: str, text: Optional[str]) -> None:
        path = self.directory / name
        as_root = [] if os.access(self.directory, os.W_OK) else ["sudo", "-n"]
        if text is None:
            subprocess.run([*as_root, "rm", "-f", str(path)], check=True)
            return
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(text)
            file.flush()
            subprocess.run([*as_root, "install", "-m", "644", file.name, str(path)], check=True)


@contextlib.contextmanager
def cluster(name: str) -> Iterator[None]:
    """A cluster of its own, which the PG* variables name meanwhile."""
    directory = ROOT / ".cluster" / name
    tool = str(ROOT / "tools" / "cluster")
    subprocess.run([tool, "start", str(directory)], check=True)
    try:
        printed = subprocess.run([tool, "env", str(directory)], check=True, capture_output=True, text=True).stdout
        for key, value in re.findall(r"^export (PGHOST|PGPORT|PGUSER)=(.*)$", printed, re.MULTILINE):
            os.environ[key] = value
        os.environ.pop("PGDATABASE", None)
        yield
    finally:
        subprocess.run([tool, "stop", str(directory)], check=True)
        shutil.rmtree(directory, ignore_errors=True)


def connect(database: str):
    connection = psycopg2.connect(dbname=database)
    connection.autocommit = True
    return connection


def new_database(name: str):
    """An empty database and a connection to it."""
    with contextlib.closing(connect("postgres")) as admin, admin.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS leadscore_upgrade_{name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE leadscore_upgrade_{name} TEMPLATE template0 ENCODING UTF8 LOCALE 'C.UTF-8'")
    connection = connect(f"leadscore_upgrade_{name}")
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning")
        cursor.execute(f"CREATE SCHEMA {HOME}")
    return connection


def fresh(name: str):
    """A database with the present version."""
    connection = new_database(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE EXTENSION leadscore SCHEMA {HOME}")
    return connection


def upgraded(name: str, version: str):
    """A database that came from a released version."""
    connection = new_database(name)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE EXTENSION leadscore SCHEMA {HOME} VERSION '{version}'")
        cursor.execute("ALTER EXTENSION leadscore UPDATE")
    return connection
