"""A virtual rack: a boot host in a container, nodes in QEMU, and a network between them that nobody else sees.

Needs nothing but Python's standard library and the Debian packages in ``tests/lab/packages.txt``.
"""
