"""What Ansible and Jinja have no public name for is still there, and does what is built on it."""

from __future__ import annotations

import ast
import inspect
import pathlib

import jinja2
import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase
from ansible.plugins.shell import ShellBase
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.compiled_templates import CompiledTemplates
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.file_cache import without_files_of_hosts
from ansible_collections.kindling.flatcar.plugins.plugin_utils._ansible.host_action import HostAction

PLUGINS = pathlib.Path(__file__).parents[4] / "plugins"
ROOM = PLUGINS / "plugin_utils" / "_ansible"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_make_tmp_path", []),
        ("_transfer_file", ["local_path", "remote_path"]),
        ("_fixup_perms2", ["remote_paths"]),
        ("_execute_module", ["module_name", "module_args", "task_vars"]),
    ],
)
def test_an_action_has_what_we_call(name, parameters):
    assert set(parameters) <= inspect.signature(getattr(ActionBase, name)).parameters.keys()


def test_a_connection_asks_its_play_context_whether_it_logs():
    assert PlayContext().no_log is None or isinstance(PlayContext().no_log, bool)
    source = inspect.getsource(ActionBase._low_level_execute_command)
    assert "_play_context" in inspect.getsource(ActionBase)
    assert "exec_command" in source


def test_a_shell_has_its_directory():
    assert "tmpdir" in inspect.getsource(ShellBase)
    assert callable(ShellBase.join_path)


def test_host_variables_are_had_as_they_are_written():
    assert callable(HostVars.raw_get)


def test_a_template_is_compiled_once_for_many_hosts():
    """Fails where Ansible's templar compiles by another way: nothing is counted then."""
    templar, templates = Templar(loader=DataLoader()), CompiledTemplates()
    texts = []
    with templates.used():
        for number in range(3):
            templar.available_variables = {"number": number}
            texts.append(templar.template(trust_as_template("node-{{ number }}")))
    assert texts == ["node-0", "node-1", "node-2"]
    assert templates.compiled == 1


def test_jinja_is_as_it_was_afterwards():
    original = jinja2.Environment.compile
    with pytest.raises(ValueError, match="on the way"), CompiledTemplates().used():
        assert jinja2.Environment.compile is not original
        raise ValueError("on the way")
    assert jinja2.Environment.compile is original


def test_a_loader_keeps_the_files_that_it_has_read(tmp_path):
    """Those of hosts are dropped again, and no others."""
    files = {}
    for folder in ("host_vars", "group_vars"):
        files[folder] = tmp_path / folder / "n1.yml"
        files[folder].parent.mkdir()
        files[folder].write_text("a: 1\n")
    loader = DataLoader()
    loader.load_from_file(str(files["host_vars"]))
    assert [*loader._FILE_CACHE] == [str(files["host_vars"])]
    with without_files_of_hosts(loader):
        loader.load_from_file(str(files["group_vars"]))
        loader.load_from_file(str(files["host_vars"].rename(tmp_path / "host_vars" / "n2.yml")))
    assert [*loader._FILE_CACHE] == [str(files["host_vars"]), str(files["group_vars"])]


def test_no_other_file_uses_them():
    ours = {
        "_FILE_CACHE",
        "_make_tmp_path",
        "_transfer_file",
        "_fixup_perms2",
        "_play_context",
        "_shell",
        "_low_level_execute_command",
    }
    used = {
        (path.name, node.attr)
        for path in PLUGINS.rglob("*.py")
        if path.parent != ROOM
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ours
    }
    assert used == set()


def test_an_answer_with_secrets_is_not_logged():
    seen = []

    class Context:
        no_log = False

    class Connection:
        _play_context = Context

    action = object.__new__(type("Action", (HostAction,), {"run": None}))
    action._connection = Connection
    action._execute_module = lambda **_: seen.append(Context.no_log) or {}
    action.ask("generation", {}, {"inventory_hostname": "boot-a"}, secret=True)
    action.ask("generation", {}, {"inventory_hostname": "boot-a"})
    assert (seen, Context.no_log) == ([True, False], False)
