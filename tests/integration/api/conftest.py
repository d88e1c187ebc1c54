from __future__ import annotations

import atexit
import tempfile

from hypothesis.configuration import set_hypothesis_home_dir

_home = tempfile.TemporaryDirectory(prefix="faasweb-hypothesis-")
atexit.register(_home.cleanup)
set_hypothesis_home_dir(_home.name)  # in place of a folder in the tree
