import pytest

from faasweb.domain.errors import InvalidInput
from faasweb.domain.images import ImageRef, RegistryRules, listed_problem, shown_image

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("local/greet:v1", ("local", "greet", "v1", "")),
        (f"local/greet:v1@{DIGEST}", ("local", "greet", "v1", DIGEST)),
        (f"ghcr.io/a/b/c@{DIGEST}", ("ghcr.io", "a/b/c", "", DIGEST)),
        ("localhost:5000/a", ("localhost:5000", "a", "", "")),
        ("GHCR.io/a:V1", ("ghcr.io", "a", "V1", "")),
        ("[::1]:5000/a:1", ("[::1]:5000", "a", "1", "")),
    ],
)
def test_a_reference_is_read_and_written_again(text, parts):
    ref = ImageRef.parse(text)
    assert (ref.registry, ref.repository, ref.tag, ref.digest) == parts
    assert ImageRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/a",
        "a/",
        "a/b:",
        "a/b@",
        "a/b:1:2",
        "http://a/b",
        "a/../b",
        "a/B",
        f"a/b@{DIGEST}x",
        "a:0/b",
        "a:99999/b",
        "a b/c",
        "user@a/b",
        "a/b c",
        "-a/b",
        "a/b:.x",
        f"a/{'b' * 256}",
        "a/b\n:1",
        "é/b",
    ],
)
def test_what_is_no_reference_is_refused(text):
    with pytest.raises(InvalidInput) as caught:
        ImageRef.parse(text)
    assert caught.value.details["field"] == "image_ref"


def target(url: str, *listed: str, default: str = "", strict: bool = True) -> str | None:
    try:
        return RegistryRules(listed, default, strict).target(url)
    except InvalidInput:
        return None


ECR = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com"


@pytest.mark.parametrize(
    ("url", "listed", "default", "expected"),
    [
        ("", (), "", ""),
        ("local", (), "", ""),
        ("localhost:5000/x", (), "", ""),
        ("localhost:5000/x", ("localhost:5000",), "", "localhost:5000/x"),
        ("localhost:5001/x", ("localhost:5000",), "", ""),
        ("ghcr.io/team", (), "", None),
        ("https://GHCR.io/team/", ("ghcr.io",), "", "ghcr.io/team"),
        ("ghcr.io", ("ghcr.io",), "", "ghcr.io"),
        ("ghcr.io:444/x", ("ghcr.io",), "", "ghcr.io:444/x"),
        ("ghcr.io/team", ("ghcr.io/team",), "", "ghcr.io/team"),
        ("ghcr.io/team/a", ("ghcr.io/team",), "", "ghcr.io/team/a"),
        ("ghcr.io/teams", ("ghcr.io/team",), "", None),
        ("ghcr.io.evil.example/x", ("ghcr.io",), "", None),
        ("user:pw@ghcr.io/x", ("*",), "", None),
        ("ghcr.io/../x", ("*",), "", None),
        ("quay.io/x", ("*",), "", "quay.io/x"),
        ("192.168.0.5:5000/x", ("*",), "", None),
        ("169.254.169.254/x", ("*",), "", None),
        ("192.168.0.5:5000/x", ("192.168.0.5:5000",), "", "192.168.0.5:5000/x"),
        (f"{ECR}/faas", (), f"https://{ECR}/faas", ""),
        (ECR, (), f"{ECR}/faas", ""),
        (f"{ECR}/other", (), f"{ECR}/faas", None),
    ],
)
def test_a_registry_is_the_default_one_or_listed_or_refused(url, listed, default, expected):
    assert target(url, *listed, default=default) == expected


def test_on_a_developers_machine_the_star_covers_that_machine_too():
    assert target("127.0.0.1:5000/x", "*", strict=False) == "127.0.0.1:5000/x"


def test_the_star_does_not_cover_the_images_that_belong_to_workspaces():
    rules = RegistryRules(("*",), f"{ECR}/faas", strict=False)
    assert not rules.allows("local/greet")
    assert not rules.allows(f"{ECR}/faas")
    assert rules.allows(f"{ECR}/other")
    assert RegistryRules((f"{ECR}/faas",), f"{ECR}/faas").allows(f"{ECR}/faas")


def test_the_platforms_credentials_are_for_what_an_operator_named():
    rules = RegistryRules(("*", "ghcr.io/team"), f"{ECR}/faas")
    assert rules.trusts("ghcr.io/team/a")
    assert rules.trusts(f"{ECR}/faas")
    assert not rules.trusts("ghcr.io/other")
    assert not rules.trusts("evil.example/x")


@pytest.mark.parametrize("entry", ["ghcr.io/", "https://ghcr.io/team", "*", "localhost:5000", "[::1]:5000", "GHCR.io"])
def test_entries_of_the_list_that_are_understood(entry):
    assert listed_problem([entry]) is None


@pytest.mark.parametrize("entry", ["ghcr.io/*", "*.ghcr.io", "a b", "host:port", "ghcr.io/../x", "user@host"])
def test_entries_of_the_list_that_stop_the_start(entry):
    assert entry in str(listed_problem(["ghcr.io", entry]))


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        (f"ghcr.io/a:1@{DIGEST}", "ghcr.io/a:1"),
        (f"localhost:5000/a@{DIGEST}", f"localhost:5000/a@{DIGEST}"),
        (f"local/a:1@{DIGEST}", f"local/a:1@{DIGEST}"),
    ],
)
def test_programs_are_told_registry_url_and_tag(image, shown):
    assert shown_image(image) == shown
