import importlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from eventkit_cli import main

BLOG = """
from contextlib import asynccontextmanager
from pydantic import BaseModel
from eventkit import App, Backoff, Bucket, Inserted, ObjectCreated, Queue, Reject, Table, Topic, Unmatched


class Job(BaseModel):
    id: int


photos = Bucket("photos")
jobs = Queue[Job]("jobs")
posts = Topic[Job]("posts")
app = App("blog")


@app.on(photos.created(prefix="uploads/", suffix=".jpg"), to=jobs)
async def plan(photo: ObjectCreated) -> Job:
    return Job(id=photo.size or 0)


@app.on(jobs, to=posts, retry=Backoff(base=2, cap=60), timeout=30, concurrency=4)
def make(job: Job) -> Job:
    if job.id == 0:
        raise Reject("nothing to do")
    if job.id < 0:
        raise ValueError(f"s3cret {job.id}")
    return job


@app.on(posts)
async def tell(job: Job) -> None: ...


"""

TABLE = """
@app.on(Table[Job]("todos").inserted())
def welcome(change: Inserted[Job]) -> None: ...
"""

STREAMS = """
from pydantic import BaseModel
from eventkit import App, Inserted, Modified, Start, Stream, StreamOptions, Table


class Order(BaseModel):
    id: str
    total: int = 0


app = App("shop")
orders = Table[Order]("orders")
clicks = Stream[Order]("clicks", stream=StreamOptions(start=Start.LATEST, batch=10, retries=2))


@app.on(orders.inserted())
async def welcome(change: Inserted[Order]) -> None: ...


@app.on(clicks)
def count(order: Order) -> None: ...
"""

ONCE = """
from pydantic import BaseModel
from eventkit import App, Idempotent, Queue


class Job(BaseModel):
    id: int


app = App("once")


@app.on(Queue[Job]("jobs"), to=Queue[Job]("results"), idempotent=Idempotent(key=lambda job: job.id))
async def work(job: Job) -> Job:
    return job
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command says
        return json.loads(self.out)


Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a package `blog` of some apps, which is current, and forgotten afterwards."""
    package = tmp_path / "blog"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "app.py").write_text(BLOG + TABLE)
    (package / "queues.py").write_text(BLOG)
    (package / "shop.py").write_text(STREAMS)
    (package / "once.py").write_text(ONCE)
    known, path = set(sys.modules), list(sys.path)
    with chdir(tmp_path):
        yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture
def command(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:  # noqa: ARG001 - it is current
    """Runs the command in the folder and in this process, whose logging is restored."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(*arguments: str) -> Result:
        importlib.invalidate_caches()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = capsys.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else int(code is not None), out, err)

    yield run
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:  # noqa: ARG001 - it is current
    """The environment of a process that runs in the folder."""
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
