#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes files and directories together."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_tree
short_description: Write files and directories together
description:
  - Makes files and directories on a host match their description, all of them in one round trip.
  - All files are written and validated next to their destinations before the first one is moved into place. Each is moved by one
    rename, so readers see the old or the new file, whole. The next run completes one that was killed.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
  - kindling.flatcar.tree
attributes:
  check_mode:
    support: full
    details: Reports what would change. Nothing is validated, since a validator may write.
  diff_mode:
    support: full
    details: Shows each content that changes, and owner, group and mode if they do. Files with O(entries[].once) are never shown.
options:
  entries:
    required: true
"""

EXAMPLES = r"""
- name: Configure dnsmasq
  kindling.flatcar.file_tree:
    entries:
      - {path: /etc/kindling, state: directory}
      - path: /etc/kindling/dnsmasq.conf
        content: "{{ lookup('ansible.builtin.template', 'dnsmasq.conf.j2') }}"
        validate: [/usr/sbin/dnsmasq, --test, "--conf-file={file}"]
      - {path: /srv/kindling/tftp/undionly.kpxe, src: /usr/lib/ipxe/undionly.kpxe}
"""

RETURN = r"""
paths:
  description: The paths that changed, or in check mode would; directories end in a slash.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._host import file_tree


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "entries": file_tree.ENTRIES | {"required": True},
            "awaits_packages": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    entries = file_tree.entries_of(module.params["entries"])
    try:
        changes = file_tree.lay_down(entries, module.check_mode, module.params["awaits_packages"])
    except (file_tree.TreeError, OSError) as error:
        module.fail_json(msg=str(error))
    shown = {"diff": [change.as_diff() for change in changes]} if module._diff else {}
    module.exit_json(changed=bool(changes), paths=[change.path for change in changes], **shown)


if __name__ == "__main__":
    main()
