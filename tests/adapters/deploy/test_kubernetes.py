"""The manifests for Kubernetes are what the cluster, KEDA and the poller need."""

from typing import Any

import pytest

from eventkit import ConfigurationError, Names
from eventkit_deploy import deployment_of, generate, grace_of, kubernetes
from eventkit_poller import Settings
from tests.adapters.deploy.apps import QUEUES, app, names, options, read

ROLE = "arn:aws:iam::123456789012:role/blog"


def manifests(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of Options
    return {one["kind"]: one for one in kubernetes(deployment_of(app, names, options(**chosen)))}


def pod(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    found: dict[str, Any] = manifests(**chosen)["Deployment"]["spec"]["template"]["spec"]
    return found


def environ(**chosen: Any) -> dict[str, str]:  # noqa: ANN401 - likewise
    return {one["name"]: one["value"] for one in pod(**chosen)["containers"][0]["env"]}


def triggers(**chosen: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - likewise
    found: list[dict[str, Any]] = manifests(**chosen)["ScaledObject"]["spec"]["triggers"]
    return found


def test_what_is_written_is_read_as_what_was_meant() -> None:
    chosen = options(role=ROLE)

    text = generate("kubernetes", app, names, chosen)

    assert read(text) == kubernetes(deployment_of(app, names, chosen))
    assert "&id" not in text


def test_the_manifests_belong_together() -> None:
    found = manifests()

    assert [*found] == ["ServiceAccount", "Deployment", "PodDisruptionBudget", "TriggerAuthentication", "ScaledObject"]
    assert {one["metadata"]["name"] for one in found.values()} == {"blog-app-2"}
    assert pod()["serviceAccountName"] == "blog-app-2"
    assert found["ScaledObject"]["spec"]["scaleTargetRef"] == {"name": "blog-app-2"}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels


def test_every_queue_has_a_trigger_on_visible_messages_and_those_in_flight() -> None:
    found = triggers()

    urls = [trigger["metadata"]["queueURL"] for trigger in found]
    assert urls == [f"https://sqs.eu-west-1.amazonaws.com/123456789012/{queue}" for queue in QUEUES]
    for trigger in found:
        assert (trigger["type"], trigger["authenticationRef"]) == ("aws-sqs-queue", {"name": "blog-app-2"})
        assert trigger["metadata"]["scaleOnInFlight"] == "true"
        assert trigger["metadata"]["scaleOnDelayed"] == "false"


def test_a_trigger_counts_messages_by_the_slots_of_a_replica() -> None:
    lengths = [one["metadata"]["queueLength"] for one in triggers(settings=Settings(concurrency=8), workers=2)]

    assert lengths == ["6", "16", "16"]


def test_every_value_of_a_trigger_is_a_text_as_kedas_definition_demands() -> None:
    assert {type(value) for trigger in triggers() for value in trigger["metadata"].values()} == {str}


def test_without_an_account_a_queue_is_known_by_its_name() -> None:
    urls = [trigger["metadata"]["queueURL"] for trigger in triggers(account=None)]

    assert urls == ["blog-photos", "https://sqs.eu-west-1.amazonaws.com/123456789012/prod-orders.fifo", "blog-news"]


def test_queues_in_china_have_urls_and_topics_arns_of_their_own() -> None:
    china = Names("blog")
    found = {one["kind"]: one for one in kubernetes(deployment_of(app, china, options(region="cn-north-1")))}

    trigger = found["ScaledObject"]["spec"]["triggers"][0]["metadata"]
    assert trigger["queueURL"] == "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/blog-photos"
    env = found["Deployment"]["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "EVENTKIT_TOPIC_BLOG_POSTS", "value": "arn:aws-cn:sns:cn-north-1:123456789012:blog.posts"} in env


@pytest.mark.parametrize(("drain", "grace"), [(30, 45), (3600, 3615), (0, 35)])
def test_a_pod_is_not_killed_before_the_poller_has_stopped(drain: float, grace: int) -> None:
    settings = Settings(drain=drain)

    seconds = pod(settings=settings)["terminationGracePeriodSeconds"]

    assert seconds == grace_of(settings) == grace


def test_the_poller_is_run_with_the_settings_that_the_manifests_were_made_with() -> None:
    found = environ(settings=Settings(concurrency=40, wait=5, drain=90.5), workers=4, port=9000)

    assert pod()["containers"][0]["command"] == ["eventkit", "run", "blog.app:app"]
    assert found == {
        "EVENTKIT_HEALTH": "0.0.0.0:9000",
        "EVENTKIT_WORKERS": "4",
        "EVENTKIT_CONCURRENCY": "40",
        "EVENTKIT_WAIT": "5",
        "EVENTKIT_DRAIN": "90.5",
        "EVENTKIT_FLUSH": "5",
        "EVENTKIT_LOG_FORMAT": "json",
        "AWS_REGION": "eu-west-1",
        "EVENTKIT_QUEUE_ORDERS_FIFO": "arn:aws:sqs:eu-west-1:123456789012:prod-orders.fifo",
        "EVENTKIT_BUCKET_PHOTOS": "acme",
        "EVENTKIT_TOPIC_BLOG_POSTS": "arn:aws:sns:eu-west-1:123456789012:blog.posts",
    }


def test_probes_ask_for_life_and_readiness_where_the_poller_answers() -> None:
    container = pod(port=9000)["containers"][0]

    assert container["ports"] == [{"name": "health", "containerPort": 9000}]
    paths = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["port"] for probe in paths.values()} == {"health"}
    assert [probe["path"] for probe in paths.values()] == ["/healthz", "/healthz", "/readyz"]


def test_a_pod_may_do_little() -> None:
    found = pod()
    [container] = found["containers"]

    assert found["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the container's own
    assert manifests()["ServiceAccount"]["automountServiceAccountToken"] is False


def test_the_number_of_replicas_is_kedas_alone() -> None:
    found = manifests(least=0, most=7)

    scaling = found["ScaledObject"]["spec"]
    assert (scaling["minReplicaCount"], scaling["maxReplicaCount"]) == (0, 7)
    assert "replicas" not in found["Deployment"]["spec"]


@pytest.mark.parametrize(
    ("role", "annotations", "identity"),
    [
        (ROLE, {"eks.amazonaws.com/role-arn": ROLE}, {"provider": "aws", "identityOwner": "workload"}),
        (None, None, {"provider": "aws"}),
    ],
)
def test_keda_asks_as_the_service_accounts_role_where_there_is_one(
    role: str | None, annotations: object, identity: object
) -> None:
    found = manifests(role=role)

    assert found["ServiceAccount"]["metadata"].get("annotations") == annotations
    assert found["TriggerAuthentication"]["spec"] == {"podIdentity": identity}


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [({"image": None}, "need an image: pass --image"), ({"region": None}, "Region of the queue 'blog-photos'")],
)
def test_what_is_needed_and_not_known_is_named(chosen: dict[str, None], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        manifests(**chosen)
