"""A CloudFormation template for a service of Amazon ECS on Fargate. Pure.

Replicas follow the backlog per task, visible messages and those in flight, by target tracking with metric math
("Create a target tracking scaling policy for Application Auto Scaling using metric math", where AWS shows the same for
visible messages alone). Step scaling would need a table of steps for each maximum, and alarms of its own. There is one
policy for each queue: of several, the one that wants the most tasks decides, and tasks are taken away only when all
agree. Streams are not scaled by: without a queue, the smallest number of tasks is the number of tasks.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from eventkit.buckets import Bucket
from eventkit.errors import ConfigurationError
from eventkit.names import ON_FAILURE
from eventkit.resources import Queue, Topic
from eventkit_deploy.deployment import MARGIN, Address, Deployment, Polled, environ_of, grace_of

__all__ = ["MAX_STOP", "ecs"]

Fields = dict[str, Any]

MAX_STOP = 120
"""Seconds that Fargate gives a container to stop ("ContainerDefinition" in the ECS API reference)."""

UNITS = 1024
"""CPU units of one CPU ("TaskDefinition" in the ECS API reference)."""

POLLING = (
    "sqs:GetQueueUrl",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
)
SENDING = ("sqs:GetQueueUrl", "sqs:SendMessage")
REMEMBERING = ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")

DESCRIBING = ("dynamodb:DescribeTable",)
READING_TABLES = ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords")
READING_STREAMS = (
    "kinesis:DescribeStreamSummary",
    "kinesis:ListShards",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
)
SHARING = (
    "dynamodb:DescribeTable",
    "dynamodb:Query",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:DeleteItem",
)

SCALE_OUT, SCALE_IN = 60, 300
"""Seconds between two changes of the number of tasks."""


def ecs(deployment: Deployment) -> Fields:
    """The template: roles, log group, task definition, service, scaling and alarms.

    `drain` is cut to what Fargate's 120 seconds leave of it; the template's metadata say so. Raises
    `ConfigurationError` where `wait` and `flush` alone take longer, and for no task at all: without one, the metric
    that is scaled by does not exist.
    """
    if deployment.options.least < 1:
        raise ConfigurationError("least=0: a service of ECS needs 1 task, because its backlog is counted by task")
    fitted = _fitted(deployment)
    scaling = _scaling(fitted) if fitted.polled else {}
    alarms = _alarms(fitted)
    conditions = {
        **({"HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [_ref("AlarmTopicArn"), ""]}]}} if alarms else {}),
        "HasPolicies": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", _ref("TaskPolicyArns")]}, ""]}]},
    }
    resources = {**_roles(fitted), **_service(fitted), **scaling, **alarms}
    by = ", scaled by its queues" if scaling else ""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"{deployment.name}: a poller of {deployment.options.app}{by}",
        "Metadata": {"eventkit": _notes(deployment, fitted)},
        "Parameters": _referenced(_parameters(fitted), (conditions, resources)),
        "Conditions": conditions,
        "Resources": resources,
        "Outputs": {"ServiceName": {"Value": _attribute("Service.Name")}, "TaskRoleArn": {"Value": _task_role()}},
    }


def _referenced(parameters: Fields, parts: object) -> Fields:
    text = json.dumps(parts)
    return {name: one for name, one in parameters.items() if json.dumps(_ref(name)) in text}


def _fitted(deployment: Deployment) -> Deployment:
    """The deployment with a drain that Fargate gives time for."""
    settings = deployment.options.settings
    longest = MAX_STOP - MARGIN - settings.flush
    fitted = replace(settings, drain=max(0.0, min(settings.drain, longest)))
    if grace_of(fitted) > MAX_STOP:
        raise ConfigurationError(
            f"wait={settings.wait:g} and flush={settings.flush:g}: Fargate kills a task {MAX_STOP} s after SIGTERM, "
            f"and {MARGIN} s of that are kept as a margin"
        )
    return replace(deployment, options=replace(deployment.options, settings=fitted))


def _notes(deployment: Deployment, fitted: Deployment) -> Fields:
    asked, given = deployment.options.settings.drain, fitted.options.settings.drain
    cut = f"; {asked:g} s were asked for, and Fargate stops a task within {MAX_STOP} s" if given < asked else ""
    scaled = {"ContainerInsights": "must be on in the cluster: scaling divides by its metric RunningTaskCount"}
    return {"Drain": f"{given:g} s{cut}", **(scaled if fitted.polled else {})}


def _ref(name: str) -> Fields:
    return {"Ref": name}


def _sub(text: str) -> Fields:
    return {"Fn::Sub": text}


def _attribute(name: str) -> Fields:
    return {"Fn::GetAtt": name.split(".")}


def _task_role() -> Fields:
    return _attribute("TaskRole.Arn")


def _parameters(deployment: Deployment) -> Fields:
    image = deployment.options.image
    return {
        "Image": {
            "Type": "String",
            "Description": "The container's image",
            **({"Default": image} if image else {}),
        },
        "Cluster": {"Type": "String", "Description": f"The cluster's name{_insights(deployment)}"},
        "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>", "Description": "From which SQS, SNS and ECR can be reached"},
        "SecurityGroups": {"Type": "List<AWS::EC2::SecurityGroup::Id>", "Description": "Nothing needs to come in"},
        "AssignPublicIp": {
            "Type": "String",
            "Default": "DISABLED",
            "AllowedValues": ["DISABLED", "ENABLED"],
            "Description": "ENABLED in a public subnet without a NAT gateway",
        },
        "TaskPolicyArns": {
            "Type": "CommaDelimitedList",
            "Default": "",
            "Description": "Policies for what handlers do themselves, and for the keys of encrypted queues",
        },
        "AlarmTopicArn": {"Type": "String", "Default": "", "Description": "Where alarms go; empty for nowhere"},
        "MaxAgeSeconds": {
            "Type": "Number",
            "Default": 300,
            "MinValue": 1,
            "Description": "The age of a queue's oldest message that is an alarm",
        },
    }


def _insights(deployment: Deployment) -> str:
    return "; Container Insights must be on" if deployment.polled else ""


def _roles(deployment: Deployment) -> Fields:
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    policy = {"Version": "2012-10-17", "Statement": _statements(deployment)}
    task = {
        "AssumeRolePolicyDocument": trust,
        "Policies": [{"PolicyName": "eventkit", "PolicyDocument": policy}],
        "ManagedPolicyArns": {"Fn::If": ["HasPolicies", _ref("TaskPolicyArns"), _ref("AWS::NoValue")]},
    }
    pulling = _sub("arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
    execution = {"AssumeRolePolicyDocument": trust, "ManagedPolicyArns": [pulling]}
    return {
        "TaskRole": {"Type": "AWS::IAM::Role", "Properties": task},
        "ExecutionRole": {"Type": "AWS::IAM::Role", "Properties": execution},
    }


def _statements(deployment: Deployment) -> list[Fields]:
    """What the poller itself does, and no more: see "Permissions" in docs/lambda-and-poller.md.

    A topic is configured by its ARN, so `sns:ListTopics`, which can only be granted for all topics, is not needed. A
    task's id is not known beforehand, so protection is granted for the tasks of the cluster.
    """
    taking = [_arn("sqs", polled.address) for polled in deployment.polled]
    giving = [_arn("sqs", address) for address in _sent(deployment)]
    publishing = [_arn("sns", topic.address) for topic in deployment.topics]
    putting = [_arn("events", replace(bus, name=f"event-bus/{bus.name}")) for bus in deployment.buses]
    table = deployment.store_table
    remembering = [] if table is None else [_table(table)]
    tasks = [_sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*")]
    return [
        {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resources}
        for sid, actions, resources in (
            ("Poll", POLLING, taking),
            *_reading(deployment),
            ("Send", SENDING, giving),
            ("Publish", ("sns:Publish",), [*publishing, *_kept_in(deployment, Topic.kind, "sns")]),
            ("Keep", ("s3:PutObject",), _kept_in(deployment, Bucket.kind, "s3")),
            ("Remember", REMEMBERING, remembering),
            ("PutEvents", ("events:PutEvents", "events:DescribeEventBus"), putting),
            ("Protect", ("ecs:UpdateTaskProtection",), tasks),
        )
        if resources
    ]


def _reading(deployment: Deployment) -> Iterator[tuple[str, tuple[str, ...], list[Fields]]]:
    """What reading shards, and sharing them, takes.

    A table's stream is named by the moment at which it was enabled, which is known only where its ARN is configured;
    then the table need not be asked for it.
    """
    tables = [one for one in deployment.shards if one.is_table]
    streams = [one.address for one in deployment.shards if not one.is_table]
    lease = deployment.lease_table
    sharing = (*SHARING, *(("dynamodb:CreateTable",) if deployment.makes_lease_table else ()))
    yield "FindStreams", DESCRIBING, [_table(one.address) for one in tables if one.label is None]
    yield "ReadTables", READING_TABLES, [_table(one.address, f"/stream/{one.label or '*'}") for one in tables]
    yield "ReadStreams", READING_STREAMS, [_arn("kinesis", replace(one, name=f"stream/{one.name}")) for one in streams]
    yield "Share", sharing, [] if lease is None else [_table(lease)]


def _table(address: Address, rest: str = "") -> Fields:
    return _arn("dynamodb", replace(address, name=f"table/{address.name}{rest}"))


def _kept_in(deployment: Deployment, kind: str, service: str) -> list[Fields]:
    """The on-failure destination, where it is of the kind. A bucket's ARN has neither Region nor account."""
    if deployment.on_failure is None or deployment.on_failure[0] != kind:
        return []
    address = deployment.on_failure[1]
    if kind == Bucket.kind:
        return [_sub(f"arn:${{AWS::Partition}}:s3:::{address.name}/aws/lambda/*")]
    return [_arn(service, address)]


def _sent(deployment: Deployment) -> Iterable[Address]:
    """The queues that the app sends to, and those that rejected records are copied to; each once."""
    failures = [deployment.on_failure[1]] if deployment.on_failure and deployment.on_failure[0] == Queue.kind else []
    return dict.fromkeys([*deployment.queues, *(polled.dead_letter for polled in deployment.polled), *failures])


def _arn(service: str, address: Address) -> Fields:
    region, account = address.region or "${AWS::Region}", address.account or "${AWS::AccountId}"
    return _sub(f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{address.name}")


def _service(deployment: Deployment) -> Fields:
    options = deployment.options
    definition = {
        "Family": deployment.name,
        "RequiresCompatibilities": ["FARGATE"],
        "NetworkMode": "awsvpc",
        "Cpu": str(round(options.cpu * UNITS)),
        "Memory": str(options.memory),
        "TaskRoleArn": _task_role(),
        "ExecutionRoleArn": _attribute("ExecutionRole.Arn"),
        "ContainerDefinitions": [_container(deployment)],
        "Volumes": [{"Name": "tmp"}],
    }
    network = {
        "Subnets": _ref("Subnets"),
        "SecurityGroups": _ref("SecurityGroups"),
        "AssignPublicIp": _ref("AssignPublicIp"),
    }
    # Where there is scaling it says no number of tasks: an update of the stack would take back what that has decided.
    service = {
        **({} if deployment.polled else {"DesiredCount": options.least}),
        "Cluster": _ref("Cluster"),
        "LaunchType": "FARGATE",
        "TaskDefinition": _ref("TaskDefinition"),
        "NetworkConfiguration": {"AwsvpcConfiguration": network},
        "DeploymentConfiguration": {
            "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
            "MinimumHealthyPercent": 100,
            "MaximumPercent": 200,
        },
    }
    return {
        "LogGroup": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"RetentionInDays": 30},
        },
        "TaskDefinition": {"Type": "AWS::ECS::TaskDefinition", "Properties": definition},
        "Service": {"Type": "AWS::ECS::Service", "Properties": service},
    }


def _container(deployment: Deployment) -> Fields:
    options = deployment.options
    health = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{options.port}/healthz', timeout=4)"
    environ: Fields = {
        **environ_of(deployment, "127.0.0.1"),  # the health check runs inside of the container
        "AWS_REGION": options.region or _ref("AWS::Region"),
        **{topic.variable: _arn("sns", topic.address) for topic in deployment.topics},
        **_failures_topic(deployment),
    }
    logs = {
        "awslogs-group": _ref("LogGroup"),
        "awslogs-region": _ref("AWS::Region"),
        "awslogs-stream-prefix": deployment.name,
    }
    return {
        "Name": deployment.name,
        "Image": _ref("Image"),
        "Command": ["eventkit", "run", options.app],
        "Environment": [{"Name": name, "Value": value} for name, value in environ.items()],
        "HealthCheck": {
            "Command": ["CMD", "python", "-c", health],
            "Interval": 10,
            "Timeout": 5,
            "Retries": 3,
            "StartPeriod": 120,
        },
        "StopTimeout": grace_of(options.settings),
        "ReadonlyRootFilesystem": True,
        "MountPoints": [{"SourceVolume": "tmp", "ContainerPath": "/tmp"}],  # noqa: S108 - the container's own
        "LogConfiguration": {"LogDriver": "awslogs", "Options": logs},
    }


def _failures_topic(deployment: Deployment) -> Fields:
    """The on-failure destination by its ARN, where it is a topic: to find one by its name would take more rights."""
    topics = _kept_in(deployment, Topic.kind, "sns")
    return {ON_FAILURE: _sub(f"sns:{topics[0]['Fn::Sub']}")} if topics else {}


def _scaling(deployment: Deployment) -> Fields:
    target = {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": {"Fn::Join": ["/", ["service", _ref("Cluster"), _attribute("Service.Name")]]},
        "MinCapacity": deployment.options.least,
        "MaxCapacity": deployment.options.most,
    }
    policies = {
        f"Scale{key}": {"Type": "AWS::ApplicationAutoScaling::ScalingPolicy", "Properties": _policy(deployment, polled)}
        for key, polled in _keyed(deployment)
    }
    return {"Tasks": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": target}, **policies}


def _policy(deployment: Deployment, polled: Polled) -> Fields:
    """Backlog per task: messages that wait and that are in work, by running tasks.

    Those in work count so that tasks are not taken away because nothing waits. The metrics are there as long as a task
    polls: a queue reports while it is accessed ("Available CloudWatch metrics for Amazon SQS").
    """
    name = polled.address.name
    running = _metric("ECS/ContainerInsights", "RunningTaskCount", *_service_dimensions())
    metrics = [
        {"Id": "visible", "ReturnData": False, "MetricStat": _queue_metric("ApproximateNumberOfMessagesVisible", name)},
        {
            "Id": "flying",
            "ReturnData": False,
            "MetricStat": _queue_metric("ApproximateNumberOfMessagesNotVisible", name),
        },
        {"Id": "running", "ReturnData": False, "MetricStat": running},
        {"Id": "backlog", "ReturnData": True, "Expression": "(visible + flying) / running"},
    ]
    tracking = {
        "CustomizedMetricSpecification": {"Metrics": metrics},
        "TargetValue": deployment.capacity(polled),
        "ScaleOutCooldown": SCALE_OUT,
        "ScaleInCooldown": SCALE_IN,
    }
    return {
        "PolicyName": f"backlog-of-{name}",
        "PolicyType": "TargetTrackingScaling",
        "ScalingTargetId": _ref("Tasks"),
        "TargetTrackingScalingPolicyConfiguration": tracking,
    }


def _service_dimensions() -> tuple[Fields, Fields]:
    service = {"Name": "ServiceName", "Value": _attribute("Service.Name")}
    return {"Name": "ClusterName", "Value": _ref("Cluster")}, service


def _queue_metric(metric: str, queue: str) -> Fields:
    return _metric("AWS/SQS", metric, {"Name": "QueueName", "Value": queue})


def _metric(namespace: str, name: str, *dimensions: Fields) -> Fields:
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": list(dimensions)}
    return {"Metric": metric, "Stat": "Average"}


def _alarms(deployment: Deployment) -> Fields:
    alarms: Fields = {}
    for key, polled in _keyed(deployment):
        name, dead = polled.address.name, polled.dead_letter.name
        late = _alarm(f"the oldest message of {name} waits too long", "ApproximateAgeOfOldestMessage", name)
        rejected = _alarm(f"{dead} is not empty", "ApproximateNumberOfMessagesVisible", dead)
        alarms[f"Late{key}"] = {**late, "Threshold": _ref("MaxAgeSeconds"), "EvaluationPeriods": 5}
        alarms[f"Dead{key}"] = {**rejected, "Threshold": 0, "EvaluationPeriods": 1}
    if deployment.on_failure is not None and deployment.on_failure[0] == Queue.kind:
        name = deployment.on_failure[1].name
        given_up = _alarm(f"{name} is not empty", "ApproximateNumberOfMessagesVisible", name)
        alarms["GivenUp"] = {**given_up, "Threshold": 0, "EvaluationPeriods": 1}
    return {key: {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm} for key, alarm in alarms.items()}


def _alarm(description: str, metric: str, queue: str) -> Fields:
    return {
        "AlarmDescription": description,
        "Namespace": "AWS/SQS",
        "MetricName": metric,
        "Dimensions": [{"Name": "QueueName", "Value": queue}],
        "Statistic": "Maximum",
        "Period": 60,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [{"Fn::If": ["HasAlarmTopic", _ref("AlarmTopicArn"), _ref("AWS::NoValue")]}],
    }


def _keyed(deployment: Deployment) -> Iterable[tuple[str, Polled]]:
    """The queues, each with what ends its resources' logical ids, which are made of letters and digits."""
    taken: set[str] = set()
    for polled in deployment.polled:
        words = re.split(r"[^A-Za-z0-9]+", polled.address.name)
        key = "".join(word[:1].upper() + word[1:] for word in words)
        while key in taken:  # `jobs-a` and `jobs_a`
            key += "2"
        taken.add(key)
        yield key, polled
