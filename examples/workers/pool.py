"""A pool of worker processes: numbers go in, their prime factors come out, and
every core has something to do.

A child process is a connection like any other: the endpoint `Process` starts a
program and speaks with it by its standard input and output. So what keeps a
connection keeps a child, too: a `ClientService` for each, which starts another
when one dies. A job whose child dies is given to the next one: none is lost.

    python examples/workers/pool.py 1000036000099 99999999999971 360
    python examples/workers/pool.py --workers 4 < numbers.txt

Kill a worker while it works (its number is in the log), and see. Or see the
jobs wait for the workers, and open pool.svg:

    weft run --figure pool.svg examples/workers/pool.py --workers 2 101 102 103

Exits with 0 when every number has its factors, 1 when a job failed, 2 for
misuse, 130 after Ctrl-C.
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

import weft
from weft.endpoints import Process
from weft.errors import WeftError
from weft.protocols import JsonLineProtocol
from weft.services import Backoff

WORKER = Path(__file__).resolve().parent / "factor.py"
MOST_ATTEMPTS = 3
"""A job during which so many workers have died is given up: it may be what kills them."""


class JobError(Exception):
    """A job was given up."""


class Worker(JsonLineProtocol):
    """The connection to a child process, which does one job at a time."""

    def connected(self) -> None:
        """Be ready for a job."""
        self.pid = self.transport.get_extra_info("pid")
        self.answer: weft.Deferred[list[int]] | None = None
        logging.info("worker %d begins", self.pid)

    def do(self, number: int) -> weft.Deferred[list[int]]:
        """Give the child a job; return a Deferred of its answer, which fails if the child dies."""
        self.answer = weft.Deferred()
        self.write(b"%d\n" % number)
        return self.answer

    def json_received(self, value: Any) -> None:
        """The job is done."""
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.callback(value)

    def disconnected(self, error: Exception | None) -> None:
        """The child has ended: in the middle of a job, that is a failure of the job."""
        if self.answer is not None:
            self.answer.errback(error or EOFError("the worker ended before it answered"))


class Pool(weft.Service):
    """Children that are kept, and who of them is free."""

    def __init__(self, count: int) -> None:
        command = Process((sys.executable, str(WORKER)), end_timeout_s=0.5)
        workers = [
            weft.ClientService(command, Worker, backoff=Backoff(0.05, 5), name=f"worker {number}")
            for number in range(1, count + 1)
        ]
        super().__init__(*workers, name="pool")
        self.free: asyncio.Queue[weft.ClientService] = asyncio.Queue()
        for worker in workers:
            self.free.put_nowait(worker)

    async def factors_of(self, number: int) -> list[int]:
        """Return a number's prime factors, from the first child that is free. Raises JobError."""
        for _ in range(MOST_ATTEMPTS):
            service = await self.free.get()
            try:
                worker: Worker = await service.connected()
                logging.info("worker %d takes %d", worker.pid, number)
                return await worker.do(number)
            except (WeftError, OSError, EOFError) as error:
                logging.warning("%d is done again: %s", number, error)
            finally:
                self.free.put_nowait(service)
        raise JobError(f"{number} was given up: {MOST_ATTEMPTS} workers died of it")


async def factor_all(numbers: list[int], count: int) -> int:
    """Print each number with its factors, in order, as soon as they are there; return how many jobs failed."""
    failed = 0
    async with Pool(count) as pool:
        jobs = [asyncio.create_task(pool.factors_of(number), name=f"factor {number}") for number in numbers]
        try:
            for number, job in zip(numbers, jobs, strict=True):
                try:
                    print(f"{number}:", *await job, flush=True)
                except JobError as error:
                    failed += 1
                    logging.error("%s", error)
        finally:
            for job in jobs:
                job.cancel()  # of those that are done, nothing comes
    return failed


def whole_number(text: str) -> int:
    """Return `text` as a number from 1 on."""
    if not (text.isascii() and text.isdecimal() and len(text) < 100 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def main() -> None:
    """Print the factors of the numbers that were given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "numbers", nargs="*", type=whole_number, metavar="NUMBER", help="what to factor (default: standard input)"
    )
    parser.add_argument(
        "--workers", type=whole_number, default=os.cpu_count(), metavar="N", help="processes (default: %(default)s)"
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("weft").setLevel(logging.WARNING)
    try:
        numbers = options.numbers or [whole_number(word) for word in sys.stdin.read().split()]
        failed = weft.run(factor_all(numbers, options.workers))
    except argparse.ArgumentTypeError as error:
        parser.error(f"standard input: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
