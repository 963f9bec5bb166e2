"""The blog as a Lambda function: name `examples.blog.lambda_main.handler` in its settings."""

from eventkit_lambda import LambdaHandler
from examples.blog.app import app

handler = LambdaHandler(app)
