# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reads the whole inventory at once, checks it, and publishes what the nodes of one boot host boot."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.kindling.flatcar.plugins.module_utils.fleet import INDEX, build_files, wanted_images
from ansible_collections.kindling.flatcar.plugins.module_utils.generation import changes, digest_of, manifest_of, pack
from ansible_collections.kindling.flatcar.plugins.module_utils.problems import InventoryError
from ansible_collections.kindling.flatcar.plugins.module_utils.programs import choices_of
from ansible_collections.kindling.flatcar.plugins.plugin_utils.problems import describe
from ansible_collections.kindling.flatcar.plugins.plugin_utils.survey import Fleet, Known, survey
from ansible_collections.kindling.flatcar.plugins.plugin_utils.variables import Variables

#: Tops of a generation: what the web server alone may read, what nobody but root, and what a difference may show.
PRIVATE = ["web"]
SECRET = [INDEX]
SHOWN = ["web/boot.ipxe", "web/ipxe", "dnsmasq"]

_TOKEN = re.compile(r"(?<=/ignition/)[\w-]+(?=[/.])")


class ActionModule(ActionBase):
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            argument_spec={
                "state": {"type": "str", "choices": ["checked", "published"], "default": "published"},
                "networks": {"type": "list", "elements": "dict", "required": True},
                "images": {"type": "list", "elements": "dict", "default": []},
                "path": {"type": "path", "default": "/srv/kindling/fleet"},
                "group": {"type": "str", "default": "www-data"},
                "keep": {"type": "int", "default": 5},
                "files_dir": {"type": "path"},
            }
        )
        fleet = self._checked_fleet(options["files_dir"], task_vars)
        names = [node.name for node in fleet.nodes]
        programs = [program.printable() for program in fleet.programs]
        result = {"changed": False, "nodes": names, "images": wanted_images(fleet.nodes), "programs": programs}
        result["program_choices"] = choices_of(fleet.nodes)
        if options["state"] == "checked":
            return result
        return result | self._publish(fleet, options, task_vars)

    def _checked_fleet(self, files_dir: str | None, task_vars: dict[str, Any]) -> Fleet:
        host = task_vars["inventory_hostname"]
        known = Known(task_vars["ansible_facts"], self._task.args["networks"], files_dir)
        try:
            found = survey(Variables(task_vars, self._loader), {host: known}).checked()
        except InventoryError as invalid:
            raise AnsibleActionFail(describe(invalid.problems)) from None
        return found.fleets[host]

    def _publish(self, fleet: Fleet, options: Mapping[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        state = {"path": options["path"], "key": True, "read": SHOWN if self._task.diff else []}
        with self._unseen():
            served = self._boot_tree(state, task_vars)
        key = served.pop("key", "")
        if served.get("failed"):
            return served
        files = build_files(fleet.nodes, fleet.networks, _versions(options), fleet.configs, bytes.fromhex(key))
        manifest = manifest_of(files)
        result = {"changed": manifest != served["manifest"], "changes": changes(served["manifest"], manifest)}
        result["changes"] = {kind: [_hidden(path) for path in paths] for kind, paths in result["changes"].items()}
        if self._task.diff:
            result["diff"] = _diff(served, files, manifest)
        if self._task.check_mode or not result["changed"]:
            return result
        arguments = {
            "path": options["path"],
            "src": self._ship(pack(files, held=set(served["manifest"].values()))),
            "digest": digest_of(manifest),
            "private": PRIVATE,
            "secret": SECRET,
            "group": options["group"],
            "keep": options["keep"],
        }
        published = self._boot_tree(arguments, task_vars)
        return result | {key: published[key] for key in ("failed", "msg", "generation") if key in published}

    @contextlib.contextmanager
    def _unseen(self) -> Iterator[None]:
        """For an answer with secrets in it: with ``-vvv`` a connection prints what it gets, unless it is told not to."""
        connection = self._connection._play_context
        before, connection.no_log = connection.no_log, True
        try:
            yield
        finally:
            connection.no_log = before

    def _boot_tree(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        return self._execute_module(
            module_name="kindling.flatcar.boot_tree", module_args=arguments, task_vars=task_vars
        )

    def _ship(self, archive: bytes) -> str:
        """One transfer; the archive stays in Ansible's own temporary directory on the boot host."""
        remote = self._connection._shell.join_path(
            self._connection._shell.tmpdir or self._make_tmp_path(), "generation"
        )
        with tempfile.NamedTemporaryFile(prefix="kindling-") as local:
            Path(local.name).write_bytes(archive)
            self._transfer_file(local.name, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote


def _versions(options: Mapping[str, Any]):
    resolved = {(i["board"], i["channel"], i["requested"]): i["version"] for i in options["images"]}

    def version(image: Mapping[str, str]) -> str:
        wanted = (image["board"], image["channel"], image["version"])
        if wanted not in resolved:
            raise AnsibleActionFail(
                f"The image {' '.join(wanted)} is not among the given images: run the role flatcar_images first."
            )
        return resolved[wanted]

    return version


def _diff(served: Mapping[str, Any], files: Mapping[str, str], manifest: Mapping[str, str]) -> list[dict[str, str]]:
    """A difference per changed file; a config shows its digest alone."""
    differing = [path for paths in changes(served["manifest"], manifest).values() for path in paths]
    return [
        {
            "before_header": _hidden(path),
            "after_header": _hidden(path),
            "before": _shown(path, served["texts"], served["manifest"]),
            "after": _shown(path, files, manifest),
        }
        for path in differing
    ]


def _shown(path: str, texts: Mapping[str, str], manifest: Mapping[str, str]) -> str:
    if path not in manifest:
        return ""
    return _hidden(texts[path]) if path.startswith(tuple(SHOWN)) else f"sha256 {manifest[path]}\n"


def _hidden(text: str) -> str:
    """*text*, a script or a path, without the tokens in it."""
    return _TOKEN.sub("(token)", text)
