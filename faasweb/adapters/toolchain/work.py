"""Scratch folders below the cache, and the little environment that tools run in."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

LEFTOVER_AFTER_S = 3600.0


def work_folder(cache: Path) -> Path:
    """Where scratch folders are made; on the cache's file system, so that results move without being copied."""
    folder = cache / "work"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def sweep(cache: Path) -> None:
    """Remove what processes that were killed left behind. Whoever uses a folder for long touches it."""
    oldest = time.time() - LEFTOVER_AFTER_S
    for folder in work_folder(cache).iterdir():
        try:
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # its owner was faster


def isolated_environment(folder: Path) -> dict[str, str]:
    """Nothing of ours: user code and the tools that read it must not see a secret of the product."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
