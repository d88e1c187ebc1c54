"""Names, ids, sources, settings, bodies, durations: the rules in one place each."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from faasweb.domain import clock, ids, names
from faasweb.domain.errors import FaaswebError, InvalidInput, TooLarge
from faasweb.domain.executions import BODY_LIMIT, RecordedBody
from faasweb.domain.functions import EnvironmentVariable, Function, FunctionSettings, Live
from faasweb.domain.source import SOURCE_LIMIT, Source
from faasweb.domain.usage import DURATION_BOUNDS_MS, NO_USAGE, Totals, duration_class, percentile_ms, total
from faasweb.domain.workspaces import Workspace

# --- names and ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", " 주문 처리 ", "x" * 100, "emoji 🚀"])
def test_a_name_may_be_in_any_language(name: str):
    assert names.clean_name(name) == name.strip()


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "two\nlines", "tab\there", "\x00", "\u202e"])
def test_a_name_is_one_visible_line(name: str):
    with pytest.raises(InvalidInput) as caught:
        names.clean_name(name)
    assert caught.value.details["field"] == "name"


def test_a_description_has_a_limit():
    assert names.clean_description(None) == ""
    with pytest.raises(InvalidInput):
        names.clean_description("x" * 2001)


@pytest.mark.parametrize(
    ("name", "label"),
    [("My function!", "my-function"), ("9 lives", "lives"), ("--a--", "a"), ("주문", ""), ("A_b.C", "a-b-c")],
)
def test_an_app_name_is_what_a_name_leaves(name: str, label: str):
    assert names.app_name(name) == label


@given(st.text(max_size=120), st.booleans())
def test_an_app_name_is_always_a_dns_label_with_room_for_a_suffix(name: str, taken: bool):
    app_name = names.app_name_for(name, ids.function_id(), taken=taken)
    assert 1 <= len(app_name) <= 59
    assert app_name[0].isalpha()
    assert not app_name.endswith("-")
    assert all(char.isascii() and (char.islower() or char.isdigit() or char == "-") for char in app_name)


def test_ids_are_recognised_and_nothing_else_is():
    assert ids.is_function_id(ids.function_id())
    assert ids.is_workspace_id(ids.workspace_id())
    assert ids.is_workspace_id(ids.DEFAULT_WORKSPACE)
    for wrong in ("fn-2222222", "fn-222222222", "fn-0OIl1111", "fn-22222222\n", "ws-22222222", "", "FN-22222222"):
        assert not ids.is_function_id(wrong)


# --- time --------------------------------------------------------------------------------------------------------


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2100, 1, 1)))
def test_a_time_survives_as_text_and_sorts_as_text(moment: datetime):
    aware = moment.replace(tzinfo=UTC)
    assert clock.parse(clock.sortable(aware)) == aware
    assert clock.sortable(aware) < clock.sortable(aware + timedelta(microseconds=1))


def test_a_time_without_a_zone_is_utc_and_any_other_is_turned_into_it():
    assert clock.as_utc(datetime(2026, 11, 21)) == datetime(2026, 11, 21, tzinfo=UTC)
    nine = datetime(2026, 11, 21, 9, tzinfo=timezone(timedelta(hours=9)))
    assert clock.as_utc(nine).isoformat() == "2026-11-21T00:00:00+00:00"


# --- sources -----------------------------------------------------------------------------------------------------


def test_line_ends_and_a_byte_order_mark_make_no_other_source():
    assert Source.single("\ufeffa = 1\r\nb = 2\r").text == "a = 1\nb = 2\n"
    assert Source.single("a\r\nb").hash == Source.single("a\nb").hash
    assert Source.single("a").hash != Source.single("b").hash


@pytest.mark.parametrize("text", ["", " \n\t", "\ufeff", "a\x00", "\ud800"])
def test_what_is_no_program_is_refused(text: str):
    with pytest.raises(InvalidInput) as caught:
        Source.single(text)
    assert caught.value.details["field"] == "code"


def test_a_source_has_a_limit_in_bytes():
    assert Source.single("#" * SOURCE_LIMIT).size == SOURCE_LIMIT
    with pytest.raises(TooLarge):
        Source.single("한" * (SOURCE_LIMIT // 3 + 1))
    with pytest.raises(TooLarge):
        Source.from_base64("A" * (SOURCE_LIMIT * 2))


def test_base64_is_strict():
    source = Source.from_base64(base64.b64encode("인사 = 1".encode()).decode())
    assert source.text == "인사 = 1"
    assert Source.from_base64(source.base64) == source
    for wrong in ("x", "YQ", "YQ==\n", "한글", base64.b64encode(b"\xff\xfe").decode()):
        with pytest.raises(InvalidInput):
            Source.from_base64(wrong)


def test_the_hash_is_over_paths_too():
    assert Source({"app.py": "ab", "b.py": "c"}).hash != Source({"app.py": "a", "bb.py": "c"}).hash


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"memory_mb": 127}, "memory"),
        ({"memory_mb": 1025}, "memory"),
        ({"timeout_s": 0}, "timeout"),
        ({"timeout_s": 901}, "timeout"),
        ({"http_methods": ()}, "httpMethods"),
        ({"http_methods": ("GET", "BREW")}, "httpMethods"),
        ({"environment": (EnvironmentVariable("1A", ""),)}, "environmentVariables"),
        ({"environment": (EnvironmentVariable("A\n", ""),)}, "environmentVariables"),
        ({"environment": (EnvironmentVariable("A", "\x00"),)}, "environmentVariables"),
        ({"environment": (EnvironmentVariable("A", ""), EnvironmentVariable("A", ""))}, "environmentVariables"),
        ({"environment": (EnvironmentVariable("A", "x" * 64_000),)}, "environmentVariables"),
        ({"allowed_outbound_hosts": ("example.com",)}, "allowedOutboundHosts"),
        ({"allowed_outbound_hosts": ("ftp://example.com",)}, "allowedOutboundHosts"),
        ({"allowed_outbound_hosts": ("https://example.com/path",)}, "allowedOutboundHosts"),
    ],
)
def test_settings_name_the_field_that_breaks_a_rule(wrong: dict[str, Any], field: str):
    with pytest.raises(InvalidInput) as caught:
        FunctionSettings(**wrong).checked()
    assert caught.value.details["field"] == field


def test_settings_come_in_normal_form():
    settings = FunctionSettings(
        http_methods=("post", "GET", "POST"),
        allowed_outbound_hosts=(" https://a.example/ ", "", "https://a.example", "*"),
    ).checked()
    assert settings.http_methods == ("POST", "GET")
    assert settings.allowed_outbound_hosts == ("https://a.example", "*")


def test_a_secret_is_in_no_repr():
    variable = EnvironmentVariable("KEY", "hunter2")
    function = Function.create(
        "ws-22222222", "greet", None, FunctionSettings(environment=(variable,)), Source.single("x")
    )
    assert "hunter2" not in repr(variable) + repr(function)


def test_an_edit_keeps_the_rules_and_moves_the_hash_with_the_code():
    function = Function.create("ws-22222222", "greet", None, FunctionSettings(), Source.single("x"))
    other = Source.single("y")
    assert function.edited(source=other).code_hash == other.hash
    assert function.edited(name=" b ").name == "b"
    with pytest.raises(InvalidInput):
        function.edited(settings=FunctionSettings(memory_mb=1))
    live = Live("dp-22222222", "baked", 1, function.code_hash, clock.now())
    served = function.serving(live)
    assert not served.has_undeployed_changes
    assert served.edited(source=other).has_undeployed_changes
    assert not function.has_undeployed_changes


def test_none_leaves_a_workspace_as_it_is():
    workspace = Workspace.create("Team", "what we do")
    assert workspace.edited() == workspace
    assert replace(workspace, description="") == workspace.edited(description="")


# --- bodies ------------------------------------------------------------------------------------------------------


def test_a_body_is_kept_up_to_its_limit_and_never_cut_inside_a_character():
    body = RecordedBody.of(("x" * (BODY_LIMIT - 1) + "한글").encode())
    assert body.cut
    assert body.text == "x" * (BODY_LIMIT - 1)
    assert body.size == BODY_LIMIT - 1 + 6


@given(st.binary(max_size=300))
def test_a_body_of_any_bytes_is_text(content: bytes):
    body = RecordedBody.of(content)
    assert (body.size, body.cut) == (len(content), False)
    json.dumps(body.json(), allow_nan=False).encode()


@pytest.mark.parametrize("text", ["", "NaN", "[1e999]", "{", "nul", "Infinity"])
def test_what_is_no_strict_json_is_told_as_text(text: str):
    assert RecordedBody.of(text.encode()).json() == {"data": text}


def test_json_comes_as_its_value_but_never_half_of_it():
    assert RecordedBody.of(b'{"a": [1, 2.5, null]}').json() == {"a": [1, 2.5, None]}
    half = RecordedBody.of(b"1" * 10, size=BODY_LIMIT + 10)
    assert half.json() == {"data": "1111111111"}


def test_json_that_is_too_deep_is_text():
    text = "[" * 50_000
    assert RecordedBody.of(text.encode()).json() == {"data": text}


# --- usage -------------------------------------------------------------------------------------------------------


def test_totals_add_up():
    assert total([]) == NO_USAGE
    both = Totals(3, 1, 30.0) + Totals(1, 0, 10.0)
    assert (both.invocations, both.error_rate, both.average_ms) == (4, 25.0, 10.0)
    assert (NO_USAGE.error_rate, NO_USAGE.average_ms) == (0.0, 0.0)


@given(st.floats(min_value=0, max_value=1e6))
def test_a_duration_lies_within_the_bounds_of_its_class(duration: float):
    index = duration_class(duration)
    assert index == 0 or duration > DURATION_BOUNDS_MS[index - 1]
    assert index == len(DURATION_BOUNDS_MS) or duration <= DURATION_BOUNDS_MS[index]


@given(
    st.dictionaries(st.integers(0, len(DURATION_BOUNDS_MS)), st.integers(0, 100), max_size=8),
    st.floats(min_value=0, max_value=1),
)
def test_a_percentile_lies_where_there_were_executions(durations: dict[int, int], fraction: float):
    value = percentile_ms(durations, fraction)
    filled = [index for index, count in durations.items() if count]
    if not filled:
        assert value is None
        return
    assert value is not None
    low = DURATION_BOUNDS_MS[min(filled) - 1] if min(filled) else 0
    high = [*DURATION_BOUNDS_MS, 2 * DURATION_BOUNDS_MS[-1]][max(filled)]
    assert low <= value <= high


# --- states ------------------------------------------------------------------------------------------------------


def test_an_error_has_a_code_of_its_own_or_its_family_s():
    def families(kind: type[FaaswebError]) -> list[type[FaaswebError]]:
        return [kind, *(item for child in kind.__subclasses__() for item in families(child))]

    assert all(kind.code for kind in families(FaaswebError))
    assert all(kind.code != "ERROR" for kind in families(FaaswebError)[1:])


def test_a_state_s_deadline_counts_from_entering_it():
    from faasweb.domain.deployments import STATE_DEADLINES, Deployment, DeploymentStatus

    with time_machine.travel(datetime(2026, 11, 21, tzinfo=UTC), tick=False) as now:
        deployment = Deployment.create("fn-22222222", "ws-22222222", "hash", "anna")
        now.shift(timedelta(minutes=4))
        assert not deployment.overdue
        building = deployment.attempted().entering(DeploymentStatus.BUILDING)
        assert (building.attempts, building.leased, building.warning) == (0, False, None)
        now.shift(timedelta(minutes=10))
        assert deployment.overdue
        assert not building.overdue
        assert not building.failed("no").overdue
    assert set(STATE_DEADLINES) == {status for status in DeploymentStatus if not status.finished}


def test_a_lease_ends_and_waiting_is_no_attempt():
    from faasweb.domain.deployments import LEASE, Deployment

    with time_machine.travel(datetime(2026, 11, 21, tzinfo=UTC), tick=False) as now:
        deployment = Deployment.create("fn-22222222", "ws-22222222", "hash", "anna").attempted()
        assert deployment.leased
        waiting = deployment.waiting("away")
        assert (waiting.attempts, waiting.leased, waiting.warning) == (0, False, "away")
        now.shift(LEASE)
        assert not deployment.leased
