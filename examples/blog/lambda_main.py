"""The blog as a Lambda function: name `examples.blog.lambda_main.handler` in its settings.

One function answers the API's requests and handles events; which it is, its payload says. Requests come from API
Gateway, in payload 1.0 or 2.0, from a function URL or from a load balancer.

Each half has an event loop of its own, for nothing is shared between them that would belong to one: the clients are
boto3's, and invocations come one after another.
"""

from typing import Any

from mangum import Mangum

from eventkit.errors import DecodeError
from eventkit_lambda import LambdaContext, LambdaHandler
from examples.blog._wiring import blocking_api
from examples.blog.app import app

__all__ = ["handler"]

Payload = dict[str, Any]

_events = LambdaHandler(app)
_requests = Mangum(blocking_api(), lifespan="off", text_mime_types=["application/json", "application/problem+json"])


def handler(event: Payload, context: Any) -> object:  # noqa: ANN401 - Lambda's own, of which each half wants a part
    """Answer a request, or handle events and say which of them Lambda is to deliver again.

    Raises what `LambdaHandler` raises; what is neither a request nor events is a `DecodeError`.
    """
    match event:
        case {"httpMethod": _} | {"requestContext": {"http": _}}:  # payload 1.0 and load balancers, payload 2.0
            return _requests(event, context)
        case _:
            return _handled(event, context)


def _handled(event: Payload, context: LambdaContext) -> object:
    try:
        return _events(event, context)
    except DecodeError as error:
        raise DecodeError(f"this is no request of API Gateway or a load balancer, and {error}") from error
