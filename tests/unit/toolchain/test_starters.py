"""The functions to start from, as far as their text says; test_toolchain.py builds and runs them."""

import ast
import re

import pytest

from faasweb.adapters.toolchain.inspection import Inspection
from faasweb.domain.functions import METHODS, FunctionSettings
from faasweb.domain.source import Source
from faasweb.domain.starters import STARTERS

every_starter = pytest.mark.parametrize("starter", STARTERS, ids=lambda starter: starter.id)


def test_there_are_enough_and_their_ids_differ():
    assert len({starter.id for starter in STARTERS}) == len(STARTERS) >= 7
    assert STARTERS[0].id == "hello"


@every_starter
def test_a_starter_is_a_function(starter):
    source = Source.single(starter.source)
    assert Inspection("app.py", source.text).handler_problem(source.files) is None
    assert list(Inspection("app.py", source.text).guest_imports()) == []
    ast.parse(source.text)


@every_starter
def test_its_example_can_be_sent(starter):
    assert starter.example.method in starter.http_methods
    assert set(starter.http_methods) <= set(METHODS)
    assert starter.example.path.startswith("/")


@every_starter
def test_what_it_needs_is_what_its_source_uses(starter):
    assert all(name in starter.source for name in starter.environment)
    hosts = {
        match.group() for match in re.finditer(r"https://[a-z0-9.]+", starter.source) if "w3.org" not in match.group()
    }
    assert hosts == set(starter.allowed_outbound_hosts)
    settings = FunctionSettings(
        http_methods=starter.http_methods, allowed_outbound_hosts=starter.allowed_outbound_hosts
    )
    assert settings.checked()


@every_starter
def test_it_reads_well(starter):
    assert starter.title
    assert starter.summary.endswith(".")
    assert max(map(len, starter.source.splitlines())) <= 120
