# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths on a boot host, unless its variables say otherwise: each one defined once. Needs only the standard library."""

from __future__ import annotations

from . import routes

FLEET = "/srv/kindling/fleet"
IMAGES = "/srv/kindling/images"
INSTALLS = "/srv/kindling/installs"
PROGRAMS = "/srv/kindling/tftp"

#: Unfinished images lie beside the finished ones, so that a rename is enough.
WORK_SUFFIX = ".partial"
KEYRING = "key.gpg"
CHANNELS = "channels.json"

#: In memory: an arming ends with the process that keeps it, or when the host reboots.
LIVE = "/run/kindling-armed"
#: The directory that s6-svscan watches, where s6 runs the services.
SERVICES = "/run/kindling/services"

SECRET = "/etc/kindling/secure-link.conf"  # noqa: S105 - a path
RECORDS = "/var/lib/kindling/records"
#: What the DHCP server has given out; in memory, and gone when the service starts anew.
LEASES = "/run/kindling-dnsmasq/leases"

#: The generation that is served, below ``FLEET``.
CURRENT = "current"

_RESERVATIONS = f"{FLEET}/{CURRENT}/dnsmasq"

#: Defaults of the roles' variables. A test ensures that variables of one role agree with the paths of another.
ROLE_DEFAULTS = {
    "dnsmasq_reservations_dir": _RESERVATIONS,
    "dnsmasq_tftp_dir": PROGRAMS,
    "flatcar_images_dir": IMAGES,
    "fleet_dir": FLEET,
    "fleet_images_dir": IMAGES,
    "fleet_installs_dir": INSTALLS,
    "ipxe_dir": PROGRAMS,
    "records_reservations_dir": _RESERVATIONS,
    "web_former_dir": f"{FLEET}/{routes.FORMER}",
    "web_images_dir": IMAGES,
    "web_installs_dir": INSTALLS,
    "web_programs_dir": PROGRAMS,
    "web_root": f"{FLEET}/{CURRENT}/{routes.WEB}",
}
