from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import Schedule

from consoles.schedules import begin_work
from consoles.signin import first_operator_link
from faasweb.domain.access import SYSTEM_ACTOR
from faasweb.domain.source import Source
from tests.integration.conftest import HELLO

pytestmark = pytest.mark.django_db


def told(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out)
    return out.getvalue().strip()


def redeemed(embedded, link: str) -> User:
    user_id = embedded.platform.accounts.redeem_sign_in_link(link.rpartition("/")[2])
    return User.objects.get(pk=user_id)


def test_the_first_start_makes_an_operator_and_a_link(embedded):
    link = first_operator_link("http://127.0.0.1:8000/")
    assert link is not None
    assert link.startswith("http://127.0.0.1:8000/sign-in/link/")
    operator = redeemed(embedded, link)
    assert (operator.username, operator.is_superuser, operator.has_usable_password()) == ("operator", True, False)


def test_every_start_makes_a_link_until_somebody_has_signed_in(embedded):
    assert first_operator_link("http://x") != first_operator_link("http://x")
    User.objects.update(last_login=timezone.now())
    assert first_operator_link("http://x") is None


def test_a_start_makes_no_second_operator(embedded):
    told("create_operator", "root", "--url", "http://x")
    link = first_operator_link("http://x")
    assert link is not None
    assert redeemed(embedded, link).username == "root"
    User.objects.update(is_active=False)
    assert first_operator_link("http://x") is None


def test_an_operator_is_created_or_made_of_a_user(embedded):
    assert redeemed(embedded, told("create_operator", "root", "--url", "https://faas.example/")).is_superuser
    User.objects.create_user("ada", password="correct horse battery")
    ada = redeemed(embedded, told("create_operator", "ada"))
    assert ada.is_superuser
    assert ada.has_usable_password()
    with pytest.raises(CommandError):
        call_command("create_operator", "no spaces please")


def test_a_sign_in_link_is_all_that_is_printed(embedded):
    User.objects.create_user("ada")
    link = told("sign_in_link", "ada", "--url", "https://faas.example")
    assert link.startswith("https://faas.example/sign-in/link/")
    assert redeemed(embedded, link).username == "ada"
    with pytest.raises(CommandError, match="no user"):
        call_command("sign_in_link", "nobody")


def test_schedules_are_registered_once_however_often(embedded):
    assert "reap: every 1 min" in told("schedules")
    planned = timezone.now() + timedelta(hours=1)
    Schedule.objects.update(next_run=planned, minutes=99)
    Schedule.objects.create(name="reap", func="consoles.tasks.reap")
    told("schedules")
    assert {(row.name, row.minutes, row.cluster) for row in Schedule.objects.all()} == {
        ("reap", 1, "default"),
        ("prune", 10, "default"),
    }
    assert {row.next_run for row in Schedule.objects.all()} == {planned}


def test_workers_begin_with_a_look_at_once_and_when_leases_are_over(embedded):
    begin_work()
    assert [(item.task, item.delay_s) for item in embedded.queue.waiting] == [("reap", 0), ("reap", 40.0)]
    embedded.work(delayed=True)


def test_reaping_says_how_much_is_open(embedded, workspace):
    platform = embedded.platform
    function = platform.functions.create(SYSTEM_ACTOR, workspace.id, "greet", Source.single(HELLO))
    platform.deployments.deploy(SYSTEM_ACTOR, function.ref)
    assert told("reap") == "open: 0 builds, 1 deployments, 0 removals"


def test_the_tasks_that_recur_run(embedded):
    from consoles import tasks

    tasks.reap()
    tasks.prune()
