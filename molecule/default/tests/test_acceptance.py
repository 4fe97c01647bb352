"""What acceptance.yml says from the rack's side: the controller stands on the rack's network, as a laptop in its switch does."""

import re

NEEDED = (0, 7, 9, 16)


def test_all_would_boot_and_nothing_is_left_behind(host, rack, acceptance):
    status, rows, said = acceptance()
    assert status == 0, said
    for code in NEEDED:
        ram, disk = rows[f"{rack.name}-ram", code], rows[f"{rack.name}-disk", code]
        assert (ram["address"], disk["address"]) == ("10.77.0.11", "10.77.0.12")
        assert ram["followed"]
        assert ram["end"].startswith("starts flatcar_production_pxe.vmlinuz, Ignition 3.")
        assert disk["end"] == "its own disk"
    with host.sudo():
        journal = host.check_output("journalctl --no-pager -o cat -u kindling-dnsmasq")
        acknowledged = re.findall(rf"DHCP(?:ACK|RELEASE)\(lan0\) 10\.77\.0\.11 {rack.ram}", journal)
    assert acknowledged[-1].startswith("DHCPRELEASE")


def test_a_web_server_that_is_down_is_a_failure(host, rack, acceptance):
    with host.sudo():
        host.check_output("systemctl stop kindling-web")
        try:
            status, rows, said = acceptance()
        finally:
            host.check_output("systemctl start kindling-web")
    assert status != 0
    assert f"Not everything would boot: {rack.name}-disk, {rack.name}-ram" in said
    assert "http://10.77.0.1/boot.ipxe: no answer" in " ".join(rows[f"{rack.name}-ram", 7]["problems"])
