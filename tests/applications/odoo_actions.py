"""What people do in Odoo, by its own API: a worker for one database (see worker.py)."""

from __future__ import annotations

import datetime
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import odoo.sql_db
from odoo.api import SUPERUSER_ID, Environment
from odoo.modules.registry import Registry
from odoo.tools import config
from psycopg2.extensions import ISOLATION_LEVEL_READ_COMMITTED
from worker import serve

config.parse_config(["-c", os.environ["ODOO_CONFIG"]])
if os.environ["ISOLATION"] == "READ_COMMITTED":
    odoo.sql_db.ISOLATION_LEVEL_REPEATABLE_READ = ISOLATION_LEVEL_READ_COMMITTED
registry = Registry(os.environ["DATABASE"])
number = itertools.count()


@contextmanager
def transaction() -> Iterator[Environment]:
    with registry.cursor() as cursor:
        # Nobody is there to take mails.
        yield Environment(cursor, SUPERUSER_ID, {"no_mail_to_attendees": True, "tracking_disable": False})


def stages(env: Environment, model: str) -> list[int]:
    return env[model].search([]).ids


def contacts(env: Environment, many: int = 1):
    """Others each time, the same in both databases."""
    found = env["res.partner"].search([("is_company", "=", False), ("name", "like", "Contact ")], order="id")
    first = next(number) * many
    return found.browse([found.ids[(first + nth) % len(found)] for nth in range(many)])


def applicant(env: Environment):
    stage, *_ = stages(env, "hr.recruitment.stage")
    return env["hr.applicant"].create({"partner_name": f"Applicant {next(number)}", "email_from": f"a{next(number)}@example.com", "stage_id": stage})


def lead(env: Environment):
    return env["crm.lead"].create({"name": f"Lead {next(number)}", "type": "opportunity", "contact_name": "Somebody"})


def meeting(env: Environment, many: int = 2, **values):
    start = datetime.datetime.now() - datetime.timedelta(days=next(number) % 20)
    with_whom = {"partner_ids": [(6, 0, contacts(env, many).ids)]}
    return env["calendar.event"].create({"name": "Meeting", "start": start, "stop": start + datetime.timedelta(hours=1), **with_whom, **values})


def fill() -> None:
    """Two hundred companies, a thousand contacts, two hundred applicants and leads, three hundred meetings."""
    with transaction() as env:
        companies = env["res.partner"].create([{"name": f"Company {n}", "is_company": True} for n in range(200)])
        env["res.partner"].create([{"name": f"Contact {n}", "parent_id": companies.ids[n % 200]} for n in range(1000)])
        for _ in range(200):
            applicant(env)
            lead(env)
        for _ in range(300):
            meeting(env)


def touched(of):
    """Prepares one that stands in the database, as for another request."""
    return lambda env: of(env).id


def on(model: str, act):
    return lambda env, subject: act(env[model].browse(subject), env)


ACTIONS = {
    "an applicant is entered": (lambda env: None, lambda env, _: applicant(env)),
    "50 applicants are imported": (lambda env: None, lambda env, _: env["hr.applicant"].create([{"partner_name": f"Import {n}"} for n in range(50)])),
    "an applicant reaches the next stage": (
        touched(applicant),
        on("hr.applicant", lambda a, env: a.write({"stage_id": stages(env, "hr.recruitment.stage")[1]})),
    ),
    "an applicant's phone number changes": (touched(applicant), on("hr.applicant", lambda a, _: a.write({"partner_phone": f"0{next(number)}"}))),
    "an interview is planned": (touched(applicant), lambda env, subject: meeting(env, applicant_id=subject)),
    "a message is left with an applicant": (
        touched(applicant),
        on("hr.applicant", lambda a, _: a.message_post(body="Good talk", message_type="comment", subtype_xmlid="mail.mt_note")),
    ),
    "an applicant is refused and archived": (touched(applicant), on("hr.applicant", lambda a, _: a.action_archive())),
    "a lead is entered": (lambda env: None, lambda env, _: lead(env)),
    "a lead reaches the next stage": (touched(lead), on("crm.lead", lambda a, env: a.write({"stage_id": stages(env, "crm.stage")[1]}))),
    "a to-do of a lead is done": (
        lambda env: lead(env).activity_schedule("mail.mail_activity_data_todo", summary="Call").id,
        on("mail.activity", lambda a, _: a.action_feedback(feedback="Done")),
    ),
    "a meeting of two": (lambda env: None, lambda env, _: meeting(env)),
    "a meeting of ten": (lambda env: None, lambda env, _: meeting(env, 10)),
    "a meeting moves": (
        touched(meeting),
        on("calendar.event", lambda a, _: a.write({"start": a.start - datetime.timedelta(days=1), "stop": a.stop - datetime.timedelta(days=1)})),
    ),
    "a meeting gets another place": (touched(meeting), on("calendar.event", lambda a, _: a.write({"location": f"Room {next(number)}"}))),
    "a meeting is deleted": (touched(meeting), on("calendar.event", lambda a, _: a.unlink())),
    "a contact changes": (touched(contacts), on("res.partner", lambda a, _: a.write({"comment": f"<p>{next(number)}</p>"}))),
    "a contact leaves for another company": (
        touched(contacts),
        on("res.partner", lambda a, env: a.write({"parent_id": env["res.partner"].search([("is_company", "=", True)], limit=1, offset=next(number) % 100).id})),
    ),
}

if sys.argv[1:] == ["fill"]:
    fill()
else:
    serve(ACTIONS, transaction, lambda env: env.cr._cnx.info.backend_pid)
