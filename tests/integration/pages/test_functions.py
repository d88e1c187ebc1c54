"""Functions: made from a starter, edited, saved, deployed, called, changed and deleted through their pages."""

import html
import json
import re

import pytest

from faasweb.domain.access import Actor
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.source import SOURCE_LIMIT, Source
from faasweb.domain.starters import STARTERS
from faasweb.usecases.functions import MASK, Changes
from tests.integration.conftest import HELLO
from tests.integration.pages.conftest import HTMX, at, is_whole_page, said

pytestmark = pytest.mark.django_db
OTHER = HELLO.replace("hello", "other")
ROBOT = Actor(None, "tests", is_operator=True)
BASICS = {"name": "greet", "http_methods": ["GET"], "memory_mb": "256", "timeout_s": "30"}


@pytest.fixture
def functions(workspace):
    return f"/workspaces/{workspace.id}/functions"


def now(embedded, function):
    return embedded.platform.functions.with_source(embedded.platform.functions.get(function.ref))


def saved_by_somebody(embedded, function, text=OTHER):
    return embedded.platform.functions.edit(ROBOT, function.ref, Changes(source=Source.single(text)))


# the list


def test_the_list_is_searched_by_name_and_description(ada, embedded, workspace, functions, greet):
    embedded.platform.functions.create(ROBOT, workspace.id, "badge", Source.single(HELLO), description="draws SVG")
    assert "greet" in said(ada.get(functions))
    found = said(ada.get(functions, {"q": "svg"}))
    assert "badge" in found
    assert "greet" not in found
    assert "No function matches “nothing”" in said(ada.get(functions, {"q": "nothing"}))


def test_the_list_s_part_is_the_table_alone(ada, functions, greet):
    part = ada.get(functions, {"q": "gre"}, headers=HTMX)
    assert not is_whole_page(part)
    assert part.content.decode().lstrip().startswith('<div id="functions"')
    for whole in ({**HTMX, "HX-Boosted": "true"}, {**HTMX, "HX-History-Restore-Request": "true"}):
        assert is_whole_page(ada.get(functions, {"q": "gre"}, headers=whole))


def test_the_list_asks_again_only_while_something_is_deployed(ada, embedded, functions, greet):
    assert "every 3s" not in ada.get(functions).content.decode()
    ada.post(at(greet, "deploy"))
    assert "every 3s" in ada.get(functions).content.decode()
    assert "Deploying" in said(ada.get(functions))


# a new one


def new(client, functions, **fields):
    return client.post(f"{functions}/new", {**BASICS, "code": HELLO, **fields})


@pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.id)
def test_every_starter_brings_all_it_needs(ada, embedded, functions, starter):
    page = ada.get(f"{functions}/new", {"starter": starter.id}).content.decode()
    for host in starter.allowed_outbound_hosts:
        assert f">{host}</textarea>" in page
    for name in starter.environment:
        assert f'name="env_name" value="{name}"' in page
    for method in starter.http_methods:
        assert f'id="method-{method}" checked' in page
    assert page.count(" checked") == len(starter.http_methods) + page.count("single-keys") // 2

    made = new(ada, functions, code=starter.source, http_methods=list(starter.http_methods))
    code = ada.get(made["Location"]).content.decode()
    assert f'name="path" value="{starter.example.path}"'.replace("&", "&amp;") in code


def test_a_change_of_starter_keeps_what_was_typed(ada, functions):
    page = ada.get(f"{functions}/new", {"starter": "badge", "name": "mine", "description": "about it"})
    assert 'value="mine"' in page.content.decode()
    assert ">about it</textarea>" in page.content.decode()


@pytest.mark.parametrize("name", ["greet", "한국어 이름 과 공백", "--all", "x" * 100, "../up", "a'b\"c"])
def test_a_function_can_have_almost_any_name(ada, functions, name):
    made = new(ada, functions, name=name)
    assert made.status_code == 302
    assert name in said(ada.get(made["Location"]))
    assert name in said(ada.get(functions))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"name": "x" * 300}, "at most 100 characters (it has 300)"),
        ({"name": "a\x07b"}, "control characters"),
        ({"description": "x" * 2001}, "at most 2000 characters"),
        ({"http_methods": []}, "Choose at least one HTTP method."),
        ({"http_methods": ["GET", "BREW"]}, "BREW is not one of the available choices"),
        ({"memory_mb": "127"}, "127 is not one of the available choices"),
        ({"memory_mb": "lots"}, "lots is not one of the available choices"),
        ({"timeout_s": "0"}, "greater than or equal to 1"),
        ({"timeout_s": "901"}, "less than or equal to 900"),
        ({"timeout_s": "soon"}, "Enter a whole number"),
        ({"env_name": ["1ST"], "env_value": ["x"]}, "starts with no digit"),
        ({"env_name": ["A B"], "env_value": ["x"]}, "letters, digits and _"),
        ({"env_name": ["A", "A"], "env_value": ["x", "y"]}, "the same name"),
        ({"env_name": ["A"], "env_value": [MASK]}, "Type the value of A again"),
        ({"env_name": ["A"], "env_value": ["x" * 64_001]}, "the limit is 64,000"),
        ({"hosts": "ftp://x"}, "write a host like https://api.example.com"),
        ({"code": ""}, "required"),
        ({"code": " \n"}, "The code is empty"),
        ({"code": "x" * (SOURCE_LIMIT + 1)}, "the limit is 1,000,000"),
        ({"code": "x" * 2_000_000}, "The code has 2,000,000 bytes"),
    ],
)
def test_what_can_t_be_is_refused_at_its_field_and_stays_in_the_form(ada, functions, wrong, sentence):
    answer = new(ada, functions, **{"description": "kept as typed", **wrong})
    assert answer.status_code == 422
    assert sentence in said(answer)
    assert "kept as typed" in answer.content.decode() or "description" in wrong
    assert "No functions yet" in said(ada.get(functions))


def test_a_large_source_is_taken_whole(ada, embedded, functions):
    text = "# 한국어 주석\n" * (SOURCE_LIMIT // len("# 한국어 주석\n".encode()))
    made = new(ada, functions, code=text)
    assert made.status_code == 302
    page = ada.get(made["Location"])
    assert page.content.decode().count("# 한국어 주석") == text.count("\n")


# saving


def save(client, function, text, base=None, **more):
    headers = more.pop("headers", None)
    fields = {"code": text, "base": base or function.code_hash, **more}
    return client.post(at(function, "save"), fields, headers=headers)


def test_saving_answers_with_the_new_base(ada, embedded, greet):
    answer = save(ada, greet, OTHER, headers=HTMX)
    assert answer.status_code == 200
    assert f'data-base="{now(embedded, greet).code_hash}"' in answer.content.decode()
    assert "not deployed yet" in said(answer)
    assert now(embedded, greet).source.text == OTHER


def test_saving_without_scripts_leads_back_to_the_editor(ada, greet):
    assert save(ada, greet, OTHER)["Location"] == at(greet)
    assert "Saved." in said(ada.get(at(greet)))


def test_line_ends_of_a_browser_are_no_change(ada, embedded, greet):
    assert save(ada, greet, HELLO.replace("\n", "\r\n")).status_code == 302
    assert now(embedded, greet).code_hash == greet.code_hash


def test_a_stale_save_saves_nothing_shows_both_texts_and_has_a_way_out(ada, embedded, greet):
    theirs = saved_by_somebody(embedded, greet, "theirs = 1\n")
    refused = save(ada, greet, "mine = 1\n", headers=HTMX)
    assert refused.status_code == 409
    assert not is_whole_page(refused)
    assert "mine = 1" in said(refused)
    assert "theirs = 1" in said(refused)
    assert f'name="base" value="{theirs.code_hash}"' in refused.content.decode()
    assert now(embedded, greet).source.text == "theirs = 1\n"

    assert save(ada, greet, "mine = 1\n", theirs.code_hash).status_code == 302
    assert now(embedded, greet).source.text == "mine = 1\n"


def test_a_stale_save_without_scripts_is_a_page(ada, embedded, greet):
    saved_by_somebody(embedded, greet)
    refused = save(ada, greet, "mine = 1\n")
    assert refused.status_code == 409
    assert is_whole_page(refused)
    assert "mine = 1" in said(refused)


def test_saving_what_is_saved_already_is_never_stale(ada, embedded, greet):
    saved_by_somebody(embedded, greet)
    assert save(ada, greet, OTHER).status_code == 302


@pytest.mark.parametrize(("text", "sentence"), [("", "The code is empty"), ("x" * 2_000_000, "the limit is 1,000,000")])
def test_code_that_can_t_be_saved_says_why(ada, embedded, greet, text, sentence):
    answer = save(ada, greet, text, headers=HTMX)
    assert answer.status_code == 422
    assert sentence in said(answer)
    assert now(embedded, greet).code_hash == greet.code_hash


# drafts


def draft(client, function, text, base=None):
    return client.post(at(function, "draft"), {"code": text, "base": base or function.code_hash})


def test_a_draft_is_kept_per_person_and_shown_again(ada, member, greet):
    assert draft(ada, greet, "half = ").status_code == 200
    page = ada.get(at(greet))
    assert "half = " in page.content.decode()
    assert "Draft kept" in said(page)
    assert "half = " not in member("developer").get(at(greet)).content.decode()


def test_a_draft_is_discarded(ada, greet):
    draft(ada, greet, "half = ")
    assert ada.post(at(greet, "draft/discard"))["Location"] == at(greet)
    assert "half = " not in ada.get(at(greet)).content.decode()


def test_a_draft_ends_with_a_save(ada, greet):
    draft(ada, greet, OTHER)
    save(ada, greet, OTHER)
    assert "Draft kept" not in said(ada.get(at(greet)))


def test_a_draft_of_older_code_is_kept_and_told(ada, embedded, greet):
    saved_by_somebody(embedded, greet)
    assert draft(ada, greet, "half = ").status_code == 409
    page = ada.get(at(greet))
    assert "half = " in page.content.decode()
    assert "saved after you started this draft" in said(page)
    assert f'name="base" value="{greet.code_hash}"' in page.content.decode()


def test_a_draft_that_is_saved_already_is_none_wherever_it_started(ada, embedded, greet):
    saved_by_somebody(embedded, greet)
    assert draft(ada, greet, OTHER).status_code == 200
    assert "Draft kept" not in said(ada.get(at(greet)))


def test_a_draft_that_is_too_large_is_refused(ada, greet):
    answer = draft(ada, greet, "x" * (SOURCE_LIMIT + 1))
    assert answer.status_code == 413
    assert "1,000,000" in answer.json()["message"]


def test_code_can_t_break_out_of_the_editor(ada, greet):
    draft(ada, greet, "</textarea><script>alert(1)</script>")
    assert b"<script>alert" not in ada.get(at(greet)).content


# checking


def check(client, function, text):
    return client.post(at(function, "check"), {"code": text})


def test_checking_tells_lines_and_columns(ada, greet):
    assert check(ada, greet, HELLO).json() == {"diagnostics": []}
    found = check(ada, greet, "x = (\n").json()["diagnostics"]
    assert (found[0]["line"], found[0]["severity"]) == (1, "error")
    assert "empty" in check(ada, greet, "").json()["diagnostics"][0]["message"]


def test_checking_without_a_toolchain_says_so(ada, embedded, greet):
    embedded.toolchain.missing = "It is being prepared."
    answer = check(ada, greet, HELLO)
    assert (answer.status_code, answer.json()["message"]) == (503, "It is being prepared.")


# deploying


def test_saving_and_deploying_in_one(ada, embedded, greet):
    answer = save(ada, greet, OTHER, deploy="1", headers=HTMX)
    assert answer["HX-Redirect"] == at(greet, "deployments")
    page = ada.get(at(greet, "deployments"))
    assert "Deploying" in said(page)
    assert "data-stream-url" in page.content.decode()
    assert "stream:finished" in page.content.decode()
    embedded.work()
    page = ada.get(at(greet, "deployments"))
    assert "Version 1" in said(page)
    assert "data-stream-url" not in page.content.decode()
    assert now(embedded, greet).live.code_hash == Source.single(OTHER).hash


def test_a_second_deployment_waits_for_the_first(ada, embedded, greet):
    ada.post(at(greet, "deploy"))
    assert ada.post(at(greet, "deploy"))["Location"] == at(greet, "deployments")
    assert "Wait for its end" in said(ada.get(at(greet, "deployments")))


def test_a_failed_deployment_shows_why(ada, embedded, greet):
    save(ada, greet, "x = (\n", deploy="1")
    embedded.work()
    page = said(ada.get(at(greet, "deployments")))
    assert "Failed" in page
    assert "app.py:1" in page
    assert "Failed" in said(ada.get(at(greet)))


def test_a_part_of_deployments_brings_the_state_of_the_header(ada, embedded, greet):
    ada.post(at(greet, "deploy"))
    embedded.work()
    part = ada.get(at(greet, "deployments"), headers=HTMX).content.decode()
    assert 'id="fn-state" hx-swap-oob="true"' in part
    assert 'id="fn-deploy"' in part
    assert 'id="fn-state" hx-swap-oob' not in ada.get(at(greet, "deployments")).content.decode()


def test_rolling_back(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    save(ada, function, OTHER, deploy="1")
    embedded.work()
    page = ada.get(at(function, "deployments")).content.decode()
    assert f'action="{at(function, "versions/1/roll-back")}"' in page
    assert f'action="{at(function, "versions/2/roll-back")}"' not in page

    ada.post(at(function, "versions/1/roll-back"))
    page = ada.get(at(function, "deployments"))
    assert "Version 1 answers now." in said(page)
    assert f'action="{at(function, "versions/1/roll-back")}"' not in page.content.decode()
    assert now(embedded, function).live.version == 1


def test_rolling_back_to_what_never_was_says_so(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    ada.post(at(function, "versions/9/roll-back"))
    assert "not found" in said(ada.get(at(function, "deployments")))


def test_rolling_back_while_the_runtime_is_away_is_on_its_way(ada, embedded, workspace):
    function = embedded.deployed(workspace)
    save(ada, function, OTHER, deploy="1")
    embedded.work()
    embedded.runtime.away = True
    ada.post(at(function, "versions/1/roll-back"))
    assert "Version 1 is on its way." in said(ada.get(at(function, "deployments")))


# settings


def settings(client, function, **fields):
    return client.post(at(function, "settings"), {**BASICS, **fields})


def with_environment(embedded, function, *variables):
    changes = Changes(settings=FunctionSettings(environment=tuple(variables)))
    return embedded.platform.functions.edit(ROBOT, function.ref, changes)


def test_settings_are_shown_and_kept(ada, embedded, greet):
    answer = settings(
        ada,
        greet,
        name="renamed",
        http_methods=["PUT", "GET"],
        memory_mb="512",
        timeout_s="7",
        hosts="https://a.example\n\nhttps://b.example/",
        env_name=["TOKEN", "", "MODE"],
        env_value=["s3cret", "dropped", "fast\r\nand loose"],
        env_plain=["2"],
    )
    assert answer["Location"] == at(greet, "settings")
    kept = now(embedded, greet)
    assert (kept.name, kept.settings.memory_mb, kept.settings.timeout_s) == ("renamed", 512, 7)
    assert kept.settings.http_methods == ("GET", "PUT") or kept.settings.http_methods == ("PUT", "GET")
    assert kept.settings.allowed_outbound_hosts == ("https://a.example", "https://b.example")
    assert kept.settings.environment == (
        EnvironmentVariable("TOKEN", "s3cret"),
        EnvironmentVariable("MODE", "fast\nand loose", plain=True),
    )
    page = ada.get(at(greet, "settings")).content.decode()
    assert "s3cret" not in page
    assert "fast\nand loose</textarea>" in page
    assert "The settings are in effect." in page


def shown_in(page) -> str:
    """What the settings form says that it showed."""
    found = re.search(r'name="shown" value="([^"]*)"', page.content.decode())
    assert found
    return html.unescape(found[1])


def test_a_form_that_was_open_for_long_changes_what_was_changed_in_it(ada, embedded, greet):
    with_environment(embedded, greet, EnvironmentVariable("TOKEN", "s3cret"), EnvironmentVariable("OLD", "1"))
    shown = shown_in(ada.get(at(greet, "settings")))
    assert "s3cret" not in shown
    meanwhile = FunctionSettings(
        memory_mb=512,
        http_methods=("DELETE",),
        environment=(EnvironmentVariable("TOKEN", "newer"), EnvironmentVariable("THEIRS", "2")),
    )
    embedded.platform.functions.edit(ROBOT, greet.ref, Changes(description="theirs", settings=meanwhile))
    methods = json.loads(shown)["http_methods"]
    answer = settings(
        ada,
        greet,
        name="mine",
        memory_mb=str(json.loads(shown)["memory_mb"]),
        http_methods=methods,
        timeout_s="9",
        env_name=["TOKEN", "OLD", "MINE"],
        env_value=[MASK, MASK, "3"],
        shown=shown,
    )
    assert answer.status_code == 302
    kept = now(embedded, greet)
    assert (kept.name, kept.description) == ("mine", "theirs")
    assert (kept.settings.timeout_s, kept.settings.memory_mb, kept.settings.http_methods) == (9, 512, ("DELETE",))
    assert kept.settings.environment == (
        EnvironmentVariable("TOKEN", "newer"),
        EnvironmentVariable("MINE", "3"),
        EnvironmentVariable("THEIRS", "2"),
    )


def test_a_refused_form_still_knows_what_it_showed_first(ada, embedded, greet):
    shown = shown_in(ada.get(at(greet, "settings")))
    assert shown_in(settings(ada, greet, name="", shown=shown)) == shown


@pytest.mark.parametrize("shown", ["", "no json", "[]", '{"rows": 3}', '{"rows": [[1]]}'])
def test_a_form_that_does_not_know_what_it_showed_changes_everything(ada, embedded, greet, shown):
    with_environment(embedded, greet, EnvironmentVariable("OLD", "1"))
    assert settings(ada, greet, env_name=["NEW"], env_value=["2"], shown=shown).status_code == 302
    assert now(embedded, greet).settings.environment == (EnvironmentVariable("NEW", "2"),)


def test_a_hidden_value_stays_when_it_is_not_typed_again(ada, embedded, greet):
    with_environment(embedded, greet, EnvironmentVariable("TOKEN", "s3cret"))
    settings(ada, greet, env_name=["TOKEN", "MORE"], env_value=[MASK, "x"])
    assert now(embedded, greet).settings.environment[0] == EnvironmentVariable("TOKEN", "s3cret")
    settings(ada, greet, env_name=["", "MORE"], env_value=[MASK, MASK])
    assert now(embedded, greet).settings.environment == (EnvironmentVariable("MORE", "x"),)


@pytest.mark.parametrize("row", [{"env_name": ["RENAMED"]}, {"env_name": ["TOKEN"], "env_plain": ["0"]}])
def test_a_hidden_value_is_never_uncovered_or_lost_by_accident(ada, embedded, greet, row):
    with_environment(embedded, greet, EnvironmentVariable("TOKEN", "s3cret"))
    answer = settings(ada, greet, env_value=[MASK], **row)
    assert answer.status_code == 422
    assert "again" in said(answer)
    assert now(embedded, greet).settings.environment == (EnvironmentVariable("TOKEN", "s3cret"),)


def test_a_size_that_the_api_chose_can_be_kept(ada, embedded, greet):
    changes = Changes(settings=FunctionSettings(memory_mb=300))
    embedded.platform.functions.edit(ROBOT, greet.ref, changes)
    assert "300 MB" in said(ada.get(at(greet, "settings")))
    assert settings(ada, greet, memory_mb="300", timeout_s="5").status_code == 302
    assert now(embedded, greet).settings.memory_mb == 300


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"name": "x" * 300}, "at most 100 characters"),
        ({"http_methods": []}, "Choose at least one HTTP method."),
        ({"memory_mb": "2048"}, "not one of the available choices"),
        ({"timeout_s": "-1"}, "greater than or equal to 1"),
        ({"env_name": ["a-b"], "env_value": ["x"]}, "letters, digits and _"),
        ({"hosts": "api.example.com"}, "write a host like"),
    ],
)
def test_settings_that_can_t_be_say_why(ada, embedded, greet, wrong, sentence):
    answer = settings(ada, greet, **wrong)
    assert answer.status_code == 422
    assert sentence in said(answer)
    assert now(embedded, greet).settings == greet.settings


def test_disabling_and_enabling(ada, embedded, greet):
    assert ada.post(at(greet, "status"), {"status": "disabled"})["Location"] == at(greet, "settings")
    assert "Disabled" in said(ada.get(at(greet)))
    assert "Disabled" in said(ada.get(f"/workspaces/{greet.workspace_id}/functions"))
    back = ada.post(at(greet, "status"), {"status": "active", "back": "function-list"})
    assert back["Location"] == f"/workspaces/{greet.workspace_id}/functions"
    assert now(embedded, greet).status == "active"
    assert ada.post(at(greet, "status"), {"back": "https://evil.example"})["Location"] == at(greet, "settings")


def test_deleting_needs_the_name(ada, embedded, greet):
    for typed in ("", "Greet", "greet2"):
        assert ada.post(at(greet, "remove"), {"confirm_name": typed})["Location"] == at(greet, "settings")
        assert "Nothing was deleted" in said(ada.get(at(greet, "settings")))
    assert ada.post(at(greet, "remove"), {"confirm_name": "greet"})["Location"].endswith("/functions")
    assert "greet and all it held are being removed" in said(ada.get(f"/workspaces/{greet.workspace_id}/functions"))
    assert ada.get(at(greet)).status_code == 404


# the test tab


def test_the_test_tab_offers_the_function_s_methods_and_a_starter_s_request(ada, embedded, workspace):
    notes = next(starter for starter in STARTERS if starter.id == "notes")
    settings = FunctionSettings(http_methods=notes.http_methods)
    made = embedded.platform.functions.create(ROBOT, workspace.id, "n", Source.single(notes.source), settings=settings)
    page = ada.get(at(made, "test")).content.decode()
    assert "<option selected>POST</option>" in page
    assert json.loads(page.partition('name="body"')[2].partition(">")[2].partition("<")[0].replace("&quot;", '"'))
    assert "Nothing is deployed yet" in page


# variables that a spin.toml names without a value

MANIFEST = """spin_manifest_version = 2

[application]
name = "mailer"

[variables]
api_key = { required = true, secret = true }
region = { required = true }

[[trigger.http]]
route = "/..."
component = "mailer"

[component.mailer]
source = "app.wasm"

[component.mailer.variables]
api_key = "{{ api_key }}"
region = "{{ region }}"
"""


@pytest.fixture
def mailer(embedded, workspace):
    source = Source({"app.py": HELLO, "spin.toml": MANIFEST}).checked()
    return embedded.platform.functions.create(ROBOT, workspace.id, "mailer", source)


def test_variables_without_a_value_are_told_where_the_code_is_and_asked_for_in_the_settings(ada, mailer):
    answer = ada.get(at(mailer))
    assert "need a value: api_key, region." in said(answer)
    page = answer.content.decode()
    assert f'href="{at(mailer, "settings")}#variables"' in page
    asked = ada.get(at(mailer, "settings")).content.decode()
    assert 'name="env_name" value="api_key"' in asked
    assert asked.count("needs a value") == 2


def test_a_variable_that_got_a_value_is_not_asked_for_again(ada, embedded, mailer):
    shown = shown_in(ada.get(at(mailer, "settings")))
    answer = settings(ada, mailer, shown=shown, env_name=["api_key", "region"], env_value=["s3cret", ""])
    assert answer.status_code == 302
    # Nothing is stored under the name that was left empty.
    assert now(embedded, mailer).settings.environment == (EnvironmentVariable("api_key", "s3cret"),)
    page = said(ada.get(at(mailer, "settings")))
    assert page.count("needs a value") == 1
    assert "need a value: region." in said(ada.get(at(mailer)))


def test_other_settings_are_saved_while_a_variable_waits_for_its_value(ada, embedded, mailer):
    shown = shown_in(ada.get(at(mailer, "settings")))
    settings(ada, mailer, shown=shown, timeout_s="9", env_name=["api_key", "region"], env_value=["", ""])
    kept = now(embedded, mailer).settings
    assert (kept.timeout_s, kept.environment) == (9, ())


def test_a_variable_with_an_empty_value_is_asked_for_in_its_own_row(ada, embedded, mailer):
    with_environment(embedded, mailer, EnvironmentVariable("region", ""), EnvironmentVariable("API_KEY", "x"))
    asked = ada.get(at(mailer, "settings")).content.decode()
    assert asked.count('value="region"') == 1
    assert 'value="api_key"' not in asked
    assert asked.count("needs a value") == 1


def test_saving_a_manifest_tells_which_of_its_variables_need_a_value(ada, embedded, greet):
    base = now(embedded, greet).code_hash
    ada.post(at(greet, "files/add"), {"path": "spin.toml"})
    sent = {"file": "spin.toml", "code": MANIFEST, "base": base}
    answer = ada.post(at(greet, "save"), sent, headers=HTMX)
    assert answer.status_code == 200
    assert "show:top" not in answer["HX-Reswap"]
    assert "need a value: api_key, region." in said(answer)
