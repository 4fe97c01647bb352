"""The translation as a whole: phases, strictness, origins, and what the report says."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import (
    ButaneError,
    Origin,
    dumps,
    limits,
    translate,
    with_header,
)

HEADER = {"variant": "flatcar", "version": "1.1.0"}


def paths(result):
    return [entry.path for entry in result.report]


def test_a_config():
    result = translate(
        {**HEADER, "storage": {"files": [{"path": "/etc/x", "mode": 0o644, "contents": {"inline": "hi"}}]}}
    )
    assert result.report.ok
    assert result.checked() == {
        "ignition": {"version": "3.4.0"},
        "storage": {
            "files": [{"path": "/etc/x", "contents": {"compression": "", "source": "data:,hi"}, "mode": 0o644}]
        },
    }


def test_the_input_is_left_as_it_was():
    source = {
        **HEADER,
        "storage": {"filesystems": [{"device": "/dev/a", "format": "ext4", "path": "/a", "with_mount_unit": True}]},
        "systemd": {"units": [{"name": "a.service"}]},
        "passwd": {"users": [{"name": "core", "ssh_authorized_keys": ["k"]}]},
    }
    before = copy.deepcopy(source)
    assert translate(source).config
    assert source == before


def test_the_output_shares_nothing_with_the_input():
    keys = ["k"]
    result = translate({**HEADER, "passwd": {"users": [{"name": "core", "ssh_authorized_keys": keys}]}})
    result.config["passwd"]["users"][0]["sshAuthorizedKeys"].append("other")
    assert keys == ["k"]


def test_strict_refuses_what_is_warned_about():
    source = {**HEADER, "nope": 1}
    assert translate(source).config is not None
    result = translate(source, strict=True)
    assert result.config is None
    assert [entry.severity for entry in result.report] == ["warning"]
    with pytest.raises(ButaneError, match=r"warning at \$.nope: unused key nope") as caught:
        result.checked()
    assert caught.value.report is result.report


def test_strict_accepts_what_is_fine():
    assert translate(HEADER, strict=True).config


def test_all_errors_of_a_phase_come_at_once():
    result = translate(
        {
            **HEADER,
            "storage": {"files": [{"path": "a"}, {"path": "/b/"}, {"mode": -1}], "raid": [{}]},
            "systemd": {"units": [{"name": "x"}]},
        }
    )
    assert paths(result) == [
        "$.storage.files.0.path",
        "$.storage.files.1.path",
        "$.storage.files.2.path",
        "$.storage.files.2.mode",
        "$.storage.files.2.mode",
        "$.storage.raid.0.level",
        "$.storage.raid.0.devices",
        "$.systemd.units.0.name",
    ]


SOURCE_ERROR = {"inline": "x", "source": "http://h"}


@pytest.mark.parametrize(
    ("config", "hidden", "shown"),
    [
        ({"storage": {"files": [{"path": 5, "contents": [], "append": [SOURCE_ERROR]}]}}, "append", "contents"),
        ({"storage": {"files": [{"path": "rel", "contents": SOURCE_ERROR}]}}, "path", "contents.source"),
        ({"storage": {"files": [{"path": "rel", "contents": {"local": "gone"}}]}}, "path", "contents.local"),
        ({"storage": {"luks": [{"name": "a/b", "clevis": {"tpm2": True}}]}}, "name", "clevis"),
    ],
)
def test_an_early_phase_hides_later_ones(config, hidden, shown, tmp_path):
    reported = paths(translate({**HEADER, **config}, files_dir=tmp_path))
    assert any(path.endswith(shown) for path in reported)
    assert not any(path.endswith(hidden) for path in reported)


def test_warnings_accompany_errors():
    result = translate({**HEADER, "nope": 1, "storage": {"files": [{"path": "rel", "mode": 644}]}})
    assert [(entry.severity, entry.path) for entry in result.report] == [
        ("warning", "$.nope"),
        ("warning", "$.storage.files.0.mode"),
        ("error", "$.storage.files.0.path"),
        ("warning", "$.storage.files.0.mode"),
    ]
    assert [entry.path for entry in result.report.errors] == ["$.storage.files.0.path"]
    assert not result.report.ok
    assert len(result.report) == 4


def test_text_and_mapping_give_the_same():
    text = "variant: flatcar\nversion: 1.1.0\nstorage: {files: [{path: /a, mode: 0644, contents: {inline: hi}}]}\n"
    mapping = {**HEADER, "storage": {"files": [{"path": "/a", "mode": 0o644, "contents": {"inline": "hi"}}]}}
    assert translate(text).config == translate(text.encode()).config == translate(mapping).config


def test_origins_of_text():
    text = (
        "variant: flatcar\nversion: 1.1.0\nnope: 1\nstorage:\n  files:\n    - path: rel\n      contents: {local: x}\n"
    )
    unused, local = translate(text).report
    assert unused.origin == Origin("<text>", 3, 1)
    assert local.origin == Origin("<text>", 7, 25)
    assert str(local).startswith("error at $.storage.files.0.contents.local (<text>:7:25): local file paths")


def test_an_absent_field_is_placed_where_its_object_begins():
    text = "variant: flatcar\nversion: 1.1.0\nstorage:\n  links:\n    - path: /l\n"
    (entry,) = translate(text).report
    assert (entry.path, entry.origin) == ("$.storage.links.0.target", Origin("<text>", 5, 7))


def test_a_problem_behind_an_alias_is_placed_at_the_alias():
    text = "variant: flatcar\nversion: 1.1.0\nstorage:\n  files:\n    - {path: /a, user: &u {id: 1, name: b}}\n"
    text += "    - {path: /b, user: *u}\n"
    errors = translate(text).report.errors
    assert [entry.origin.line for entry in errors] == [5, 6]


class Placed(str):
    """A value that knows where it stands, as an inventory's does."""

    __slots__ = ("place",)

    def __new__(cls, text, line):
        value = super().__new__(cls, text)
        value.place = ("vars.yml", line, 7)
        return value


def place_of(value):
    return getattr(value, "place", None)


def test_origins_of_a_mapping_come_from_the_caller():
    source = {
        **HEADER,
        "storage": {"files": [{Placed("path", 4): Placed("rel", 5), Placed("overwrite", 6): True}]},
        Placed("nope", 9): 1,
    }
    unused, path, overwrite = translate(source, origin_of=place_of).report
    assert unused.origin == Origin("vars.yml", 9, 7)
    assert path.origin == Origin("vars.yml", 5, 7)
    assert overwrite.origin == Origin("vars.yml", 6, 7)  # a boolean knows nothing of itself, but its key does


def test_without_origins_there_are_none():
    assert translate({**HEADER, "nope": 1}).report.warnings[0].origin is None


def test_a_header_is_given_to_a_mapping_that_has_none():
    assert translate(with_header({})).config == {"ignition": {"version": "3.4.0"}}
    assert translate(with_header({"version": "1.0.0"})).config == {"ignition": {"version": "3.3.0"}}
    assert with_header("text") == "text"


def test_the_number_of_values_is_limited(monkeypatch):
    monkeypatch.setattr(limits, "MAX_VALUES", 1000)
    files = [{"path": f"/{n}"} for n in range(100)]
    assert translate({**HEADER, "storage": {"files": files}}).report.ok
    many = [{"path": "/a", "append": files}] * 100
    (entry,) = translate({**HEADER, "storage": {"files": many}}).report
    assert entry.message == "the config holds more than 1000 values"
    assert entry.path.startswith("$.storage.files.")


def test_the_amount_of_text_is_limited(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TEXT_BYTES", 1000)
    units = [{"name": f"{n}.service", "contents": "#" * 400} for n in range(3)]
    assert translate({**HEADER, "systemd": {"units": units[:2]}}).report.ok
    (entry,) = translate({**HEADER, "systemd": {"units": units}}).report
    assert entry.message == "the config holds more than 1000 bytes of text"
    assert entry.path == "$.systemd.units.2.contents"


def test_the_size_of_contents_is_limited(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "MAX_CONTENT_BYTES", 1000)
    (tmp_path / "f").write_bytes(b"x" * 400)
    big = {
        **HEADER,
        "storage": {"files": [{"path": "/a", "contents": {"local": "f"}}, {"path": "/b", "contents": {"local": "f"}}]},
    }
    assert translate(big, files_dir=tmp_path).report.ok
    big["storage"]["files"] *= 2
    (entry,) = translate(big, files_dir=tmp_path).report
    assert entry.message == "the config embeds more than 1000 bytes of contents"


def test_output_is_the_same_whatever_the_order_of_keys():
    files = [{"path": "/a", "mode": 1, "user": {"id": 0, "name": ""}}]
    one = translate(
        {**HEADER, "systemd": {}, "storage": {"files": files}, "passwd": {"users": [{"uid": 1, "name": "a"}]}}
    )
    other = translate(
        {
            "passwd": {"users": [{"name": "a", "uid": 1}]},
            "storage": {"files": [dict(reversed(files[0].items()))]},
            **dict(reversed(HEADER.items())),
        }
    )
    assert dumps(one.config) == dumps(other.config)
