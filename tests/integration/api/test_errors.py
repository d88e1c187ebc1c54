"""Every way to fail, and the one shape of failing."""

import json
import logging
import re
import tomllib
from pathlib import Path

import pytest

from consoles.api.api import VERSION
from consoles.http import STATUS, error_answer, status_of
from faasweb.domain import errors
from faasweb.domain.errors import FaaswebError
from tests.integration.conftest import Api, assert_error

ORIGIN = "https://www.example.com"


def kinds_below(kind: type[FaaswebError]) -> set[type[FaaswebError]]:
    return {kind, *(found for child in kind.__subclasses__() for found in kinds_below(child))}


def test_every_error_has_a_status():
    for kind in kinds_below(FaaswebError) - {FaaswebError}:
        assert any(issubclass(kind, mapped) for mapped in STATUS), kind


def test_a_subclass_comes_before_its_base_in_the_table():
    seen: list[type[FaaswebError]] = []
    for kind in STATUS:
        assert not any(issubclass(kind, earlier) for earlier in seen), kind
        seen.append(kind)


@pytest.mark.parametrize("kind", sorted(kinds_below(FaaswebError) - {FaaswebError}, key=str))
def test_every_error_is_answered_in_the_one_shape(kind):
    error = kind("It did not work.", field="x")

    body = json.loads(error_answer(error).content)

    assert body == {"error": {"code": kind.code, "message": "It did not work.", "details": {"field": "x"}}}
    assert re.fullmatch("[A-Z_]+", kind.code)
    assert 400 <= status_of(error) < 600


def test_errors_bring_the_header_that_belongs_to_them():
    assert error_answer(errors.RateLimited("Wait.", retry_after_s=7))["Retry-After"] == "7"
    assert error_answer(errors.RateLimited("Wait."))["Retry-After"] == "1"
    assert error_answer(errors.MethodNotAllowed("No.", allowed=["GET", "POST"]))["Allow"] == "GET, POST"
    assert error_answer(errors.Unauthenticated("Who?"))["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("GET", "/api/"),
        ("GET", "/api/nothing"),
        ("POST", "/api/workspaces/ws-22222222/nothing/"),
        ("DELETE", "/api/v1"),
    ],
)
def test_an_unknown_path_is_json(ada, method, path):
    assert_error(ada.call(method, path), 404, "NOT_FOUND")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/workspaces", {"GET", "POST"}),
        ("POST", "/api/workspaces/ws-22222222", {"GET", "PATCH", "DELETE"}),
        ("GET", "/api/v1/deploy", {"POST"}),
        ("GET", "/api/v1/build-and-push/", {"POST"}),
        ("BREW", "/api/tokens", {"GET", "POST"}),
    ],
)
def test_a_wrong_method_is_json_and_names_the_right_ones(ada, method, path, allowed):
    answer = ada.call(method, path)

    assert_error(answer, 405, "METHOD_NOT_ALLOWED")
    assert set(re.split(r",\s*", answer.headers["allow"])) == allowed


@pytest.mark.django_db
def test_a_defect_is_logged_with_the_requests_id_and_tells_nothing(ada, embedded, monkeypatch, caplog):
    def broken(*_args):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(type(embedded.platform.workspaces.repository), "list", broken)

    with caplog.at_level(logging.ERROR, "consoles.middleware"):
        answer = ada.get("/api/workspaces", headers={"origin": ORIGIN})

    error = assert_error(answer, 500, "INTERNAL_ERROR")
    request_id = answer.headers["x-request-id"]
    assert request_id in error["message"]
    assert b"secret" not in answer.content
    assert request_id in caplog.text
    assert "secret of the house" in caplog.text


@pytest.mark.django_db
def test_a_part_that_is_away_is_503(ada, embedded, monkeypatch):
    def away(*_args):
        raise errors.Unavailable("The storage does not answer.")

    monkeypatch.setattr(type(embedded.platform.workspaces.repository), "list", away)

    assert_error(ada.get("/api/workspaces"), 503, "UNAVAILABLE")


@pytest.mark.django_db
def test_a_body_over_the_limit_is_413(ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    assert_error(ada.post("/api/workspaces", {"name": "x", "description": "y" * 1000}), 413, "TOO_LARGE")


@pytest.mark.django_db
def test_a_foreign_host_is_json(ada, settings):
    settings.ALLOWED_HOSTS = ["localhost"]

    assert_error(ada.get("/api/workspaces", headers={"host": "evil.example"}), 400, "BAD_REQUEST")


# --- CORS --------------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(settings):
    settings.CORS_ORIGINS = [ORIGIN]


def allowed_origin(answer):
    return answer.headers.get("access-control-allow-origin")


@pytest.mark.django_db
def test_cors_holds_for_every_answer(ada, listed, embedded, monkeypatch):
    from_page = {"origin": ORIGIN}
    answers = [
        ada.get("/api/workspaces", headers=from_page),
        ada.post("/api/workspaces", {}, headers=from_page),
        ada.get("/api/workspaces/ws-22222222", headers=from_page),
        ada.get("/api/nothing", headers=from_page),
        ada.call("PUT", "/api/workspaces", headers=from_page),
        Api().get("/api/workspaces", headers=from_page),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 404, 404, 405, 401]
    for answer in answers:
        assert allowed_origin(answer) == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in answer.headers["vary"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trouble", "status"),
    [
        (RuntimeError("a defect"), 500),
        (errors.ClusterRefused("The cluster refused."), 502),
        (errors.Unavailable("The storage does not answer."), 503),
        (errors.TimedOut("No answer in time."), 504),
    ],
)
def test_cors_holds_for_what_goes_wrong_behind_the_api_too(ada, listed, embedded, monkeypatch, trouble, status):
    def broken(*_args):
        raise trouble

    monkeypatch.setattr(type(embedded.platform.workspaces.repository), "list", broken)

    answer = ada.get("/api/workspaces", headers={"origin": ORIGIN})

    assert (answer.status_code, allowed_origin(answer)) == (status, ORIGIN)
    assert set(answer.json()["error"]) == {"code", "message", "details"}


@pytest.mark.django_db
def test_cors_holds_for_a_body_over_the_limit_and_a_foreign_host(ada, listed, embedded, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.ALLOWED_HOSTS = 100, ["localhost"]
    large = ada.post("/api/workspaces", {"name": "x" * 200}, headers={"origin": ORIGIN})
    foreign = ada.get("/api/workspaces", headers={"origin": ORIGIN, "host": "elsewhere.example"})

    assert [large.status_code, foreign.status_code] == [413, 400]
    assert [allowed_origin(large), allowed_origin(foreign)] == [ORIGIN, ORIGIN]


@pytest.mark.django_db
@pytest.mark.parametrize("origin", ["https://evil.example", "https://www.example.com.evil", "null"])
def test_pages_of_other_origins_may_not_read(ada, listed, origin):
    answer = ada.get("/api/workspaces", headers={"origin": origin})

    assert answer.status_code == 200
    assert allowed_origin(answer) is None
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in answer.headers["vary"]


@pytest.mark.django_db
def test_a_browser_may_ask_first(embedded, listed):
    asked = {"origin": ORIGIN, "access-control-request-method": "PATCH", "access-control-request-headers": "x-a, x-b"}

    answer = Api().call("OPTIONS", "/api/workspaces/", headers=asked)

    assert (answer.status_code, answer.content) == (200, b"OK")
    assert allowed_origin(answer) == ORIGIN
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "x-a, x-b"
    assert answer.headers["access-control-max-age"] == "600"


@pytest.mark.django_db
def test_a_browser_is_told_no_when_its_page_is_not_listed(embedded, listed):
    asked = {"origin": "https://evil.example", "access-control-request-method": "GET"}

    answer = Api().call("OPTIONS", "/api/workspaces", headers=asked)

    assert_error(answer, 400, "ORIGIN_NOT_ALLOWED")
    assert allowed_origin(answer) is None


@pytest.mark.django_db
def test_pages_of_the_console_get_no_cors_headers(embedded, listed):
    assert allowed_origin(Api().get("/sign-in", headers={"origin": ORIGIN})) is None


def test_the_api_has_the_projects_version():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())

    assert project["project"]["version"] == VERSION
