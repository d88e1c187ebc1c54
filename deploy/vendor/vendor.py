"""Vendor what the browser needs: `python deploy/vendor/vendor.py` fetches, `--check` verifies what is committed.

Fetching needs npm and the registry; running, testing and checking need neither. Every package's sha512 is in
vendor.lock.json and is compared before anything is unpacked; the lock also holds the sha512 of every file written.
To move to another version: change vendor.json, run with `--relock`, read the diff of the lock.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOCK = HERE / "vendor.lock.json"
SOURCE_MAP = re.compile(rb"\n?(/\*|//)# sourceMappingURL=\S+( \*/)?\s*$")


def integrity(content: bytes) -> str:
    """npm's notation: ``sha512-<base64>``."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def npm(*arguments: str, cwd: Path) -> None:
    command = ["npm", *arguments, "--silent", "--ignore-scripts"]
    subprocess.run(command, cwd=cwd, check=True, timeout=300, stdout=subprocess.DEVNULL)  # noqa: S603


def fetch(package: dict[str, Any], lock: dict[str, str] | None, folder: Path) -> tuple[Path, str]:
    """Download and unpack one package; its folder and its integrity. ``lock`` None accepts what npm sends."""
    label = f"{package['name']}@{package['version']}"
    npm("pack", label, cwd=folder)
    archive = next(folder.glob("*.tgz"))
    found = integrity(archive.read_bytes())
    if lock is not None and lock.get(label) != found:
        sys.exit(f"{label}: the registry sent {found}, the lock says {lock.get(label)}. Nothing was changed.")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / "package", found


def without_source_map(content: bytes) -> bytes:
    """The maps are not vendored, and Django's manifest storage refuses a reference to a missing file."""
    return SOURCE_MAP.sub(b"\n", content)


def sprite(icons: Path, names: list[str]) -> bytes:
    """One SVG with a <symbol> per icon, addressed as ``sprite.svg#name``."""
    symbols = []
    for name in names:
        drawing = (icons / f"{name}.svg").read_text()
        shape = "".join(
            line.strip() for line in drawing[drawing.index(">") + 1 : drawing.rindex("</svg>")].splitlines()
        )
        symbols.append(f'<symbol id="{name}" viewBox="0 0 16 16">{shape}</symbol>')
    body = "\n".join(symbols)
    return f'<svg xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>\n'.encode()


def place(package: dict[str, Any], unpacked: Path) -> Iterator[Path]:
    """Copy the named files to ``<into>/<name>-<version>/``; the paths written."""
    target = ROOT / package["into"] / f"{package['name'].removesuffix('.org')}-{package['version']}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in package["files"]:
        copy = target / Path(name).name
        copy.write_bytes(without_source_map((unpacked / name).read_bytes()))
        yield copy
    if "sprite" in package:
        names = (HERE / package["sprite"]).read_text().split()
        copy = target / "sprite.svg"
        copy.write_bytes(sprite(unpacked / "icons", names))
        yield copy


def build_editor(editor: dict[str, str], folder: Path) -> Iterator[Path]:
    """Bundle CodeMirror with esbuild; package-lock.json pins and checks every module of it."""
    for name in ("package.json", "package-lock.json", "editor.mjs"):
        shutil.copy(HERE / "editor" / name, folder)
    npm("ci", cwd=folder)
    npm("run", "build", cwd=folder)
    target = ROOT / editor["into"] / f"{editor['name']}-{editor['version']}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for source, name in (("codemirror.min.js", "codemirror.min.js"), ("node_modules/codemirror/LICENSE", "LICENSE")):
        yield Path(shutil.copy(folder / source, target / name))


def vendor(wanted: dict[str, Any], lock: dict[str, str] | None) -> dict[str, dict[str, str]]:
    """Write everything; the new contents of the lock."""
    packages: dict[str, str] = {}
    written: list[Path] = []
    for package in wanted["packages"]:
        with tempfile.TemporaryDirectory() as folder:
            unpacked, found = fetch(package, lock, Path(folder))
            written += place(package, unpacked)
        packages[f"{package['name']}@{package['version']}"] = found
    with tempfile.TemporaryDirectory() as folder:
        written += build_editor(wanted["editor"], Path(folder))
    files = {path.relative_to(ROOT).as_posix(): integrity(path.read_bytes()) for path in written}
    return {"packages": packages, "files": dict(sorted(files.items()))}


def changed(files: dict[str, str]) -> list[str]:
    """Committed files that are not what the lock says."""
    return [
        name
        for name, expected in files.items()
        if not (ROOT / name).is_file() or integrity((ROOT / name).read_bytes()) != expected
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare the committed files with the lock, offline")
    parser.add_argument("--relock", action="store_true", help="accept what the registry sends and write a new lock")
    options = parser.parse_args()
    lock = {"packages": {}, "files": {}} if options.relock else json.loads(LOCK.read_text())
    if options.check:
        if different := changed(lock["files"]):
            sys.exit("not what vendor.lock.json says: " + ", ".join(different))
        return
    new = vendor(json.loads((HERE / "vendor.json").read_text()), None if options.relock else lock["packages"])
    if not options.relock and new != lock:
        sys.exit(
            "the result differs from vendor.lock.json: see `git diff static/vendor`, then --relock if it is right."
        )
    LOCK.write_text(json.dumps(new, indent=2) + "\n")


if __name__ == "__main__":
    main()
