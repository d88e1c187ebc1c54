from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from faasweb.domain.errors import InvalidInput, NotFound, Stale, TooLarge, Unavailable
from faasweb.domain.functions import EnvironmentVariable, FunctionStatus
from faasweb.domain.source import Source
from faasweb.usecases.functions import MASK, Changes, SettingsChanges, edited_environment, merged_environment
from tests.unit.usecases.world import ANNA, HELLO, HELLO_AGAIN, World


def edit(world: World, function, **changes):
    base = changes.pop("base", None)
    return world.platform.functions.edit(ANNA, function.ref, Changes(**changes), base=base)


def test_code_is_durable_before_its_function_exists(world: World):
    function = world.function()
    assert world.code.get(function.code_key).decode() == HELLO
    assert world.accounts.audited[-1] == ("function.create", function.id)


def test_a_function_in_no_workspace_leaves_no_code_behind(world: World):
    with pytest.raises(NotFound):
        world.platform.functions.create(ANNA, "ws-22222222", "greet", Source.single(HELLO))
    assert not list((world.path / "code").rglob("*.py"))


def test_a_save_on_top_of_what_one_started_from_goes_through(world: World):
    function = world.function()
    saved = edit(world, function, source=Source.single(HELLO_AGAIN), base=function.code_hash)
    assert world.platform.functions.with_source(saved).source == Source.single(HELLO_AGAIN)


def test_a_stale_save_is_refused_with_the_hash_of_what_is_saved_now(world: World):
    function = world.function()
    now = edit(world, function, source=Source.single(HELLO_AGAIN))
    with pytest.raises(Stale) as caught:
        edit(world, function, source=Source.single("other = 1"), base=function.code_hash)
    assert caught.value.details["current_hash"] == now.code_hash
    assert world.now(function).code_hash == now.code_hash


def test_saving_what_is_saved_already_is_never_stale(world: World):
    function = world.function()
    edit(world, function, source=Source.single(HELLO_AGAIN))
    edit(world, function, source=Source.single(HELLO_AGAIN), base=function.code_hash)


def test_two_edits_of_different_fields_at_once_are_both_kept(world: World, monkeypatch):
    function = world.function()
    save, others = world.stored.functions.save, iter(["described by another"])

    def save_late(_self, changed):
        for description in others:
            edit(world, function, description=description)
        return save(changed)

    monkeypatch.setattr(type(world.stored.functions), "save", save_late)
    edit(world, function, name="renamed")
    now = world.now(function)
    assert (now.name, now.description) == ("renamed", "described by another")


def test_nothing_given_leaves_everything_and_cleared_fields_are_emptied(world: World):
    function = edit(world, world.function(), invocation_url="https://example.com", description="d")
    assert edit(world, function).invocation_url == "https://example.com"
    cleared = edit(world, function, clear=frozenset({"invocation_url"}))
    assert (cleared.invocation_url, cleared.description) == (None, "d")


@pytest.mark.parametrize("size", [10, 100_000])
def test_code_of_any_size_can_be_read_back(world: World, size: int):
    text = "x = 1\n" + "#" * size
    function = world.function(text)
    source = world.platform.functions.with_source(world.now(function)).source
    assert source is not None
    assert source.text == text


def test_changed_settings_reach_what_is_live_at_once(world: World):
    function = world.deployed()
    settings = replace(function.settings, timeout_s=7)
    edit(world, function, settings=settings)
    assert world.runtime.live[function.id].settings.timeout_s == 7
    assert world.runtime.live[function.id].version == 1
    world.check(function)


def test_changed_settings_reach_the_runtime_later_when_it_is_away(world: World):
    function = world.deployed()
    world.runtime.away = True
    edit(world, function, settings=replace(function.settings, timeout_s=7))
    world.work()
    world.runtime.away = False
    world.work()
    assert world.runtime.live[function.id].settings.timeout_s == 7


def test_telling_the_runtime_the_settings_is_given_up_some_time(world: World):
    function = world.deployed()
    world.runtime.away = True
    edit(world, function, settings=replace(function.settings, timeout_s=7))
    for _ in range(20):
        world.work()
    assert world.queue.waiting == []


def test_the_settings_of_what_went_live_meanwhile_are_put_right_again(world: World, monkeypatch):
    function = world.deployed()
    update, once = world.runtime.update_settings, iter([1])

    def update_late(release):
        for _ in once:
            world.deploy(function.ref)
            world.settle()
        update(release)

    monkeypatch.setattr(world.runtime, "update_settings", update_late)
    edit(world, function, settings=replace(function.settings, timeout_s=7))
    world.check(function)


@pytest.mark.parametrize("name", ["Greet", "주문 처리", "fn-abcdefgh"])
def test_a_function_is_found_by_its_id_and_by_its_app_name_whatever_it_looks_like(world: World, name: str):
    function = world.function(name=name)
    assert world.platform.functions.resolve(world.workspace.id, function.id).id == function.id
    assert world.platform.functions.resolve(world.workspace.id, function.app_name).id == function.id
    with pytest.raises(NotFound):
        world.platform.functions.resolve("ws-22222222", function.app_name)


def test_a_removed_function_is_out_of_sight_at_once_and_its_name_free_later(world: World):
    function = world.deployed()
    world.platform.functions.remove(ANNA, function.ref)
    with pytest.raises(NotFound):
        world.platform.functions.get(function.ref)
    assert world.function().app_name != function.app_name
    world.settle()
    assert world.runtime.removed == [(function.id, function.app_name)]
    assert world.registry.removed == [function.app_name]
    assert world.function().app_name == function.app_name


def test_clearing_away_waits_for_the_worker_that_is_still_at_it(world: World):
    function = world.function()
    deployment = world.deploy(function.ref)
    world.stored.deployments.save(world.deployment(deployment.id).attempted())
    world.platform.functions.remove(ANNA, function.ref)
    world.queue.work()
    assert world.runtime.removed == []
    world.later(seconds=36)
    world.settle()
    assert world.runtime.removed == [(function.id, function.app_name)]


def test_a_removal_goes_on_when_a_part_was_away(world: World):
    function = world.deployed()
    world.runtime.away = True
    world.platform.functions.remove(ANNA, function.ref)
    world.work()
    assert world.stored.maintenance.open_work().removals
    world.runtime.away = False
    world.platform.upkeep.reap()
    world.settle()
    assert function.id not in world.runtime.live


def test_disabling_and_enabling(world: World):
    function = world.deployed()
    assert edit(world, function, status=FunctionStatus.DISABLED).status is FunctionStatus.DISABLED
    assert edit(world, function, status=FunctionStatus.ACTIVE).status is FunctionStatus.ACTIVE


# --- drafts ------------------------------------------------------------------------------------------------------


def test_a_draft_is_kept_for_each_user_until_it_is_saved_or_discarded(world: World):
    functions, function = world.platform.functions, world.function()
    functions.keep_draft(function, "anna", Source({"app.py": "x = ("}), function.code_hash)
    functions.keep_draft(function, "ben", Source({"app.py": "y = 1"}), function.code_hash)
    draft = functions.draft(function, "anna")
    assert draft is not None
    assert (draft.source.text, draft.base) == ("x = (", function.code_hash)
    functions.keep_draft(function, "anna", Source({"app.py": HELLO.replace("\n", "\r\n")}), function.code_hash)
    assert functions.draft(function, "anna") is None
    functions.discard_draft(function, "ben")
    functions.discard_draft(function, "ben")
    assert functions.draft(function, "ben") is None


def test_a_draft_has_the_limit_of_a_source_in_bytes(world: World):
    function = world.function()
    world.platform.functions.keep_draft(function, "anna", Source({"app.py": "한" * 300_000}), function.code_hash)
    with pytest.raises(TooLarge):
        world.platform.functions.keep_draft(function, "anna", Source({"app.py": "한" * 400_000}), function.code_hash)


# --- environment -------------------------------------------------------------------------------------------------


def test_a_masked_value_stays_and_every_other_is_taken():
    before = (EnvironmentVariable("KEY", "secret"), EnvironmentVariable("OLD", "gone"))
    after = (EnvironmentVariable("KEY", MASK), EnvironmentVariable("NEW", MASK), EnvironmentVariable("OWN", "1"))
    kept = (EnvironmentVariable("KEY", "secret"), EnvironmentVariable("NEW", ""), EnvironmentVariable("OWN", "1"))
    assert merged_environment(before, after) == kept


@pytest.mark.parametrize(
    ("was", "becomes", "is_plain"), [(False, True, False), (True, False, False), (True, True, True)]
)
def test_a_secret_is_not_shown_by_marking_it_as_plain(was: bool, becomes: bool, is_plain: bool):
    before = [EnvironmentVariable("KEY", "secret", plain=was)]
    assert merged_environment(before, [EnvironmentVariable("KEY", MASK, plain=becomes)])[0].plain is is_plain


def test_the_runtime_s_own_error_is_not_swallowed(world: World):
    function = world.deployed()
    world.runtime.away = True
    with pytest.raises(Unavailable):
        world.platform.functions.apply_settings(function.ref)


def test_edits_of_different_settings_at_once_are_all_kept(world: World):
    """Each edit takes its place after the others, with the rest as the others left it."""
    function = world.function()

    def put(name: str):
        return lambda now: (*(v for v in now if v.name != name), EnvironmentVariable(name, "x"))

    together = [
        {"settings": SettingsChanges(memory_mb=512)},
        {"settings": SettingsChanges(timeout_s=7)},
        {"settings": SettingsChanges(http_methods=("PUT",))},
        {"settings": SettingsChanges(allowed_outbound_hosts=("https://a.example",))},
        {"settings": SettingsChanges(environment=put("A"))},
        {"settings": SettingsChanges(environment=put("B"))},
        {"name": "renamed"},
        {"description": "described"},
    ]
    with ThreadPoolExecutor(len(together)) as threads:
        for _ in threads.map(lambda changes: edit(world, function, **changes), together):
            pass
    now = world.now(function)
    assert (now.name, now.description) == ("renamed", "described")
    assert (now.settings.memory_mb, now.settings.timeout_s, now.settings.http_methods) == (512, 7, ("PUT",))
    assert now.settings.allowed_outbound_hosts == ("https://a.example",)
    assert {variable.name for variable in now.settings.environment} == {"A", "B"}


def test_an_edit_that_is_refused_leaves_no_code_behind(world: World):
    function = world.function()
    before = set((world.path / "code").rglob("*.py"))
    with pytest.raises(InvalidInput):
        edit(world, function, source=Source.single(HELLO_AGAIN), settings=SettingsChanges(memory_mb=1))
    assert set((world.path / "code").rglob("*.py")) == before


def test_the_audit_trail_names_the_settings_that_were_edited(world: World):
    changes = Changes(name="x", settings=SettingsChanges(memory_mb=512, timeout_s=3))
    assert changes.names() == ["memory_mb", "name", "timeout_s"]


def test_variables_that_others_changed_meanwhile_stay_as_they_made_them():
    def secret(name: str, value: str = MASK) -> EnvironmentVariable:
        return EnvironmentVariable(name, value)

    shown = [secret("KEPT"), secret("REMOVED"), secret("THEIRS"), secret("GONE")]
    now = [secret("KEPT", "1"), secret("REMOVED", "2"), secret("THEIRS", "new"), secret("ADDED", "4")]
    typed = [secret("KEPT"), secret("THEIRS"), secret("GONE"), secret("MINE", "5")]
    assert edited_environment(now, shown, typed) == (
        secret("KEPT", "1"),
        secret("THEIRS", "new"),
        secret("MINE", "5"),
        secret("ADDED", "4"),
    )
