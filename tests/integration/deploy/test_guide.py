"""docs/deploy.md names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.management import get_commands

from tests.integration.deploy.kustomize import of_kind, pods, render

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "deploy.md").read_text()
SETTINGS = set(re.findall(r'env\w*\(\s*"(\w+)"', (ROOT / "faasweb" / "settings.py").read_text()))


def test_every_setting_exists():
    named = set(re.findall(r"\bFAASWEB_[A-Z_]+", GUIDE))
    assert len(named) > 5
    assert named <= SETTINGS


def test_every_command_exists():
    assert set(re.findall(r"manage\.py (\w+)", GUIDE)) <= set(get_commands())


def test_every_file_and_page_exists():
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", GUIDE):
        assert (ROOT / "docs" / link).exists(), link
    for path in re.findall(r"\bdeploy/k8s/(?!mine)[\w./-]+", GUIDE):
        assert (ROOT / path).exists(), path
    table = GUIDE[GUIDE.index("## 4.") : GUIDE.index("## 5.")]
    for name in re.findall(r"`([\w/]+\.yaml)`", table):
        assert (ROOT / "deploy" / "k8s" / "production" / name).exists(), name


def test_every_section_that_is_linked_is_there():
    headings = {
        re.sub(r"[^\w -]", "", line).strip().lower().replace(" ", "-") for line in re.findall("(?m)^#+ (.*)", GUIDE)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", GUIDE)) <= headings


def test_the_secret_has_every_file_that_is_read():
    section = GUIDE[GUIDE.index("## 5.") : GUIDE.index("## 6.")]
    made = set(re.findall(r"--from-literal=([\w-]+)", section))
    objects = render("production")
    read = {
        value for item in of_kind(objects, "ConfigMap") for key, value in item["data"].items() if key.endswith("_FILE")
    }
    for _owner, template in pods(objects):
        for container in template["spec"]["containers"]:
            read |= {item["value"] for item in container.get("env", []) if item["name"].endswith("_FILE")}
    assert {Path(path).name for path in read} == made


def test_numbers_of_pods_are_those_of_the_autoscalers():
    for scaler in of_kind(render("production"), "HorizontalPodAutoscaler"):
        numbers = f"{scaler['spec']['minReplicas']}-{scaler['spec']['maxReplicas']}"
        assert re.search(rf"(?m)^\| {scaler['metadata']['name']} \| {numbers} by", GUIDE), scaler["metadata"]["name"]
