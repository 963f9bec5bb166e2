"""pydantic and one model."""

from pydantic import BaseModel


class Order(BaseModel):
    """The body of a message."""

    id: int
    customer: str
    total: float
    items: list[str]
    paid: bool
