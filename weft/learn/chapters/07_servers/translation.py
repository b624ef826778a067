"""A slow service that translates to capitals, over netstrings; and who asks it."""

import itertools
from collections import deque

import weft
from weft.learn import drawn
from weft.protocols import NetstringProtocol

HERE = "tcp:0:interface=127.0.0.1"
numbers = itertools.count(1)


@drawn
def begin(question):
    """Begin to translate."""


@drawn
def end(question, text):
    return text.upper()


class Service(NetstringProtocol):
    def string_received(self, text):
        question = f"question {next(numbers)}, {text.decode()}"
        begin(question)
        answer = weft.defer_later(0.3, end, question, text)
        answer.add_callback(self.send_string)


class Asker(NetstringProtocol):
    def connected(self):
        self.under_way = deque()

    def ask(self, text):
        """Return a Deferred of the answer; the answers come in the questions' order."""
        answer = weft.Deferred()
        self.under_way.append(answer)
        self.send_string(text)
        return answer

    def string_received(self, text):
        self.under_way.popleft().callback(text)

    def disconnected(self, error):
        for answer in self.under_way:
            answer.errback(ConnectionError("it hung up"))


async def connect(port):
    """Return an Asker who is connected to a port that somebody listens at."""
    host, number = port.addresses[0]
    _, asker = await weft.connect(f"tcp:{host}:{number}", Asker)
    return asker
