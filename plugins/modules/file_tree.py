#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lays files and directories down together."""

from __future__ import annotations

DOCUMENTATION = r"""
module: file_tree
short_description: Lay files and directories down together
description:
  - Has files and directories on a host as they are described, all of them in one round trip.
  - All files are made and validated beside the places that they shall take before the first takes its place. Each does so by one
    rename, so whoever reads a file reads the old or the new one, whole. A run that was killed is completed by the next one.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes
attributes:
  check_mode:
    support: full
    details: Tells what would change. Nothing is validated, since a validator may write.
  diff_mode:
    support: full
    details: Shows each text that changes, and owner, group and mode where they do. What is written once is never shown.
options:
  entries:
    description: What shall be there, in the order in which it is laid down.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where it is. Parents that are missing are made for everybody to enter, for directories alone.
          - With O(entries[].state=absent), the last part may be a pattern such as V(*.efi).
        type: path
        required: true
      state:
        description: A file, a directory, or no file of this name. A link to a directory is one.
        type: str
        choices: [file, directory, absent]
        default: file
      content:
        description: The file's text.
        type: str
      src:
        description: The file on the host that it is a copy of.
        type: path
      build:
        description:
          - A command that makes the file out of O(entries[].content), which it reads at V({source}), and writes it to V({target}).
          - It runs each time, and has to make the same of the same.
        type: list
        elements: str
        default: []
      once:
        description:
          - It is a secret, written where it is not there yet, and never replaced or shown. V({random}) in O(entries[].content)
            becomes 64 random hexadecimal digits, made on the host.
          - A directory is made where it is not there yet, and left to whom it belongs otherwise.
        type: bool
        default: false
      validate:
        description: A command that fails for a file that may not take the place. It finds the file at V({file}).
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
        description: Names that stay although O(entries[].state=absent) has a pattern that they match.
        type: list
        elements: str
        default: []
  awaits_packages:
    description:
      - Packages are missing on the host that a run installs, and check mode does not. Check mode then takes files and commands
        that are missing for theirs.
    type: bool
    default: false
  awaits_users:
    description: Users are missing on the host that a run makes, and check mode does not. Check mode then goes by their names.
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
  description: What changed, or in check mode would; directories end in a slash.
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
            {
                "before_header": change.path,
                "after_header": change.path,
                "before": change.before,
                "after": change.after,
            }
            for change in changes
        ]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
