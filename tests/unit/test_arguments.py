"""What a module or an action takes is what its documentation says: `ansible-doc` shows nothing else."""

from __future__ import annotations

import importlib
import pathlib
from unittest import mock

import pytest
import yaml
from ansible.module_utils import basic
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import fragment_loader
from ansible.utils import plugin_docs

PLUGINS = pathlib.Path(__file__).parents[2] / "plugins"
COLLECTION = "ansible_collections.kindling.flatcar.plugins"
NAMES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
ACTIONS = sorted(path.stem for path in (PLUGINS / "action").glob("*.py"))
#: Actions that check nothing themselves and hand all that they are given to the module of their name
HANDING_ON = {"flatcar_image"}


class _TakenError(Exception):
    """Ends what would go on with the arguments."""


def taken_by_action(name):
    action = importlib.import_module(f"{COLLECTION}.action.{name}").ActionModule(*([mock.MagicMock()] * 6))
    with (
        mock.patch.object(ActionBase, "run", return_value={}),
        mock.patch.object(ActionBase, "validate_argument_spec", side_effect=_TakenError) as check,
        pytest.raises(_TakenError),
    ):
        action.run(task_vars=mock.MagicMock())
    return check.call_args.kwargs["argument_spec"]


def taken_by_module(name):
    module = importlib.import_module(f"{COLLECTION}.modules.{name}")
    with (
        mock.patch.object(basic.AnsibleModule, "__init__", side_effect=_TakenError) as made,
        pytest.raises(_TakenError),
    ):
        module.main()
    return made.call_args.kwargs["argument_spec"]


def documentation(name):
    module = importlib.import_module(f"{COLLECTION}.modules.{name}")
    written = yaml.safe_load(module.DOCUMENTATION)
    plugin_docs.add_fragments(written, str(PLUGINS / "modules" / f"{name}.py"), fragment_loader, is_module=True)
    return written


def plain(options, inner):
    """Options as names, types, elements, defaults, choices and whether each is needed, at all depths."""
    return {
        name: {
            "type": option.get("type", "str"),
            "elements": option.get("elements"),
            "default": option.get("default"),
            "choices": sorted(map(str, option.get("choices") or ())),
            "required": bool(option.get("required")),
            "aliases": sorted(option.get("aliases") or ()),
            "inner": plain(option.get(inner) or {}, inner),
        }
        for name, option in options.items()
    }


def is_documentation_alone(name):
    return not hasattr(importlib.import_module(f"{COLLECTION}.modules.{name}"), "main")


@pytest.mark.parametrize("name", sorted(set(ACTIONS) - HANDING_ON))
def test_an_action_takes_what_is_documented(name):
    assert plain(taken_by_action(name), "options") == plain(documentation(name).get("options") or {}, "suboptions")


@pytest.mark.parametrize("name", [name for name in NAMES if not is_documentation_alone(name)])
def test_a_module_takes_what_is_documented(name):
    assert plain(taken_by_module(name), "options") == plain(documentation(name).get("options") or {}, "suboptions")


def test_what_is_documented_is_there():
    """A module without code is the documentation of an action; an action that hands on has a module with code."""
    assert {name for name in NAMES if is_documentation_alone(name)} == set(ACTIONS) - HANDING_ON


@pytest.mark.parametrize("name", NAMES)
def test_a_secret_is_in_no_log_and_what_only_sounds_like_one_says_so(name):
    taken = taken_by_action(name) if is_documentation_alone(name) else taken_by_module(name)
    sounding = {
        option: spec
        for option, spec in taken.items()
        if any(word in option for word in ("secret", "token", "password", "seed")) or option.endswith("key")
    }
    assert [option for option, spec in sounding.items() if spec.get("no_log") is None and spec["type"] != "bool"] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_said_since_when_by_whom_and_what_it_does_to_a_host(name):
    written = documentation(name)
    assert written["version_added"]
    assert written["author"] == ["Kindling developers (@kindling-flatcar)"]
    assert {"check_mode", "diff_mode"} <= written["attributes"].keys()
    assert [attribute for attribute in written["attributes"].values() if not attribute.get("support")] == []
