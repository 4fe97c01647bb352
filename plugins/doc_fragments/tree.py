# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tree of files and directories to write: see ``ENTRIES`` in ``module_utils/_host/file_tree.py``."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  entries:
    description: The files and directories, in the order in which they are written.
    type: list
    elements: dict
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
"""
