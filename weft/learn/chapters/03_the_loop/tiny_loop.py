"""A loop: what stood at the bottom of by_hand.py, taken out and named."""

import heapq
import itertools
import select
import time
from collections import deque


class Loop:
    """Makes calls: soon, after a while, or when a connection has something to read."""

    def __init__(self):
        self.ready = deque()  # calls to make in the next turn
        self.timers = []  # a heap: (moment, number, call, args), the soonest first
        self.numbers = itertools.count()  # two timers of one moment keep their order
        self.readers = {}  # connection: (call, args)

    def call_soon(self, call, *args):
        self.ready.append((call, args))

    def call_later(self, delay, call, *args):
        heapq.heappush(
            self.timers, (time.monotonic() + delay, next(self.numbers), call, args)
        )

    def add_reader(self, connection, call, *args):
        self.readers[connection] = (call, args)

    def remove_reader(self, connection):
        del self.readers[connection]

    def run(self):
        while self.ready or self.timers or self.readers:
            self.turn()

    def turn(self):
        readable, _, _ = select.select(list(self.readers), [], [], self.timeout())
        for connection in readable:
            self.ready.append(self.readers[connection])
        while self.timers and self.timers[0][0] <= time.monotonic():
            _, _, call, args = heapq.heappop(self.timers)
            self.ready.append((call, args))
        for _ in range(len(self.ready)):  # what these add is for the next turn
            call, args = self.ready.popleft()
            call(*args)

    def timeout(self):
        if self.ready:
            return 0
        if self.timers:
            return max(0, self.timers[0][0] - time.monotonic())
        return None
