"""A stub of Amazon SQS, made to be faster than its clients: `python -m benchmarks.poller.stub` prints its port.

It speaks as much of SQS's JSON protocol ("Amazon SQS API reference", AWS JSON 1.0) as a consumer uses whose messages
all succeed: nothing becomes visible again, so extending is only counted. Queues come into being when they are named.

`POST /run` is for who measures: it puts messages into a queue, and answers when the last of them has been deleted.
"""

import asyncio
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any, cast

__all__ = ["ACCOUNT", "Queue", "Run", "Stub", "main"]

ACCOUNT = "000000000000"
REGION = "us-east-1"
HANDLE = f"AQEB{'w8/X' * 90}"
"""The beginning of receipt handles: AWS's are about as long."""

DIGITS = 12
"""Digits of a message's number, at the end of its id and its receipt handle."""

RESPONSE = b"HTTP/1.1 %d OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%b"

Request = dict[str, Any]
Answer = Callable[[bytes], None]


@dataclass(slots=True)
class Run:
    """Messages that are put into a queue together, and what becomes of them; moments are seconds of one clock."""

    count: int
    answer: Answer
    began: float
    requests: Counter[str] = field(default_factory=Counter[str])
    since_available: list[float] = field(default_factory=list[float])
    since_received: list[float] = field(default_factory=list[float])

    def report(self, now: float) -> dict[str, object]:
        """What was seen; latencies to the delete, in seconds, as the median and the 99th percentile."""
        return {
            "seconds": now - self.began,
            "requests": self.requests,
            "since_available": _percentiles(self.since_available),
            "since_received": _percentiles(self.since_received),
        }


def _percentiles(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A receive: how many messages it takes, which of their attributes it wants, and how it is answered."""

    most: int
    attributes: Sequence[str]
    answer: Answer


class Queue:
    """One queue: messages that are ready, those that were received, and receives that wait."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._number = 0
        self._ready = 0
        self._received: dict[int, float] = {}
        self._waiting: deque[Asked] = deque()
        self._run: Run | None = None
        self._contents = ""
        self._attributes: Mapping[str, str] = {}

    def run(self, count: int, body: str, answer: Answer) -> None:
        """Put messages in; answer with the run's report when all are deleted."""
        assert self._run is None, "one run at a time"
        self._run = Run(count, answer, self._clock())
        self._ready = count
        digest = md5(body.encode(), usedforsecurity=False).hexdigest()
        self._contents = f'"MD5OfBody":"{digest}","Body":{json.dumps(body)}'
        sent = str(int(time.time() * 1000))
        self._attributes = {
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "SentTimestamp": sent,
            "ApproximateReceiveCount": "1",
            "ApproximateFirstReceiveTimestamp": sent,
        }
        while self._ready and self._waiting:
            self._give(self._waiting.popleft())

    def count(self, action: str) -> None:
        """Count a request."""
        if self._run is not None:
            self._run.requests[action] += 1

    def receive(self, asked: Asked) -> bool:
        """Answer with what is ready; say whether something was."""
        if self._ready:
            self._give(asked)
            return True
        return False

    def wait(self, asked: Asked) -> None:
        """Answer when something is ready."""
        self._waiting.append(asked)

    def forget(self, asked: Asked) -> None:
        """Let the receive wait no longer."""
        self._waiting.remove(asked)

    def delete(self, handles: Sequence[str]) -> None:
        """Delete what was received; a handle that is not known has been deleted."""
        run, now = self._run, self._clock()
        for handle in handles:
            received = self._received.pop(int(handle[-DIGITS:]), None)
            if received is not None and run is not None:
                run.since_available.append(now - run.began)
                run.since_received.append(now - received)
        if run is not None and len(run.since_received) == run.count:
            self._run = None
            run.answer(_json(run.report(now)))

    def _give(self, asked: Asked) -> None:
        count = min(asked.most, self._ready)
        first, now = self._number, self._clock()
        self._number += count
        self._ready -= count
        self._received.update(dict.fromkeys(range(first, first + count), now))
        end = f'",{self._contents}{self._told(asked.attributes)}}}'
        messages = (
            f'{{"MessageId":"059f36b4-87a3-44ab-83d2-{number:012}","ReceiptHandle":"{HANDLE}{number:012}{end}'
            for number in range(first, first + count)
        )
        asked.answer(f'{{"Messages":[{",".join(messages)}]}}'.encode())

    def _told(self, wanted: Sequence[str]) -> str:
        """The attributes that a receive asks for, as the last member of a message."""
        return f',"Attributes":{json.dumps(_chosen(self._attributes, wanted))}' if wanted else ""


class Stub:
    """The service: actions by name, on queues by name."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._queues: dict[str, Queue] = {}
        self._actions: Mapping[str, Callable[[Queue, Request, Connection], None]] = {
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
            "ChangeMessageVisibility": self._extend,
            "ChangeMessageVisibilityBatch": self._extend_batch,
            "GetQueueAttributes": self._attributes,
        }

    def handle(self, path: bytes, target: str, request: Request, connection: "Connection") -> None:
        """Answer a request, now or later."""
        action = target.rpartition(".")[2]
        if path == b"/run":
            self._queue(request["queue"]).run(request["count"], request["body"], connection.answer)
        elif action == "GetQueueUrl":
            url = f"http://{connection.host}/{ACCOUNT}/{request['QueueName']}"
            connection.answer(_json({"QueueUrl": url}))
        elif action in self._actions:
            queue = self._queue(request["QueueUrl"].rpartition("/")[2])
            queue.count(action)
            self._actions[action](queue, request, connection)
        else:
            connection.answer(_json({"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": action}), 400)

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            self._queues[name] = Queue(self._clock)
        return self._queues[name]

    def _receive(self, queue: Queue, request: Request, connection: "Connection") -> None:
        wanted = request.get("MessageSystemAttributeNames") or request.get("AttributeNames") or ()
        asked = Asked(request.get("MaxNumberOfMessages", 1), wanted, connection.answer)
        if not queue.receive(asked):
            connection.wait(queue, asked, request.get("WaitTimeSeconds", 0))

    def _delete(self, queue: Queue, request: Request, connection: "Connection") -> None:
        queue.delete([request["ReceiptHandle"]])
        connection.answer(b"{}")

    def _delete_batch(self, queue: Queue, request: Request, connection: "Connection") -> None:
        queue.delete([entry["ReceiptHandle"] for entry in request["Entries"]])
        connection.answer(_all_successful(request))

    def _extend(self, _queue: Queue, _request: Request, connection: "Connection") -> None:
        connection.answer(b"{}")

    def _extend_batch(self, _queue: Queue, request: Request, connection: "Connection") -> None:
        connection.answer(_all_successful(request))

    def _attributes(self, _queue: Queue, request: Request, connection: "Connection") -> None:
        name = request["QueueUrl"].rpartition("/")[2]
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
        attributes = {
            "QueueArn": arn,
            "VisibilityTimeout": "30",
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": f"{arn}-dead", "maxReceiveCount": 5}),
        }
        connection.answer(_json({"Attributes": _chosen(attributes, request.get("AttributeNames", ()))}))


class Connection(asyncio.Protocol):
    """HTTP/1.1 with a body whose length is told: what the SDKs send; one request at a time."""

    def __init__(self, stub: Stub) -> None:
        self.host: str = ""
        """The host that the client named."""
        self._stub = stub
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._waits: tuple[Queue, Asked, asyncio.TimerHandle] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but the class

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        self._transport = None
        if self._waits is not None:
            queue, asked, timer = self._waits
            timer.cancel()
            queue.forget(asked)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        length = int(headers.get(b"content-length", 0))
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        self.host = headers.get(b"host", b"").decode()
        path = lines[0].split(b" ")[1]
        target = headers.get(b"x-amz-target", b"").decode()
        self._stub.handle(path, target, json.loads(rest[:length] or b"{}"), self)

    def answer(self, body: bytes, status: int = 200) -> None:
        """Answer the request that is open."""
        if self._waits is not None:
            self._waits[2].cancel()
            self._waits = None
        if self._transport is not None:
            self._transport.write(RESPONSE % (status, len(body), body))

    def wait(self, queue: Queue, asked: Asked, seconds: float) -> None:
        """Answer with no messages after so many seconds, unless some come before."""
        queue.wait(asked)
        timer = asyncio.get_running_loop().call_later(seconds, self._give_up)
        self._waits = queue, asked, timer

    def _give_up(self) -> None:
        if self._waits is not None:
            queue, asked, _ = self._waits
            queue.forget(asked)
            self.answer(b"{}")


def _chosen(attributes: Mapping[str, str], wanted: Sequence[str]) -> dict[str, str]:
    return {name: value for name, value in attributes.items() if name in wanted or "All" in wanted}


def _all_successful(request: Request) -> bytes:
    """The answer to a batch."""
    return _json({"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []})


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


async def _serve() -> None:
    stub = Stub()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(stub), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def main() -> None:
    """Serve until the process is ended."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve())


if __name__ == "__main__":
    main()
