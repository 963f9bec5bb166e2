"""A store of payloads in memory, for tests of claims."""

from collections.abc import Mapping

from eventkit.errors import BackendError


class Shelf:
    """Objects by bucket and key; `broken` keys cannot be reached."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.limits: list[int] = []
        self.broken: set[str] = set()

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        self._reach(key)
        self.limits.append(limit)
        data = self.objects.get((bucket, key))
        return None if data is None else (data[:limit], {})

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        assert (content_type, metadata) == ("text/plain; charset=utf-8", {})
        self._reach(key)
        self.objects[bucket, key] = data

    async def delete(self, bucket: str, key: str) -> None:
        self._reach(key)
        self.objects.pop((bucket, key), None)

    def _reach(self, key: str) -> None:
        if key in self.broken:
            raise BackendError("S3 could not be reached")
