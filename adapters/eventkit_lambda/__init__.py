"""The Lambda entrypoint: `handler = LambdaHandler(app)` is the function that Lambda calls."""

from eventkit_lambda.handler import LambdaHandler

__all__ = ["LambdaHandler"]
