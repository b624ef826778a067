"""Twisted finds this file by its place: it makes `--reactor=weft` known to twist, twistd and trial."""

from twisted.application.reactors import Reactor

weft = Reactor("weft", "weft.faces.twisted", "Weft's event loop: faster, and it shows what it does.")
