"""Manifests for Kubernetes, with KEDA to scale by queues. Pure.

Sources: "Pod Lifecycle" and "Configure Liveness, Readiness and Startup Probes" in Kubernetes' documentation; in KEDA's
"AWS SQS Queue" (scalers), "ScaledObject specification" and "AWS (IRSA) Pod Identity Webhook" (authentication
providers), all of KEDA 2.13 or newer. KEDA's page says `scaleOfDelayed` once where its code reads `scaleOnDelayed`.
"""

from typing import Any

from eventkit.errors import ConfigurationError
from eventkit_deploy.deployment import Address, Deployment, Polled, environ_of, grace_of

__all__ = ["kubernetes"]

Manifest = dict[str, Any]

USER = 10001
"""The user and group that the process runs as: any but root; the image need not know it."""

ROLE = "eks.amazonaws.com/role-arn"
"""The annotation by which a service account stands for an IAM role ("IAM roles for service accounts", Amazon EKS)."""


def kubernetes(deployment: Deployment) -> list[Manifest]:
    """The manifests: ServiceAccount, Deployment, PodDisruptionBudget, TriggerAuthentication and ScaledObject.

    The last two are about queues, and left out where there is none. Raises `ConfigurationError` without an image, and
    where the Region of a queue is not known.
    """
    running = [_account(deployment), _workload(deployment), _budget(deployment)]
    return [*running, _authentication(deployment), _scaling(deployment)] if deployment.polled else running


def _manifest(api: str, kind: str, deployment: Deployment, **fields: object) -> Manifest:
    metadata = {"name": deployment.name, "labels": _labels(deployment)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


def _labels(deployment: Deployment) -> dict[str, str]:
    return {"app.kubernetes.io/name": deployment.name}


def _account(deployment: Deployment) -> Manifest:
    """The identity; no token for Kubernetes' own API, which the app does not call."""
    account = _manifest("v1", "ServiceAccount", deployment, automountServiceAccountToken=False)
    if deployment.options.role:
        account["metadata"]["annotations"] = {ROLE: deployment.options.role}
    return account


def _workload(deployment: Deployment) -> Manifest:
    """Where KEDA scales it says no number of replicas: applying it again would take back what that has decided."""
    labels = _labels(deployment)
    pod: Manifest = {
        "serviceAccountName": deployment.name,
        "enableServiceLinks": False,  # a Service named `eventkit…` would make variables that no setting has
        "terminationGracePeriodSeconds": grace_of(deployment.options.settings),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(deployment)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    spec: Manifest = {
        **({} if deployment.polled else {"replicas": deployment.options.least}),
        "selector": {"matchLabels": labels},
        # A release that does not become ready takes no replica away from the one before it.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return _manifest("apps/v1", "Deployment", deployment, spec=spec)


def _container(deployment: Deployment) -> Manifest:
    options = deployment.options
    if options.image is None:
        raise ConfigurationError("manifests for Kubernetes need an image: pass --image, for instance blog:1")
    memory = f"{options.memory}Mi"
    return {
        "name": deployment.name,
        "image": options.image,
        "command": ["eventkit", "run", options.app],
        "env": [{"name": name, "value": value} for name, value in _environ(deployment).items()],
        "ports": [{"name": "health", "containerPort": options.port}],
        # Until the lifespan has begun; then a process that hangs is replaced, and one that cannot receive is not ready.
        "startupProbe": {"httpGet": _path("/healthz"), "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {"httpGet": _path("/healthz"), "periodSeconds": 10, "timeoutSeconds": 5},
        "readinessProbe": {"httpGet": _path("/readyz"), "periodSeconds": 5, "timeoutSeconds": 5},
        # No limit on the CPU: it would only slow down what there is time for.
        "resources": {
            "requests": {"cpu": f"{round(options.cpu * 1000)}m", "memory": memory},
            "limits": {"memory": memory},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - the container's own
    }


def _path(path: str) -> Manifest:
    return {"path": path, "port": "health"}


def _environ(deployment: Deployment) -> dict[str, str]:
    topics = {
        topic.variable: f"arn:{_partition(region)}:sns:{region}:{account}:{topic.address.name}"
        for topic in deployment.topics
        if (region := topic.address.region) and (account := topic.address.account)
    }
    home = {"AWS_REGION": deployment.options.region} if deployment.options.region else {}
    host = "0.0.0.0"  # noqa: S104 - the kubelet asks from outside of the pod
    return {**environ_of(deployment, host), **home, **topics}


def _budget(deployment: Deployment) -> Manifest:
    """Nodes are drained one replica at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(deployment)}}
    return _manifest("policy/v1", "PodDisruptionBudget", deployment, spec=spec)


def _authentication(deployment: Deployment) -> Manifest:
    """KEDA asks as the service account's role, or where there is none, as its own operator's."""
    identity = {"provider": "aws"}
    if deployment.options.role:
        identity["identityOwner"] = "workload"
    return _manifest("keda.sh/v1alpha1", "TriggerAuthentication", deployment, spec={"podIdentity": identity})


def _scaling(deployment: Deployment) -> Manifest:
    """One trigger for each queue; the number of replicas is the largest that one of them asks for."""
    spec = {
        "scaleTargetRef": {"name": deployment.name},
        "minReplicaCount": deployment.options.least,
        "maxReplicaCount": deployment.options.most,
        "triggers": [_trigger(deployment, polled) for polled in deployment.polled],
    }
    return _manifest("keda.sh/v1alpha1", "ScaledObject", deployment, spec=spec)


def _trigger(deployment: Deployment, polled: Polled) -> Manifest:
    """`queueLength` is what one replica has slots for (`Deployment.capacity`), so that replicas are messages / slots.

    Messages in flight count, because those that are handled right now need their replicas as much as those that wait.
    Delayed ones do not: nobody could receive them.
    """
    address = polled.address
    if address.region is None:
        raise ConfigurationError(f"KEDA needs the Region of the queue {address.name!r}: pass --region or its ARN")
    metadata = {
        "queueURL": _queue_url(address),
        "queueLength": str(deployment.capacity(polled)),
        "awsRegion": address.region,
        "scaleOnInFlight": "true",
        "scaleOnDelayed": "false",
    }
    return {"type": "aws-sqs-queue", "metadata": metadata, "authenticationRef": {"name": deployment.name}}


def _queue_url(address: Address) -> str:
    """The queue's URL, or where its account is not known its name, which KEDA takes, too."""
    if address.account is None:
        return address.name
    suffix = "amazonaws.com.cn" if _partition(address.region or "") == "aws-cn" else "amazonaws.com"
    return f"https://sqs.{address.region}.{suffix}/{address.account}/{address.name}"


def _partition(region: str) -> str:
    """The partition of a Region ("Amazon Resource Names (ARNs)" in the IAM reference)."""
    for prefix, partition in (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov")):
        if region.startswith(prefix):
            return partition
    return "aws"
