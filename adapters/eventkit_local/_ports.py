"""Ports of the loopback interface."""

import socket

from eventkit.errors import ConfigurationError

__all__ = ["HOST", "listening", "reserved"]

HOST = "127.0.0.1"


def reserved(port: int = 0) -> socket.socket:
    """A socket that has a port and refuses connections until somebody listens on it; 0 is any free port.

    So an address can be told to others before there is anything behind it. Raises `ConfigurationError` where the port
    is taken.
    """
    found = socket.socket()
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        raise ConfigurationError(f"port {port} of {HOST} cannot be had: {error.strerror}") from error
    return found


def listening(found: socket.socket) -> str:
    """The `host:port` of a socket."""
    host, port = found.getsockname()
    return f"{host}:{port}"
