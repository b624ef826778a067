"""A calculator: a sum in each line, its value in the line that comes back.

A protocol that is made of lines: `LineProtocol` cuts the stream, bounds it and
calls `line_received`. What is wrong with a line is answered in words, and the
conversation goes on.

    python examples/calculator.py        serves on port 7002 until Ctrl-C
    nc localhost 7002                    then type 2 * (3 + 4), 7 / 0, two + two

The protocol is a class, and a class can be served as it is:

    weft serve examples.calculator:Calculator --listen tcp:7002

Exits with 0 when it was stopped, 1 when it cannot serve, 2 for misuse.
"""

import argparse
import ast
import logging
import math
import operator
import sys
from collections.abc import Callable

import weft
from weft.errors import WeftError
from weft.protocols import LineProtocol

WHERE = "tcp:7002:interface=127.0.0.1"
MOST_LINE_BYTES = 200
"""So short that no line can ask for much work: there is no power among the operators either."""
OPERATORS: dict[type[ast.AST], Callable[..., int | float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
HINT = "write numbers, + - * / // % and parentheses"


class Calculator(LineProtocol):
    """One client's conversation."""

    delimiter = b"\n"
    max_length = MOST_LINE_BYTES

    def line_received(self, line: bytes) -> None:
        """Answer with the line's value, or with what is wrong with it."""
        try:
            answer = str(calculate(line.decode().strip()))
        except (ArithmeticError, ValueError) as error:
            answer = f"error: {error}"
        self.send_line(answer.encode())

    def refused(self, error: WeftError) -> None:
        """Say why the conversation ends here: a line was too long, or the last one was cut short."""
        self.send_line(b"error: a line has %d bytes at most, and a newline at its end" % self.max_length)
        self.close()


def calculate(text: str) -> int | float:
    """Return the value of a sum, 2 * (3 + 4) say. Raises ValueError or ArithmeticError, which say what is wrong."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, MemoryError):  # the latter for too many parentheses
        raise ValueError(f"{text!r} is no sum: {HINT}") from None
    value = value_of(tree.body)
    if not math.isfinite(value):
        raise OverflowError(f"{text!r} is too large")
    return value


def value_of(node: ast.expr) -> int | float:
    """Return the value of one part of a sum. Nothing but numbers and operators is ever computed."""
    match node:
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.BinOp(left, sign, right) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](value_of(left), value_of(right))
        case ast.UnaryOp(sign, operand) if type(sign) in OPERATORS:
            return OPERATORS[type(sign)](value_of(operand))
    raise ValueError(f"{ast.unparse(node)!r} cannot be computed: {HINT}")


def service(where: str = WHERE) -> weft.Service:
    """Return the server. When it is stopped it closes the connections: whatever came was answered at once."""
    return weft.ServerService(where, Calculator, finish=Calculator.close, name="calculator")


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listen", default=WHERE, metavar="ENDPOINT", help="where to listen (default: %(default)s)")
    listen = parser.parse_args().listen
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        weft.run(weft.Application(service(listen)).serve())
    except WeftError as error:
        sys.exit(f"calculator.py: {error}")


if __name__ == "__main__":
    main()
