"""A boot host in the room: both dnsmasq and nginx as the roles configure them, and a fleet of a few machines."""

from __future__ import annotations

import json

from ansible_collections.kindling.flatcar.plugins.module_utils._ipxe import ipxe
from rendered import rendered

ADDRESS = "10.9.0.1"
TOKEN = "T" * 43
MACHINES = {
    "ram": ("52:54:00:09:00:11", "10.9.0.11"),
    "disk": ("52:54:00:09:00:12", "10.9.0.12"),
}
PROGRAMS = {"undionly.kpxe": 70_000, "snponly.efi": 200_000}
KERNEL, INITRD = 15_000_000, 30_000_000


class BootHost:
    def __init__(self, room, subnet="10.9.0.0/24", name="boot", address=ADDRESS, **network):
        self.room, self.name, self.address = room, name, address
        self.directory = room.directory / name
        self.network = {"interface": "lan0", "subnet": subnet, "racks": ["a"], "address": address, **network}
        room.host(name, f"{address}/{subnet.partition('/')[2]}")
        self.web, self.images, self.tftp = (self.directory / name for name in ("web", "images", "tftp"))
        self.publish()
        self.start()

    def publish(self):
        (self.directory / "installs/reports").mkdir(parents=True)
        for name, size in PROGRAMS.items():
            self.put(self.tftp / name, bytes(size))
        release = self.images / "amd64-usr/1.0.0"
        self.put(release / ipxe.KERNEL, bytes(KERNEL))
        self.put(release / ipxe.INITRD, bytes(INITRD))
        self.put(self.web / "boot.ipxe", ipxe.first_script())
        self.put(self.web / "ipxe/unknown.ipxe", ipxe.unknown_script())
        self.have_in_ram("ram", *MACHINES["ram"])
        self.give_script(*MACHINES["disk"], ipxe.disk_script("disk"))
        self.reserve(MACHINES)

    def have_in_ram(self, name, mac, address, token=TOKEN, peer=None, padding=""):
        """A machine's script, and an Ignition config that says whose it is."""
        urls = f"http://{self.address}/images/amd64-usr/1.0.0", f"http://{self.address}/ignition/{token}.ign"
        self.give_script(mac, address, ipxe.ram_script(name, "1.0.0", *urls, ["console=tty0"], peer=peer))
        config = {"ignition": {"version": "3.4.0"}, "name": name, "padding": padding}
        self.put(self.web / f"ignition/{token}/{address}.ign", json.dumps(config))

    def reserve(self, machines):
        """Which machine has which address; dnsmasq reads it when it starts."""
        hosts = "".join(f"{mac},id:*,{address},{name}\n" for name, (mac, address) in machines.items())
        self.put(self.directory / "dnsmasq/dhcp-hosts", hosts)
        self.put(self.directory / "dnsmasq/dns-hosts", "")

    def give_script(self, mac, address, text):
        self.put(self.web / "ipxe" / address / f"{mac.replace(':', '-')}.ipxe", text)

    def put(self, path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def start(self):
        facts = {"lan0": {"device": "lan0", "ipv4": {"address": self.address}}, "distribution_major_version": "13"}
        known = {"ansible_facts": facts, "inventory_hostname": self.name}
        dirs = {"tftp_dir": str(self.tftp), "reservations_dir": str(self.directory / "dnsmasq")}
        own = {"dnsmasq_networks": [self.network], **{f"dnsmasq_{name}": path for name, path in dirs.items()}, **known}
        web = rendered(
            "web",
            "nginx.conf.j2",
            web_networks=[self.network],
            web_root=str(self.web),
            web_images_dir=str(self.images),
            web_programs_dir=str(self.tftp),
            web_installs_dir=str(self.directory / "installs"),
            __web_secret=str(self.put(self.directory / "secure-link.conf", 'set $secure_link_secret "none";\n')),
            __web_run_dir=str(self.directory),
            web_access_log=str(self.directory / "access.log"),
            **known,
        )
        self.dnsmasq, self.log = self.start_dnsmasq("dnsmasq.conf", own)
        self.tftp_and_dns, self.tftp_log = self.start_dnsmasq("tftp.conf", own)
        config = self.put(self.directory / "nginx.conf", web)
        more = f"daemon off; pid {self.directory}/nginx.pid;"
        self.nginx, _ = self.room.start("/usr/sbin/nginx", "-c", config, "-g", more, host=self.name)
        self.room.wait_for_port(self.name, 67)
        self.room.wait_for_port(self.name, 69)
        self.room.wait_for_port(self.name, 80, "t")

    def start_dnsmasq(self, name, variables):
        text = rendered("dnsmasq", f"{name}.j2", **variables).replace("/run/kindling-dnsmasq", str(self.directory))
        config = self.put(self.directory / name, text)
        return self.room.start("dnsmasq", "--keep-in-foreground", f"--conf-file={config}", "--pid-file", host=self.name)

    def leases(self):
        """What dnsmasq holds for anybody."""
        held = self.directory / "leases"
        return [line for line in held.read_text().splitlines() if "52:54" in line] if held.exists() else []
