"""Descriptors that travel through a UNIX socket with the bytes of a stream (SCM_RIGHTS, unix(7)).

A descriptor needs a byte to travel with, and gets one for itself. So nothing that is written leaves before the
running callback returns, which may send descriptors yet; and more descriptors than bytes end the connection, as in
Twisted. A read that brought descriptors ends with their byte, whatever waits behind it.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from typing import Any

from twisted.internet import error as errors
from twisted.internet.interfaces import IFileDescriptorReceiver
from twisted.python import log
from twisted.python.failure import Failure

from weft.core import _os
from weft.faces.twisted.connection import TwistedStream
from weft.transports import lifecycle
from weft.transports.channel import SocketChannel

MOST_WAITING = 64
"""Descriptors that wait to be sent before the producer is paused, as many as in Twisted."""


class RightsChannel(SocketChannel):
    """Moves a UNIX socket's bytes, and the descriptors that travel with them."""

    def __init__(self, sock: socket.socket, peername: Any = None) -> None:
        SocketChannel.__init__(self, sock, peername)
        self.came: list[tuple[int, int, bytes] | None] = []  # beside the bytes; None: some of it is lost
        self.leaving: list[int] = []  # descriptors that are to be sent, one with each of the next bytes

    def recv(self, size: int) -> bytes | None:
        """Return up to `size` bytes, b"" at the end, None if there is nothing yet; `came` is what came beside."""
        return _os.recv_beside(self.fd, self.sock, size, self.came)

    def send(self, data: Any) -> int:
        """Send descriptors with a byte each, and the other bytes; return how many were taken, -1 if none can be."""
        if not self.leaving:
            return SocketChannel.send(self, data)
        data = memoryview(data)  # an outbox has no slices of its own
        index = 0
        while self.leaving and index < len(data):
            rights = array.array("i", self.leaving[:1])
            try:
                self.sock.sendmsg([data[index : index + 1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR, errno.ENOBUFS):
                    raise
                return index or -1
            del self.leaving[0]
            index += 1
        if index < len(data):
            index += max(0, SocketChannel.send(self, data[index:]))
        return index

    def send_many(self, chunks: list[Any]) -> int:
        """Send several pieces as if they were one; return how many bytes were taken in all, -1 if none can be."""
        return self.send(chunks[0]) if self.leaving else SocketChannel.send_many(self, chunks)


class RightsStream(TwistedStream):
    """A stream through a UNIX socket, whose protocol sends descriptors, and takes those that come."""

    def carry(self, rights: RightsChannel) -> None:
        """Have descriptors travel by the stream's channel."""
        self.rights = rights
        self.in_write = False

    # -- descriptors that come

    def receive(self, protocol: Any, data: bytes) -> None:
        """Give the descriptors that came to the protocol, then the bytes."""
        if self.rights.came:
            self.interrupted()  # there may be more to read
            self.log_stack.enter(self)
            try:
                self.take_rights()
            except SystemExit as error:  # Twisted's loop goes on, whatever a protocol raises
                self.fail(error)
                return
            finally:
                self.log_stack.leave()
        TwistedStream.receive(self, self.protocol, data)  # which taking descriptors may have changed

    def take_rights(self) -> None:
        """Give the descriptors that came to the protocol; those that it does not take are closed."""
        came = self.rights.came
        self.rights.came = []
        descriptors = array.array("i")
        for one in came:
            if one is None:
                self.log_rights(
                    "%(protocolName)s (on %(hostAddress)r) lost file descriptors from %(peerAddress)r: "
                    "this process may have no more of them open."
                )
                continue
            level, kind, content = one
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) // 4 * 4])
            else:
                self.log_rights(
                    "%(protocolName)s (on %(hostAddress)r) received unsupported ancillary data "
                    "(level=%(cmsgLevel)r, type=%(cmsgType)r) from %(peerAddress)r.",
                    cmsgLevel=level,
                    cmsgType=kind,
                )
        try:
            if IFileDescriptorReceiver.providedBy(self.protocol):
                while descriptors:
                    self.protocol.fileDescriptorReceived(descriptors.pop(0))
            elif descriptors:
                self.log_rights(
                    "%(protocolName)s (on %(hostAddress)r) does not provide IFileDescriptorReceiver; closing file "
                    "descriptor received (from %(peerAddress)r)."
                )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def log_rights(self, format: str, **values: Any) -> None:
        """Log what became of descriptors, and between whom."""
        names: Any = self  # which unix.py gives it
        log.msg(
            format=format,
            hostAddress=names.getHost(),
            peerAddress=names.getPeer(),
            protocolName=names.protocol_name(),
            **values,
        )

    # -- descriptors that leave

    def sendFileDescriptor(self, descriptor: int) -> None:
        """Send a copy of a descriptor with the next byte; it must stay open until then."""
        if self.state >= lifecycle.CLOSING:
            return
        self.rights.leaving.append(descriptor)
        if len(self.rights.leaving) > MOST_WAITING:
            self.pause_producer()
        if not self.is_blocked:
            self.flush_later()

    def write(self, data: Any) -> None:
        """Accept bytes for sending; never waits. They leave when the running callback returns."""
        self.in_write = True
        try:
            TwistedStream.write(self, data)
        finally:
            self.in_write = False

    def flush(self) -> None:
        """Send what the system takes of what was written; end if descriptors have no bytes to travel with."""
        if self.in_write:
            if self.others is None:  # else it is to be flushed already
                self.flush_later()
        elif self.rights.leaving and len(self.rights.leaving) > self.pending:
            self.lose(Failure(errors.FileDescriptorOverrun()))
        else:
            TwistedStream.flush(self)
