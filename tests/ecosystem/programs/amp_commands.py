"""What the two sides of the AMP programs ask each other."""

from twisted.protocols import amp


class Add(amp.Command):
    """The server adds; it asks the client to double the sum before it answers."""

    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"total", amp.Integer())]


class Double(amp.Command):
    """The client doubles."""

    arguments = [(b"number", amp.Integer())]
    response = [(b"number", amp.Integer())]


class Divide(amp.Command):
    """The server divides, in a thread."""

    arguments = [(b"a", amp.Integer()), (b"b", amp.Integer())]
    response = [(b"quotient", amp.Float())]
    errors = {ZeroDivisionError: b"ZERO_DIVISION"}


class Reverse(amp.Command):
    """The server turns bytes and rows around."""

    arguments = [
        (b"data", amp.String()),
        (b"rows", amp.AmpList([(b"name", amp.Unicode()), (b"size", amp.Integer())])),
    ]
    response = arguments


class Wait(amp.Command):
    """The server never answers."""

    response = [(b"nothing", amp.Boolean())]


class Fail(amp.Command):
    """The server raises what it did not declare: AMP ends the connection."""
