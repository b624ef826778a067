"""An application under load that is reloaded and stopped, and loses nothing.

    python -m tests.services.load --connections 10000

Clients count every request. Several times the application is told to reload (SIGHUP). At the end it is told to stop
(SIGTERM) while the clients go on: each connection that was made is served, and then the port is closed.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.services.served import APPLICATION, Load, Served


def serve_under_load(folder, *, connections, clients, workers=2, reloads=2, where="", options=()):
    """Return (the load, the exit code) of one run, with `connections` made before the end begins."""
    Path(folder, "app.py").write_text(APPLICATION)
    target = ("app:handle", "--listen", where) if where else ("app:service",)
    with Served(folder, *target, "--workers", str(workers), *options) as served:
        pids = served.wait_ready(workers)
        address = served.address()
        share = connections // (reloads + 1)
        with Load(address, clients) as load:
            load.wait_connections(share)
            for turn in range(reloads):
                served.send(signal.SIGHUP)
                served.wait_for("reloaded", count=turn + 1)
                load.wait_answers_of_others(pids)
                load.wait_connections(share)
            served.send(signal.SIGTERM)
            load.wait_refused()
        return load, served.wait_ended()


def main():
    """Run once, print the counts, and return 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reloads", type=int, default=3)
    parser.add_argument("--listen", default="", metavar="ENDPOINT")
    parser.add_argument("options", nargs="*", help="further options of weft serve, after --")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        load, code = serve_under_load(
            folder,
            connections=arguments.connections,
            clients=arguments.clients,
            workers=arguments.workers,
            reloads=arguments.reloads,
            where=arguments.listen,
            options=arguments.options,
        )
    print(f"exit code {code}; {time.monotonic() - began:.1f} s; processes that answered: {len(load.answered_by)}")
    print(
        ", ".join(f"{count} {what}" for what, count in sorted(load.counts.items())), f"({load.counts['lost']} lost)"
    )
    for loss in load.losses[:20]:
        print(loss)
    return 1 if load.counts["lost"] or code else 0


if __name__ == "__main__":
    sys.exit(main())
