"""Are the translations complete? Or, with `write`, bring the catalogs up to what the source says and compile them.

    python deploy/translations.py [write]

A catalog (.po) is written by people, its compiled form (.mo) is what Django reads; both are committed. Texts are
collected by Django's makemessages in a copy of the source, which needs the gettext tools; compiling needs only polib.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polib

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ("consoles", "faasweb", "templates", "manage.py")
CATALOGS = Path("consoles", "locale")
TOOLS = ("xgettext", "msguniq", "msgmerge")

# What a translation must keep: %(name)s, %s, the %n that scripts fill in (%%n in a catalog), and markup.
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%?[a-z]|</?[a-z][^>]*>")
PLURAL_FORMS = re.compile(r"nplurals=(\d+)")

Key = tuple[str | None, str, str | None]


class CannotCollect(Exception):
    """A sentence that says what is missing and what to do."""


def main(arguments: list[str]) -> int:
    """Check, or write. Gives back an exit status."""
    if arguments not in ([], ["write"]):
        return say("usage: deploy/translations.py [write]", 2)
    try:
        source = collect(ROOT)
    except CannotCollect as exc:
        if arguments or os.environ.get("CI") == "true":
            return say(str(exc), 1)
        say(f"{exc} Skipped: whether the source has texts that no catalog has. The catalogs themselves were checked.")
        source = None
    if arguments and source is not None:
        return write(ROOT, source)
    found = [problem for path in catalogs(ROOT) for problem in problems(path, source)]
    for problem in found:
        say(problem)
    return say(f"{len(found)} problems: `make messages`, then translate what it lists", 1) if found else 0


def catalogs(root: Path) -> list[Path]:
    """The .po file of every language."""
    return sorted((root / CATALOGS).glob("*/LC_MESSAGES/django.po"))


def collect(root: Path) -> polib.POFile:
    """All texts of the source that ask to be translated."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise CannotCollect(f"{', '.join(missing)} not found: install gettext.")
    with tempfile.TemporaryDirectory(prefix="faasweb-texts-") as folder:
        copy = Path(folder)
        for name in SOURCE:
            copy_source(root / name, copy / name)
        command = [sys.executable, "manage.py", "makemessages", "--locale=ko", "--no-location", "--keep-pot"]
        env = {**os.environ, "FAASWEB_DATA": str(copy / "var"), "ENVIRONMENT": "development"}
        done = subprocess.run(command, cwd=copy, env=env, check=False, capture_output=True, text=True)  # noqa: S603
        if done.returncode:
            raise CannotCollect(f"makemessages failed:\n{done.stderr}")
        return polib.pofile((copy / CATALOGS / "django.pot").read_text(encoding="utf-8"))


def copy_source(source: Path, target: Path) -> None:
    """Copy a file or a folder, but no catalogs: texts come from the source alone."""
    if source.is_file():
        shutil.copyfile(source, target)
    else:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("locale", "__pycache__"))


# --- checking ----------------------------------------------------------------------------------------------------


def problems(path: Path, source: polib.POFile | None) -> Iterator[str]:
    """What is wrong with one catalog, as sentences. Without ``source`` only what it can tell by itself."""
    catalog = polib.pofile(path.read_text(encoding="utf-8"))
    language = path.parent.parent.name
    active = {key_of(entry) for entry in catalog if not entry.obsolete}
    texts = active if source is None else {key_of(entry) for entry in source}
    for _context, text, _plural in sorted(texts - active, key=str):
        yield f"{language}: missing: {text!r}"
    for entry in catalog:
        fault = "obsolete" if entry.obsolete or key_of(entry) not in texts else fault_of(entry, forms(catalog))
        if fault:
            yield f"{language}: {fault}: {entry.msgid!r}"
    compiled = path.with_suffix(".mo")
    if not compiled.exists() or compiled.read_bytes() != catalog.to_binary():
        yield f"{language}: {compiled.name} is not what {path.name} compiles to"


def fault_of(entry: polib.POEntry, plural_forms: int) -> str | None:
    """What is wrong with one translation in one word or two."""
    wanted = plural_forms if entry.msgid_plural else 1
    given = [text for text in translations_of(entry) if text.strip()]
    if entry.fuzzy:
        return "fuzzy"
    if len(given) != wanted:
        return "untranslated"
    expected = placeholders(entry.msgid_plural or entry.msgid)
    if any(placeholders(text) != expected for text in given):
        return "placeholders differ"
    return None


def translations_of(entry: polib.POEntry) -> list[str]:
    """Its one translation, or one for each plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str) -> Counter[str]:
    """What must be in a translation as often as in the text, in any order."""
    return Counter(PLACEHOLDER.findall(text))


def forms(catalog: polib.POFile) -> int:
    """How many plural forms the language has."""
    found = PLURAL_FORMS.search(catalog.metadata.get("Plural-Forms", ""))
    return int(found[1]) if found else 0


def key_of(entry: polib.POEntry) -> Key:
    """What makes two texts the same text."""
    return entry.msgctxt, entry.msgid, entry.msgid_plural or None


# --- writing -----------------------------------------------------------------------------------------------------


def write(root: Path, source: polib.POFile) -> int:
    """Bring every catalog up to the source, compile it and list what is left to translate."""
    for path in catalogs(root):
        catalog = renewed(polib.pofile(path.read_text(encoding="utf-8")), source)
        path.write_text(f"{catalog}\n", encoding="utf-8")
        path.with_suffix(".mo").write_bytes(catalog.to_binary())
        left = [problem for problem in problems(path, source) if "untranslated" in problem]
        for line in left:
            say(line)
        say(f"{path.parent.parent.name}: {len(catalog)} texts, {len(left)} to translate")
    return 0


def renewed(catalog: polib.POFile, source: polib.POFile) -> polib.POFile:
    """The texts of ``source`` with the translations of ``catalog``. What the source no longer says is dropped."""
    known = {key_of(entry): entry for entry in catalog if not entry.obsolete}
    result = polib.POFile(wrapwidth=118)
    result.metadata = catalog.metadata
    for entry in sorted(source, key=lambda entry: (entry.msgid.casefold(), str(key_of(entry)))):
        same = known.get(key_of(entry), polib.POEntry())
        new = polib.POEntry(
            msgctxt=entry.msgctxt,
            msgid=entry.msgid,
            msgid_plural=entry.msgid_plural,
            msgstr=same.msgstr,
            comment=entry.comment,
            tcomment=same.tcomment,
            flags=sorted({*entry.flags, *same.flags}),
        )
        if entry.msgid_plural:
            new.msgstr_plural = same.msgstr_plural or dict.fromkeys(range(forms(catalog)), "")
        result.append(new)
    return result


def say(line: str, status: int = 0) -> int:
    """Print a line now, also into a pipe. Gives back ``status``."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
