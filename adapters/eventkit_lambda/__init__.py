"""The Lambda entrypoint: `handler = LambdaHandler(app)` is the function that Lambda calls."""

from eventkit_lambda._response import InvocationFailed
from eventkit_lambda.handler import LambdaContext, LambdaHandler

__all__ = ["InvocationFailed", "LambdaContext", "LambdaHandler"]
