"""Creme's own settings, with the database and the isolation level that the environment names."""

import os

from creme.settings import *  # noqa: F403
from django.db.backends.postgresql.psycopg_any import IsolationLevel

SECRET_KEY = "for a database that is thrown away"
SITE_DOMAIN = "http://localhost:8000"
# Tables that its tests alone need are made in every database.
TESTS_ON = True
MEDIA_ROOT = os.environ["SCRATCH"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PGHOST"],
        "PORT": os.environ["PGPORT"],
        "USER": "creme",
        "NAME": os.environ["DATABASE"],
        "TEST": {"NAME": os.environ["DATABASE"]},
        "OPTIONS": {"isolation_level": getattr(IsolationLevel, os.environ["ISOLATION"])},
    }
}
