"""Documents that run an app: manifests for Kubernetes, a template for Amazon ECS, and what Lambda's mappings must have.

They are derived from the app, as plain data, and written as YAML::

    text = generate("kubernetes", app, Names.from_environ(app.name, os.environ), Options("blog.app:app", "blog:1"))
"""

from eventkit_deploy.deployment import Address, Deployment, Options, Polled, ReadShards, deployment_of, grace_of
from eventkit_deploy.ecs import ecs
from eventkit_deploy.generating import Kind, generate, to_yaml
from eventkit_deploy.kubernetes import kubernetes
from eventkit_deploy.mappings import faults_of, mappings_of

__all__ = [
    "Address",
    "Deployment",
    "Kind",
    "Options",
    "Polled",
    "ReadShards",
    "deployment_of",
    "ecs",
    "faults_of",
    "generate",
    "grace_of",
    "kubernetes",
    "mappings_of",
    "to_yaml",
]
