"""asyncssh, server and client, on Weft as on asyncio."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

DATA = random.Random(4).randbytes(4_000_000)


async def serve_command(process: "asyncssh.SSHServerProcess[str]") -> None:
    """`upper`: its input in capitals. `fail`: an error and exit code 3. `wait`: until a break, then exit code 7."""
    if process.command == "upper":
        async for line in process.stdin:
            process.stdout.write(line.upper())
        process.exit(0)
    elif process.command == "fail":
        process.stderr.write("it failed\n")
        process.exit(3)
    else:
        process.stdout.write("waiting\n")
        try:
            await process.stdin.read()
        except asyncssh.BreakReceived:
            process.exit(7)


class Server(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return username != "guest"

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "right"

    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


@pytest.fixture(scope="module")
def key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


@contextlib.asynccontextmanager
async def serving(key: asyncssh.SSHKey, folder: str) -> AsyncIterator[dict[str, Any]]:
    """Serve SSH, with SFTP in `folder`; give what a client needs to connect."""
    server = await asyncssh.create_server(
        Server,
        "127.0.0.1",
        0,
        server_host_keys=[key],
        process_factory=serve_command,
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=folder.encode()),
    )
    hosts = asyncssh.import_known_hosts(f"* {key.export_public_key().decode()}")
    try:
        yield {
            "host": "127.0.0.1",
            "port": server.get_port(),
            "known_hosts": hosts,
            "config": None,
            "client_keys": None,
        }
    finally:
        server.close()
        await server.wait_closed()


async def commands(key: asyncssh.SSHKey, folder: str) -> Any:
    async with serving(key, folder) as where, asyncssh.connect(**where, username="guest") as connection:
        upper = await connection.run("upper", input="some text\n" * 1000)
        failed = await connection.run("fail")
        many = await asyncio.gather(*[connection.run("upper", input=f"number {number}\n") for number in range(30)])
        async with connection.create_process("wait") as waiting:
            first = await waiting.stdout.readline()
            waiting.send_break(1000)
            waited = await waiting.wait()
    return (
        (upper.exit_status, upper.stdout),
        (failed.exit_status, failed.stderr),
        [each.stdout for each in many],
        (first, waited.exit_status),
    )


def test_commands_one_that_fails_thirty_at_once_and_one_that_is_interrupted(
    run_on_both: Any, key: asyncssh.SSHKey, short_folder: Path
) -> None:
    upper, failed, many, waited = run_on_both(commands, key, str(short_folder))

    assert upper == (0, "SOME TEXT\n" * 1000)
    assert failed == (3, "it failed\n")
    assert many == [f"NUMBER {number}\n" for number in range(30)]
    assert waited == ("waiting\n", 7)


async def transfer(key: asyncssh.SSHKey, folder: str) -> Any:
    Path(folder, "sent").write_bytes(DATA)
    Path(folder, "there").mkdir(exist_ok=True)
    async with (
        serving(key, f"{folder}/there") as where,
        asyncssh.connect(**where, username="guest") as connection,
        connection.start_sftp_client() as sftp,
    ):
        await sftp.put(f"{folder}/sent", "/file")
        await sftp.rename("/file", "/renamed")
        names = sorted(name for name in await sftp.listdir("/") if not name.startswith("."))
        size = (await sftp.stat("/renamed")).size
        await sftp.get("/renamed", f"{folder}/back")
        try:
            await sftp.stat("/nothing")
        except asyncssh.SFTPNoSuchFile:
            names.append("no such file")
        await sftp.remove("/renamed")
    return names, size, Path(folder, "back").read_bytes() == DATA


def test_a_file_goes_there_and_back_by_sftp(run_on_both: Any, key: asyncssh.SSHKey, short_folder: Path) -> None:
    outcome = run_on_both(transfer, key, str(short_folder))

    assert outcome == (["renamed", "no such file"], len(DATA), True)


async def forward(key: asyncssh.SSHKey, folder: str) -> Any:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        writer.close()
        await writer.wait_closed()

    async with (
        await asyncio.start_server(echo, "127.0.0.1", 0) as behind,
        serving(key, folder) as where,
        asyncssh.connect(**where, username="guest") as connection,
    ):
        port = behind.sockets[0].getsockname()[1]
        async with await connection.forward_local_port("127.0.0.1", 0, "127.0.0.1", port) as listener:
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
            writer.write(DATA)
            writer.write_eof()
            back = await reader.read()
            writer.close()
            await writer.wait_closed()
    return back == DATA


def test_a_forwarded_port(run_on_both: Any, key: asyncssh.SSHKey, short_folder: Path) -> None:
    assert run_on_both(forward, key, str(short_folder))


async def authenticate(key: asyncssh.SSHKey, folder: str) -> Any:
    outcomes = []
    async with serving(key, folder) as where:
        for password in ("wrong", "right"):
            try:
                async with asyncssh.connect(**where, username="someone", password=password) as connection:
                    outcomes.append((await connection.run("upper", input="in")).stdout)
            except asyncssh.PermissionDenied:
                outcomes.append("denied")
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        where["known_hosts"] = asyncssh.import_known_hosts(f"* {stranger.export_public_key().decode()}")
        try:
            await asyncssh.connect(**where, username="guest")
        except asyncssh.HostKeyNotVerifiable:
            outcomes.append("not verifiable")
    return outcomes


def test_a_wrong_password_and_a_strange_host_key_are_refused(
    run_on_both: Any, key: asyncssh.SSHKey, short_folder: Path
) -> None:
    assert run_on_both(authenticate, key, str(short_folder)) == ["denied", "IN", "not verifiable"]
