"""A Python that was built without ssl: all but TLS works, and who asks for TLS is told what is missing."""

import subprocess
import sys

PROGRAM = """
import sys

class NoSsl:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in ("ssl", "_ssl"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NoSsl)

import asyncio, os, socket, tempfile
import weft


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def ask(reader, writer):
    writer.write(b"hello")
    answer = await reader.readexactly(5)
    writer.close()
    await writer.wait_closed()
    return answer


async def refused(what, asking):
    try:
        await asking
    except RuntimeError as error:
        print(what, "ssl module" in str(error))


async def main():
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    server.close()
    server = await loop.create_server(Echo, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    print("tcp", await ask(*await asyncio.open_connection(*address)))
    path = os.path.join(tempfile.mkdtemp(), "s")
    unix = await loop.create_unix_server(Echo, path)
    print("unix", await ask(*await asyncio.open_unix_connection(path)))
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
    transport.close()
    with socket.socket() as sock, tempfile.TemporaryFile() as file:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
        file.write(b"a file")
        file.flush()
        await loop.sock_sendfile(sock, file)
        print("sock_sendfile", await loop.sock_recv(sock, 100))
    process = await asyncio.create_subprocess_exec("echo", "child", stdout=asyncio.subprocess.PIPE)
    print("child", (await process.communicate())[0])

    await refused("create_connection", loop.create_connection(Echo, *address, ssl=True))
    await refused("create_server", loop.create_server(Echo, "127.0.0.1", 0, ssl=object()))
    await refused("create_unix_connection", loop.create_unix_connection(Echo, path, ssl=True, server_hostname="x"))
    await refused("create_unix_server", loop.create_unix_server(Echo, path, ssl=object()))
    transport, _ = await loop.create_connection(Echo, *address)
    await refused("start_tls", loop.start_tls(transport, Echo(), object()))
    await refused("connect_accepted_socket", loop.connect_accepted_socket(Echo, socket.socket(), ssl=object()))
    transport.close()
    server.close()
    unix.close()
    os.unlink(path) if os.path.exists(path) else None
    os.rmdir(os.path.dirname(path))

weft.run(main())
print("ssl" in sys.modules)
"""


def test_without_ssl_everything_but_tls_works_and_tls_says_what_is_missing():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "tcp b'hello'",
        "unix b'hello'",
        "sock_sendfile b'a file'",
        "child b'child\\n'",
        "create_connection True",
        "create_server True",
        "create_unix_connection True",
        "create_unix_server True",
        "start_tls True",
        "connect_accepted_socket True",
        "False",
    ]
