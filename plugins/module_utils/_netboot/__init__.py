# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine's firmware does on the network before it has a system: DHCP, proxyDHCP, TFTP, HTTP and iPXE's scripts,
for emulated clients. Runs on hosts: uses only the standard library.
"""
