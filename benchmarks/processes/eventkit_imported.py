"""eventkit with its Lambda entrypoint and the same model, imported only."""

from pydantic import BaseModel

import eventkit
import eventkit_lambda

__all__ = ["Order", "eventkit", "eventkit_lambda"]


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool
