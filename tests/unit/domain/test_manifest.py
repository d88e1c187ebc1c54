from __future__ import annotations

import pytest

from faasweb.domain.declared import declared, missing_variables
from faasweb.domain.errors import InvalidInput
from faasweb.domain.functions import EnvironmentVariable, FunctionSettings
from faasweb.domain.manifest import SpinManifest, written_manifest

BUILD = "componentize-py -w spin-http componentize web.app -o app.wasm"
WHOLE = f"""
spin_manifest_version = 2
unknown = true
[application]
name = "greet"
version = "1.2.3"
description = "Says hello"
authors = ["Ada <ada@example.com>"]
[variables]
host = {{ default = "api.example.com" }}
api_key = {{ required = true, secret = true }}
[[trigger.http]]
route = "/hello/..."
component = "greet"
[component.greet]
source = "app.wasm"
allowed_outbound_hosts = ["https://{{{{ host }}}}/"]
key_value_stores = ["default", "notes"]
sqlite_databases = ["default"]
environment = {{ COLOUR = "red" }}
files = ["static/*", {{ source = "assets", destination = "/" }}]
[component.greet.variables]
base = "https://{{{{ host }}}}/v1"
key = "{{{{ api_key }}}}"
[component.greet.build]
command = "{BUILD}"
"""


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_manifest_is_read():
    manifest = SpinManifest.read(WHOLE)
    assert (manifest.name, manifest.version, manifest.description) == ("greet", "1.2.3", "Says hello")
    assert (manifest.route, manifest.module) == ("/hello/...", "web.app")
    assert manifest.key_value_stores == ("default", "notes")
    assert [(item.source, item.destination) for item in manifest.files] == [("static/*", ""), ("assets", "/")]
    assert manifest.variables["api_key"].secret


def test_a_written_manifest_is_read_again():
    manifest = SpinManifest.read(written_manifest("my-app", "web"))
    assert (manifest.name, manifest.module, manifest.route) == ("my-app", "web", "/...")


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("componentize-py -w spin-http componentize app -o app.wasm", "app"),
        ("componentize-py --world=spin-http componentize -p . a.b -o app.wasm", "a.b"),
        ("componentize-py -d wit -w spin-http componentize app -s -o x.wasm", "app"),
    ],
)
def test_the_module_is_taken_from_the_build_command(command: str, module: str):
    assert SpinManifest.read(changed(BUILD, command)).module == module


@pytest.mark.parametrize(
    "command",
    [
        "",
        "make",
        "rm -rf / ; componentize-py -w spin-http componentize app",
        "componentize-py -w spin-http componentize app && curl evil",
        "componentize-py -w spin-http componentize ../app",
        "componentize-py -w spin-http componentize $(id)",
        "componentize-py -w wasi-cli componentize app",
        "componentize-py -w spin-http bindings app",
        "componentize-py --evil componentize app",
        "componentize-py -w",
        "componentize-py -w spin-http componentize 'app",
    ],
)
def test_other_build_commands_are_refused(command: str):
    with pytest.raises(InvalidInput, match=r"spin\.toml, component\.greet\.build\.command: "):
        SpinManifest.read(changed(BUILD, command))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("spin_manifest_version = 2", "spin_manifest_version = 1", "spin_manifest_version"),
        ('name = "greet"', "name = 3", "application.name"),
        ('name = "greet"', "", "application.name: this must be given"),
        ('authors = ["Ada <ada@example.com>"]', 'authors = "Ada"', "application.authors"),
        ("[component.greet]", "[component.other]\n[component.greet]", "one Python component is supported"),
        ("[[trigger.http]]", '[[trigger.http]]\nroute = "/x"\ncomponent = "greet"\n[[trigger.http]]', "here are 2"),
        ("[[trigger.http]]", "[[trigger.redis]]\n[[trigger.http]]", "trigger.redis"),
        ('route = "/hello/..."', 'route = "hello"', "trigger.http.route"),
        ('component = "greet"', 'component = "other"', "trigger.http.component"),
        ('{ COLOUR = "red" }', "{ COLOUR = 1 }", "component.greet.environment.COLOUR"),
        ("{{ api_key }}", "{{ nobody }}", "component.greet.variables.key"),
        ("{ required = true, secret = true }", "{ secret = true }", "variables.api_key"),
        ("[application]", "[application", "line 4"),
    ],
)
def test_a_refusal_names_the_key(old: str, new: str, told: str):
    with pytest.raises(InvalidInput) as refusal:
        SpinManifest.read(changed(old, new))
    assert told in refusal.value.message
    assert refusal.value.details == {"field": "file"}


def test_deep_nesting_is_refused():
    with pytest.raises(InvalidInput):
        SpinManifest.read("a = " + "[" * 50_000)


def test_what_is_declared_is_set_where_nobody_set_anything():
    manifest = SpinManifest.read(WHOLE)
    settings = declared(FunctionSettings(), manifest)
    assert {v.name: v.value for v in settings.environment} == {"COLOUR": "red", "base": "https://api.example.com/v1"}
    assert settings.allowed_outbound_hosts == ("https://api.example.com",)
    assert missing_variables(settings, manifest) == ("key",)
    by_hand = FunctionSettings(environment=(EnvironmentVariable("KEY", "x"), EnvironmentVariable("colour", "blue")))
    merged = declared(by_hand, manifest)
    assert {v.name: v.value for v in merged.environment}["colour"] == "blue"
    assert "COLOUR" not in {v.name for v in merged.environment}
    assert missing_variables(merged, manifest) == ()


def test_what_is_as_it_was_declared_follows_the_new_declaration():
    before = SpinManifest.read(WHOLE)
    after = SpinManifest.read(changed('COLOUR = "red"', 'COLOUR = "green"').replace("api.example.com", "b.example.com"))
    settings = declared(FunctionSettings(), before)
    moved = declared(settings, after, before)
    assert {v.name: v.value for v in moved.environment} == {"COLOUR": "green", "base": "https://b.example.com/v1"}
    assert moved.allowed_outbound_hosts == ("https://b.example.com",)
    assert declared(settings, None, before) == FunctionSettings()
    assert declared(FunctionSettings(), before, before) == FunctionSettings()  # removed by hand


def test_a_manifest_made_to_keep_a_parser_busy_is_refused_at_once():
    for text in (
        "a." * 45_000 + "b = 1",
        "[" + "a." * 45_000 + "b]",
        '"a".' * 20_000 + "b = 1",
        'x = """"""" .\n' + "a." * 9_000,
    ):
        with pytest.raises(InvalidInput, match=r"nested too deep"):
            SpinManifest.read(text)
    unclosed = changed('"https://{{ host }}/"', '"{{' + " " * 50_000 + '"')
    assert SpinManifest.read(unclosed).allowed_outbound_hosts == ("{{" + " " * 50_000,)


def test_dots_in_texts_and_comments_are_no_depth():
    dots = "." * 200
    text = changed('"Says hello"', f'"{dots}" # {dots}').replace('"1.2.3"', f"'''{dots}\n{dots}'''''")
    found = SpinManifest.read(text)
    assert found.description == dots
    assert found.version == f"{dots}\n{dots}''"
    hosts = ", ".join(f'"https://host{number}.example.com"' for number in range(60))
    assert len(SpinManifest.read(changed('["https://{{ host }}/"]', f"[{hosts}]")).allowed_outbound_hosts) == 60
