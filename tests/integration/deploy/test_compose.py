"""compose.yaml agrees with the settings, the commands, the image and the router."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands

from faasweb.routing import EDGE_PATHS

ROOT = Path(__file__).parents[3]
SETTINGS = set(re.findall(r'env\w*\(\s*"(\w+)"', (ROOT / "faasweb" / "settings.py").read_text()))
# Read by botocore itself: its credentials, and an address for each of its services.
BOTO = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3"}
COMPOSE_OWN = {"POSTGRES_PASSWORD", "HTTP_PORT", "HTTPS_PORT", "BUILDER_PORT"}


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def own(compose):
    return {name: service for name, service in compose["services"].items() if service.get("build") == "."}


def test_every_setting_exists(compose):
    given = {name for service in own(compose).values() for name in service["environment"]}
    assert given - BOTO <= SETTINGS


def test_what_the_file_asks_of_the_reader_is_a_setting_or_its_own():
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert asked - COMPOSE_OWN <= SETTINGS


def test_secrets_have_no_default():
    text = (ROOT / "compose.yaml").read_text()
    for name in ("FAASWEB_SECRET_KEY", "POSTGRES_PASSWORD"):
        assert f"${{{name}:?" in text
        assert f"${{{name}:-" not in text


def test_commands_exist(compose):
    for name, service in own(compose).items():
        words = service["command"] if "entrypoint" not in service else service["command"][0].split()[2:]
        assert words[0] in get_commands(), name


def test_services_wait_for_services_that_are_there_and_can_say_so(compose):
    services = compose["services"]
    for name, service in services.items():
        for other, wanted in service.get("depends_on", {}).items():
            assert other in services, name
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in services[other], other
            if wanted["condition"] == "service_completed_successfully":
                assert services[other]["restart"] == "on-failure", other


def test_volumes_and_networks_are_declared(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in compose["volumes"] or (ROOT / source).exists()
        assert set(service.get("networks", [])) <= set(compose["networks"])


def test_addresses_inside_name_services(compose):
    for service in own(compose).values():
        for value in service["environment"].values():
            for host in re.findall(r"(?:https?|postgres)://(?:[^@/]*@)?([a-z0-9]+):\d", value):
                assert host in compose["services"], value


def test_processes_of_ours_are_confined(compose):
    for name, service in own(compose).items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_what_runs_functions_holds_no_secret_and_reaches_nothing_of_ours(compose):
    wasmhost = compose["services"]["wasmhost"]
    assert set(wasmhost["environment"]) == {"FAASWEB_WASMHOST_PROCESSES"}
    assert wasmhost["networks"] == ["functions"]
    others = [name for name, s in compose["services"].items() if "functions" in s.get("networks", [])]
    assert others == ["wasmhost"]


def test_only_the_proxy_is_reached_from_outside(compose):
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert name == "proxy" or port.startswith("127.0.0.1:"), name


def test_every_service_shares_one_number_of_wasmhosts(compose):
    assert {service["environment"].get("FAASWEB_WASMHOST_PROCESSES") for service in own(compose).values()} == {"2"}


def test_the_proxy_splits_paths_as_the_router_does():
    rule = re.search(r"path_regexp (\S+)", (ROOT / "deploy" / "compose" / "Caddyfile").read_text())
    assert rule
    split = re.compile(rule[1])
    for path in (
        "/fn/a/b",
        "/run/a",
        "/stream/x",
        "/api/functions/f/invoke",
        "/api/functions/f/invoke/",
        "/fn",
        "/api/x",
    ):
        assert bool(split.search(path)) == bool(EDGE_PATHS.match(path)), path


def test_the_image_is_what_the_manifests_expect():
    text = (ROOT / "Dockerfile").read_text()
    assert "USER 1000:1000" in text
    assert "EXPOSE 8000" in text
    assert "FAASWEB_CACHE=/opt/cache" in text  # where the manifests link the toolchain from
    for name in re.findall(r"\b(FAASWEB_\w+|PORT|ENVIRONMENT|DATABASE_URL)=", text):
        assert name in SETTINGS, name


def test_what_the_image_leaves_out_is_nothing_it_needs():
    ignored = (ROOT / ".dockerignore").read_text().split()
    for needed in (
        "deploy/requirements",
        "requirements.txt",
        "static",
        "templates",
        "faasweb",
        "consoles",
        "manage.py",
    ):
        assert not [line for line in ignored if needed == line or needed.startswith(f"{line}/")], needed
