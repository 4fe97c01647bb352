"""Which answer a machine goes by."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import packet
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.boot import boot_server_of, choose
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.firmware import FIRMWARES
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.packet import Packet
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.wire import Answer

MAC = packet.mac_bytes("52:54:00:12:34:56")
NAMED = {kind.name: kind for kind in FIRMWARES}
UEFI, HTTP = NAMED["UEFI x64"], NAMED["UEFI x64 HTTP"]
MENU = {packet.DISCOVERY_CONTROL: b"\3", packet.BOOT_MENU: b"\x80\0\4iPXE"}


def answer(server, yours="0.0.0.0", file="", vendor_class="", vendor=None, next_server=None):
    options = {packet.SERVER_ID: ipaddress.IPv4Address(server).packed}
    if vendor_class:
        options[packet.VENDOR_CLASS] = vendor_class.encode()
    if vendor:
        options[packet.VENDOR] = packet.encode_options(vendor) + b"\xff"
    if file:
        options[packet.BOOT_FILE] = file.encode()
    sent = Packet(
        packet.REPLY,
        1,
        MAC,
        options,
        yours=ipaddress.IPv4Address(yours),
        next_server=ipaddress.IPv4Address(next_server or server),
    )
    return Answer(sent, MAC, ipaddress.IPv4Address(server))


SITE = answer("10.0.0.2", "10.0.0.11")
PROXY = answer("10.0.0.1", file="snponly.efi", vendor_class="PXEClient")


def test_one_server_for_both():
    both = answer("10.0.0.1", "10.0.0.11", "snponly.efi")
    chosen = choose(UEFI, [both])
    assert (chosen.lease, chosen.program.url, chosen.menu) == (both, "tftp://10.0.0.1/snponly.efi", False)


def test_an_address_from_one_and_the_boot_program_from_the_other():
    for heard in ([SITE, PROXY], [PROXY, SITE]):
        chosen = choose(UEFI, heard)
        assert (chosen.lease, chosen.boot, chosen.program.server) == (SITE, PROXY, "10.0.0.1")


def test_the_server_that_is_there_for_booting_goes_first():
    site_boots_too = answer("10.0.0.2", "10.0.0.11", "old.0")
    assert choose(UEFI, [site_boots_too, PROXY]).program.file == "snponly.efi"


def test_a_second_server_with_addresses_is_not_gone_by():
    late = answer("10.0.0.3", "10.0.0.99", "late.0")
    assert choose(UEFI, [SITE, late]).program is None


def test_a_menu_is_asked_for_at_its_server():
    with_menu = answer("10.0.0.1", vendor_class="PXEClient", vendor=MENU)
    chosen = choose(UEFI, [SITE, with_menu])
    assert (chosen.menu, chosen.item) == (True, b"\x80\0\0\0")
    assert boot_server_of(with_menu) == ipaddress.IPv4Address("10.0.0.1")
    elsewhere = {**MENU, packet.BOOT_SERVERS: b"\x80\0\1\x0a\0\0\5"}
    assert boot_server_of(answer("10.0.0.1", vendor=elsewhere)) == ipaddress.IPv4Address("10.0.0.5")


def test_a_menu_with_the_program_in_the_offer_is_not():
    control = {packet.DISCOVERY_CONTROL: b"\x0b", packet.BOOT_MENU: b"\x80\0\4iPXE"}
    chosen = choose(UEFI, [SITE, answer("10.0.0.1", file="snponly.efi", vendor_class="PXEClient", vendor=control)])
    assert (chosen.menu, chosen.program.file) == (False, "snponly.efi")


@pytest.mark.parametrize(
    ("vendor_class", "file", "goes"),
    [
        ("HTTPClient", "http://10.0.0.1/snponly.efi", True),
        ("", "http://10.0.0.1/snponly.efi", False),
        ("PXEClient", "http://10.0.0.1/snponly.efi", False),
        ("HTTPClient", "snponly.efi", False),
    ],
)
def test_http_firmware_takes_urls_of_http_servers_alone(vendor_class, file, goes):
    chosen = choose(HTTP, [answer("10.0.0.1", "10.0.0.11", file, vendor_class)])
    assert (chosen.program is not None) is goes


def test_pxe_firmware_starts_no_url_but_ipxe_does():
    url = answer("10.0.0.1", "10.0.0.11", "http://10.0.0.1/boot.ipxe")
    assert choose(UEFI, [url]).program is None
    assert choose(UEFI.as_ipxe(), [url]).program.url == "http://10.0.0.1/boot.ipxe"


def test_a_file_on_no_server_is_no_boot_program():
    assert choose(UEFI, [answer("10.0.0.1", "10.0.0.11", "snponly.efi", next_server="0.0.0.0")]).program is None


def test_nobody_answers():
    assert choose(UEFI, []).lease is None
