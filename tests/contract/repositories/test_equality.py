"""Whatever is done to both databases, they answer alike."""

from __future__ import annotations

from itertools import count

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faasweb.adapters.repositories.dynamodb import DynamoTable
from faasweb.adapters.repositories.sqlite import SqliteTable
from faasweb.adapters.repositories.table import (
    ABSENT,
    PRESENT,
    Check,
    ConditionFailed,
    Delete,
    Item,
    Operation,
    Put,
    Table,
    Update,
    When,
)

SORT_KEYS = st.sampled_from(["A", "A#", "A#1", "A#10", "A#2", "B", "a", "가", "\U0001f600"])
NAMES = st.sampled_from(["status", "name", "count", "ttl", "a.b", "#x"])
NUMBERS = st.integers(-(2**60), 2**60)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from([0.5, -1.25, 1e-9, 3.0e21])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
ITEMS = st.dictionaries(NAMES, st.sampled_from([None, True, 0, 1, "x"]) | VALUES, max_size=4)
WHENS = st.sampled_from([None, ABSENT, PRESENT]) | st.builds(
    lambda name, value: When(equals=(name, value)),
    NAMES,
    st.none() | st.sampled_from(["x", 1, 0]),
)
CHANGES = st.fixed_dictionaries(
    {
        "set": st.dictionaries(st.sampled_from(["status", "name"]), SCALARS, max_size=2),
        "add": st.dictionaries(st.sampled_from(["hits", "calls"]), st.integers(-5, 5), min_size=1, max_size=2),
        "remove": st.lists(st.sampled_from(["ttl", "a.b"]), unique=True, max_size=2),
    }
)
STEPS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 3), SORT_KEYS, ITEMS, CHANGES, WHENS), min_size=1, max_size=4, unique_by=lambda t: t[1]
    ),
    max_size=6,
)
partitions = (f"partition-{number}" for number in count())


def operation(kind: int, sk: str, item: Item, changes: Item, when: When | None, pk: str) -> Operation:
    choices = (Put((pk, sk), item, when), Update((pk, sk), **changes, when=when), Delete((pk, sk), when))
    return choices[kind] if kind < 3 else Check((pk, sk), when or PRESENT)


def outcome(table: Table, operations: list[Operation]) -> object:
    try:
        table.write(operations)
    except ConditionFailed as exc:
        return exc.indexes
    return "written"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, SORT_KEYS, st.none() | st.integers(0, 5), st.booleans())
def test_both_databases_answer_alike(
    sqlite_table: SqliteTable,
    dynamodb_table: DynamoTable,
    steps: list[list[tuple[int, str, Item, Item, When | None]]],
    beginning: str,
    limit: int | None,
    reverse: bool,
):
    pk = next(partitions)
    tables: list[Table] = [sqlite_table, dynamodb_table]
    for step in steps:
        operations = [operation(*parts, pk) for parts in step]
        first, second = (outcome(table, operations) for table in tables)
        assert first == second
    everything, same = (table.query(pk) for table in tables)
    assert everything == same
    keys = [(item["PK"], item["SK"]) for item in everything]
    assert sqlite_table.batch_get(keys) == dynamodb_table.batch_get(keys)
    pages = [table.query(pk, after=beginning, limit=limit, reverse=reverse) for table in tables]
    assert pages[0] == pages[1]
