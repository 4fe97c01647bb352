# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that this run of a playbook was given with -e."""

from __future__ import annotations

DOCUMENTATION = r"""
name: options
short_description: The options that a playbook was given with -e
description:
  - Returns the options of one of the collection's playbooks by name, each converted to its type. Omitted ones have their defaults.
  - Reads only what was given with C(-e). A variable of that name in an inventory is not an option, and M(kindling.flatcar.options)
    reports it.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
options:
  _terms:
    description: The playbook's name without C(.yml).
    required: true
"""

EXAMPLES = r"""
- name: Show the nodes
  hosts: localhost
  vars:
    __options: "{{ lookup('kindling.flatcar.options', 'status') }}"
"""

RETURN = r"""
_raw:
  description: The options' values by name.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.kindling.flatcar.plugins.plugin_utils._options.playbook_options import given, names, values


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        (playbook,) = terms
        known = names(playbook)
        said = {name: self._templar.template(value) for name, value in given(self._loader).items() if name in known}
        try:
            return [values(playbook, said)]
        except ValueError as error:
            raise AnsibleError(str(error)) from None
