"""Apps that read tables and Kinesis streams: rights, leases, and what there is to scale by."""

from typing import Any

import pytest

from eventkit import App, Bucket, ConfigurationError, Names, Queue, Stream, StreamOptions, Table
from eventkit_cli.settings import read_settings, require_known
from eventkit_deploy import Options, deployment_of, ecs, faults_of, generate, kubernetes, mappings_of
from eventkit_deploy.deployment import environ_of
from tests.adapters.deploy.apps import options, read
from tests.adapters.deploy.test_ecs import lint

LEASES = "dynamodb://leases"
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2026-01-01T00:00:00.000"
HERE = "arn:${AWS::Partition}:%s:eu-west-1:123456789012:%s"


def ignore(_: object) -> None: ...


def shop(*more: Any) -> App:  # noqa: ANN401 - any source
    app = App("shop")
    for number, source in enumerate((Table[object]("orders").changed(), Stream[str]("clicks"), *more)):
        app.on(source, name=f"route{number}")(ignore)
    return app


def chosen(**fields: Any) -> Options:  # noqa: ANN401 - the fields of Options
    return options(**{"leases": LEASES, **fields})


def rights(app: App, names: Names, **fields: Any) -> dict[str, tuple[list[str], list[str]]]:  # noqa: ANN401 - as above
    """Actions and resources by the statement's name."""
    role = ecs(deployment_of(app, names, chosen(**fields)))["Resources"]["TaskRole"]["Properties"]
    [policy] = role["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    return {one["Sid"]: (one["Action"], [resource["Fn::Sub"] for resource in one["Resource"]]) for one in statements}


def test_a_task_may_read_its_shards_and_change_its_leases_and_no_more() -> None:
    found = rights(shop(), Names("shop"))

    assert found.pop("FindStreams") == (["dynamodb:DescribeTable"], [HERE % ("dynamodb", "table/orders")])
    assert found.pop("ReadTables") == (
        ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"],
        [HERE % ("dynamodb", "table/orders/stream/*")],  # named by the moment at which it was enabled
    )
    assert found.pop("ReadStreams") == (
        ["kinesis:DescribeStreamSummary", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"],
        [HERE % ("kinesis", "stream/clicks")],
    )
    assert found.pop("Share") == (
        ["dynamodb:DescribeTable", "dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"],
        [HERE % ("dynamodb", "table/leases")],
    )
    assert [*found] == ["Protect"]


def test_a_stream_that_is_configured_by_its_arn_is_read_by_it_alone() -> None:
    found = rights(shop(), Names.from_environ("shop", {"EVENTKIT_TABLE_ORDERS": ARN}))

    assert "FindStreams" not in found
    assert found["ReadTables"][1] == [HERE % ("dynamodb", "table/orders/stream/2026-01-01T00:00:00.000")]


def test_a_lease_table_is_made_where_the_url_says_so_in_the_region_that_it_names() -> None:
    actions, resources = rights(shop(), Names("shop"), leases="dynamodb://leases?region=eu-north-1&create=true")[
        "Share"
    ]

    assert "dynamodb:CreateTable" in actions
    assert resources == ["arn:${AWS::Partition}:dynamodb:eu-north-1:123456789012:table/leases"]


@pytest.mark.parametrize(
    ("on_failure", "sid", "action", "resource"),
    [
        ("sqs:rejects", "Send", "sqs:SendMessage", HERE % ("sqs", "rejects")),
        ("sns:rejects", "Publish", "sns:Publish", HERE % ("sns", "rejects")),
        ("s3:rejects", "Keep", "s3:PutObject", "arn:${AWS::Partition}:s3:::rejects/aws/lambda/*"),
    ],
)
def test_a_task_may_keep_what_is_given_up(on_failure: str, sid: str, action: str, resource: str) -> None:
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": on_failure})

    actions, resources = rights(shop(), names)[sid]

    assert action in actions
    assert resources == [resource]


def test_the_processes_share_what_the_documents_were_made_with() -> None:
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": "sqs:rejects", "EVENTKIT_TABLE_ORDERS": ARN})

    environ = environ_of(deployment_of(shop(), names, chosen()), "127.0.0.1")

    require_known(environ)
    run, _ = read_settings(environ, {})
    assert run.leases == LEASES
    assert Names.from_environ("shop", environ) == names


def test_a_topic_for_failures_is_configured_by_its_arn_so_that_none_need_be_listed() -> None:
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": "sns:rejects"})

    made = ecs(deployment_of(shop(), names, chosen()))

    [container] = made["Resources"]["TaskDefinition"]["Properties"]["ContainerDefinitions"]
    [value] = [one["Value"] for one in container["Environment"] if one["Name"] == "EVENTKIT_ON_FAILURE"]
    assert value == {"Fn::Sub": "sns:" + HERE % ("sns", "rejects")}


@pytest.mark.parametrize("leases", [None, "memory://"])
def test_replicas_that_would_not_share_their_streams_are_refused(leases: str | None) -> None:
    with pytest.raises(ConfigurationError, match="share the shards of table 'orders', stream 'clicks' by leases"):
        deployment_of(shop(), Names("shop"), chosen(leases=leases))


def test_streams_are_not_left_alone_while_queues_are_empty() -> None:
    with pytest.raises(ConfigurationError, match="least=0: table 'orders', stream 'clicks' would not be read"):
        deployment_of(shop(Queue[str]("jobs")), Names("shop"), chosen(least=0))


def test_an_app_of_queues_needs_no_leases_and_gets_none() -> None:
    app = App("shop")
    app.on(Queue[str]("jobs"))(ignore)
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": "sqs:rejects"})

    deployment = deployment_of(app, names, chosen(least=0))

    assert not {"EVENTKIT_LEASES", "EVENTKIT_ON_FAILURE"} & deployment.environ.keys()
    assert deployment.lease_table is None


def test_without_a_queue_there_is_nothing_to_scale_by_and_the_least_is_what_runs() -> None:
    deployment = deployment_of(shop(), Names("shop"), chosen(least=3))

    template, manifests = ecs(deployment), kubernetes(deployment)

    assert not [one for one in template["Resources"].values() if "AutoScaling" in one["Type"]]
    assert template["Resources"]["Service"]["Properties"]["DesiredCount"] == 3
    assert "MaxAgeSeconds" not in template["Parameters"]
    assert [one["kind"] for one in manifests] == ["ServiceAccount", "Deployment", "PodDisruptionBudget"]
    assert manifests[1]["spec"]["replicas"] == 3


def test_with_a_queue_it_is_scaled_by_that() -> None:
    deployment = deployment_of(shop(Queue[str]("jobs")), Names("shop"), chosen())

    assert "DesiredCount" not in ecs(deployment)["Resources"]["Service"]["Properties"]
    assert [one["kind"] for one in kubernetes(deployment)][-1] == "ScaledObject"


def test_a_queue_of_failures_has_an_alarm() -> None:
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": "sqs:rejects"})

    alarm = ecs(deployment_of(shop(), names, chosen()))["Resources"]["GivenUp"]["Properties"]

    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "rejects"}]


@pytest.mark.parametrize("on_failure", [None, "sqs:rejects", "sns:rejects", "s3:rejects"])
def test_cloudformations_linter_has_nothing_to_say(on_failure: str | None, tmp_path: Any) -> None:  # noqa: ANN401 - a Path
    names = Names.from_environ("shop", {"EVENTKIT_ON_FAILURE": on_failure} if on_failure else {})
    text = generate("ecs", shop(), names, chosen(leases="dynamodb://leases?create=true"))

    assert lint(text, tmp_path / "template.yaml") == ""
    assert len(read(text)) == 1


orders = Table[object]("orders", stream=StreamOptions(batch=7, retries=2))
sources = (Queue[str]("jobs"), Bucket("photos").created(), orders.inserted(), Stream[str]("clicks"))
TABLE, CLICKS, JOBS, PHOTOS = "table:orders", "stream:clicks", "queue:jobs", "queue:all-photos"


def all_kinds() -> App:
    app = App("all")
    for number, source in enumerate(sources):
        app.on(source, name=f"route{number}")(ignore)
    return app


def listed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - what AWS answers
    """The mappings of an account that are right, apart from changes by what they are about; None leaves one out."""
    arns = {
        TABLE: ARN,
        CLICKS: "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
        JOBS: "arn:aws:sqs:eu-west-1:123456789012:jobs",
        "queue:other": "arn:aws:sqs:eu-west-1:123456789012:other",
    }
    wanted = {**mappings_of(all_kinds(), Names("all")), "queue:other": {"BatchSize": 1}}
    return {
        "EventSourceMappings": [
            {"EventSourceArn": arn, **wanted[key], **changes.get(key.partition(":")[2], {})}
            for key, arn in arns.items()
            if changes.get(key.partition(":")[2], {}) is not None
        ]
    }


def test_each_queue_table_and_stream_has_a_mapping() -> None:
    made = mappings_of(all_kinds(), Names("all"))

    assert sorted(made) == sorted([TABLE, CLICKS, JOBS, PHOTOS])
    assert made[JOBS] == {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
    assert (made[TABLE]["BatchSize"], made[TABLE]["MaximumRetryAttempts"]) == (7, 2)
    assert made[CLICKS]["BatchSize"] == 100


def test_mappings_are_called_by_physical_names() -> None:
    names = Names.from_environ("all", {"EVENTKIT_TABLE_ORDERS": "prod-orders", "EVENTKIT_VIA_PHOTOS": "sqs:media"})

    assert {"table:prod-orders", "queue:media"} <= mappings_of(all_kinds(), names).keys()


def test_mappings_that_are_right_have_no_fault() -> None:
    assert faults_of(all_kinds(), Names("all"), listed()) == []


def test_a_mapping_that_differs_is_told_with_what_that_leads_to() -> None:
    faults = faults_of(all_kinds(), Names("all"), listed(jobs={"FunctionResponseTypes": []}, orders={"BatchSize": 100}))

    assert [fault.partition(" and should be ")[0] for fault in faults] == [
        "table:orders: BatchSize is 100",
        "queue:jobs: FunctionResponseTypes is []",
    ]


def test_a_mapping_that_is_missing_is_told_unless_the_queue_only_carries() -> None:
    faults = faults_of(all_kinds(), Names("all"), listed(clicks=None))

    assert faults == ["stream:clicks: there is no mapping, so Lambda gets nothing of it"]


@pytest.mark.parametrize("what", [None, [], {}, {"EventSourceMappings": "none"}])
def test_what_is_no_list_of_mappings_is_refused(what: object) -> None:
    with pytest.raises(ConfigurationError, match="write what `aws lambda list-event-source-mappings` says"):
        faults_of(all_kinds(), Names("all"), what)


def test_what_is_listed_without_an_arn_is_ignored() -> None:
    others: list[object] = [{"FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:all"}, 7]
    mappings: list[object] = [*listed()["EventSourceMappings"], *others]

    assert faults_of(all_kinds(), Names("all"), {"EventSourceMappings": mappings}) == []
