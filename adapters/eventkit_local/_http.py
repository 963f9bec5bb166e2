"""As much of an HTTP/1.1 server as AWS's runtime client needs, on asyncio streams."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

# The runtime client puts a description of an error, of up to 1 MiB, into a header.
_HEAD_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has been read whole; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A response, whose body is JSON."""

    status: HTTPStatus
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def rendered(self) -> bytes:
        """Give head and body as one piece.

        Written at once it leaves at once; two writes cost 40 ms where the client delays its acknowledgement (asyncio
        has set TCP_NODELAY).
        """
        fields = {"Content-Type": "application/json", "Content-Length": str(len(self.body)), **self.headers}
        lines = (f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n{''.join(lines)}\r\n"
        return head.encode("latin-1") + self.body


Handle = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serve(handle: Handle) -> AsyncGenerator[str]:
    """Answer requests on a free port of the loopback interface, and give its `host:port`.

    On leaving, requests that still wait for their response are cancelled.
    """
    connections: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve_connection(reader, writer, handle))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=_HEAD_BYTES)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handle) -> None:
    """Answer the requests of a connection one after another, until the client closes it."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        try:
            while True:
                response = await handle(await _read_request(reader, writer))
                writer.write(response.rendered())
                await writer.drain()
        finally:
            writer.close()
            await writer.wait_closed()


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request:
    head = parse_head(await reader.readuntil(b"\r\n\r\n"))
    if head.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Request(head.method, head.path, head.headers, await _read_body(reader, head.headers))


def parse_head(head: bytes) -> Request:
    """Parse the request line and the headers."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    return Request(method, path, {name.strip().lower(): value.strip() for name, _, value in pairs})


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return await reader.readexactly(int(headers.get("content-length", "0")))
    chunks = bytearray()
    while size := int((await reader.readline()).split(b";")[0], 16):
        chunks += await reader.readexactly(size)
        await reader.readexactly(2)
    while (await reader.readline()).strip():  # what may follow the last chunk
        pass
    return bytes(chunks)
