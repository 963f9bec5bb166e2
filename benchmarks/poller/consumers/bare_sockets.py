"""No client at all: two requests over a socket, again and again, which shows how fast the stub is."""

import re
import socket
import sys
from urllib.parse import urlsplit

HANDLES = re.compile(rb'"ReceiptHandle":"([^"]+)"')
LENGTH = re.compile(rb"Content-Length: (\d+)")


class Caller:
    """Calls the stub over one connection."""

    def __init__(self, endpoint: str) -> None:
        host = urlsplit(endpoint)
        self._socket = socket.create_connection((host.hostname or "", host.port or 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, action: str, body: bytes) -> bytes:
        """The answer, with its head."""
        head = f"POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        answer = self._socket.recv(65536)
        while not _is_whole(answer):
            answer += self._socket.recv(65536)
        return answer


def _is_whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head)
    return length is not None and len(body) >= int(length[1])


def main(endpoint: str, queue: str) -> None:
    """Consume the queue until the process is killed."""
    caller = Caller(endpoint)
    url = f"{endpoint}/000000000000/{queue}"
    receive = f'{{"QueueUrl":"{url}","MaxNumberOfMessages":10,"WaitTimeSeconds":20}}'.encode()
    delete = f'{{"QueueUrl":"{url}","Entries":[%b]}}'.encode()
    while True:
        handles = HANDLES.findall(caller.call("ReceiveMessage", receive))
        entries = [b'{"Id":"%d","ReceiptHandle":"%b"}' % entry for entry in enumerate(handles)]
        if entries:
            caller.call("DeleteMessageBatch", delete % b",".join(entries))


if __name__ == "__main__":
    main(*sys.argv[1:])
