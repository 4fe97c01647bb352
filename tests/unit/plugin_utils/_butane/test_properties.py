"""Whatever comes in: a config or the transpiler's own refusal goes out, the same each time, and within bounds."""

from __future__ import annotations

import json
import math
import os
import pathlib
import resource
import signal
import traceback

import pytest
import yaml
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import Result, dumps, translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.schema import CONFIG, SPECS
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane.structure import (
    Form,
    Scalar,
    Structure,
    fields_of,
)
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

VERSIONS = [spec.version for spec in SPECS]


# Anything -------------------------------------------------------------------------------------------------------------

keys = st.one_of(st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.floats(), st.binary(max_size=3))
scalars = st.one_of(keys, st.dates(), st.datetimes(), st.complex_numbers(), st.text(st.characters(), max_size=9))
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner),
        st.dictionaries(keys, inner, max_size=4),
        st.frozensets(scalars, max_size=2),
    ),
    max_leaves=15,
)

# What looks like a config: the table's fields with values that are right, wrong, or nearly right ------------------------

strings = st.one_of(
    st.sampled_from(
        [
            "", "/", "/a", "/a/b", "//a", "/a/", "rel", "a.service", "a@.service", "a@b.service", "a.mount", "d.conf",
            "a.container", "a@b.pod", "x", "ext4", "swap", "vfat", "raid1", "linear", "gzip", "http://h/p", "s3://b/k",
            "arn:aws:s3:::b/k", "data:,x", "data:;base64,eA==", "ldap://h", "http://[", "sha256-" + "0" * 64, "yes",
            "[Unit]\nA=1\n[Install]\nWantedBy=x\n", "[Unit", "01234567-89AB-CDEF-EDCB-A98765432101", "é" * 40, "x" * 99,
            '{"ignition": {"version": "3.4.0"}}', '{"ignition": {"version": "3.3.0"}, "storage": {"files": [{}]}}',
            "\ud800", "\udcff", "..", "../x", "files",
        ]
    ),
    st.text(max_size=8),
)  # fmt: skip
right_values = {
    Scalar.STRING: strings,
    Scalar.INT: st.one_of(st.sampled_from([0, 1, 2, 420, 493, 644, 755, 2541, -1, 1 << 62]), st.integers()),
    Scalar.BOOL: st.booleans(),
}


def of_structure(struct: Structure, spec, spoiled: st.SearchStrategy) -> st.SearchStrategy:
    fields = {field.name: of_field(field, spec, spoiled) for field in fields_of(struct, spec, Form.BUTANE)}
    return st.fixed_dictionaries({}, optional={**fields, "unknown": spoiled})


def of_field(field, spec, spoiled: st.SearchStrategy) -> st.SearchStrategy:
    one = of_structure(field.type, spec, spoiled) if isinstance(field.type, Structure) else right_values[field.type]
    value = st.lists(one, max_size=3) if field.many else one
    return st.one_of(*[value] * 9, spoiled)


def configs(spec) -> st.SearchStrategy:
    header = {"variant": "flatcar", "version": spec.version}
    return of_structure(CONFIG, spec, anything).map(lambda config: {**config, **header})


likely_configs = st.one_of(*map(configs, SPECS))


def assert_is_an_answer(result: Result) -> None:
    assert isinstance(result, Result)
    if result.config is None:
        assert result.report.errors
        assert str(result.report)
    else:
        assert result.report.ok
        assert json.loads(dumps(result.config)) == result.config
    for entry in result.report:
        assert entry.path.startswith("$")
        assert entry.message


@given(anything)
def test_any_value(source):
    if not isinstance(source, str | bytes):
        assert_is_an_answer(translate(source))


@given(
    st.one_of(
        st.text(st.characters(), max_size=60),
        st.binary(max_size=60),
        st.text("[]{}:,-?&*!|>'\"%@` \n#a0~<", max_size=40),
    )
)
def test_any_text(source):
    assert_is_an_answer(translate(source))


@given(likely_configs)
def test_any_likely_config(source):
    assert_is_an_answer(translate(source))


@given(likely_configs)
def test_any_likely_config_with_files(tmp_path, source):
    (tmp_path / "files").mkdir(exist_ok=True)
    (tmp_path / "files" / "x").write_bytes(b"\xff x")
    assert_is_an_answer(translate(source, files_dir=tmp_path))


@given(likely_configs, st.randoms(use_true_random=False))
def test_any_likely_text(source, random):
    """A config as text with a piece of it missing, doubled, or moved."""
    text = yaml.dump(plain(source), allow_unicode=True)
    start, end = sorted(random.randrange(len(text) + 1) for _ in range(2))
    for spoiled in (text, text[:start] + text[end:], text[:end] + text[start:]):
        assert_is_an_answer(translate(spoiled))


@given(likely_configs)
def test_the_same_answer_each_time(source):
    one, other = translate(source), translate(source)
    assert list(one.report) == list(other.report)
    assert one.config == other.config
    assert one.config is None or dumps(one.config) == dumps(other.config)


@given(likely_configs)
def test_strict_only_refuses(source):
    lenient, strict = translate(source), translate(source, strict=True)
    assert list(strict.report) == list(lenient.report)
    assert strict.config == (None if lenient.report.warnings else lenient.config)


def plain(value):
    """Without what YAML cannot write: lone surrogates, other objects."""
    if isinstance(value, dict):
        return {plain(key): plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return 0.5 if math.isnan(value) else value
    return value if isinstance(value, bool | int | bytes | None) else str(value).encode("utf-8", "replace").decode()


# Bounds ---------------------------------------------------------------------------------------------------------------

HEADER = {"variant": "flatcar", "version": "1.2.0-experimental"}
N = 8_000
LARGE = {
    "unknown keys": {f"k{n}": 1 for n in range(N)},
    "wrong types": {"passwd": {"users": ["x"] * N}},
    "duplicates": {"storage": {"files": [{"path": "/a"}] * N}},
    "links": {"storage": {"links": [{"path": f"/{'l/' * (n % 50)}{n}", "target": "x"} for n in range(N)]}},
    "links above": {"storage": {"links": [{"path": "/a", "target": "x"}] * N, "files": [{"path": "/a/b"}] * N}},
    "hard links": {
        "storage": {"links": [{"path": "/a", "target": "/d", "hard": True}] * N, "directories": [{"path": "/d"}] * N}
    },
    "slashes": {"storage": {"links": [{"path": "/a", "target": "x"}], "files": [{"path": "/" * 1_000_000}]}},
    "partitions": {"storage": {"disks": [{"device": "/dev/a", "partitions": [{"start_mib": 1, "size_mib": 1}] * N}]}},
    "units": {"systemd": {"units": [{"name": f"u@{n}.service", "enabled": True} for n in range(N)]}},
    "a long unit": {"systemd": {"units": [{"name": "a.service", "contents": "[A]\n" + "X=1\n" * 40_000}]}},
    "a unit of blanks": {"systemd": {"units": [{"name": "a.service", "contents": "\n" * 150_000}]}},
    "a unit of ats": {"systemd": {"units": [{"name": "@" * 500_000 + ".service", "enabled": True}]}},
    "a long url": {"storage": {"files": [{"path": "/a", "contents": {"source": "http://" + "[@:%25" * 200_000}}]}},
    "quotes": {"storage": {"files": [{"path": "/a", "contents": {"source": 'data:;a="' + '\\"' * 200_000}}]}},
    "a long version": {"version": "1." * 500_000},
}


SECONDS, BYTES = 15, 300_000_000  # of processor time, where something quadratic would take hours


def end_within_bounds(check, seconds=SECONDS):
    """How a process ends in which *check* may take no more than that: the kernel sees to it, so nobody has to look at a clock."""
    child = os.fork()
    if not child:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            now = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, now + BYTES))
            check()
            status = 0
        except Exception:  # noqa: BLE001 - said, and told by the status
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("config", LARGE.values(), ids=LARGE)
def test_time_and_memory_are_bounded(config):
    assert end_within_bounds(lambda: assert_is_an_answer(translate({**HEADER, **config}))) == 0


def test_the_bounds_are_kept():
    assert end_within_bounds(lambda: bytes(2 * BYTES)) == 1
    assert end_within_bounds(lambda: sum(iter(int, 1)), seconds=1) == -signal.SIGXCPU


def test_a_bomb_of_mappings_is_refused_early():
    users = [{"name": "a", "groups": ["g"] * 1000}] * 1000
    bomb = {**HEADER, "passwd": {"users": users * 1000}}

    def refused():
        assert translate(bomb).config is None

    assert end_within_bounds(refused) == 0
