"""How the kinds of endpoints are written: what a kind, Weft's own or a third party's, says of its strings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from weft.endpoints.base import ClientEndpoint, ServerEndpoint
from weft.endpoints.parameters import Parameter

E = TypeVar("E", bound=ServerEndpoint | ClientEndpoint)


@dataclass(frozen=True)
class Form(Generic[E]):
    """How one kind of endpoint is written, for listening or for connecting."""

    make: Callable[..., E]
    """Makes the endpoint: positional parameters by position, the others by name, those that were given only."""
    parameters: tuple[Parameter, ...]
    example: str
    """A whole string that is right."""
    wraps: bool = False
    """Whether all that follows the kind's name is another endpoint's string, which `make` is given as an endpoint."""


@dataclass(frozen=True)
class Kind:
    """One kind of endpoint: how it is written where one listens, and where one connects; None where one cannot."""

    listening: Form[ServerEndpoint] | None = None
    connecting: Form[ClientEndpoint] | None = None
