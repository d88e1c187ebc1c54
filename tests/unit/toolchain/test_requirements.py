"""Which lines of a requirements.txt are taken, and what is said about the others."""

import pytest

from faasweb.adapters.toolchain.requirements import MAX_REQUIREMENTS, Refused, read_requirements


def test_names_versions_extras_and_markers_are_taken():
    text = """
    # what we need
    Markdown==3.8   # pinned
    python-slugify[unidecode] >= 8, <9
    tomli ; python_version < "3.11"
    attrs~=23.0; sys_platform != 'win32' and (python_version >= "3.8")
    six
    pytz (>=2020)
    typing-extensions!=4.0.*
    """
    assert read_requirements(text) == [
        "Markdown==3.8",
        "attrs~=23.0; sys_platform != 'win32' and (python_version >= \"3.8\")",
        "python-slugify[unidecode] >= 8, <9",
        "pytz (>=2020)",
        "six",
        'tomli ; python_version < "3.11"',
        "typing-extensions!=4.0.*",
    ]


def test_a_lock_file_with_hashes_is_taken():
    text = "six==1.16.0 \\\n    --hash=sha256:aa11 \\\n    --hash=sha256:bb22\n    # via -r in.txt\nattrs==1\n"
    assert read_requirements(text) == ["attrs==1", "six==1.16.0 --hash=sha256:aa11 --hash=sha256:bb22"]


def test_what_the_toolchain_provides_is_left_out():
    assert read_requirements("spin_sdk==3.4.1\nComponentize.Py\nmypy>=1\nsix\n") == ["six"]


def test_order_layout_and_repetition_make_no_difference():
    assert read_requirements("b\n\na   ==1\nb") == read_requirements("a ==1\r\nb\r\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("-e .", "folders can't be installed"),
        ("--editable=git+https://example.com/x", "folders can't be installed"),
        ("-r other.txt", "other files are not read"),
        ("-c constraints.txt", "other files are not read"),
        ("-i https://evil.example/simple", "chosen by the operator"),
        ("--index-url=https://evil.example/simple", "chosen by the operator"),
        ("--extra-index-url https://evil.example", "chosen by the operator"),
        ("--find-links /etc", "chosen by the operator"),
        ("--no-binary :all:", "options are not supported"),
        ("https://example.com/x.whl", "addresses are refused"),
        ("git+https://example.com/x", "addresses are refused"),
        ("pkg @ file:///etc/passwd", "addresses are refused"),
        ("pkg@https://example.com/x.whl", "addresses are refused"),
        ("./local", "files and folders"),
        ("/etc/thing.whl", "files and folders"),
        ("..\\x", "files and folders"),
        ("thing-1.0-py3-none-any.whl", "files and folders"),
        ("sub/folder", "files and folders"),
        ("${SECRET}", "no requirement"),
        ("six==1.16 --config-settings=x=y", "no requirement"),
        ("six = 1", "no requirement"),
        ("two words", "no requirement"),
        ("six; `id`", "no requirement"),
    ],
)
def test_everything_else_is_refused_with_its_line_and_the_reason(line, reason):
    with pytest.raises(Refused, match=rf"requirements.txt line 3: .*{reason}"):
        read_requirements(f"six\n\n{line}\n")


def test_a_file_without_end_is_refused():
    with pytest.raises(Refused, match="the limit is 200"):
        read_requirements("\n".join(f"package{number}" for number in range(MAX_REQUIREMENTS + 1)))


def test_an_endless_line_is_read_quickly():
    for line in (
        "a" * 50_000 + "!" * 50_000 + " ; " + "(" * 50_000,
        "a" + " " * 15_000 + "!",
        "a==1 ;" + " x" * 9_000 + "$",
    ):
        with pytest.raises(Refused):
            read_requirements(line)


def test_spaces_between_the_parts_do_not_matter():
    assert read_requirements("six" + " " * 10_000 + ">= 1.16" + "\t" * 5_000 + "; python_version>'3'") == [
        "six >= 1.16 ; python_version>'3'"
    ]


def test_what_is_longer_than_any_requirements_is_refused():
    with pytest.raises(Refused, match="line 2 has 20,001 characters"):
        read_requirements(f"six\n{'a' * 20_001}")
    with pytest.raises(Refused, match="500,001 characters"):
        read_requirements("#" * 500_001)
