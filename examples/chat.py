"""A chat: what one says, all the others hear.

Connections that share something, here a room, and flow control where nobody
waits for anybody: who reads too slowly misses messages, is told how many, and
costs neither memory nor the others' time.

    python examples/chat.py              serves on port 7003 until Ctrl-C
    nc localhost 7003                    in two terminals: say a name, and talk

`/who` says who is there, `/quit` leaves. To see how many are connected as a
picture, serve it so, and send the process a SIGUSR1:

    weft serve examples.chat:service --tree chat.svg

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import logging
import sys

import weft
from weft.errors import WeftError
from weft.protocols import LineProtocol

WHERE = "tcp:7003:interface=127.0.0.1"
MOST_NAME_LETTERS = 20


class Room:
    """Who is there, by name."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def tell(self, text: str) -> None:
        """Have everybody hear something."""
        for member in self.members.values():
            member.hear(text)


class Member(LineProtocol):
    """One person's connection; without a name, somebody at the door."""

    delimiter = b"\n"
    max_length = 1000

    def __init__(self, room: Room) -> None:
        self.room = room
        self.name = ""
        self.is_behind = False
        self.missed = 0

    def connected(self) -> None:
        """Ask who it is."""
        self.hear("* What is your name?")

    def line_received(self, line: bytes) -> None:
        """Act on what was typed."""
        text = "".join(filter(str.isprintable, line.decode(errors="replace"))).strip()
        if not self.name:
            self.enter(text)
        elif text == "/who":
            self.hear("* " + ", ".join(self.room.members))
        elif text == "/quit":
            self.close()
        elif text.startswith("/"):
            self.hear(f"* {text.split()[0]} is no command: there are /who and /quit")
        elif text:
            self.room.tell(f"{self.name}: {text}")

    def enter(self, name: str) -> None:
        """Come in under a name that is free."""
        if not name.isalnum() or len(name) > MOST_NAME_LETTERS:
            self.hear(f"* A name has letters and digits, {MOST_NAME_LETTERS} at most. What is yours?")
        elif name in self.room.members:
            self.hear(f"* {name} is here already. What is your name?")
        else:
            self.room.tell(f"* {name} comes in")
            self.name = name
            self.room.members[name] = self
            self.hear(f"* Welcome, {name}. Here are: {', '.join(self.room.members)}")

    def disconnected(self, error: Exception | None) -> None:
        """Leave, however the connection ended."""
        if self.name:
            del self.room.members[self.name]
            self.room.tell(f"* {self.name} is gone")

    def hear(self, text: str) -> None:
        """Send a line, unless this member is behind with reading: then it is only counted."""
        if self.is_behind:
            self.missed += 1
        else:
            self.send_line(text.encode())

    def pause_writing(self) -> None:
        """Too much waits to be sent: 64 KiB, where nobody says otherwise."""
        super().pause_writing()
        self.is_behind = True

    def resume_writing(self) -> None:
        """The member reads again."""
        super().resume_writing()
        self.is_behind = False
        if self.missed:
            missed, self.missed = self.missed, 0
            self.hear(f"* You read too slowly: {missed} messages passed you by")


def service(where: str = WHERE) -> weft.Service:
    """Return the server, with a room of its own."""
    room = Room()
    return weft.ServerService(where, lambda: Member(room), finish=Member.close, name="chat")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    listen = parser.parse_args().listen
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(listen)).serve())
    except WeftError as error:
        sys.exit(f"chat.py: {error}")


if __name__ == "__main__":
    main()
