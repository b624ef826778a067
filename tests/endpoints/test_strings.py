"""Strings and objects say the same, and a string that says nothing is refused with advice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft import endpoints
from weft.endpoints import (
    Descriptor,
    HaproxyServer,
    Process,
    Stdio,
    Systemd,
    Tcp6Client,
    Tcp6Server,
    TcpClient,
    TcpServer,
    TlsClient,
    TlsServer,
    UnixClient,
    UnixServer,
)
from weft.errors import EndpointError, EndpointStringError

LISTENING = {
    "tcp:8080": TcpServer(8080),
    "tcp:8080:interface=127.0.0.1": TcpServer(8080, interface="127.0.0.1"),
    "tcp:interface=127.0.0.1:8080": TcpServer(8080, interface="127.0.0.1"),
    "tcp:0:backlog=5:reuse_port=yes": TcpServer(0, backlog=5, reuse_port=True),
    r"tcp6:8080:interface=\:\:1": Tcp6Server(8080, interface="::1"),
    "unix:/run/app.sock": UnixServer("/run/app.sock"),
    "unix:/run/app.sock:mode=660:lockfile=yes": UnixServer("/run/app.sock", mode=0o660, lockfile=True),
    "unix:app:abstract=1": UnixServer("app", abstract=True),
    r"unix:C\:\\a\=b": UnixServer("C:\\a=b"),
    "tls:443:certificate=/c.pem": TlsServer(TcpServer(443), "/c.pem"),
    "tls:443:interface=10.0.0.1:certificate=/c:key=/k:client_roots=/r:client_certificate=optional:alpn=h2,http/1.1"
    ":minimum_version=1.3": TlsServer(
        TcpServer(443, interface="10.0.0.1"), "/c", "/k", "/r", "optional", ("h2", "http/1.1"), "1.3"
    ),
    r"tls:over=systemd\:name\=web:certificate=/c": TlsServer(Systemd(name="web"), "/c"),
    "stdio": Stdio(),
    "stdio:": Stdio(),
    "systemd:index=1": Systemd(index=1),
    "systemd:name=web": Systemd(name="web"),
    "fd:3": Descriptor(3),
    "haproxy:tcp:8080:interface=127.0.0.1": HaproxyServer(TcpServer(8080, interface="127.0.0.1")),
    "haproxy:tls:443:certificate=/c": HaproxyServer(TlsServer(TcpServer(443), "/c")),
}

CONNECTING = {
    "tcp:example.org:80": TcpClient("example.org", 80),
    r"tcp:\:\:1:80": TcpClient("::1", 80),
    "tcp:example.org:80:timeout=2.5:happy_eyeballs_delay=none:bind_address=127.0.0.2": TcpClient(
        "example.org", 80, timeout_s=2.5, happy_eyeballs_delay_s=None, bind_address="127.0.0.2"
    ),
    "tcp6:example.org:80": Tcp6Client("example.org", 80),
    "unix:/run/app.sock:timeout=1": UnixClient("/run/app.sock", timeout_s=1),
    "unix:app:abstract=yes": UnixClient("app", abstract=True),
    "tls:example.org:443": TlsClient(TcpClient("example.org", 443)),
    "tls:192.0.2.1:443:hostname=example.org:trust_roots=/r:certificate=/c:key=/k:alpn=h2"
    ":minimum_version=1.3:timeout=1": (
        TlsClient(TcpClient("192.0.2.1", 443, timeout_s=1), "example.org", "/r", "/c", "/k", ("h2",), "1.3")
    ),
    r"tls:over=unix\:/s:hostname=example.org": TlsClient(UnixClient("/s"), "example.org"),
    "stdio:": Stdio(),
    "systemd:index=0": Systemd(index=0),
    "fd:4": Descriptor(4),
    "process:cat": Process(("cat",)),
    r"process:ssh:host:-o\=a\:b:errors=log:folder=/tmp:end_timeout=none": Process(
        ("ssh", "host", "-o=a:b"), "log", "/tmp", end_timeout_s=None
    ),
}


@pytest.mark.parametrize("string", LISTENING)
def test_a_string_to_listen_at_says_the_same_as_its_object(string):
    assert endpoints.server(string) == LISTENING[string]


@pytest.mark.parametrize("string", CONNECTING)
def test_a_string_to_connect_to_says_the_same_as_its_object(string):
    assert endpoints.client(string) == CONNECTING[string]


NO_PLACE_TO_LISTEN = {
    # string: (which part is wrong, what is allowed there, a right one)
    "": ("", "fd, haproxy, stdio, systemd, tcp, tcp6, tls, unix", "tcp:8080"),
    "tpc:80": ("tpc", "did you mean tcp?", "tcp:8080"),
    "TCP:80": ("TCP", "did you mean tcp?", "tcp:8080"),
    "tcp": ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:": ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:http": ("port", "port is 'http': it must be a whole number from 0 to 65535", "tcp:8080"),
    "tcp:65536": ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:-1": ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:٣": ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:" + "9" * 10_000: ("port", "a whole number from 0 to 65535", "tcp:8080"),
    "tcp:80:127.0.0.1": ("127.0.0.1", "interface=, backlog=, reuse_port= by name", "tcp:8080"),
    "tcp:80:interface=::1": ("", "A colon that belongs to a value has a backslash before it", "tcp:8080"),
    "tcp:80:inteface=x": ("inteface", "did you mean interface=?", "tcp:8080"),
    "tcp:80:interface=a:interface=b": ("interface", "given twice", "tcp:8080"),
    "tcp:80:interface=": ("interface", "the address or the name of an interface", "tcp:8080"),
    "tcp:80:reuse_port=perhaps": ("reuse_port", "yes or no", "tcp:8080"),
    "tcp:80\\": ("\\", "a backslash", "tcp:8080"),
    "unix:": ("path", "the path of a socket", "unix:/run/app.sock"),
    "unix:/s:mode=999": ("mode", "octal", "unix:/run/app.sock:mode=660"),
    "unix:/s:mode=7777": ("mode", "octal", "unix:/run/app.sock:mode=660"),
    "unix:a:abstract=yes:mode=600": ("unix", "neither mode nor lockfile", "unix:/run/app.sock"),
    "unix:a\0b": ("unix", "without zeros", "unix:/run/app.sock"),
    "tls:443": ("tls", "certificate= is missing", "tls:443:certificate="),
    "tls:certificate=/c": ("tls", "port is missing", "tls:443:certificate="),
    "tls:443:certificate=/c:minimum_version=1.1": ("minimum_version", "1.2 or 1.3", "tls:443:certificate="),
    "tls:443:certificate=/c:alpn=h2,": ("alpn", "h2,http/1.1", "tls:443:certificate="),
    r"tls:443:certificate=/c:over=fd\:3": ("tls", "takes the place of TCP", "tls:443:certificate="),
    r"tls:certificate=/c:over=fdd\:3": ("fdd", "did you mean fd?", "fd:3"),
    "systemd:": ("systemd", "either index or name", "systemd:name=web"),
    "systemd:0": ("0", "index=, name= by name", "systemd:name=web"),
    "systemd:index=0:name=web": ("systemd", "either index or name", "systemd:name=web"),
    "fd:x": ("number", "a whole number", "fd:3"),
    "haproxy:": ("haproxy", "the string of another endpoint", "haproxy:tcp:8080"),
    "haproxy:tcp:x": ("port", "a whole number", "tcp:8080"),
    "haproxy:" * 10_000: ("haproxy", "the string of another endpoint", "haproxy:tcp:8080"),
    "process:cat": ("process", "cannot listen; those that can are fd, haproxy", ""),
    "stdio:x": ("x", "nothing without a name, and nothing by name", "stdio:"),
}

NO_PLACE_TO_CONNECT_TO = {
    "tcp:80": ("port", "a whole number from 1 to 65535", "tcp:example.org:80"),
    "tcp::80": ("host", "a host's name", "tcp:example.org:80"),
    "tcp:example.org:0": ("port", "from 1 to 65535", "tcp:example.org:80"),
    "tcp:::1:80": ("1", "A colon that belongs to a value has a backslash before it", "tcp:example.org:80"),
    "tcp:h:80:timeout=0": ("timeout", "a number of seconds above 0", "tcp:example.org:80"),
    "tcp:h:80:timeout=nan": ("timeout", "a number of seconds above 0", "tcp:example.org:80"),
    "tcp:h:80:timeout=soon": ("timeout", "a number of seconds above 0", "tcp:example.org:80"),
    "tls:example.org": ("tls", "port must be given", "tls:example.org:443"),
    "tls:": ("tls", "host and port must be given", "tls:example.org:443"),
    "tls:h:443:key=/k": ("tls", "key needs certificate", "tls:example.org:443"),
    r"tls:over=unix\:/s": ("tls", "hostname is missing", "tls:example.org:443"),
    "haproxy:tcp:80": ("haproxy", "cannot connect; those that can are fd, process", ""),
    "process:": ("process", "the program is missing", "process:ssh"),
    "process:ssh:-o=b": ("-o", "An equals sign that belongs to a value has a backslash before it", "process:ssh"),
    "process:cat:errors=shout": ("errors", "inherit, drop or log", "process:ssh"),
}


def check_advice(error: EndpointStringError, string: str, part: str, allowed: str, right: str) -> None:
    assert error.string == string
    assert error.part == part
    assert allowed in str(error)
    assert f"Right: {right}" in str(error) or not right
    assert isinstance(error, (EndpointError, ValueError))


@pytest.mark.parametrize("string", NO_PLACE_TO_LISTEN, ids=lambda string: string[:60])
def test_a_string_that_describes_no_place_to_listen_is_refused_with_advice(string):
    with pytest.raises(EndpointStringError) as raised:
        endpoints.server(string)

    check_advice(raised.value, string, *NO_PLACE_TO_LISTEN[string])


@pytest.mark.parametrize("string", NO_PLACE_TO_CONNECT_TO, ids=lambda string: string[:60])
def test_a_string_that_describes_no_place_to_connect_to_is_refused_with_advice(string):
    with pytest.raises(EndpointStringError) as raised:
        endpoints.client(string)

    check_advice(raised.value, string, *NO_PLACE_TO_CONNECT_TO[string])


@pytest.mark.parametrize("read", [endpoints.server, endpoints.client], ids=["listen", "connect"])
@pytest.mark.parametrize(
    "string", sorted({*NO_PLACE_TO_LISTEN, *NO_PLACE_TO_CONNECT_TO}), ids=lambda string: string[:60]
)
def test_the_example_in_an_error_is_right_itself(read, string):
    try:
        read(string)
    except EndpointStringError as error:
        _, has_example, example = str(error).partition("Right: ")
        if has_example:
            read(example)


@given(st.text(min_size=1))
def test_whatever_is_quoted_is_read_as_it_was(text):
    process = endpoints.client(
        f"process:{endpoints.quote(text)}:{endpoints.quote(text)}:folder={endpoints.quote(text)}"
    )

    assert process == Process((text, text), folder=text)


@given(st.text())
def test_no_string_gives_anything_but_an_endpoint_or_the_error(text):
    for read in (endpoints.server, endpoints.client):
        for string in (text, f"tcp:{text}", f"tls:{text}", f"unix:{text}", f"haproxy:{text}"):
            try:
                read(string)
            except EndpointStringError:
                pass


def test_objects_refuse_what_strings_refuse():
    for make in (
        lambda: TcpServer(65536),
        lambda: TcpServer(80, backlog=0),
        lambda: TcpClient("h", 0),
        lambda: TcpClient("h", 80, timeout_s=0),
        lambda: UnixServer(""),
        lambda: UnixServer("/s", mode=0o7777),
        lambda: Systemd(),
        lambda: Process(()),
        lambda: Process(("cat",), errors="shout"),
        lambda: TlsServer(TcpServer(443), "/c", minimum_version="1.1"),
        lambda: TlsServer(TcpServer(443), "/c", client_certificate="maybe"),
        lambda: TlsClient(UnixClient("/s")),
    ):
        with pytest.raises(EndpointError):
            make()
