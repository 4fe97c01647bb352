# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Butane to Ignition."""

from __future__ import annotations

DOCUMENTATION = r"""
name: to_ignition
short_description: Turn a Butane config into an Ignition config
description:
  - Translates a config of Butane's variant C(flatcar), as a mapping or as YAML text, into the mapping that Ignition reads.
  - Returns the same as Butane itself. Files and trees are read on the controller, below O(files_dir) and nowhere else; unlike with
    Butane, not through symbolic links that lead out of it either.
  - For a mapping, C(variant) and C(version) default to C(flatcar) and C(1.1.0); YAML text has to contain them. The versions
    C(1.0.0), C(1.1.0) and C(1.2.0-experimental) are supported.
  - All problems are listed at once, with their paths in the config, and with the file, line and column that they come from if
    Ansible knows them.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
positional: _input
options:
  _input:
    description: The Butane config, as a mapping or as YAML text.
    type: raw
    required: true
  files_dir:
    description:
      - The directory on the controller that holds the config's C(local) files and trees.
      - Without it, a config that refers to local files is refused.
    type: path
  strict:
    description: Refuse a config that causes warnings, such as unknown keys. Otherwise warnings are shown.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Write the Ignition config of a node
  ansible.builtin.copy:
    content: "{{ butane | kindling.flatcar.to_ignition(files_dir=playbook_dir ~ '/files') | ansible.builtin.to_json }}"
    dest: /srv/ignition/node-1.ign
    mode: '0600'
  vars:
    butane:
      passwd:
        users:
          - name: core
            ssh_authorized_keys:
              - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample admin@example.com
      storage:
        files:
          - path: /etc/hostname
            contents:
              inline: node-1
"""

RETURN = r"""
_value:
  description: The Ignition config.
  type: dict
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError, AnsibleTypeError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.utils.display import Display
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import Entry, translate, with_header
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.origin import origin_of

_NAME = "kindling.flatcar.to_ignition"


def to_ignition(butane: Mapping | str | bytes, files_dir: str | None = None, strict: Any = True) -> dict[str, Any]:
    if not isinstance(butane, Mapping | str | bytes):
        raise AnsibleTypeError(f"{_NAME} expects a Butane config, as a mapping or as YAML text", obj=butane)
    result = translate(with_header(butane), files_dir=files_dir, strict=boolean(strict), origin_of=origin_of)
    if result.config is None:
        raise AnsibleFilterError(_describe(result.report))
    for warning in result.report.warnings:
        Display().warning(f"{_NAME}: {_line(warning)}")
    return result.config


def _describe(entries: Iterable[Entry]) -> str:
    lines = [_line(entry) for entry in entries]
    count = f"{len(lines)} problem{'' if len(lines) == 1 else 's'}"
    return "\n".join([f"{_NAME}: the Butane config has {count}:", *(f"  {line}" for line in lines)])


def _line(entry: Entry) -> str:
    place = f"{entry.origin}: " if entry.origin else ""
    return f"{place}{entry.path}: {entry.message}"


class FilterModule:
    def filters(self) -> dict:
        return {"to_ignition": to_ignition}
