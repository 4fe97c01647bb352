"""How an action refuses: with what somebody has to mend, and nothing else."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail


class Refused(AnsibleActionFail):
    """A failure whose message says all. Ansible prints it once, without the lines of the playbook that the task stands in.

    To Ansible it is a result like any other that has failed; an exception beside it would be printed, too.
    """

    @property
    def omit_exception_key(self) -> bool:
        return True


__all__ = ("Refused",)
