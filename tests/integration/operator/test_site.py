"""Who enters the operators' site, and what it shows and does."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Task

from consoles.schedules import register
from faasweb.domain import clock
from faasweb.domain.access import Actor, Role, Scope
from faasweb.domain.deployments import DeploymentStatus
from faasweb.domain.errors import Unavailable
from faasweb.domain.source import Source
from faasweb.domain.spinapps import LiveApp
from tests.integration.conftest import HELLO

pytestmark = pytest.mark.django_db

TABLES = [
    "auth/user",
    "accounts/membership",
    "accounts/apitoken",
    "accounts/auditrecord",
    "django_q/ormq",
    "django_q/failure",
    "django_q/success",
    "django_q/schedule",
]
PAGES = [
    "",
    "workspaces/",
    "work/",
    "cluster/",
    "system/",
    "auth/user/add/",
    "accounts/membership/add/",
    *[f"{t}/" for t in TABLES],
]


def audited(action: str) -> list[str]:
    return list(
        apps.get_model("accounts", "AuditRecord").objects.filter(action=action).values_list("target", flat=True)
    )


def actor(user: User) -> Actor:
    return Actor(user.pk, user.get_username(), is_operator=user.is_superuser)


# --- the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_an_operator_sees_every_page_without_inline_script_or_style(browser: Client, path: str):
    answer = browser.get(f"/operator/{path}")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"", text)
    assert "'unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_asked_to_sign_in_at_the_console(embedded, path: str):
    client = Client(headers={"host": "localhost"})
    answer = client.get(f"/operator/{path}", follow=True)
    assert answer.request["PATH_INFO"] == "/sign-in"


@pytest.mark.parametrize("staff", [False, True])
def test_a_user_who_is_no_operator_is_told_so(embedded, django_user_model, staff: bool):
    client = Client(headers={"host": "localhost"})
    client.force_login(django_user_model.objects.create_user("ada", is_staff=staff))
    answer = client.get("/operator/work/", follow=True)
    assert answer.status_code == 403


def test_after_signing_in_one_is_where_one_wanted_to_be_and_nowhere_else(browser: Client):
    assert browser.get("/operator/login/?next=/operator/work/").headers["Location"] == "/operator/work/"
    assert browser.get("/operator/login/?next=https://evil.example/").headers["Location"] == "/operator/"


# --- people ------------------------------------------------------------------------------------------------------


def test_a_new_user_has_no_password_and_gets_a_link(browser: Client, embedded):
    answer = browser.post("/operator/auth/user/add/", {"username": "ada", "is_active": "on"})
    ada = User.objects.get(username="ada")
    assert answer.headers["Location"] == f"/operator/users/{ada.pk}/sign-in-link/"
    assert not ada.has_usable_password()
    assert not ada.is_staff
    page = browser.get(f"/operator/users/{ada.pk}/sign-in-link/")
    assert "/sign-in/link/" not in page.content.decode()
    page = browser.post(f"/operator/users/{ada.pk}/sign-in-link/")
    secret = re.search(r"http://localhost/sign-in/link/([\w-]+)", page.content.decode())
    assert secret is not None
    assert "no-store" in page.headers["Cache-Control"]
    assert embedded.platform.accounts.redeem_sign_in_link(secret[1]) == ada.pk
    assert audited("user.create") == audited("user.sign_in_link") == ["ada"]


def test_links_for_several_users_are_made_at_once(browser: Client):
    users = [User.objects.create_user(name) for name in ("ada", "bob")]
    chosen = {"action": "make_links", "_selected_action": [user.pk for user in users]}
    page = browser.post("/operator/auth/user/", chosen)
    assert page.content.decode().count("/sign-in/link/") == 2


def test_making_somebody_an_operator_is_one_box(browser: Client):
    ada = User.objects.create_user("ada")
    browser.post(f"/operator/auth/user/{ada.pk}/change/", {"username": "ada", "is_active": "on", "is_superuser": "on"})
    ada.refresh_from_db()
    assert (ada.is_superuser, ada.is_staff) == (True, True)


def test_a_membership_is_given_in_a_workspace_that_is_there(browser: Client, embedded, root: User):
    ada = User.objects.create_user("ada")
    room = embedded.platform.workspaces.create(actor(root), "Room")
    wanted = {"user": ada.pk, "workspace_id": "ws-22222222", "role": "developer"}
    assert "not found" in browser.post("/operator/accounts/membership/add/", wanted).content.decode()
    browser.post("/operator/accounts/membership/add/", {**wanted, "workspace_id": room.id})
    assert embedded.platform.accounts.role(actor(ada), room.id) is Role.DEVELOPER
    assert audited("member.set") == [room.id]


def test_tokens_are_revoked_and_never_shown(browser: Client, embedded, root: User):
    token, secret = embedded.platform.accounts.issue_token(actor(root), "CI", scopes=frozenset(Scope))
    page = browser.get(f"/operator/accounts/apitoken/{token.id}/change/").content.decode()
    digest = apps.get_model("accounts", "ApiToken").objects.get().digest
    assert token.hint in page
    assert secret not in page
    assert digest not in page
    browser.post("/operator/accounts/apitoken/", {"action": "revoke", "_selected_action": [token.id]})
    assert embedded.platform.accounts.authenticate(secret) is None
    assert audited("token.revoke") == [str(token.id)]


@pytest.mark.parametrize("table", ["accounts/apitoken", "accounts/auditrecord", "django_q/schedule"])
def test_some_tables_are_for_reading_only(browser: Client, embedded, root: User, table: str):
    embedded.platform.accounts.issue_token(actor(root), "CI", scopes=frozenset(Scope))
    embedded.platform.accounts.audit(actor(root), "x", "y")
    register()
    model = {"apitoken": ("accounts", "ApiToken"), "auditrecord": ("accounts", "AuditRecord")}.get(
        table.rpartition("/")[2], ("django_q", "Schedule")
    )
    pk = apps.get_model(*model).objects.values_list("pk", flat=True).first()
    assert browser.get(f"/operator/{table}/add/").status_code == 403
    assert browser.post(f"/operator/{table}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert browser.post(f"/operator/{table}/{pk}/change/", {"name": "x"}).status_code == 403
    assert browser.get(f"/operator/{table}/{pk}/change/").status_code == 200


# --- queues ------------------------------------------------------------------------------------------------------


def test_queued_and_failed_tasks_tell_what_they_are(browser: Client):
    from faasweb.adapters.queue.djangoq import DjangoQueue

    DjangoQueue().enqueue("run_build", "b-1", queue="builds")
    OrmQ.objects.create(key="default", payload="signed by another key", lock=timezone.now())
    page = browser.get("/operator/django_q/ormq/").content.decode()
    assert "run_build" in page
    assert "b-1" in page
    moment = timezone.now()
    traceback = "Traceback (most recent call last):\n  File x\nValueError: boom"
    task = Task.objects.create(
        id="a" * 32,
        name="t",
        func="consoles.tasks.run_build",
        args=("b-1",),
        started=moment,
        stopped=moment,
        success=False,
        result=traceback,
        cluster="builds",
    )
    assert "ValueError: boom" in browser.get("/operator/django_q/failure/").content.decode()
    browser.post("/operator/django_q/failure/", {"action": "resubmit_task", "_selected_action": [task.pk]})
    assert OrmQ.objects.filter(key="builds").count() == 2


def test_a_schedule_is_brought_forward(browser: Client):
    register()
    later = timezone.now() + timedelta(hours=1)
    Schedule.objects.update(next_run=later)
    chosen = {"action": "run_now", "_selected_action": [Schedule.objects.get(name="reap").pk]}
    browser.post("/operator/django_q/schedule/", chosen)
    assert Schedule.objects.filter(name="reap", next_run__lt=later).exists()
    assert Schedule.objects.get(name="prune").next_run == later


# --- the platform ------------------------------------------------------------------------------------------------


@pytest.fixture
def room(embedded, root: User):
    return embedded.platform.workspaces.create(actor(root), "Room <b>")


def test_a_workspace_shows_its_functions_and_a_function_is_found_by_its_id(browser: Client, embedded, room):
    function = embedded.deployed(room)
    page = browser.get("/operator/workspaces/").content.decode()
    assert room.id in page
    assert "Room &lt;b&gt;" in page
    assert room.id not in browser.get("/operator/workspaces/?q=nothing").content.decode()
    page = browser.get(f"/operator/functions/?id={function.id}", follow=True).content.decode()
    assert function.id in page
    assert "version 1" in page
    assert browser.get("/operator/functions/?id=fn-22222222", follow=True).status_code == 200
    assert browser.get("/operator/workspaces/ws-22222222/").status_code == 404


def test_open_work_is_queued_again_or_ended(browser: Client, embedded, root: User, room):
    functions, deployments = embedded.platform.functions, embedded.platform.deployments
    function = functions.create(actor(root), room.id, "greet", Source.single(HELLO))
    deployment = deployments.deploy(actor(root), function.ref)
    build = embedded.platform.builds.submit(actor(root), room.id, "greet", Source.single(HELLO), "app.py")
    gone = functions.create(actor(root), room.id, "gone", Source.single(HELLO))
    functions.remove(actor(root), gone.ref)
    page = browser.get("/operator/work/").content.decode()
    assert all(item in page for item in (deployment.id, build.id, gone.id))
    embedded.queue.waiting.clear()
    for kind, work_id in [("deployment", deployment.id), ("build", build.id), ("function", gone.id)]:
        browser.post("/operator/work/", {"kind": kind, "id": work_id, "action": "queue-again"})
    assert [(item.task, item.args) for item in embedded.queue.waiting] == [
        ("advance_deployment", (deployment.id,)),
        ("run_build", (build.id,)),
        ("clear_away", (gone.id,)),
    ]
    browser.post("/operator/work/", {"kind": "deployment", "id": deployment.id, "action": "give-up"})
    browser.post("/operator/work/", {"kind": "build", "id": build.id, "action": "give-up"})
    assert deployments.get(deployment.id).status is DeploymentStatus.FAILED
    assert embedded.platform.builds.get(build.id).error == "An operator ended it."
    assert audited("build.give-up") == [build.id]
    assert browser.post("/operator/work/", {"kind": "build", "id": "x", "action": "give-up"}).status_code == 302
    embedded.work()
    assert "Nothing is open" in browser.get("/operator/work/").content.decode()


def test_a_build_that_is_stuck_shows_since_when_and_its_last_line(browser: Client, embedded, root: User, room):
    build = embedded.platform.builds.submit(actor(root), room.id, "greet", Source.single(HELLO), "app.py")
    embedded.platform.builds.repository.append_log(build.id, [_line("waiting: the toolchain is being prepared")])
    with time_machine.travel(clock.now() + timedelta(minutes=7)):
        page = browser.get("/operator/work/").content.decode()
    assert "7\xa0minutes" in page
    assert "the toolchain is being prepared" in page


def _line(text: str):
    from faasweb.domain.builds import LogLine

    return LogLine(1, clock.now(), "system", text)


class SmallCluster:
    """Answers with one app, or not at all."""

    def __init__(self, app: LiveApp | None) -> None:
        self.app = app

    def list(self, namespace: str) -> list[LiveApp]:
        if self.app is None:
            raise Unavailable("The Kubernetes cluster does not answer.")
        return [self.app]


def with_cluster(monkeypatch, embedded, app: LiveApp | None) -> None:
    clusters = replace(embedded.platform.clusters, cluster=SmallCluster(app), namespaces=("functions",))
    platform = replace(embedded.platform, clusters=clusters)
    monkeypatch.setattr("consoles.middleware.get_platform", lambda: platform)


def test_the_cluster_page_shows_what_differs_and_who_changed_it(browser: Client, embedded, monkeypatch):
    app = LiveApp("functions", "left", "registry/left:1", "fn-gone", 1, 2, ("kubectl-edit",))
    with_cluster(monkeypatch, embedded, app)
    page = browser.get("/operator/cluster/").content.decode()
    assert "registry/left:1" in page
    assert "It belongs to no live function." in page
    assert "kubectl-edit" in page


def test_the_cluster_page_says_when_there_is_none_and_when_it_is_away(browser: Client, embedded, monkeypatch):
    assert "run in a cluster" in browser.get("/operator/cluster/").content.decode()
    with_cluster(monkeypatch, embedded, None)
    assert "The Kubernetes cluster does not answer." in browser.get("/operator/cluster/").content.decode()


def test_the_system_page_says_what_is_wrong_and_how_large_things_are(browser: Client, embedded):
    (embedded.data / "run").mkdir()
    (embedded.data / "run" / "status.json").write_text(
        '{"parts": {"worker": {"state": "waiting", "pid": null, "restarts": 3, "last_exit": "killed by SIGKILL",'
        ' "since": 1.0}}}'
    )
    page = browser.get("/operator/system/").content.decode()
    assert "faasweb.db" in page
    assert "killed by SIGKILL" in page
    assert "wasmtime" in page


def test_groups_and_tables_have_names_in_every_language(browser: Client):
    names = {"ko": ("접근 권한", "감사 기록", "예약된 작업"), "ja": ("アクセス", "監査記録", "予定されたタスク")}
    for language, (group, table, own) in names.items():
        browser.cookies["django_language"] = language
        page = browser.get("/operator/").content.decode()
        assert (group in page, table in page) == (True, True)
        assert own in browser.get("/operator/django_q/schedule/").content.decode()
