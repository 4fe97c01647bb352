# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The URLs and paths of what a boot host serves and keeps, for the templates of its configuration."""

from __future__ import annotations

DOCUMENTATION = r"""
name: routes
short_description: The URLs and paths of what a boot host serves
description:
  - URLs that machines request, the files of a generation and those of an install order, by the names that the collection's own
    code uses. For the roles' templates, so that each of them is defined once.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
options: {}
"""

EXAMPLES = r"""
- name: Show where iPXE is sent
  ansible.builtin.debug:
    msg: "http://{{ ansible_host }}/{{ lookup('kindling.flatcar.routes').first_script }}"
"""

RETURN = r"""
_raw:
  description: One mapping, from each name to its URL or path, or to a list of them.
  type: list
  elements: dict
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.kindling.flatcar.plugins.module_utils._routes import routes


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        return [routes.for_templates()]
