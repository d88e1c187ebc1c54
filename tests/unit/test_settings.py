"""Wrong values stop the start with one sentence. Settings are read at import, so each test reads them in a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
READ = "import faasweb.settings as s; print(s.SECRET_KEY)"
LOG = """
import logging, logging.config
import faasweb.settings as s
logging.config.dictConfig(s.LOGGING)
log = logging.getLogger("django.request")
log.error("Service Unavailable: /readyz")
try:
    raise ValueError("a defect")
except ValueError:
    log.exception("Internal Server Error")
"""


def read_settings(data: Path, program: str = READ, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAASWEB_", "PORT"))}
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**kept, "FAASWEB_DATA": str(data), **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def last_line(result: "subprocess.CompletedProcess[str]") -> str:
    assert result.returncode
    return result.stderr.splitlines()[-1]


def test_the_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    first, second = read_settings(tmp_path), read_settings(tmp_path)
    assert first.stdout == second.stdout
    assert len(first.stdout.strip()) > 60
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if "secret" in path.name] == ["secret_key"]


def test_only_its_owner_reads_the_database_of_sessions(tmp_path):
    data = tmp_path / "data"
    read_settings(data)
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "django.db").stat().st_mode & 0o777 == 0o600
    (data / "django.db").chmod(0o644)  # as earlier versions made it
    read_settings(data)
    assert (data / "django.db").stat().st_mode & 0o777 == 0o600


def test_a_data_folder_that_is_a_file_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    line = last_line(read_settings(tmp_path / "file"))
    assert "ImproperlyConfigured" in line
    assert "FAASWEB_DATA" in line


def test_a_secret_key_that_can_not_be_read_is_told_in_one_sentence(tmp_path):
    (tmp_path / "secret_key").mkdir()
    assert "secret_key: Is a directory" in last_line(read_settings(tmp_path))


def test_a_mounted_secret_that_is_not_there_is_told_by_its_name(tmp_path):
    line = last_line(read_settings(tmp_path, FAASWEB_SECRET_KEY_FILE=str(tmp_path / "nothing")))
    assert "FAASWEB_SECRET_KEY_FILE" in line
    assert "No such file" in line


@pytest.mark.parametrize("port", ["0", "70000", "abc", "80.5", "-1", "٨٠"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    assert "write a whole number from 1 to 65535" in last_line(read_settings(tmp_path, PORT=port))


def test_an_answer_that_was_meant_is_not_logged_as_an_error_and_a_defect_is(tmp_path):
    told = read_settings(tmp_path, LOG).stderr
    assert "Service Unavailable" not in told
    assert "ValueError: a defect" in told


@pytest.mark.parametrize(
    ("name", "value"),
    [("FAASWEB_REGISTRIES", "ghcr.io,*.example.com"), ("FAASWEB_REGISTRIES", "user@host"), ("ECR_REGISTRY_URL", "a b")],
)
def test_a_registry_that_can_not_be_meant_stops_the_start(tmp_path, name, value):
    assert f"{name}: " in last_line(read_settings(tmp_path, **{name: value}))


def test_the_password_of_registries_can_be_mounted_as_a_file(tmp_path):
    (tmp_path / "password").write_text("hunter2\n")
    program = "import faasweb.settings as s; print(s.REGISTRY_PASSWORD)"
    result = read_settings(tmp_path, program, FAASWEB_REGISTRY_PASSWORD_FILE=str(tmp_path / "password"))
    assert result.stdout == "hunter2\n"
