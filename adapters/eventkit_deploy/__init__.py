"""Documents that run more replicas of an app: manifests for Kubernetes, a template for Amazon ECS.

They are derived from the app, as plain data, and written as YAML::

    text = generate("kubernetes", app, Names.from_environ(app.name, os.environ), Options("blog.app:app", "blog:1"))
"""

from eventkit_deploy.deployment import Address, Deployment, Options, Polled, deployment_of, grace_of
from eventkit_deploy.ecs import ecs
from eventkit_deploy.generating import Kind, generate, to_yaml
from eventkit_deploy.kubernetes import kubernetes

__all__ = [
    "Address",
    "Deployment",
    "Kind",
    "Options",
    "Polled",
    "deployment_of",
    "ecs",
    "generate",
    "grace_of",
    "kubernetes",
    "to_yaml",
]
