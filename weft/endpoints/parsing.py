"""Strings to endpoints: `kind:value:value:name=value`, with a backslash before a ":", "=" or "\\" that is meant so.

An error says which part is wrong and what is allowed there, and shows a string that is right.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Generic, NoReturn

from weft.endpoints import kinds
from weft.endpoints.base import ClientEndpoint, ServerEndpoint
from weft.endpoints.forms import E, Form, Kind
from weft.endpoints.parameters import Parameter
from weft.errors import EndpointError, EndpointStringError


def quote(text: str) -> str:
    """Return `text` as it must be written to be one value of an endpoint's string, whatever it contains."""
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")


def server(string: str) -> ServerEndpoint:
    """Return the endpoint to listen at that a string describes. Raises EndpointStringError if it describes none."""
    return read(string, "listen", lambda kind: kind.listening)


def client(string: str) -> ClientEndpoint:
    """Return the endpoint to connect to that a string describes. Raises EndpointStringError if it describes none."""
    return read(string, "connect", lambda kind: kind.connecting)


def read(string: str, verb: str, choose: Callable[[Kind], Form[E] | None]) -> E:
    """Return the endpoint that a string describes, in the form that `choose` takes of a kind."""
    wrappings: list[Form[E]] = []
    name, _, rest = string.partition(":")
    form = find_form(string, name, verb, choose)
    while form.wraps:
        if not rest:
            refuse(string, name, f"{name} needs the string of another endpoint behind it", form.example)
        wrappings.append(form)
        name, _, rest = rest.partition(":")
        form = find_form(string, name, verb, choose)
    reading = Reading(string, name, form, verb, choose)
    endpoint = reading.endpoint(rest)
    for wrapping in reversed(wrappings):
        endpoint = reading.made(wrapping, endpoint)
    return endpoint


def find_form(string: str, name: str, verb: str, choose: Callable[[Kind], Form[E] | None]) -> Form[E]:
    """Return how a kind is written: one of Weft's own, or else one that an installed distribution adds."""
    kind = kinds.find(name)
    form = choose(kind) if kind is not None else None
    if form is not None:
        return form
    known = kinds.names(choose)
    if kind is not None:
        refuse(string, name, f"{name} endpoints cannot {verb}; those that can are {', '.join(known)}")
    near = difflib.get_close_matches(name.lower(), known, 1)
    hint = f"did you mean {near[0]}?" if near else f"those that {verb} are {', '.join(known)}"
    shown = kinds.find(near[0] if near else "tcp")
    example = choose(shown) if shown is not None else None
    refuse(string, name, f"there is no kind of endpoint called {name!r}: {hint}", example.example if example else "")


class Reading(Generic[E]):
    """One string, while it is read."""

    def __init__(
        self, string: str, kind: str, form: Form[E], verb: str, choose: Callable[[Kind], Form[E] | None]
    ) -> None:
        self.string = string
        self.kind = kind
        self.form = form
        self.verb = verb
        self.choose = choose
        self.positional = [parameter for parameter in form.parameters if parameter.is_positional]
        self.named = {parameter.name: parameter for parameter in form.parameters if not parameter.is_positional}

    def endpoint(self, rest: str) -> E:
        """Return the endpoint that the values in `rest` describe."""
        values: list[str] = []
        named: dict[str, str] = {}
        for name, value in self.split(rest):
            if name is None:
                values.append(value)
            elif name in named:
                self.refuse(name, f"{name} is given twice")
            else:
                named[name] = value
        arguments = self.read_positional(values)
        options = dict(self.read_named(name, value) for name, value in named.items())
        return self.made(self.form, *arguments, **options)

    def made(self, form: Form[E], *arguments: Any, **options: Any) -> E:
        """Return what a form makes; what that refuses is refused with the whole string."""
        try:
            return form.make(*arguments, **options)
        except EndpointStringError:
            raise
        except EndpointError as error:
            refuse(self.string, self.kind, str(error), form.example)

    def split(self, rest: str) -> Iterable[tuple[str | None, str]]:
        """Yield (its name or None, the value) for each part of a string, with the backslashes taken out."""
        if not rest:
            return  # "stdio" and "stdio:" say the same
        name: str | None = None
        part = ""
        characters = iter(rest)
        for character in characters:
            if character == "\\":
                follows = next(characters, None)
                if follows is None:
                    self.refuse("\\", "it ends in a backslash, which says how to take the character behind it")
                part += follows
            elif character == ":":
                yield name, part
                name, part = None, ""
            elif character == "=" and name is None:
                name, part = part, ""
            else:
                part += character
        yield name, part

    def read_positional(self, values: list[str]) -> list[Any]:
        """Return what the values without a name stand for."""
        expected = self.positional
        has_repeated = bool(expected) and expected[-1].is_repeated
        if len(values) > len(expected) and not has_repeated:
            surplus = values[len(expected)]
            places = " and ".join(parameter.name for parameter in expected) or "nothing"
            self.refuse(
                surplus,
                f"{surplus!r} is one value too many: {self.kind} takes {places} without a name, and "
                f"{self.options()}. A colon that belongs to a value has a backslash before it",
            )
        needed = expected[:-1] if has_repeated else expected
        if len(values) < len(needed) and not needed[len(values)].is_optional:
            missing = needed[len(values)]
            self.refuse(missing.name, f"{missing.name} is missing: it must be {missing.allowed}")
        found = [self.value(parameter, value) for parameter, value in zip(needed, values, strict=False)]
        if has_repeated:
            found.append(tuple(self.value(expected[-1], value) for value in values[len(needed) :]))
        return found

    def read_named(self, name: str, value: str) -> tuple[str, Any]:
        """Return (the argument, what its value stands for)."""
        parameter = self.named.get(name)
        if parameter is None:
            near = difflib.get_close_matches(name, self.named, 1)
            hint = f"did you mean {near[0]}=? " if near else ""
            self.refuse(
                name,
                f"{self.kind} knows no {name}=: {hint}It takes {self.options()}. "
                "An equals sign that belongs to a value has a backslash before it",
            )
        return parameter.argument or parameter.name, self.value(parameter, value)

    def value(self, parameter: Parameter, written: str) -> Any:
        """Return what one value stands for."""
        try:
            if parameter.is_endpoint:
                return read(written, self.verb, self.choose)
            return parameter.read(written)
        except EndpointStringError as error:
            raise EndpointStringError(
                self.string, error.part, f"{self.string!r}: {parameter.name} is {error}"
            ) from None
        except ValueError:
            self.refuse(parameter.name, f"{parameter.name} is {written!r}: it must be {parameter.allowed}")

    def options(self) -> str:
        """Return what may be given by name, in words."""
        return ", ".join(f"{name}=" for name in self.named) + " by name" if self.named else "nothing by name"

    def refuse(self, part: str, message: str) -> NoReturn:
        """Raise the error, with the example of this form."""
        refuse(self.string, part, message, self.form.example)


def refuse(string: str, part: str, message: str, example: str = "") -> NoReturn:
    """Raise an EndpointStringError that shows the string, what is wrong, and a right one."""
    end = "" if message.endswith("?") else "."
    right = f"{end} Right: {example}" if example else ""
    raise EndpointStringError(string, part, f"{string!r}: {message}{right}")
