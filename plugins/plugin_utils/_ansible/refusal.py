# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an action refuses: with what somebody has to mend, and nothing else."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail


class Refused(AnsibleActionFail):
    """A failure whose message says all. Ansible prints it once, without the lines of the playbook around the task.

    To Ansible it is a result like any other that has failed; an exception beside it would be printed, too. With a message of
    several lines it is: in a result that is printed as JSON nobody could read it. The callback ``plain`` leaves it out again.
    """

    @property
    def omit_exception_key(self) -> bool:
        return "\n" not in self.message


__all__ = ("Refused",)
