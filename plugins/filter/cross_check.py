# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Kindling's Butane against the reference's."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cross_check
short_description: Compare with butane, where it is installed, what a Butane config becomes
description:
  - Translates a Butane config both with P(kindling.flatcar.to_ignition#filter) and with the program C(butane), and says on what
    the two differ. Contents are compared by what they decompress to, and are never shown.
  - That both refuse a config is no difference.
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
    description: The directory on the controller that C(local) files and trees of the config lie in.
    type: path
  strict:
    description: Have both refuse a config that there are warnings about.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Hold what will be published to the reference, where there is one
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
      description: The program that was run; null if there is none on the controller's PATH, and nothing was compared.
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
    except CrossCheckError as failure:
        raise AnsibleFilterError(f"{_NAME}: {failure}") from failure
    return {"butane": program, "differences": [str(difference) for difference in found]}


class FilterModule:
    def filters(self) -> dict:
        return {"cross_check": cross_check}
