# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory's files as they are written: what Ansible would lose of them without a word.

Ansible hands on what is left of a file: of a key that is given twice the last value, of ``0123`` the number 83, of a text behind
``{#`` nothing. Here the files themselves are looked at, each parsed once, and only those that speak of Kindling's variables.
"""
