"""What people do in Creme, by its own models: a worker for one database (see worker.py)."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import django

django.setup()

from creme.activities.models import Activity, ActivitySubType  # noqa: E402
from creme.assistants.models import ToDo  # noqa: E402
from creme.creme_core.models import CremeUser, Relation  # noqa: E402
from creme.persons.models import Contact, Organisation  # noqa: E402
from django.db import connection  # noqa: E402
from django.db import transaction as django_transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils.timezone import now  # noqa: E402
from worker import serve  # noqa: E402

PARTICIPATES = "activities-subject_participates_to_activity"
SUBJECT = "activities-subject_activity_subject"
number = itertools.count()
user = CremeUser.objects.filter(is_superuser=True).first()
sub_type = ActivitySubType.objects.first()


@contextmanager
def transaction() -> Iterator[None]:
    with django_transaction.atomic():
        yield


def contact(_=None):
    return Contact.objects.create(user=user, first_name="Ada", last_name=f"Contact {next(number)}", email="ada@example.com")


def standing(model):
    """Others each time, the same in both databases."""
    ids = list(model.objects.order_by("pk").values_list("pk", flat=True)[:200])
    return lambda _=None: model.objects.get(pk=ids[next(number) % len(ids)])


def activity(*participants):
    start = now() - timedelta(days=next(number) % 20)
    made = Activity.objects.create(user=user, title="Meeting", start=start, end=start + timedelta(hours=1), type=sub_type.type, sub_type=sub_type)
    for participant in participants:
        Relation.objects.create(user=user, subject_entity=participant, type_id=PARTICIPATES, object_entity=made)
    return made


def todo(entity):
    return ToDo.objects.create(user=user, title="Call", real_entity=entity)


def change(thing, **values):
    for name, value in values.items():
        setattr(thing, name, value)
    thing.save()


browser = Client()
browser.force_login(user)


def post(path, **values):
    """As the browser does. A form that is refused is shown again: 200."""
    answer = browser.post(path, values)
    if answer.status_code >= 400 or values and answer.status_code != 302:
        raise SystemExit(f"{path}: {answer.status_code}")


def enter_contact():
    post("/persons/contact/add", user=user.pk, first_name="Ada", last_name=f"Contact {next(number)}", email="ada@example.com")




def fill() -> None:
    """Two hundred organisations and contacts, three hundred meetings."""
    with transaction():
        organisations = [Organisation.objects.create(user=user, name=f"Company {n}") for n in range(200)]
        contacts = [contact() for _ in range(200)]
        for n in range(300):
            made = activity(contacts[n % 200], contacts[(n + 7) % 200])
            Relation.objects.create(user=user, subject_entity=organisations[n % 200], type_id=SUBJECT, object_entity=made)


if sys.argv[1:] == ["fill"]:
    fill()
    sys.exit()

any_contact, any_organisation = standing(Contact), standing(Organisation)
ACTIONS = {
    "a contact is entered": (lambda _: None, lambda _, __: contact()),
    "a contact is entered, by the browser's request": (lambda _: None, lambda _, __: enter_contact()),
    "50 contacts are imported": (lambda _: None, lambda _, __: [contact() for _ in range(50)]),
    "a contact's phone number changes": (any_contact, lambda _, thing: change(thing, phone=f"0{next(number)}")),
    "an organisation changes": (any_organisation, lambda _, thing: change(thing, description=f"{next(number)}")),
    "a meeting of two": (lambda _: (any_contact(), any_contact()), lambda _, both: activity(*both)),
    "a meeting of ten": (lambda _: [any_contact() for _ in range(10)], lambda _, all_of_them: activity(*all_of_them)),
    "a meeting is moved": (lambda _: activity(any_contact()), lambda _, thing: change(thing, start=thing.start - timedelta(days=1))),
    "a meeting goes to the trash": (lambda _: activity(any_contact()), lambda _, thing: thing.trash()),
    "a to-do is entered": (any_contact, lambda _, thing: todo(thing)),
    "a to-do is done": (lambda _: todo(any_contact()), lambda _, thing: change(thing, is_ok=True)),
    "a to-do is done, by the browser's request": (lambda _: todo(any_contact()), lambda _, thing: post(f"/assistants/todo/validate/{thing.pk}")),
    "a contact goes to the trash": (contact, lambda _, thing: thing.trash()),
    "a contact goes to the trash, by the browser's request": (contact, lambda _, thing: post(f"/creme_core/entity/delete/{thing.pk}")),
    "a contact is deleted": (contact, lambda _, thing: thing.delete()),
}
serve(ACTIONS, transaction, lambda _: connection.connection.info.backend_pid)
