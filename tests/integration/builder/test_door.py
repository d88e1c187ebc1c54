import logging

import pytest
from django.core.exceptions import ImproperlyConfigured

from consoles import ratelimits
from consoles.builder import start
from faasweb.domain.errors import FaaswebError, TimedOut, Unavailable
from faasweb.usecases.builds import Builds
from tests.integration.builder.conftest import TEAM, TOKEN, upload
from tests.integration.conftest import Api

pytestmark = pytest.mark.django_db


def test_without_its_token_the_service_does_nothing(service):
    for stranger in (Api(), Api("a-token-of-somebody-else-entirely"), Api("é" * 30)):
        for answer in (
            stranger.get("/api/v1/tasks/x"),
            stranger.get(f"/api/v1/workspaces/{TEAM}/tasks"),
            stranger.upload("/api/v1/build", {"file": upload()}),
            stranger.upload("/api/v1/build-and-push", {"file": upload()}),
            stranger.post("/api/v1/push", {}),
        ):
            assert (answer.status_code, list(answer.json())) == (401, ["detail"])
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert service.get(f"/api/v1/workspaces/{TEAM}/tasks").json()["count"] == 0


def test_without_a_token_to_send_only_this_machine_and_no_web_page_may_call(service, settings):
    settings.BUILDER_TOKEN = ""
    here = Api()

    assert here.get(f"/api/v1/workspaces/{TEAM}/tasks").status_code == 200
    rebound = here.get(f"/api/v1/workspaces/{TEAM}/tasks", headers={"host": "evil.example.com"})
    assert (rebound.status_code, list(rebound.json())) == (403, ["detail"])
    page = here.post("/api/v1/push", {"workspace_id": TEAM}, headers={"origin": "https://evil.example.com"})
    assert page.status_code == 403


def test_opened_it_answers_under_every_name_but_still_to_no_web_page(service, settings):
    settings.BUILDER_TOKEN, settings.BUILDER_OPEN = "", True
    anybody = Api()

    named = {"host": "builder.faas.svc.cluster.local:8000"}
    assert anybody.get(f"/api/v1/workspaces/{TEAM}/tasks", headers=named).status_code == 200
    page = anybody.post("/api/v1/push", {}, headers={**named, "origin": "https://evil.example.com"})
    assert page.status_code == 403


@pytest.mark.parametrize(
    ("token", "opened", "local", "starts"),
    [("", False, True, True), ("", False, False, False), (TOKEN, False, False, True), ("", True, False, True)],
)
def test_it_starts_only_when_it_is_decided_who_may_call(settings, token, opened, local, starts):
    settings.BUILDER_TOKEN, settings.BUILDER_OPEN, settings.BUILDER_IS_LOCAL = token, opened, local
    if starts:
        start.check_settings()
    else:
        with pytest.raises(ImproperlyConfigured, match="FAASWEB_BUILDER_TOKEN"):
            start.check_settings()


def test_it_never_hands_builds_to_another_service_which_may_be_itself(settings):
    settings.BUILDER_TOKEN, settings.BUILDER_SERVICE_URL = TOKEN, "http://127.0.0.1:8000"
    with pytest.raises(ImproperlyConfigured, match="BUILDER_SERVICE_URL"):
        start.check_settings()


def test_a_defect_tells_nothing_but_where_to_look_and_pages_may_read_that(service, settings, monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("the secret is hunter2")

    settings.CORS_ORIGINS = ["https://console.example.com"]
    monkeypatch.setattr(Builds, "list", broken)
    headers = {"origin": "https://console.example.com"}

    answer = service.get(f"/api/v1/workspaces/{TEAM}/tasks", headers=headers)

    assert answer.status_code == 500
    assert answer.json() == {
        "detail": f"Internal server error: the log has it as request {answer.headers['X-Request-Id']}."
    }
    assert answer.headers["Access-Control-Allow-Origin"] == "https://console.example.com"
    assert any(record.exc_info for record in caplog.records)


def test_pages_of_listed_origins_may_ask_before_they_call(service, settings):
    settings.CORS_ORIGINS = ["https://console.example.com"]
    asking = {"access-control-request-method": "POST", "origin": "https://console.example.com"}

    allowed = service.call("OPTIONS", "/api/v1/build", headers=asking)
    refused = service.call("OPTIONS", "/api/v1/build", headers={**asking, "origin": "https://evil.example.com"})

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://console.example.com"
    assert (refused.status_code, list(refused.json())) == (400, ["detail"])
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_pages_may_read_every_answer_whatever_its_status(service, settings, monkeypatch):
    settings.CORS_ORIGINS = ["https://console.example.com"]
    page, tasks = {"origin": "https://console.example.com"}, f"/api/v1/workspaces/{TEAM}/tasks"
    answers = [
        service.get("/health", headers=page),
        service.get(tasks, headers=page),
        service.post("/api/v1/deploy", {"namespace": "nowhere", "image_ref": "ghcr.io/team/x:1"}, headers=page),
        Api().get(tasks, headers=page),
        service.get("/api/v1/tasks/x", headers=page),
        service.get("/nothing", headers=page),
        service.call("DELETE", "/api/v1/build", headers=page),
        service.post("/api/v1/push", {}, headers=page),
    ]
    for kind, status in ((Unavailable, 503), (TimedOut, 504)):

        def away(*_: object, kind: type[FaaswebError] = kind) -> None:
            raise kind("The storage is away.")

        monkeypatch.setattr(Builds, "list", away)
        answers.append(service.get(tasks, headers=page))
        assert (answers[-1].status_code, answers[-1].json()) == (status, {"detail": "The storage is away."})

    assert [answer.status_code for answer in answers] == [200, 200, 400, 401, 404, 404, 405, 422, 503, 504]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == "https://console.example.com"
        assert "Origin" in answer.headers["vary"]


def test_bodies_that_can_not_be_read_are_422(service):
    for body in (b"{", b"[]", b'{"workspace_id": NaN}', b"\xff"):
        answer = service.call("POST", "/api/v1/push", body)
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body"]


def test_what_is_not_there_and_what_may_not_be_done_are_told_in_the_same_shape(service):
    for method, path, status in (
        ("GET", "/", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/workspaces", 404),
        ("DELETE", "/api/v1/build", 405),
        ("PUT", "/api/v1/tasks/x/", 405),
    ):
        answer = service.call(method, path)
        assert (answer.status_code, list(answer.json())) == (status, ["detail"])
        assert answer.headers["content-type"] == "application/json"


def test_the_log_has_a_line_for_each_request_and_no_secret(service, caplog):
    caplog.set_level(logging.DEBUG)
    form = {"file": upload(), "username": "kim", "password": "hunter2", "tag": "v1"}
    assert service.upload("/api/v1/build-and-push?x=secret-query", form).status_code == 202

    assert "POST /api/v1/build-and-push 202 from 127.0.0.1" in caplog.text
    for secret in ("hunter2", TOKEN, "secret-query"):
        assert secret not in caplog.text


def test_nobody_calls_without_end(service, settings, monkeypatch):
    settings.RATE_API = 2
    monkeypatch.setattr(ratelimits.api_calls, "left", {})

    answers = [service.get("/api/v1/tasks/x") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [404, 404, 429]
    assert int(answers[2].headers["Retry-After"]) > 0


def test_probes_and_the_description_need_no_token(service, embedded):
    anybody = Api()

    assert anybody.get("/health").json() == {"status": "healthy"}
    assert anybody.get("/readyz").json() == {"status": "ready"}
    paths = anybody.get("/openapi.json").json()["paths"]
    assert {"/api/v1/build", "/api/v1/build-and-push", "/api/v1/push", "/api/v1/tasks/{task_id}"} <= set(paths)
    assert anybody.get("/docs").status_code == 200
    embedded.toolchain.missing = "the compiler is being installed"
    unready = anybody.get("/readyz")
    assert (unready.status_code, unready.json()["problems"]) == (503, {"builder": "the compiler is being installed"})
