"""moto, an emulator of AWS, as a server of this process."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib import import_module
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["moto_server"]


@contextmanager
def moto_server() -> Generator[str]:
    """Run it on a free port, and give its address."""
    moto: Any = import_module("moto.moto_server.werkzeug_app")  # costs a second, and has no types
    app = _Atomic(moto.DomainDispatcherApplication(moto.create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=moto.MotoRequestHandler)
    thread = Thread(target=server.serve_forever, name="moto")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Atomic:
    """Lets one request to DynamoDB in at a time: in moto two conditional writes may both find the condition met."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._lock = Lock()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return self._app(environ, start_response)
        with self._lock:
            return [*self._app(environ, start_response)]
