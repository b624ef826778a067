"""Deferreds to draw, and how to read their pictures."""

import re
from xml.etree import ElementTree

from weft.deferred import Deferred

SVG = "{http://www.w3.org/2000/svg}"
ISOLATES = re.compile("[\u2066-\u2069]")


def double(value):
    return value * 2


def refuse(value):
    raise LookupError("no such poem")


def recover(failure):
    return "another poem"


def fired(deferred, value=1):
    deferred.callback(value)
    return deferred


def recovered():
    deferred = Deferred().add_callback(double).add_callback(refuse).add_callback(double).add_errback(recover)
    return fired(deferred.add_callback(len))


def nested(inner):
    """A chain whose second step waits for `inner`."""

    def fetch(value):
        return inner

    return fired(Deferred().add_callback(double).add_callback(fetch).add_callback(double).add_errback(recover))


def words(figure):
    """The texts of a picture's SVG, from top to bottom as they are written."""
    return [ISOLATES.sub("", text.text) for text in ElementTree.fromstring(figure.svg()).iter(f"{SVG}text")]


def tips(figure):
    """What a reader is told who points at something: what stands on each side of each step, and what it did."""
    root = ElementTree.fromstring(figure.svg())
    return [title.text for group in root.iter(f"{SVG}g") for title in group.findall(f"{SVG}title")]


def classes(figure, name):
    """The classes of the picture's elements of one kind."""
    return [element.get("class") or "" for element in ElementTree.fromstring(figure.svg()).iter(f"{SVG}{name}")]


def crossings(figure):
    """Where the path goes over to the other side: "value" or "failure", for each time, and why."""
    root = ElementTree.fromstring(figure.svg())
    over = [
        path.get("class").removeprefix("path line-")
        for path in root.iter(f"{SVG}path")
        if "path line-" in path.get("class") and "c0 " in path.get("d")
    ]
    reasons = [ISOLATES.sub("", text.text) for text in root.iter(f"{SVG}text") if "ink-" in text.get("class")]
    return over, [reason for reason in reasons if reason not in ("callbacks", "errbacks")]
