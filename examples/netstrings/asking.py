"""What the client and the proxy have in common: asking the service, and waiting
for its answers.

Several requests may be under way on one connection; the answers come in the
order of the requests. So each request gets a Deferred at the end of a queue,
and each answer fires the one at its front.
"""

from collections import deque

import weft
from weft.protocols import NetstringProtocol

MOST_BYTES = 100_000
"""How long a request or an answer may be."""


class RefusedError(Exception):
    """A request that the service will not do; the message is the reason."""


class Asker(NetstringProtocol):
    """A connection to the service."""

    max_length = MOST_BYTES

    def connected(self) -> None:
        """Begin with nothing under way."""
        self.under_way: deque[weft.Deferred[bytes]] = deque()

    def ask(self, request: bytes) -> weft.Deferred[bytes]:
        """Send a request; return a Deferred of the answer, which fails if the connection ends before it comes."""
        if len(request) > self.max_length:
            return weft.fail(RefusedError(f"a request has {self.max_length} bytes at most, not {len(request)}"))
        self.send_string(request)
        answer: weft.Deferred[bytes] = weft.Deferred()
        self.under_way.append(answer)
        return answer

    def string_received(self, string: bytes) -> None:
        """Fire the Deferred of the request that waits longest."""
        if self.under_way:
            self.under_way.popleft().callback(string)
        else:
            self.abort()  # an answer that nobody asked for: this is not the service

    def disconnected(self, error: Exception | None) -> None:
        """Tell those who wait that no answer comes."""
        reason = error or ConnectionError("the service closed the connection before it answered")
        for answer in self.under_way:
            answer.errback(reason)


def text_of(answer: bytes) -> str:
    """Return the text in an answer. Raises RefusedError if it holds a reason instead."""
    verdict, _, text = answer.decode(errors="replace").partition(" ")
    if verdict != "ok":
        raise RefusedError(text)
    return text
