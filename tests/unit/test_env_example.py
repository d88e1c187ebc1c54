"""`.env.example` is where a reader looks for what can be set."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def test_every_variable_that_the_settings_read_is_in_the_example_and_no_other():
    read = set(re.findall(r'\benv(?:_[a-z]+)?\(\s*"([A-Z0-9_]+)"', (ROOT / "faasweb" / "settings.py").read_text()))
    shown = re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(read)
