"""What is installed is what was tested, by its digests; what is known against it is told, or said to be unknown."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import pathlib
import re
import subprocess

import advisories
import lock
import pytest
import verify_collection
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parents[2]
DIGEST = "sha256:" + "a" * 64


def text(name):
    return (ROOT / name).read_text()


def digests(name):
    """The digests of each package in a file of pip's."""
    joined = re.sub(r"\\\n\s*", " ", text(name))
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return {line.split("==")[0]: set(re.findall(r"--hash=sha256:([0-9a-f]{64})(?= |$)", line)) for line in lines}


# Packages ---------------------------------------------------------------------------------------------------------------------


def test_every_package_is_there_by_its_digests():
    locked = digests("requirements.txt")
    assert all(locked.values())
    assert {name.lower() for name in advisories.locked(text("requirements.in"))} <= locked.keys()


@pytest.mark.parametrize("directory", ["", "tests/newer/"])
def test_what_is_asked_for_is_what_is_locked(directory):
    locked = advisories.locked(text(f"{directory}requirements.txt"))
    for name, version in advisories.locked(text(f"{directory}requirements.in")).items():
        assert locked[name.lower()] == version, "run make lock"


def test_the_newest_ansible_core_has_all_that_the_unit_tests_import():
    # It collects them all in an environment of its own, where a package that this one happens to have may be missing
    packages = importlib.metadata.packages_distributions()
    imported = set()
    for path in (ROOT / "tests" / "unit").rglob("*.py"):
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in statement.names}
            elif isinstance(statement, ast.ImportFrom) and not statement.level:
                imported.add(statement.module.split(".")[0])
    needed = {canonicalize_name(name) for module in imported for name in packages.get(module, [])}
    assert {"pytest", "jsonschema"} <= needed
    assert needed <= digests("tests/newer/requirements.txt").keys()


def test_the_image_has_the_same_bytes():
    locked = digests("requirements.txt")
    for name, found in digests("container/requirements.txt").items():
        assert found
        assert found <= locked[name]


def test_make_setup_takes_nothing_without_a_digest_and_runs_no_package_to_build_it():
    install = re.search(r"pip install .*requirements\.txt", text("Makefile"))[0]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install


KNOWN = {
    "a": {
        "metadata": {
            "name": "a",
            "version": "1",
            "requires_dist": ["b>=2; python_version < '3.13'", "c[x]", "w; sys_platform == 'win32'"],
        }
    },
    "c": {"metadata": {"name": "c", "version": "1", "requires_dist": ["d; extra == 'x'", "e; extra == 'y'"]}},
    "d": {"metadata": {"name": "D", "version": "1"}},
}


def test_each_python_needs_what_it_needs():
    wanted = [Requirement("a==1")]
    assert lock.needed("3.11", wanted, KNOWN).keys() == {"a", "b", "c", "d"}
    assert lock.needed("3.13", wanted, KNOWN).keys() == {"a", "c", "d"}


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        (set(lock.PYTHONS), ""),
        ({"3.11"}, ' ; python_version < "3.12"'),
        ({"3.13", "3.14"}, ' ; python_version >= "3.13"'),
        ({"3.12"}, ""),
    ],
)
def test_what_only_some_pythons_need_says_so(pythons, expected):
    assert lock.marker(pythons) == expected


# Collections --------------------------------------------------------------------------------------------------------------------


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def collection(tmp_path):
    """A collection of two files, of which one was left out, and its digest."""
    entries = [
        {"name": name, "ftype": "file", "chksum_sha256": sha256(name)} for name in ("plugins/a.py", "tests/b.py")
    ]
    files = json.dumps({"files": [*entries, {"name": "plugins", "ftype": "dir", "chksum_sha256": None}]})
    manifest = json.dumps({"file_manifest_file": {"name": "FILES.json", "chksum_sha256": sha256(files)}})
    (tmp_path / "plugins").mkdir()
    for name, content in (("MANIFEST.json", manifest), ("FILES.json", files), ("plugins/a.py", "plugins/a.py")):
        (tmp_path / name).write_text(content)
    return tmp_path, sha256(manifest)


def test_a_collection_that_is_as_it_was_is_taken(collection):
    assert verify_collection.main(str(collection[0]), collection[1]) is None


@pytest.mark.parametrize("name", ["MANIFEST.json", "FILES.json", "plugins/a.py", "plugins/more.py"])
def test_no_file_of_a_collection_is_changed_or_added(collection, name):
    folder, digest = collection
    with (folder / name).open("a") as file:
        file.write(" ")
    assert name in verify_collection.main(str(folder), digest)


def test_a_link_is_no_file_of_a_collection(collection):
    folder, digest = collection
    (folder / "plugins" / "a.py").rename(folder / "elsewhere")
    (folder / "plugins" / "a.py").symlink_to("../elsewhere")
    assert "plugins/a.py" in verify_collection.main(str(folder), digest)


def test_collections_have_an_exact_version():
    for collection in yaml.safe_load(text("requirements.yml"))["collections"]:
        assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", collection["version"])


# The container's base -----------------------------------------------------------------------------------------------------------


def build_command(base):
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "build", f"BASE={base}", "CONTAINER_ENGINE=docker"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_base_that_is_given_by_its_digest_is_told_by_the_image():
    command = build_command(f"debian@{DIGEST}")
    assert f"--build-arg BASE=debian@{DIGEST} " in command
    assert "--label org.opencontainers.image.base.name=debian " in command
    assert f"--label org.opencontainers.image.base.digest={DIGEST} " in command


def test_a_base_without_a_digest_claims_none():
    command = build_command("debian:13-slim")
    assert "--label org.opencontainers.image.base.name=debian:13-slim " in command
    assert "base.digest" not in command


# Advisories ---------------------------------------------------------------------------------------------------------------------

TOLD = {
    "id": "GHSA-1",
    "aliases": ["CVE-2026-1"],
    "summary": "a  bad\nthing",
    "affected": [
        {
            "package": {"name": "A"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2"}]}],
        },
        {"package": {"name": "other"}, "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "9"}]}]},
    ],
}


def ask(path, question):
    """OSV, which knows two advisories against one package, of which one was taken back."""
    if path == "querybatch":
        assert [query["package"] for query in question["queries"]] == [
            {"name": n, "ecosystem": "PyPI"} for n in ("a", "b")
        ]
        return {"results": [{"vulns": [{"id": "GHSA-1"}, {"id": "GHSA-2"}]}, {}]}
    return TOLD if path == "vulns/GHSA-1" else {"id": "GHSA-2", "withdrawn": "2026-01-01"}


def test_an_advisory_is_told_with_what_mends_it():
    assert advisories.advisories({"a": "1.0", "b": "2"}, ask) == [
        "a 1.0: GHSA-1, CVE-2026-1: a bad thing (mended in 1.2)"
    ]


def test_what_nobody_answered_is_unknown_and_not_fine():
    def nobody(path, question):
        raise OSError("Name or service not known")

    told, fine = advisories.report("Advisories", lambda: advisories.advisories({"a": "1"}, nobody), "none")
    assert not fine
    assert "UNKNOWN: nobody answered (Name or service not known). This needs the Internet" in told
    assert advisories.report("Advisories", list, "none") == ("Advisories\n  none\n", True)


def test_an_index_that_does_not_answer_has_not_nothing_newer(monkeypatch):
    for name in ("PIP_CONFIG_FILE", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(OSError, match="netaddr"):
        advisories.newer({"netaddr": "1.3.0"})


def test_no_test_asks_the_internet():
    assert "advisories" not in re.search(r"^test: .*\n(\t.*\n)+", text("Makefile"), re.MULTILINE)[0]
    assert not [path for path in (ROOT / "tests" / "suite").rglob("*.py") if "advisories" in path.read_text()]
