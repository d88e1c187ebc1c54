"""The small role below the repositories: both databases must agree on it in every corner."""

from __future__ import annotations

import contextlib
import math

import pytest

from faasweb.adapters.repositories.table import (
    ABSENT,
    ITEM_LIMIT,
    PRESENT,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Operation,
    Put,
    Table,
    Update,
    When,
)
from faasweb.domain.errors import InvalidInput, TooLarge

ITEM: Item = {
    "status": "reserved words: name, type, level, timestamp",
    "name": "한글 \U0001f600 \0 \\ \" '",
    "Type": "",
    "none": None,
    "yes": True,
    "zero": 0,
    "count": -(2**53),
    "ratio": 0.1,
    "list": [1, "1", None, [], {}],
    "map": {"size": 1.5, "name": {"nested": [True]}},
    "with.dot #and:colon": 1,
}


def test_an_item_is_read_back_with_every_type(table: Table):
    table.write([Put(("p", "s"), ITEM)])
    found = table.get(("p", "s"))
    assert found == ITEM | {"PK": "p", "SK": "s"}
    assert [type(value) for value in found.values()] == [type(found[name]) for name in found]
    assert (type(found["yes"]), type(found["count"]), type(found["ratio"])) == (bool, int, float)


def test_reserved_words_and_strange_names_can_be_updated_and_compared(table: Table):
    table.write([Put(("p", "s"), ITEM)])
    changes = dict.fromkeys(ITEM, "changed")
    table.write([Update(("p", "s"), set=changes, when=When(equals=("name", ITEM["name"])))])
    table.write([Update(("p", "s"), remove=list(ITEM), when=When(equals=("status", "changed")))])
    assert table.get(("p", "s")) == {"PK": "p", "SK": "s"}


def test_reading_takes_any_number_of_keys(table: Table):
    keys: list[Key] = [("p", f"{number:03}") for number in range(230)]
    for start in range(0, 230, 100):
        table.write([Put(key, {"sk": key[1]}) for key in keys[start : start + 100]])
    found = table.batch_get([*keys, ("p", "absent"), ("", ""), ("\ud800", "x"), keys[0]])
    assert sorted(found) == keys
    assert found[keys[7]]["sk"] == "007"
    assert table.batch_get([]) == {}


def test_reading_takes_many_large_items(table: Table):
    keys: list[Key] = [("p", f"{number:02}") for number in range(48)]
    for key in keys:
        table.write([Put(key, {"text": "x" * (ITEM_LIMIT - 100)})])
    assert len(table.batch_get(keys)) == 48
    assert [item["SK"] for item in table.query("p")] == [key[1] for key in keys]
    assert [item["SK"] for item in table.query("p", limit=5, after="20", reverse=True)] == [
        "19",
        "18",
        "17",
        "16",
        "15",
    ]


def test_a_query_has_bounds_a_direction_and_a_beginning(table: Table):
    names = ["A", "A#", "A#1", "A#2", "A#가", "A#\U0001f600", "B", "a"]
    table.write([Put(("p", name), {}) for name in names])
    table.write([Put(("other", "A#1"), {})])

    def found(*bounds: str, **options: object) -> list[str]:
        return [item["SK"] for item in table.query("p", *bounds, **options)]  # type: ignore[arg-type]

    assert found() == names
    assert found(reverse=True) == names[::-1]
    assert found("A#", "A#\U0010ffff") == names[1:6]
    assert found("A#1", "A#2") == ["A#1", "A#2"]
    assert found("A#", "A#\U0010ffff", after="A#1") == names[3:6]
    assert found("A#", "A#\U0010ffff", after="A#1x", limit=1) == ["A#2"]
    assert found("A#", "A#\U0010ffff", after="A#2", reverse=True) == ["A#1", "A#"]
    assert found(limit=0) == []
    assert found(keys_only=True, limit=3) == names[:3]
    assert table.query("absent") == []
    assert table.query("") == []


def test_keys_only_reads_nothing_else(table: Table):
    table.write([Put(("p", "s"), {"text": "x"})])
    assert table.query("p", keys_only=True) == [{"PK": "p", "SK": "s"}]


@pytest.mark.parametrize(
    ("when", "holds_absent", "holds_one", "holds_bare"),
    [
        (None, True, True, True),
        (ABSENT, True, False, False),
        (PRESENT, False, True, True),
        (When(equals=("status", 1)), False, True, False),
        (When(equals=("status", 2)), False, False, False),
        (When(equals=("status", "1")), False, False, False),
        (When(equals=("status", None)), False, False, True),
    ],
)
def test_conditions_hold_alike(table: Table, when: When | None, holds_absent: bool, holds_one: bool, holds_bare: bool):
    holds_present = holds_one and holds_bare
    cases: dict[str, tuple[Item | None, bool]] = {
        "absent": (None, holds_absent),
        "one": ({"status": 1}, holds_one),
        "bare": ({}, holds_bare),
        "null": ({"status": None}, holds_present),
    }
    for case, (item, holds) in cases.items():
        for number in range(4 if when else 3):
            key = (f"{case}-{number}", "s")
            operations: list[Operation] = [
                Put(key, {"n": 1}, when),
                Update(key, set={"n": 1}, when=when),
                Delete(key, when),
                Check(key, when or PRESENT),
            ]
            if item is not None:
                table.write([Put(key, item)])
            with contextlib.nullcontext() if holds else pytest.raises(ConditionFailed):
                table.write([operations[number]])


def test_a_failed_condition_says_which_and_nothing_is_written(table: Table):
    table.write([Put(("p", "taken"), {"n": 1})])
    with pytest.raises(ConditionFailed) as caught:
        table.write(
            [
                Put(("p", "new"), {}),
                Put(("p", "taken"), {}, ABSENT),
                Update(("p", "taken too"), add={"n": 1}, when=PRESENT),
                Delete(("p", "other")),
                Check(("p", "nobody")),
            ]
        )
    assert caught.value.indexes == {1, 2, 4}
    assert [item["SK"] for item in table.query("p")] == ["taken"]


def test_updates_set_add_and_remove(table: Table):
    key = ("p", "s")
    table.write([Update(key, set={"status": "x"}, add={"count": 2})])
    table.write([Update(key, add={"count": -5, "other": 1}, remove=["status", "absent"])])
    assert table.get(key) == {"PK": "p", "SK": "s", "count": -3, "other": 1}


def test_deleting_what_is_not_there_is_no_error(table: Table):
    table.write([Delete(("p", "s"))])


def test_items_up_to_400_kb_are_stored(table: Table):
    key = ("p", "s")
    table.write([Put(key, {"t": "가" * ((ITEM_LIMIT - 200) // 3)})])
    for item in ({"t": "x" * ITEM_LIMIT}, {"t": "가" * (ITEM_LIMIT // 3 + 1)}, {"t": ["x" * 1000] * 410}):
        with pytest.raises(TooLarge):
            table.write([Put(key, item)])
        with pytest.raises(TooLarge):
            table.write([Update(("p", "other"), set=item)])
    assert table.get(("p", "other")) is None


def test_a_transaction_has_at_most_100_operations_on_different_items(table: Table):
    with pytest.raises(ValueError, match="100"):
        table.write([Put(("p", str(number)), {}) for number in range(101)])
    with pytest.raises(ValueError, match="different"):
        table.write([Put(("p", "s"), {}), Delete(("p", "s"))])
    table.write([Put(("p", str(number)), {}) for number in range(100)])
    assert len(table.query("p")) == 100


@pytest.mark.parametrize("key", [("", "s"), ("p", ""), ("p", "x" * 1025), ("x" * 2049, "s"), ("p", "\ud800")])
def test_keys_that_no_item_can_have(table: Table, key: Key):
    assert table.get(key) is None
    with pytest.raises(InvalidInput):
        table.write([Put(key, {})])


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800", ["\ud800"], {"\ud800": 1}])
def test_values_that_no_database_stores(table: Table, value: object):
    with pytest.raises(InvalidInput):
        table.write([Put(("p", "before"), {}), Put(("p", "s"), {"value": value})])
    with pytest.raises(InvalidInput):
        table.write([Update(("p", "s"), set={"value": value})])
    assert table.query("p") == []
