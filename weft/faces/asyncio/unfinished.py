"""What asyncio has and Weft does not have yet: each raises NotImplementedError with its name."""

from __future__ import annotations

from typing import Any, NoReturn


class Unfinished:
    """The methods of `asyncio.AbstractEventLoop` that later versions of Weft bring."""

    async def create_unix_connection(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("create_unix_connection")

    async def create_unix_server(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("create_unix_server")

    async def create_datagram_endpoint(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("create_datagram_endpoint")

    async def start_tls(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("start_tls")

    async def sendfile(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("sendfile")

    async def sock_sendfile(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("sock_sendfile")

    async def sock_recvfrom(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("sock_recvfrom")

    async def sock_recvfrom_into(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("sock_recvfrom_into")

    async def sock_sendto(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("sock_sendto")

    async def connect_read_pipe(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("connect_read_pipe")

    async def connect_write_pipe(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("connect_write_pipe")

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("subprocess_exec")

    async def subprocess_shell(self, *args: Any, **options: Any) -> Any:
        """Not there yet."""
        refuse_call("subprocess_shell")


def refuse_call(method: str) -> NoReturn:
    """Raise NotImplementedError with the method's name."""
    raise NotImplementedError(f"{method}() is not there yet in this version of Weft")
