# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_options_info
short_description: Print the configuration that an existing DHCP server needs
description:
  - For each network of the boot host, prints each machine's reservation in the syntax of several servers, and with C(mode=none)
    also which boot program goes to which firmware and what iPXE gets. Changes nothing.
  - With C(mode=proxy) the boot host answers what to boot; with C(mode=authoritative) no other server needs any configuration.
version_added: 0.1.0
author:
  - Kindling developers (@kindling-flatcar)
extends_documentation_fragment:
  - kindling.flatcar.attributes.read_only
  - kindling.flatcar.networks
options:
  networks:
    required: true
  programs:
    description: The boot program for each architecture (C(bios), C(efi-x64), C(efi-arm64)).
    type: dict
    required: true
  server:
    description: The one server to print for. All of them when not given.
    type: str
    choices: [isc, kea, dnsmasq, mikrotik, windows, opnsense, pfsense, unifi]
"""

EXAMPLES = r"""
- name: Print the configuration that the site's DHCP server needs
  kindling.flatcar.dhcp_options_info:
    networks: "{{ kindling_networks }}"
    programs: {bios: undionly.kpxe, efi-x64: snponly.efi}
    server: kea
"""

RETURN = r"""
texts:
  description: What was printed, one string for each network.
  returned: success
  type: list
  elements: str
"""
