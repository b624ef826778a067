"""Certificates in files: which ones there are, for which names each is, and what to show to whom.

What is in the files is read again when they change, while connections go on. Files that are wrong then, half written
perhaps, change nothing: what was in use stays in use, and the log says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from weft.errors import EndpointError
from weft.transports.security import ssl

logger = logging.getLogger("weft")

MOST_CERTIFICATES = 10_000
"""Certificates in one folder: each costs some 50 KiB; more would rather be a mistake."""
SUFFIXES = (".pem", ".crt", ".cer")
SUBJECT_ALT_NAME = bytes((0x55, 0x1D, 0x11))
"""The object identifier 2.5.29.17, as DER has it (RFC 5280, section 4.2.1.6)."""

Stamp = tuple[tuple[str, int, int, int], ...]


class Pair(NamedTuple):
    """A certificate's file, with its chain, and its key's."""

    certificate: Path
    key: Path


class Certificates:
    """The certificates of a server, from a file or a folder, chosen by the name that a client asks for (SNI).

    `make_context` makes a context that has everything but a certificate. The files are looked at once in
    `look_every_s`, at a handshake: looking costs a system call for each.
    """

    def __init__(
        self, path: str, key: str | None, make_context: Callable[[], ssl.SSLContext], look_every_s: float
    ) -> None:
        self._path = Path(path)
        self._key = None if key is None else Path(key)
        self._make_context = make_context
        self._look_every_s = look_every_s
        self._stamp: Stamp = ()
        self._looked_s = float("-inf")
        self._by_name: dict[str, ssl.SSLContext] = {}
        self._default: ssl.SSLContext
        self.reload()

    def choose(self, name: str | None, now_s: float) -> ssl.SSLContext:
        """Return the context to show to a client that asks for `name`; None if it asks for none.

        A certificate for the very name is preferred to one with an asterisk, that to the default one. `now_s` is the
        time on the loop's clock: from time to time the files are looked at.
        """
        if now_s - self._looked_s >= self._look_every_s:
            self._looked_s = now_s
            self._refresh()
        if name is None:
            return self._default
        name = name.lower().rstrip(".")
        _, dot, domain = name.partition(".")
        return self._by_name.get(name) or self._by_name.get(f"*{dot}{domain}") or self._default

    def reload(self) -> None:
        """Read the files. Raises OSError or EndpointError if one is missing or wrong; nothing changes then."""
        stamp = self._look()
        by_name: dict[str, ssl.SSLContext] = {}
        contexts: list[ssl.SSLContext] = []
        for pair in self._pairs():
            context = self._make_context()
            load_pair(context, pair)
            contexts.append(context)
            for name in names_in(pair.certificate):
                by_name.setdefault(name, context)
        self._by_name, self._default, self._stamp = by_name, contexts[0], stamp

    def _refresh(self) -> None:
        problem: Exception | None = None
        try:
            stamp = self._look()
        except (OSError, EndpointError) as error:
            problem, stamp = error, ((str(error), 0, 0, 0),)
        if stamp == self._stamp:
            return
        self._stamp = stamp  # also of files that are wrong: they are read again when they change again
        try:
            if problem is not None:
                raise problem
            self.reload()
            logger.info("The certificates in %s have changed, and are in use", self._path)
        except (OSError, EndpointError) as error:
            logger.error("The certificates in %s have changed and are not used: %s", self._path, error)

    def _look(self) -> Stamp:
        """Return what tells whether a file has changed."""
        found = []
        for pair in self._pairs():
            for path in pair:
                status = path.stat()
                found.append((str(path), status.st_mtime_ns, status.st_ino, status.st_size))
        return tuple(found)

    def _pairs(self) -> list[Pair]:
        """Return the certificates, the default one first. Raises EndpointError if there is none."""
        if not self._path.is_dir():
            self._path.stat()
            return [Pair(self._path, self._key or self._path)]
        pairs = sorted(pairs_in(self._path), key=lambda pair: not is_default(pair, self._path))
        if not pairs:
            raise EndpointError(
                f"{self._path} has no certificates: it must hold NAME.pem with its key inside or in NAME.key, "
                "or NAME/fullchain.pem with NAME/privkey.pem"
            )
        if len(pairs) > MOST_CERTIFICATES:
            raise EndpointError(f"{self._path} has {len(pairs)} certificates, more than {MOST_CERTIFICATES}")
        return pairs


def is_default(pair: Pair, folder: Path) -> bool:
    """Return whether a certificate is called default: default.pem, or default/fullchain.pem."""
    return pair.certificate.relative_to(folder).parts[0].partition(".")[0] == "default"


def pairs_in(folder: Path) -> Iterator[Pair]:
    """Yield the certificates in a folder, in the order of their names."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            pair = Pair(path / "fullchain.pem", path / "privkey.pem")
            if pair.certificate.exists():
                yield pair
        elif path.suffix in SUFFIXES:
            key = path.with_suffix(".key")
            yield Pair(path, key if key.exists() else path)


def load_pair(context: ssl.SSLContext, pair: Pair) -> None:
    """Have a context show a certificate. Raises OSError or EndpointError, which name the files."""
    for path in pair:
        with path.open("rb"):
            pass  # a missing file has its name in the error; OpenSSL's has none

    def refuse_password() -> str:
        raise EndpointError(f"the key in {pair.key} is encrypted: nobody is there to be asked for a password")

    try:
        context.load_cert_chain(pair.certificate, pair.key, refuse_password)
    except ssl.SSLError as error:
        where = pair.certificate if pair.key == pair.certificate else f"{pair.certificate} with {pair.key}"
        raise EndpointError(f"{where} cannot be used: {error}; PEM is needed, the certificate and its key") from error


def load_roots(context: ssl.SSLContext, path: str) -> None:
    """Have a context trust the authorities in a file, or in all .pem, .crt and .cer files of a folder.

    Raises OSError or EndpointError, which name the file.
    """
    folder = Path(path)
    files = sorted(each for each in folder.iterdir() if each.suffix in SUFFIXES) if folder.is_dir() else [folder]
    if not files:
        raise EndpointError(f"{path} has no certificates of authorities: it must hold .pem, .crt or .cer files")
    for each in files:
        with each.open("rb"):
            pass
        try:
            context.load_verify_locations(each)
        except ssl.SSLError as error:
            raise EndpointError(f"{each} cannot be used: {error}; PEM is needed") from error


def names_in(path: Path) -> list[str]:
    """Return the host names that the first certificate in a PEM file is for, in lower case."""
    text = path.read_text(encoding="ascii", errors="replace")
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first = text[text.index(begin) : text.index(end) + len(end)]
    try:
        return host_names(ssl.PEM_cert_to_DER_cert(first))
    except (IndexError, ValueError) as error:  # pragma: no cover - OpenSSL has read it before
        raise EndpointError(f"{path} has a certificate that cannot be read") from error


def host_names(der: bytes) -> list[str]:
    """Return the DNS names among a certificate's subject alternative names, in lower case.

    Python's own reading of a certificate needs a peer that has shown it and was verified.
    """
    certificate = next(values(der))[1]
    signed = next(values(certificate))[1]
    for tag, extensions in values(signed):
        if tag != 0xA3:
            continue
        for _, extension in values(next(values(extensions))[1]):
            fields = list(values(extension))
            if fields[0][1] == SUBJECT_ALT_NAME:
                names = next(values(fields[-1][1]))[1]
                return [name.decode("ascii").lower() for kind, name in values(names) if kind == 0x82]
    return []


def values(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, content) for each value in DER (X.690)."""
    position = 0
    while position < len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(der[position : position + count], "big")
            position += count
        yield tag, der[position : position + length]
        position += length
