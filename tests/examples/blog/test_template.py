"""The blog's template is one that CloudFormation takes, and it makes what the app declares."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from eventkit import App, Bucket, Inserted, ObjectCreated, ObjectRemoved, Queue, StreamOptions, Table
from examples.blog.app import app
from tests.examples.blog import drift
from tests.examples.blog.blog_stack import GONE, PHOTOS, SOURCES, TEMPLATE, altered, deployed
from tests.examples.blog.cloudformation import Resource, read

QUEUE, DEAD_LETTERS = "PhotosQueue.Properties", "PhotosDeadLetters.Properties"
TOLD = "PhotosBucket.Properties.NotificationConfiguration.TopicConfigurations.0"
PHOTOS_MAPPING, CHANGES_MAPPING = "PhotosMapping.Properties", "ChangesMapping.Properties"
TABLE = "BlogTable.Properties"
FUNCTION = "Function.Properties"
VARIABLES = "Function.Properties.Environment.Variables"


def varied() -> App:
    """The blog's app, to be added to."""
    other = App(app.name, lifespan=app.lifespan)
    other.include(app)
    return other


def lint(file: Path) -> str:
    command = [sys.executable, "-W", "ignore", "-c", "from cfnlint.runner import main; main()"]
    result = subprocess.run(
        [*command, "--include-checks", "I", "--", str(file)], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0 or result.stdout, result.stderr
    return result.stdout


def test_cloudformations_linter_has_nothing_to_say() -> None:
    assert lint(TEMPLATE) == ""


def test_one_rule_of_the_linter_is_switched_off_for_one_resource() -> None:
    ignored = {
        resource.id: resource.attributes["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
        for resource in deployed().resources.values()
        if "Metadata" in resource.attributes
    }

    assert ignored == {"Distribution": ["W1030"]}  # a certificate's ARN is empty where there is no domain
    assert "Metadata" not in read(TEMPLATE)


def test_the_linter_would_say_something(tmp_path: Path) -> None:
    wrong = tmp_path / "template.yaml"
    wrong.write_text(
        TEMPLATE.read_text("utf-8").replace("MaximumRetryAttempts: -1", "MaximumRetryAttempts: -2"), "utf-8"
    )

    assert "-2" in lint(wrong)


def test_the_template_makes_what_the_app_declares() -> None:
    assert drift.faults(deployed(), app, SOURCES) == []


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (f"{QUEUE}.VisibilityTimeout", 359, "its visibility timeout must be at least 360"),
        (f"{FUNCTION}.Timeout", 61, "its visibility timeout must be at least 366"),
        (f"{FUNCTION}.Timeout", 30, "the function has 30 s, and a handler"),
        (f"{QUEUE}.RedrivePolicy.maxReceiveCount", 3, "the app has .*5.*the template .*3"),
        (f"{QUEUE}.RedrivePolicy", GONE, "queue acme-photos: the app has"),
        (f"{DEAD_LETTERS}.MessageRetentionPeriod", 345600, "dead letters must be kept for longer"),
        (f"{PHOTOS_MAPPING}.FunctionResponseTypes", [], "acme-photos: FunctionResponseTypes is .* LOSES"),
        ("PhotosMapping", GONE, "queue:acme-photos: there is no mapping"),
        (f"{PHOTOS_MAPPING}.Enabled", False, "acme-photos: its mapping leads to no function"),
        (f"{PHOTOS_MAPPING}.EventSourceArn", {"Fn::GetAtt": "Failures.Arn"}, "queue:acme-failures: there is a mapping"),
        ("PhotosSubscription.Properties.RawMessageDelivery", True, f"bucket {PHOTOS}: "),
        ("PhotosSubscription", GONE, f"bucket {PHOTOS}: "),
        ("PhotosSubscription.Properties.Protocol", "email", f"bucket {PHOTOS}: "),
        (f"{TOLD}.Event", "s3:ObjectCreated:Put", PHOTOS),
        (f"{TOLD}.Filter.S3Key.Rules.0.Name", "suffix", "the app has .*'uploads/'.*the template .*'suffix uploads/'"),
        (f"{TOLD}.Filter.S3Key.Rules.0.Value", "upload/", "the app has .*'uploads/'.*the template .*'upload/'"),
        (f"{CHANGES_MAPPING}.BisectBatchOnFunctionError", False, "table:acme: BisectBatchOnFunctionError is False"),
        (f"{CHANGES_MAPPING}.MaximumRetryAttempts", 3, "table:acme: MaximumRetryAttempts is 3 and should be -1"),
        (f"{CHANGES_MAPPING}.BatchSize", 1000, "table:acme: BatchSize is 1000 and should be 100"),
        (f"{CHANGES_MAPPING}.StartingPosition", "LATEST", "table:acme: StartingPosition is 'LATEST'"),
        (f"{CHANGES_MAPPING}.DestinationConfig", GONE, "table:acme: DestinationConfig is not set"),
        ("ChangesMapping", GONE, "table:acme: there is no mapping"),
        (f"{CHANGES_MAPPING}.FilterCriteria", {"Filters": [{"Pattern": "{}"}]}, "table/acme/.*: its mapping filters"),
        (f"{TABLE}.KeySchema.1", GONE, "table acme: the app has"),
        (f"{TABLE}.AttributeDefinitions.3.AttributeType", "S", "table acme: .*'N'.*the template"),
        (f"{TABLE}.GlobalSecondaryIndexes.0.Projection.NonKeyAttributes.4", GONE, "table acme: .*'photo'"),
        (f"{TABLE}.StreamSpecification.StreamViewType", "KEYS_ONLY", "the template .*KEYS_ONLY"),
        (f"{VARIABLES}.EVENTKIT_TABLE_BLOG", GONE, "environment: EVENTKIT_TABLE_BLOG"),
        (f"{VARIABLES}.EVENTKIT_TABLE_BLOG", "posts", "table posts: the app has"),
        (f"{VARIABLES}.EVENTKIT_BUCKET_PHOTOS", "pictures", "bucket pictures: the app has"),
        (f"{VARIABLES}.EVENTKIT_VIA_PHOTOS", "sqs:others", "queue others: the app has"),
        (f"{VARIABLES}.EVENTKIT_ON_FAILURE", "sqs:others", "given up: the app has others"),
        (f"{VARIABLES}.EVENTKIT_STORE", GONE, "EVENTKIT_STORE: the app has it"),
        (f"{VARIABLES}.EVENTKIT_TABEL_BLOG", "x", "EVENTKIT_TABEL_BLOG: the app has None"),
        (f"{VARIABLES}.BLOG_SENDER", GONE, "BLOG_SENDER: the app has it"),
        (f"{VARIABLES}.BLOG_COLOUR", "red", "BLOG_COLOUR: the app has None"),
        ("DoneTable.Properties.TimeToLiveSpecification", GONE, "the store .*: it must be"),
    ],
)
def test_a_template_that_is_otherwise_is_found_out(path: str, value: object, said: str) -> None:
    found = drift.faults(altered(path, value), app, SOURCES)

    assert any(re.search(said, fault) for fault in found), found


def test_an_app_that_takes_more_is_found_out() -> None:
    other = varied()
    other.on(Queue[str]("orders"), name="order")(lambda _: None)
    other.on(Bucket("photos").removed(prefix="uploads/"), name="forget")(_ignore)

    found = "\n".join(drift.faults(deployed(), other, SOURCES))

    assert "queue orders: the app has ('orders-dlq', 5), the template None" in found
    assert "environment: EVENTKIT_QUEUE_ORDERS: the app has it, the template None" in found
    assert "queue:orders: there is no mapping" in found
    assert re.search(rf"bucket {PHOTOS}: the app has .*s3:ObjectRemoved:\*", found)


def _ignore(_: ObjectRemoved) -> None: ...


def test_an_app_that_consumes_its_table_otherwise_is_found_out() -> None:
    other = App(app.name)
    changes = Table[dict[str, str]]("blog", stream=StreamOptions(batch=10, retries=5, bisect=False))
    other.on(changes.inserted())(_welcome)

    found = "\n".join(drift.faults(deployed(), other, SOURCES))

    assert "table:acme: BatchSize is 100 and should be 10" in found
    assert "table:acme: MaximumRetryAttempts is -1 and should be 5" in found
    assert "table:acme: BisectBatchOnFunctionError is True and should be False" in found


def _welcome(_: Inserted[dict[str, str]]) -> None: ...


def test_an_app_whose_handlers_take_longer_is_found_out() -> None:
    other = varied()
    other.on(Bucket("photos").created(prefix="uploads/"), timeout=600, name="slow")(_develop)

    found = drift.faults(deployed(), other, SOURCES)

    assert "the function has 60 s, and a handler 600" in found
    assert "queue acme-photos: its visibility timeout must be at least 3600 s" in found


def _develop(_: ObjectCreated) -> None: ...


def test_the_function_is_the_one_that_is_tested() -> None:
    assert deployed()["Function"].properties["Handler"] == "examples.blog.lambda_main.handler"  # see test_lambda


def test_s3_may_publish_before_it_is_told_to() -> None:
    assert deployed()["PhotosBucket"].attributes["DependsOn"] == "PhotosTopicPolicy"


def test_the_table_is_in_two_regions_and_can_be_brought_back_in_each() -> None:
    replicas = deployed()["BlogTable"].properties["Replicas"]

    assert [one["Region"] for one in replicas] == ["eu-west-1", "us-east-1"]
    assert all(one["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] for one in replicas)


def test_what_cannot_be_made_again_outlives_the_stack() -> None:
    kept = {one.id for one in deployed().resources.values() if one.attributes.get("DeletionPolicy") == "Retain"}

    assert kept == {"BlogTable", "DoneTable", "PhotosBucket", "SiteBucket", "PhotosDeadLetters", "Failures"}


def test_somebody_is_woken_for_whatever_fails_or_waits() -> None:
    alarms = deployed().of_type("AWS::CloudWatch::Alarm")
    watched = {metric_of(one) for one in alarms}

    assert watched == {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName=acme-photos-dlq"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName=acme-failures"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName=acme-photos"),
        ("AWS/Lambda", "IteratorAge", "FunctionName=acme-Function"),
        ("AWS/Lambda", "Errors", "FunctionName=acme-Function"),
        ("AWS/Lambda", "Throttles", "FunctionName=acme-Function"),
        ("AWS/ApiGateway", "5xx", "ApiId=acme-Api"),
    }


def metric_of(alarm: Resource) -> tuple[str, str, str]:
    """Namespace, name and dimensions: an alarm on a metric that nobody reports never goes off."""
    dimensions = (f"{one['Name']}={one['Value']}" for one in alarm.properties["Dimensions"])
    return alarm.properties["Namespace"], alarm.properties["MetricName"], " ".join(dimensions)


@pytest.mark.parametrize(("region", "watched"), [("us-east-1", True), ("eu-west-1", False)])
def test_the_edge_is_watched_where_it_reports(region: str, watched: bool) -> None:  # noqa: FBT001 - a test's parameter
    alarms = deployed(**{"AWS::Region": region}).of_type("AWS::CloudWatch::Alarm")

    edges = ("AWS/CloudFront", "5xxErrorRate", "DistributionId=acme-Distribution Region=Global")
    assert (edges in map(metric_of, alarms)) is watched


def test_alarms_go_to_the_topic_that_is_given() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:oncall"

    for given, actions in (("", []), (topic, [topic])):
        alarms = deployed(AlarmTopicArn=given).of_type("AWS::CloudWatch::Alarm")
        assert [one.properties["AlarmActions"] for one in alarms] == [actions] * len(alarms)
