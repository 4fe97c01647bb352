# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's files as they are written: what Ansible would silently lose from them.

Ansible passes on only the result of reading a file: for a key given twice the last value, for ``0123`` the number 83, for the
text after ``{#`` nothing. Here the files themselves are read, each parsed once, and only those that mention Kindling's variables.
"""
