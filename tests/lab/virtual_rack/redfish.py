"""How sushy-tools' emulator reaches the rack's machines: a driver, in place of its driver for libvirt."""

from __future__ import annotations

from typing import Any

from sushy_tools import error
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver

from . import power
from .machine import Machine

ON = ("On", "ForceOn")
OFF = ("ForceOff", "GracefulShutdown")
DEVICES = {"Pxe": "network", "Hdd": "disk"}
AGAIN = ("ForceRestart", "GracefulRestart", "PowerCycle")


class Plugs(AbstractSystemsDriver):
    """The machines of one rack, by name. A boot device that is asked for is that of the next start alone."""

    def __init__(self, rack: str) -> None:
        self._rack = rack
        self._device: dict[str, str] = {}

    def _machine(self, identity: str) -> Machine:
        there = power.machines(self._rack)
        if identity not in there:
            raise error.NotFound(f"there is no machine {identity}")
        return there[identity]

    @property
    def driver(self) -> str:
        return "Kindling's virtual rack"

    @property
    def systems(self) -> list[str]:
        return list(power.machines(self._rack))

    def uuid(self, identity: str) -> str:
        return self._machine(identity).node.name

    def name(self, identity: str) -> str:
        return self._machine(identity).node.name

    def get_power_state(self, identity: str) -> str:
        return "On" if self._machine(identity).running() else "Off"

    def set_power_state(self, identity: str, state: str) -> None:
        name = self._machine(identity).node.name
        actions = [action for states, action in ((ON, "on"), (OFF, "off"), (AGAIN, "cycle")) if state in states]
        if not actions:
            raise error.BadRequest(f"a machine's power cannot be {state}")
        first = None if state in OFF else DEVICES.get(self._device.pop(name, "None"))
        power.switch(self._rack, actions[0], [name], first)

    def get_boot_device(self, identity: str) -> str:
        return self._device.get(self._machine(identity).node.name, "None")

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        self._device[self._machine(identity).node.name] = boot_source

    def set_boot_mode(self, identity: str, boot_mode: str) -> None:
        if boot_mode != self.get_boot_mode(identity):
            raise error.BadRequest(f"{identity} has another firmware than {boot_mode}")

    def get_boot_mode(self, identity: str) -> str:
        return "UEFI" if self._machine(identity).node.firmware == "uefi" else "Legacy"

    def get_nics(self, identity: str) -> list[dict[str, Any]]:
        return [{"id": mac, "mac": mac} for mac in self._machine(identity).node.all_nics]
