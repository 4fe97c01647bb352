"""What a machine's firmware says on the network before it has a system: DHCP, proxyDHCP, TFTP, HTTP and iPXE's scripts,
for emulated clients. Runs on hosts: the standard library alone.
"""
