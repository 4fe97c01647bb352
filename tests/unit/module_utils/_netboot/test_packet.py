"""DHCP packets and their frames: what is written is read again, and nothing that comes in does harm."""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import struct

import pytest
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import boot, firmware, frame, packet, wire
from ansible_collections.kindling.flatcar.plugins.module_utils._netboot.packet import Message, Packet, PacketError
from hypothesis import given
from hypothesis import strategies as st

MAC = packet.mac_bytes("52:54:00:12:34:56")

addresses = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
names = st.binary(max_size=40).filter(lambda name: not name.endswith(b"\0"))
packets = st.builds(
    Packet,
    operation=st.sampled_from((packet.REQUEST, packet.REPLY)),
    xid=st.integers(0, 2**32 - 1),
    mac=st.binary(max_size=16),
    options=st.dictionaries(
        st.integers(1, 254).filter(lambda code: code != packet.OVERLOAD), st.binary(max_size=700), max_size=6
    ),
    flags=st.integers(0, 0xFFFF),
    hops=st.integers(0, 255),
    seconds=st.integers(0, 0xFFFF),
    hardware=st.integers(0, 255),
    client=addresses,
    yours=addresses,
    next_server=addresses,
    relay=addresses,
    sname=names,
    file=names,
)
macs = st.binary(min_size=6, max_size=6)
datagrams = st.builds(
    frame.Datagram,
    source_mac=macs,
    target_mac=macs,
    source=addresses,
    target=addresses,
    source_port=st.integers(0, 0xFFFF),
    target_port=st.integers(0, 0xFFFF),
    data=st.binary(max_size=1500),
)


@given(packets)
def test_what_is_written_is_read_again(written):
    assert packet.decode(packet.encode(written)) == written


@given(datagrams)
def test_so_are_frames(written):
    assert frame.decode(frame.encode(written)) == written


@given(st.binary(max_size=600))
def test_garbage_is_refused_by_our_own_error(data):
    for decode in (packet.decode, frame.decode):
        with pytest.raises(PacketError):
            decode(data[:200])
    with contextlib.suppress(PacketError):
        looked_at(packet.decode(packet.encode(Packet(packet.REPLY, 1, MAC))[:240] + data))


@given(datagrams, st.data())
def test_a_frame_with_wrong_bytes_is_read_within_its_bounds(datagram, data):
    broken = bytearray(frame.encode(datagram))
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, min(41, len(broken) - 1)))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PacketError):
        assert len(frame.decode(bytes(broken)).data) <= len(datagram.data)


@given(packets, st.data())
def test_a_packet_that_is_cut_off_or_broken_is_refused_or_read(whole, data):
    written = bytearray(packet.encode(whole))
    written[data.draw(st.integers(0, len(written) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PacketError):
        looked_at(packet.decode(bytes(written[: data.draw(st.integers(0, len(written)))])))


def looked_at(found):
    """Everything that is made of a packet's options, for every firmware."""
    answer = wire.Answer(found, MAC, ipaddress.IPv4Address(1))
    assert found.boot_file.isprintable()
    assert boot.boot_server_of(answer)
    for kind in firmware.FIRMWARES:
        boot.choose(kind, [answer])


def test_options_go_on_in_the_fields_for_the_file_and_the_server_name():
    plain = packet.encode(Packet(packet.REPLY, 7, MAC, {packet.MESSAGE_TYPE: b"\2", packet.OVERLOAD: b"\3"}))
    file = packet.encode_options({packet.BOOT_FILE: b"snponly", packet.ROUTER: b"\x0a\0\0\1"}) + b"\xff"
    sname = packet.encode_options({packet.BOOT_FILE: b".efi", packet.SERVER_NAME: b"boot"})
    found = packet.decode(plain[:44] + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + plain[236:])
    assert (found.message, found.boot_file, found.boot_server) == (Message.OFFER, "snponly.efi", "boot")
    assert found.address(packet.ROUTER) == ipaddress.IPv4Address("10.0.0.1")
    assert (found.file, found.sname) == (b"", b"")


@pytest.mark.parametrize(
    "data", [b"", bytes(240), bytes((2, 1, 6)).ljust(400, b"\1"), bytes((2, 1, 17)).ljust(400, b"\0")]
)
def test_what_is_no_packet(data):
    with pytest.raises(PacketError):
        packet.decode(data)


@pytest.mark.parametrize(
    "wrong",
    [
        {"xid": -1},
        {"xid": 2**32},
        {"mac": bytes(17)},
        {"file": bytes(129)},
        {"options": {0: b""}},
        {"options": {255: b""}},
        {"options": {1: bytes(70000)}},
    ],
)
def test_what_cannot_be_written(wrong):
    with pytest.raises(PacketError):
        packet.encode(dataclasses.replace(Packet(packet.REQUEST, 1, MAC), **wrong))


@pytest.mark.parametrize("text", ["", "52:54:00:12:34", "52:54:00:12:34:5g", "52:54:00:12:34:56:78"])
def test_what_is_no_mac_address(text):
    with pytest.raises(PacketError):
        packet.mac_bytes(text)


def test_a_servers_text_moves_no_cursor():
    assert packet.text(b"a\x1b[2Jb\0rest") == "a\N{REPLACEMENT CHARACTER}[2Jb"


@pytest.mark.parametrize("kind", firmware.FIRMWARES, ids=lambda kind: kind.name)
def test_firmware_says_what_it_is(kind):
    sent = packet.decode(packet.encode(firmware.discover(kind, MAC, 1)))
    assert struct.unpack("!H", sent.options[packet.ARCHITECTURE]) == (kind.code,)
    assert sent.vendor_class.startswith(f"{'HTTP' if kind.http else 'PXE'}Client:Arch:{kind.code:05}:")
    assert packet.IPXE not in sent.options
    assert (sent.message, sent.mac, len(sent.options[packet.MACHINE_ID])) == (Message.DISCOVER, MAC, 17)


def test_ipxe_says_that_it_is_ipxe():
    sent = firmware.discover(firmware.FIRMWARES[0].as_ipxe(), MAC, 1)
    assert sent.options[packet.USER_CLASS] == b"iPXE"
    assert packet.IPXE in sent.options


def test_a_plain_client_boots_nothing():
    assert not {packet.VENDOR_CLASS, packet.ARCHITECTURE} & set(firmware.discover(firmware.PLAIN, MAC, 1).options)


def test_a_made_up_mac_address_is_nobodys():
    made = wire.random_mac()
    assert made[0] & 3 == 2
    assert made != wire.random_mac()
