"""Ask the boot host, as a machine does half-way through its lease, to renew it; print the kind of its answer.

As a machine does, it asks again when there is none.
"""

import ipaddress
import socket
import sys

from ansible_collections.kindling.flatcar.plugins.module_utils._netboot import packet

mac, address = packet.mac_bytes(sys.argv[1]), ipaddress.IPv4Address(sys.argv[2])
asked = packet.Packet(packet.REQUEST, 77, mac, {packet.MESSAGE_TYPE: bytes((packet.Message.REQUEST,))}, client=address)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.bind((str(address), 68))
    client.settimeout(2)
    for _ in range(3):
        client.sendto(packet.encode(asked), ("10.77.0.1", 67))
        try:
            print(packet.Message(packet.decode(client.recv(2048)).message).name)
            break
        except TimeoutError:
            pass
    else:
        print("nothing")
