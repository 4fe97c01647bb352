# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kindling's Butane translation against the reference's."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cross_check
short_description: Compare the translation of a Butane config with that of butane, if it is installed
description:
  - Translates a Butane config both with P(kindling.flatcar.to_ignition#filter) and with the program C(butane), and returns where
    the two differ. Contents are compared decompressed, and are never shown.
  - A config that both refuse counts as no difference.
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
    description: The directory on the controller that holds the config's C(local) files and trees.
    type: path
  strict:
    description: Have both refuse a config that causes warnings.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Compare what will be published with the reference, if there is one
  ansible.builtin.assert:
    that: not check.butane or not check.differences
    fail_msg: "{{ check.differences | join('\n') }}"
  vars:
    check: "{{ butane | kindling.flatcar.cross_check(files_dir=playbook_dir ~ '/files') }}"
"""

RETURN = r"""
_value:
  description: The comparison.
  type: dict
  contains:
    butane:
      description: The program that was run; null if none is on the controller's PATH, and so nothing was compared.
      type: str
    differences:
      description: A sentence for each difference.
      type: list
      elements: str
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleFilterError, AnsibleTypeError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.kindling.flatcar.plugins.plugin_utils._butane import translate, with_header
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.cross_check import (
    CrossCheckError,
    find_butane,
)
from ansible_collections.kindling.flatcar.plugins.plugin_utils._inventory.cross_check import (
    cross_check as differences_with,
)

_NAME = "kindling.flatcar.cross_check"


def cross_check(butane: Mapping | str | bytes, files_dir: str | None = None, strict: Any = True) -> dict[str, Any]:
    if not isinstance(butane, Mapping | str | bytes):
        raise AnsibleTypeError(f"{_NAME} expects a Butane config, as a mapping or as YAML text", obj=butane)
    program = find_butane()
    if program is None:
        return {"butane": None, "differences": []}
    source = with_header(butane)
    result = translate(source, files_dir=files_dir, strict=boolean(strict))
    try:
        found = differences_with(source, result, files_dir=files_dir, strict=boolean(strict), program=program)
    except CrossCheckError as error:
        raise AnsibleFilterError(f"{_NAME}: {error}") from error
    return {"butane": program, "differences": [str(difference) for difference in found]}


class FilterModule:
    def filters(self) -> dict:
        return {"cross_check": cross_check}
