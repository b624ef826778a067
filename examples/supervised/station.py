"""A supervised service: a station that measures how busy the machine is, and
tells whoever connects.

A tree of services that start in order and stop in reverse: a timer that
measures, a server that reports. `weft serve` watches over the processes that
run it: one that dies or hangs is replaced, and the port outlives all of them.

    weft serve examples.supervised.station:service --workers 2
    python examples/supervised/watcher.py        in other terminals

Now `kill -9` a worker (its number is in the log, and in what the watcher
shows): the watcher says that it lost the station, and has another a moment
later. `kill -HUP` the command, and new workers take over with the code as it
is now. See the tree with the workers' processes: add --tree tree.svg, then
`kill -USR1` the command.

The environment variable STATION_LISTEN says where to listen:
tcp:7007:interface=127.0.0.1 without it.
"""

import asyncio
import json
import logging
import os

import weft

WHERE = "tcp:7007:interface=127.0.0.1"
INTERVAL_S = 1.0


class Station(weft.Service):
    """Measures again and again, and reports each reading to everybody who is connected and keeps up."""

    def __init__(self, where: str) -> None:
        self.number = 0
        self.load = 0.0
        self.watchers: list[asyncio.StreamWriter] = []
        timer = weft.TimerService(INTERVAL_S, self.measure, name="measure")
        server = weft.ServerService(where, self.report, finish=asyncio.StreamWriter.close, name="reports")
        super().__init__(timer, server, name="station")

    @property
    def note(self) -> str:
        """What the tree shows beside the name."""
        return f"load {self.load:.2f} in reading {self.number}"

    async def measure(self) -> None:
        """Take a reading, and send it to everybody as a line of JSON."""
        self.number += 1
        self.load, _, _ = os.getloadavg()
        line = json.dumps({"pid": os.getpid(), "number": self.number, "load": self.load})
        for writer in self.watchers:
            if not writer.transport.get_write_buffer_size():  # who has not taken the last one yet misses this one
                writer.write(f"{line}\n".encode())

    async def report(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Have somebody hear of the readings, for as long as the connection lasts."""
        logging.info("%s watches", writer.get_extra_info("peername"))
        self.watchers.append(writer)
        try:
            while await reader.read(1024):
                pass  # what a watcher says does not matter, but its end does
        finally:
            self.watchers.remove(writer)


def service() -> weft.Service:
    """Return the tree that `weft serve` runs in each of its workers."""
    return Station(os.environ.get("STATION_LISTEN", WHERE))
