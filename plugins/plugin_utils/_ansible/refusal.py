# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an action refuses: with what has to be fixed, and nothing else."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail


class Refused(AnsibleActionFail):
    """A failure whose message says everything. Ansible prints it once, without the lines of the playbook around the task.

    To Ansible it is a failed result like any other; an accompanying exception would be printed, too. A message of several lines
    does get one, because nobody could read it in a result printed as JSON. The callback ``plain`` removes it again.
    """

    @property
    def omit_exception_key(self) -> bool:
        return "\n" not in self.message


__all__ = ("Refused",)
