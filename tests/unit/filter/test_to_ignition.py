"""The filter as templates call it: values with their origins, templates inside values, errors that name their places."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.utils.display import Display
from ansible_collections.kindling.flatcar.plugins.filter.to_ignition import FilterModule

INVENTORY = """\
name: node-1
sound:
  storage:
    files:
      - path: /etc/hostname
        mode: 0644
        contents: {inline: "{{ name }}"}
local:
  storage:
    files: [{path: /a, contents: {local: a}}]
unsound:
  nope: 1
  storage:
    files:
      - path: "etc/{{ name }}"
        mode: 644
        overwrite: true
  systemd:
    units:
      - contents: "[Unit"
        name: a.service
"""


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "vars.yml"
    path.write_text(INVENTORY, encoding="utf-8")
    return str(path)


@pytest.fixture
def template(inventory):
    variables = DataLoader().load_from_file(inventory, trusted_as_template=True)

    def render(expression, **more):
        templar = Templar(loader=DataLoader(), variables={**variables, **more})
        return templar.template(trust_as_template(expression))

    return render


def test_a_config_by_its_full_name(template):
    assert template("{{ sound | kindling.flatcar.to_ignition }}") == {
        "ignition": {"version": "3.4.0"},
        "storage": {
            "files": [
                {"path": "/etc/hostname", "contents": {"compression": "", "source": "data:,node-1"}, "mode": 0o644}
            ]
        },
    }


def test_the_version_comes_from_the_config(template):
    config = template("{{ sound | combine({'version': '1.0.0'}) | kindling.flatcar.to_ignition }}")
    assert config["ignition"]["version"] == "3.3.0"


def test_all_problems_with_their_places(template, inventory):
    with pytest.raises(AnsibleError) as caught:
        template("{{ unsound | kindling.flatcar.to_ignition }}")
    message = str(caught.value)
    for line in (
        "kindling.flatcar.to_ignition: the Butane config has 6 problems:",
        f"  {inventory}:12:3: $.nope: unused key nope",
        f"  {inventory}:16:15: $.storage.files.0.mode: unreasonable mode",
        f"  {inventory}:15:15: $.storage.files.0.path: path not absolute",
        f"  {inventory}:17:9: $.storage.files.0.overwrite: overwrite must be false",
        f"  {inventory}:20:19: $.systemd.units.0.contents: invalid unit content: unable to find end of section",
    ):
        assert line in message


def test_one_problem_is_one(template):
    with pytest.raises(AnsibleError, match=r"the Butane config has 1 problem:\n  \$.version: error parsing version"):
        template("{{ {'version': 1} | kindling.flatcar.to_ignition }}")


@pytest.mark.parametrize("strict", [False, "no"])
def test_warnings_are_shown_where_they_are_no_errors(template, strict, monkeypatch):
    shown = []
    monkeypatch.setattr(Display, "warning", lambda _self, message, *_args, **_more: shown.append(message))
    text = "{{ sound | combine({'nope': 1}) | kindling.flatcar.to_ignition(strict=strict) }}"
    assert template(text, strict=strict)["storage"]
    assert shown == ["kindling.flatcar.to_ignition: $.nope: unused key nope"]


def test_files_are_read_below_files_dir(template, tmp_path):
    (tmp_path / "a").write_text("content")
    config = template("{{ local | kindling.flatcar.to_ignition(files_dir=dir) }}", dir=str(tmp_path))
    assert config["storage"]["files"][0]["contents"]["source"] == "data:,content"
    with pytest.raises(AnsibleError, match="must be specified with files_dir"):
        template("{{ local | kindling.flatcar.to_ignition }}")


def test_yaml_text(template):
    text = "variant: flatcar\nversion: 1.0.0\n"
    assert template("{{ text | kindling.flatcar.to_ignition }}", text=text) == {"ignition": {"version": "3.3.0"}}
    with pytest.raises(AnsibleError, match="error parsing variant; must be specified"):
        template("{{ 'storage: {}' | kindling.flatcar.to_ignition }}")


@pytest.mark.parametrize("value", [5, [], None, True])
def test_other_types(value):
    with pytest.raises(AnsibleError, match=r"kindling\.flatcar\.to_ignition expects a Butane config"):
        FilterModule().filters()["to_ignition"](value)


def test_the_result_holds_plain_values(template):
    """Contents that look like templates must not be rendered by whoever uses the result."""
    config = template("{{ sound | kindling.flatcar.to_ignition }}")
    file = config["storage"]["files"][0]
    assert {type(file["path"]), type(file["contents"]["source"])} == {str}
    assert type(file["mode"]) is int
