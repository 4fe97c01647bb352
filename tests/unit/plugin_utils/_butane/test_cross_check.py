"""The comparison with the reference, held against a program that plays its part."""

from __future__ import annotations

import base64
import gzip
import json
import sys

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.cross_check import (
    CrossCheckError,
    cross_check,
    find_butane,
)

CONFIG = {
    "variant": "flatcar",
    "version": "1.1.0",
    "storage": {
        "files": [{"path": "/a", "contents": {"inline": "x" * 500}}, {"path": "/b", "contents": {"inline": "token"}}]
    },
}


@pytest.fixture
def butane(tmp_path, monkeypatch):
    """Puts a program on PATH that notes how it was called and gives the answer that it was told to give."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))

    def install(answer=None, status=0, stdout=None, stderr="", sleep=0):
        output = json.dumps(answer) if stdout is None else stdout
        program = directory / "butane"
        program.write_text(
            f"#!{sys.executable}\nimport json, pathlib, sys, time\n"
            f"pathlib.Path({str(directory)!r}, 'call').write_text(json.dumps([sys.argv[1:], sys.stdin.read()]))\n"
            f"time.sleep({sleep})\nsys.stdout.write({output!r})\nsys.stderr.write({stderr!r})\nsys.exit({status})\n"
        )
        program.chmod(0o755)

    def call():
        return json.loads((directory / "call").read_text())

    install.call = call
    return install


def compare(source=CONFIG, **options):
    return [str(found) for found in cross_check(source, translate(source, **options), **options)]


def test_no_program(butane):
    assert find_butane() is None
    with pytest.raises(CrossCheckError, match="no program butane on PATH"):
        compare()


def test_the_same(butane):
    butane(translate(CONFIG).config)
    assert compare() == []


def test_how_it_is_called(butane, tmp_path):
    butane(translate(CONFIG).config)
    compare(files_dir=tmp_path, strict=True)
    arguments, text = butane.call()
    assert arguments == ["--strict", "--files-dir", str(tmp_path)]
    assert yaml.safe_load(text) == CONFIG


@pytest.mark.parametrize("source", ["variant: flatcar\nversion: 1.1.0\n", b"variant: flatcar\nversion: 1.1.0\n"])
def test_text_is_passed_as_it_is(butane, source):
    butane({"ignition": {"version": "3.4.0"}})
    assert [str(found) for found in cross_check(source, translate(source), strict=False)] == []
    arguments, text = butane.call()
    assert arguments == []
    assert text == (source if isinstance(source, str) else source.decode())


def test_what_json_allows_and_yaml_does_not_is_escaped(butane):
    source = {**CONFIG, "storage": {"files": [{"path": "/a", "contents": {"inline": "\x85 \u2028 \x7f \ufeff ü 🙂"}}]}}
    butane(translate(source).config)
    assert compare(source) == []
    assert yaml.safe_load(butane.call()[1]) == source


def test_another_encoder_is_no_difference(butane):
    theirs = translate(CONFIG).config
    compressed = base64.b64encode(gzip.compress(b"x" * 500, compresslevel=1, mtime=7)).decode()
    theirs["storage"]["files"][0]["contents"]["source"] = f"data:;base64,{compressed}"
    theirs["storage"]["files"][1]["contents"]["source"] = "data:;base64,dG9rZW4="
    butane(theirs)
    assert compare() == []


def test_differences_are_named_and_contents_are_not_shown(butane):
    theirs = translate(CONFIG).config
    theirs["ignition"]["version"] = "3.3.0"
    theirs["storage"]["files"][0]["contents"]["compression"] = ""
    theirs["storage"]["files"][1]["contents"]["source"] = "data:,secret"
    theirs["storage"]["links"] = [{"path": "/l"}]
    butane(theirs)
    found = compare()
    assert found == [
        '$.ignition.version: Kindling has "3.4.0", butane has "3.3.0"',
        '$.storage.files.0.contents.compression: Kindling has "gzip", butane has ""',
        "$.storage.files.1.contents.source: Kindling has 5 bytes, butane has other 6 bytes",
        "$.storage.links: Kindling has nothing, butane has a list of 1",
    ]


def test_lists_of_other_lengths(butane):
    theirs = translate(CONFIG).config
    theirs["storage"]["files"].append({"path": "/c"})
    butane(theirs)
    assert compare() == ["$.storage.files: Kindling has a list of 2, butane has a list of 3"]


@pytest.mark.parametrize("url", ["data:;base64,!", "data:;base64,H4sIAAAA", "data:,%zz"])
def test_contents_that_cannot_be_read_are_compared_as_they_are(butane, url):
    source = {**CONFIG, "storage": {"files": [{"path": "/a", "contents": {"inline": "x"}}]}}
    theirs = translate(source).config
    theirs["storage"]["files"][0]["contents"]["source"] = url
    butane(theirs)
    assert len(compare(source)) == 1


def test_only_the_reference_refuses(butane):
    butane(status=1, stdout="", stderr="error at $.storage: it says no\n")
    assert compare() == ["$: Kindling has a config, butane has refused it: error at $.storage: it says no"]


def test_only_kindling_refuses(butane):
    butane({"ignition": {}})
    (found,) = compare({**CONFIG, "storage": {"files": [{"path": "rel"}]}})
    assert found.startswith("$: Kindling has refused it: error at $.storage.files.0.path: path not absolute, butane")


def test_both_refuse(butane):
    butane(status=1, stdout="", stderr="no")
    assert compare({"variant": "flatcar"}) == []


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ({"stdout": "not json"}, "is not JSON"),
        ({"status": 2, "stdout": "", "stderr": "unknown flag"}, "status 2: unknown flag"),
    ],
)
def test_a_program_that_does_not_behave(butane, behaviour, message):
    butane(**behaviour)
    with pytest.raises(CrossCheckError, match=message):
        compare()


def test_a_program_that_does_not_end(butane, monkeypatch):
    monkeypatch.setattr(
        "ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.cross_check._SECONDS", 0.2
    )
    butane(stdout="", sleep=30)
    with pytest.raises(CrossCheckError, match="cannot run"):
        compare()


def template(text, **variables):
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text))


def test_the_filter(butane):
    text = "{{ config | kindling.flatcar.cross_check }}"
    assert template(text, config=CONFIG) == {"butane": None, "differences": []}
    butane({**translate(CONFIG).config, "extra": 1})
    answer = template(text, config=CONFIG)
    assert answer["butane"].endswith("/bin/butane")
    assert answer["differences"] == ["$.extra: Kindling has nothing, butane has 1"]


def test_the_filter_has_templates_rendered(butane):
    config = {
        "passwd": {"users": [{"name": trust_as_template("{{ who }}"), "groups": [trust_as_template("{{ who }}")]}]}
    }
    butane({"ignition": {"version": "3.4.0"}, "passwd": {"users": [{"groups": ["core"], "name": "core"}]}})
    answer = template("{{ config | kindling.flatcar.cross_check(strict=false) }}", config=config, who="core")
    assert answer["differences"] == []
    assert yaml.safe_load(butane.call()[1]) == {
        "variant": "flatcar",
        "version": "1.1.0",
        "passwd": {"users": [{"name": "core", "groups": ["core"]}]},
    }


def test_the_filter_says_what_went_wrong(butane):
    butane(stdout="not json")
    with pytest.raises(AnsibleError, match=r"kindling.flatcar.cross_check: .* is not JSON"):
        template("{{ config | kindling.flatcar.cross_check }}", config=CONFIG)
    with pytest.raises(AnsibleError, match="expects a Butane config"):
        template("{{ 5 | kindling.flatcar.cross_check }}")
