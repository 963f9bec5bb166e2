"""The template for Amazon ECS is one that CloudFormation takes, and gives tasks what they need and no more."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from eventkit import App, Bus, ConfigurationError, Names, Queue
from eventkit_deploy import deployment_of, ecs, generate
from eventkit_deploy.deployment import environ_of
from eventkit_poller import Settings
from tests.adapters.deploy.apps import QUEUES, app, names, options, read

ELSEWHERE = {"region": None, "account": None}


def template(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - the fields of Options
    return ecs(deployment_of(app, names, options(**chosen)))


def of_type(kind: str, **chosen: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - likewise
    resources = template(**chosen)["Resources"].values()
    return [one["Properties"] for one in resources if one["Type"] == kind]


def container(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    [definition] = of_type("AWS::ECS::TaskDefinition", **chosen)
    found: dict[str, Any] = definition["ContainerDefinitions"][0]
    return found


def environ(**chosen: Any) -> dict[str, Any]:  # noqa: ANN401 - likewise
    return {one["Name"]: one["Value"] for one in container(**chosen)["Environment"]}


def statements(**chosen: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - likewise
    role = template(**chosen)["Resources"]["TaskRole"]["Properties"]
    return {one["Sid"]: one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]}


def queues_in(statement: dict[str, Any]) -> list[str]:
    return [resource["Fn::Sub"].rpartition(":")[2] for resource in statement["Resource"]]


def lint(text: str, file: Path) -> str:
    """What CloudFormation's linter says of a template that is written to the file."""
    file.write_text(text, "utf-8")
    command = [sys.executable, "-W", "ignore", "-c", "from cfnlint.runner import main; main()"]
    result = subprocess.run(
        [*command, "--include-checks", "I", "--", str(file)], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0 or result.stdout, result.stderr
    return result.stdout


@pytest.mark.parametrize("chosen", [{}, ELSEWHERE, {"image": None}], ids=str)
def test_cloudformations_linter_has_nothing_to_say(chosen: dict[str, None], tmp_path: Path) -> None:
    assert lint(generate("ecs", app, names, options(**chosen)), tmp_path / "template.yaml") == ""


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    assert "513" in lint(generate("ecs", app, names, options(memory=513)), tmp_path / "template.yaml")


def test_what_is_written_is_read_as_what_was_meant() -> None:
    text = generate("ecs", app, names, options())

    assert read(text) == [template()]
    assert "&id" not in text


def test_a_task_may_do_what_its_poller_does_with_each_queue_and_topic() -> None:
    found = statements()

    assert found["Poll"]["Action"] == [
        "sqs:GetQueueUrl",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
    ]
    assert queues_in(found["Poll"]) == [*QUEUES]
    assert found["Send"]["Action"] == ["sqs:GetQueueUrl", "sqs:SendMessage"]
    dead_letters = ["blog-photos-dlq", "prod-orders-dlq.fifo", "blog-news-dlq"]
    assert queues_in(found["Send"]) == ["invoices", "audit", *dead_letters]
    assert (found["Publish"]["Action"], queues_in(found["Publish"])) == (["sns:Publish"], ["blog.posts"])
    assert found["Protect"]["Action"] == ["ecs:UpdateTaskProtection"]
    assert [*found] == ["Poll", "Send", "Publish", "Protect"]


def test_a_task_may_put_events_on_the_buses_that_its_app_sends_to() -> None:
    shop = App("shop")
    shop.on(Queue[str]("orders"), to=Bus[dict[str, str]]("events", types=None), name="tell")(
        lambda text: {"text": text}
    )

    made = ecs(deployment_of(shop, Names("shop"), options()))

    [policy] = made["Resources"]["TaskRole"]["Properties"]["Policies"]
    [allowed] = [one for one in policy["PolicyDocument"]["Statement"] if one["Sid"] == "PutEvents"]
    assert allowed["Action"] == ["events:PutEvents", "events:DescribeEventBus"]
    assert queues_in(allowed) == ["event-bus/events"]


def test_a_task_may_remember_what_was_done_in_a_store_of_dynamodb() -> None:
    granted = statements(store="dynamodb://done?region=eu-west-1")["Remember"]

    assert granted["Action"] == ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    assert queues_in(granted) == ["table/done"]
    assert "Remember" not in statements(store="redis://cache:6379/0")


def test_the_store_is_in_the_environment() -> None:
    deployment = deployment_of(app, names, options(store="redis://cache:6379/0"))

    assert environ_of(deployment, "0.0.0.0")["EVENTKIT_STORE"] == "redis://cache:6379/0"  # noqa: S104 - where it listens


def test_a_password_is_not_written_into_documents() -> None:
    with pytest.raises(ConfigurationError, match="EVENTKIT_STORE as a secret"):
        options(store="redis://user:secret@cache:6379/0")


def test_no_action_and_no_resource_is_a_wildcard_but_the_ids_of_tasks() -> None:
    found = statements()

    actions = [action for statement in found.values() for action in statement["Action"]]
    resources = [resource["Fn::Sub"] for statement in found.values() for resource in statement["Resource"]]
    assert [action for action in actions if "*" in action] == []
    assert [resource for resource in resources if "*" in resource] == [
        "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*"
    ]


def test_what_the_app_does_not_do_is_not_granted() -> None:
    small = App("small")
    small.on(Queue[str]("jobs"))(lambda _: None)

    role = ecs(deployment_of(small, Names("small"), options()))["Resources"]["TaskRole"]["Properties"]

    assert [one["Sid"] for one in role["Policies"][0]["PolicyDocument"]["Statement"]] == ["Poll", "Send", "Protect"]


def test_where_a_queue_is_not_known_to_be_elsewhere_it_is_where_the_stack_is() -> None:
    queue, elsewhere, _ = statements(**ELSEWHERE)["Poll"]["Resource"]

    assert queue["Fn::Sub"] == "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:blog-photos"
    assert elsewhere["Fn::Sub"] == "arn:${AWS::Partition}:sqs:eu-west-1:123456789012:prod-orders.fifo"


def test_a_topic_is_configured_by_its_arn_so_that_none_need_be_listed() -> None:
    topic = environ(**ELSEWHERE)["EVENTKIT_TOPIC_BLOG_POSTS"]

    assert topic == {"Fn::Sub": "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:blog.posts"}


@pytest.mark.parametrize(
    ("drain", "given", "stop", "note"),
    [
        (30, "30", 45, "30 s"),
        (105, "105", 120, "105 s"),
        (600, "105", 120, "105 s; 600 s were asked for, and Fargate stops a task within 120 s"),
    ],
)
def test_the_poller_stops_in_the_time_that_fargate_gives(drain: float, given: str, stop: int, note: str) -> None:
    settings = Settings(drain=drain)

    assert environ(settings=settings)["EVENTKIT_DRAIN"] == given
    assert container(settings=settings)["StopTimeout"] == stop
    assert template(settings=settings)["Metadata"]["eventkit"]["Drain"] == note


def test_settings_that_fargate_gives_no_time_for_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="wait=20 and flush=100: Fargate kills a task 120 s after SIGTERM"):
        template(settings=Settings(wait=20, flush=100))


def test_a_service_of_no_task_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="least=0: a service of ECS needs 1 task"):
        template(least=0)


def test_the_health_check_asks_the_poller_by_python_alone() -> None:
    check = container(port=9000)["HealthCheck"]["Command"]

    assert check[:3] == ["CMD", "python", "-c"]
    assert "http://127.0.0.1:9000/healthz" in check[3]
    assert environ(port=9000)["EVENTKIT_HEALTH"] == "127.0.0.1:9000"
    compile(check[3], "health check", "exec")


def test_a_task_is_as_large_as_was_chosen() -> None:
    [definition] = of_type("AWS::ECS::TaskDefinition", cpu=2, memory=4096)

    assert (definition["Cpu"], definition["Memory"]) == ("2048", "4096")


def test_every_queue_is_scaled_by_what_waits_and_what_is_in_flight_for_each_task() -> None:
    policies = of_type("AWS::ApplicationAutoScaling::ScalingPolicy", settings=Settings(concurrency=8), workers=2)

    tracked = [policy["TargetTrackingScalingPolicyConfiguration"] for policy in policies]
    assert [one["TargetValue"] for one in tracked] == [6, 16, 16]
    for queue, one in zip(QUEUES, tracked, strict=True):
        metrics = {metric["Id"]: metric for metric in one["CustomizedMetricSpecification"]["Metrics"]}
        assert {name: metrics[name]["MetricStat"]["Metric"]["MetricName"] for name in ("visible", "flying")} == {
            "visible": "ApproximateNumberOfMessagesVisible",
            "flying": "ApproximateNumberOfMessagesNotVisible",
        }
        for name in ("visible", "flying"):
            dimensions = metrics[name]["MetricStat"]["Metric"]["Dimensions"]
            assert dimensions == [{"Name": "QueueName", "Value": queue}]
        assert metrics["backlog"]["Expression"] == "(visible + flying) / running"
        assert [name for name, metric in metrics.items() if metric["ReturnData"]] == ["backlog"]


def test_tasks_stay_between_what_was_chosen_and_a_new_version_changes_nothing_about_it() -> None:
    [target] = of_type("AWS::ApplicationAutoScaling::ScalableTarget", least=2, most=5)
    [service] = of_type("AWS::ECS::Service")

    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 5)
    assert "DesiredCount" not in service
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_each_queue_has_an_alarm_for_its_age_and_one_for_its_dead_letters() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")

    watched = [(alarm["MetricName"], alarm["Dimensions"][0]["Value"]) for alarm in alarms]
    assert watched == [
        ("ApproximateAgeOfOldestMessage", "blog-photos"),
        ("ApproximateNumberOfMessagesVisible", "blog-photos-dlq"),
        ("ApproximateAgeOfOldestMessage", "prod-orders.fifo"),
        ("ApproximateNumberOfMessagesVisible", "prod-orders-dlq.fifo"),
        ("ApproximateAgeOfOldestMessage", "blog-news"),
        ("ApproximateNumberOfMessagesVisible", "blog-news-dlq"),
    ]


def test_queues_whose_names_differ_in_signs_only_are_kept_apart() -> None:
    similar = App("similar")
    for name in ("jobs-a2", "jobs-a", "jobs_a", "jobs-A"):
        similar.on(Queue[str](name), name=name)(lambda _: None)

    resources = ecs(deployment_of(similar, Names("similar"), options()))["Resources"]

    alarmed = {one["Properties"]["Dimensions"][0]["Value"] for one in resources.values() if is_alarm(one)}
    assert alarmed == {name for queue in ("jobs-a2", "jobs-a", "jobs_a", "jobs-A") for name in (queue, f"{queue}-dlq")}
    assert [key for key in resources if not re.fullmatch(r"[A-Za-z0-9]+", key)] == []


def is_alarm(resource: dict[str, Any]) -> bool:
    return bool(resource["Type"] == "AWS::CloudWatch::Alarm")


def test_everything_that_is_referred_to_is_there() -> None:
    document = template()

    known = {*document["Parameters"], *document["Resources"]}
    assert {name for name in references(document) if not name.startswith("AWS::")} <= known


def references(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": names}:
            yield str(names[0])
        case dict() | list():
            for one in cast("Iterable[Any]", value.values() if isinstance(value, dict) else value):
                yield from references(one)
        case _:
            pass
