#!/usr/bin/env python3
"""What it costs to judge a storm: a thousand machines that boot at once, out of a log of which nothing is recorded yet.

The log is that of records.py. Read as the module ``journey_info`` does on the boot host, and judged as ``journey.yml`` does on the
controller. Limits: 3 s of the processor and 200 MB for both. What journalctl itself needs comes on top.

    python3 tests/bench/journey.py [--nodes N]
"""

from __future__ import annotations

import argparse
import pathlib
import resource
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
SECONDS, MEGABYTES = 3.0, 200


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    nodes = parser.parse_args().nodes
    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory, "ansible_collections", "kindling")
        place.mkdir(parents=True)
        (place / "flatcar").symlink_to(ROOT)
        sys.path[:0] = [directory, str(ROOT / "tests" / "bench")]
        return measured(nodes)


def measured(nodes: int) -> int:
    import records as storm
    from ansible_collections.kindling.flatcar.plugins.module_utils._journey import journey as host
    from ansible_collections.kindling.flatcar.plugins.module_utils._records import records
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.journey import Machine
    from ansible_collections.kindling.flatcar.plugins.plugin_utils._journey.judge import judged

    places = dict(map(storm.machine, range(nodes)))
    machines = records.read_machines("".join(f"{mac},id:*,{address},n\n" for mac, address in places.items()))
    with tempfile.TemporaryFile() as file:
        file.writelines(line + b"\n" for line in storm.log_of(nodes))
        before = time.process_time()
        heard = host.heard(
            pathlib.Path("/nowhere"), lambda _cursor: records.entries_of(storm.rewound(file)), machines, None, 0
        )
    read = time.process_time() - before
    heard |= {"now": heard["until"] + 3600, "silent": [], "connected": []}
    status = {"drift": [], "stage": None}
    journeys = [
        judged([Machine(address, (mac,), address, "ram", "", "boot")], {"boot": heard}, {}, status)
        for mac, address in places.items()
    ]
    judging = time.process_time() - before - read
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    fine = sum(journey["state"] == "fine" for journey in journeys)
    print(f"{nodes} nodes, {fine} of them fine: read in {read:.2f} s of the processor, judged in {judging:.2f} s")
    print(
        f"together at most {SECONDS:.0f} s; memory, this program's own log included: {memory:.0f} MB (at most {MEGABYTES})"
    )
    return int(read + judging > SECONDS or memory > MEGABYTES or fine != nodes)


if __name__ == "__main__":
    sys.exit(main())
