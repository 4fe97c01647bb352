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
attributes:
  check_mode:
    support: full
    details: Reports what would change. Nothing is validated, since a validator may write.
  diff_mode:
    support: full
    details: Shows each content that changes, and owner, group and mode if they do. Files with O(entries[].once) are never shown.
options:
  entries:
    description: The files and directories, in the order in which they are written.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where it is. Missing parents of directories are created, with access for everybody.
          - With O(entries[].state=absent), the last part may be a pattern such as V(*.efi).
        type: path
        required: true
      state:
        description: A file, a directory, or no file of this name. A link to a directory counts as a directory.
        type: str
        choices: [file, directory, absent]
        default: file
      content:
        description: The file's content.
        type: str
      src:
        description: The file on the host to copy.
        type: path
      build:
        description:
          - A command that builds the file from O(entries[].content), which it reads at V({source}), and writes it to V({target}).
          - It runs each time, and has to be reproducible.
        type: list
        elements: str
        default: []
      once:
        description:
          - The file is a secret, written only if it does not exist, and never replaced or shown. V({random}) in
            O(entries[].content) becomes 64 random hexadecimal digits, generated on the host.
          - A directory is created if it does not exist; otherwise its owner and mode are left alone.
        type: bool
        default: false
      validate:
        description: A command that fails for a file that must not be put in place. It finds the file at V({file}).
        type: list
        elements: str
        default: []
      owner:
        description: Who owns it.
        type: str
        default: root
      group:
        description: The group that owns it.
        type: str
        default: root
      mode:
        description: The mode, in octal digits. V(0755) for a directory and V(0644) for a file when not given.
        type: str
      keep:
        description: Names that are kept even if they match the pattern of O(entries[].state=absent).
        type: list
        elements: str
        default: []
  awaits_packages:
    description:
      - The host lacks packages that a run installs and check mode does not. Check mode then takes missing files and commands
        to be from those packages.
    type: bool
    default: false
  awaits_users:
    description: The host lacks users that a run creates and check mode does not. Check mode then compares names only.
    type: bool
    default: false
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

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kindling.flatcar.plugins.module_utils._host import file_tree

ENTRY = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["file", "directory", "absent"], "default": "file"},
    "content": {"type": "str"},
    "src": {"type": "path"},
    "build": {"type": "list", "elements": "str", "default": []},
    "once": {"type": "bool", "default": False},
    "validate": {"type": "list", "elements": "str", "default": []},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "mode": {"type": "str"},
    "keep": {"type": "list", "elements": "str", "default": []},
}


ARGUMENTS = {
    "entries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": ENTRY,
        "mutually_exclusive": [("content", "src")],
        "required_if": [("state", "file", ("content", "src"), True)],
    },
    "awaits_packages": {"type": "bool", "default": False},
    "awaits_users": {"type": "bool", "default": False},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        entries = [
            file_tree.Entry(**described | {"path": Path(described["path"])}) for described in module.params["entries"]
        ]
        awaited = module.params["awaits_packages"], module.params["awaits_users"]
        changes = file_tree.lay_down(entries, module.check_mode, *awaited)
    except (file_tree.TreeError, OSError) as error:
        module.fail_json(msg=str(error))
    result = {"changed": bool(changes), "paths": [change.path for change in changes]}
    if module._diff:
        result["diff"] = [
            {"before_header": change.path, "after_header": change.path, "before": change.before, "after": change.after}
            for change in changes
        ]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
