"""Holds the transpiler to the reference: the cases in ``cases/`` with the answers that Butane 0.29 gave.

A case agrees if both accept it and the outputs are equal (contents by what they decompress to), or both refuse it and
complain about the same paths in the same words. Each case is tested as YAML text and, where it keeps its meaning, as
a mapping.
"""

from __future__ import annotations

import base64
import gzip
import json
import pathlib
import re
import shutil
from collections import Counter

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import dumps, translate

CASES = pathlib.Path(__file__).parent / "cases"
MANIFEST = json.loads((CASES / "manifest.json").read_text(encoding="utf-8"))["cases"]
BY_ID = {case["id"]: case for case in MANIFEST}
GZIP_URL = re.compile(r"data:;base64,(H4sI[A-Za-z0-9+/=]*)\Z")

OUTPUTS, VERDICTS, PATHS, COMPRESSION = 1.0, 1.0, 0.97, 1.0
"""What share of the cases has to agree, by what is compared."""


class _Yaml12Loader(yaml.SafeLoader):
    """Loads the mapping that the text means: the words of YAML 1.2, octal numbers as the reference reads them."""


_Yaml12Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:null")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Yaml12Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
    ),
    list("-+.0123456789"),
)


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The files directories of the cases, with the links, modes and empty directories that version control may lose."""
    root = tmp_path_factory.mktemp("conformance")
    for case in MANIFEST:
        source, target = CASES / f"{case['id']}.files", root / f"{case['id']}.files"
        if source.is_dir():
            shutil.copytree(source, target)
        for name, kind, link_target in case.get("layout", ()):
            _restore(target / name, kind, link_target)
    return root


def _restore(path: pathlib.Path, kind: str, link_target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "dir":
        path.mkdir(exist_ok=True)
    elif kind == "exec":
        path.chmod(0o755)
    else:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.symlink_to(link_target)


def _files_dir(case: dict, files: pathlib.Path) -> pathlib.Path | None:
    return files / f"{case['id']}.files" if case["files"] else None


def _as_text(case: dict, files: pathlib.Path):
    text = (CASES / f"{case['id']}.bu").read_bytes()
    return translate(text, files_dir=_files_dir(case, files), strict="--strict" in case["args"])


def _as_mapping(case: dict, files: pathlib.Path):
    mapping = next(yaml.load_all((CASES / f"{case['id']}.bu").read_bytes(), Loader=_Yaml12Loader))
    return translate(mapping, files_dir=_files_dir(case, files), strict="--strict" in case["args"])


def _decompressed(value):
    """The config with contents in place of gzip data URLs: encoders differ by a few bytes."""
    if isinstance(value, dict):
        return {key: _decompressed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_decompressed(member) for member in value]
    if isinstance(value, str) and (match := GZIP_URL.match(value)):
        return {"decompressed": gzip.decompress(base64.b64decode(match[1]))}
    return value


def _expected_output(case: dict):
    return json.loads((CASES / f"{case['id']}.ign").read_text(encoding="utf-8"))


def _compressed_count(config) -> int:
    return len(re.findall(r"data:;base64,H4sI", json.dumps(config)))


def _reference_entries(case: dict) -> Counter:
    """Severity and path of each entry; the reference gives no path for what it cannot decode."""
    return Counter((entry["kind"], entry["path"] or "$") for entry in case["entries"])


def _our_entries(report) -> Counter:
    return Counter((entry.severity, entry.path) for entry in report)


def _has_reported_paths(case: dict) -> bool:
    return bool(case["entries"])


def _lines_of_decode_errors(case: dict) -> list[int]:
    return [int(line) for line in re.findall(r"^  line (\d+): cannot unmarshal", case["tail"], re.MULTILINE)]


TEXT_CASES = [case["id"] for case in MANIFEST]
WARNED_ABOUT_IN_TEXT_ONLY = ("223-yaml-alias-of-mapping", "224-yaml-merge-key")
MAPPING_CASES = [case["id"] for case in MANIFEST if case["dict_ok"] and case["id"] not in WARNED_ABOUT_IN_TEXT_ONLY]


def _assert_agrees(case: dict, result) -> None:
    assert (result.config is None) == (case["rc"] != 0), (
        f"the reference says {case['entries'] or case['tail']}; we say\n{result.report}"
    )
    if case["rc"] == 0:
        assert _decompressed(result.config) == _decompressed(_expected_output(case))
        assert _compressed_count(result.config) == _compressed_count(_expected_output(case))
    if _has_reported_paths(case) or case["rc"] == 0:
        assert _our_entries(result.report) == _reference_entries(case)
    else:
        assert result.report.errors, "a refusal gives a reason"


@pytest.mark.parametrize("case_id", TEXT_CASES)
def test_yaml_text(case_id, files):
    _assert_agrees(BY_ID[case_id], _as_text(BY_ID[case_id], files))


@pytest.mark.parametrize("case_id", MAPPING_CASES)
def test_mapping(case_id, files):
    _assert_agrees(BY_ID[case_id], _as_mapping(BY_ID[case_id], files))


def test_figures(files, record_property):
    """The share of agreement in each respect, printed in the summary, is at least what is promised."""
    same = Counter()
    total = Counter()

    def count(what: str, agrees: bool) -> None:
        total[what] += 1
        same[what] += agrees

    for case in MANIFEST:
        result = _as_text(case, files)
        count("verdicts", (result.config is None) == (case["rc"] != 0))
        if case["rc"] == 0 and result.config is not None:
            expected = _expected_output(case)
            count("outputs", _decompressed(result.config) == _decompressed(expected))
            count("choices of compression", _compressed_count(result.config) == _compressed_count(expected))
            count(
                "byte-equal outputs", dumps(result.config) == (CASES / f"{case['id']}.ign").read_text(encoding="utf-8")
            )
        if _has_reported_paths(case):
            count("error paths", _our_entries(result.report) == _reference_entries(case))
            count("messages", _messages(result.report) == Counter(entry["message"] for entry in case["entries"]))
            count("order of entries", [e.path for e in result.report] == [e["path"] or "$" for e in case["entries"]])
            count("positions", _positions(result.report) == Counter((e["line"], e["col"]) for e in case["entries"]))
        if lines := _lines_of_decode_errors(case):
            count("lines of decode errors", [entry.origin.line for entry in result.report.errors] == lines)
    record_property("conformance", {what: [same[what], total[what]] for what in total})
    for what, least in (("outputs", OUTPUTS), ("verdicts", VERDICTS), ("error paths", PATHS)):
        assert same[what] >= least * total[what], f"{what}: {same[what]} of {total[what]}"


def _messages(report) -> Counter:
    return Counter(entry.message for entry in report)


def _positions(report) -> Counter:
    return Counter((entry.origin.line, entry.origin.column) for entry in report if entry.origin)
