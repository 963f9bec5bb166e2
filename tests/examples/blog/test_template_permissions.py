"""What the blog's template permits: what the function does, what services do for it, and nothing else."""

import re

import pytest

from eventkit_aws import cloudfront, idempotency, ses
from eventkit_handlers.welcome_email import address_of
from examples.blog import _dynamodb
from tests.examples.blog import permissions
from tests.examples.blog.blog_stack import DISTRIBUTION, DOMAIN, GONE, PHOTOS, TEMPLATE, altered, deployed
from tests.examples.blog.cloudformation import read
from tests.examples.blog.permissions import Grant, granted

SQS, DYNAMODB = "arn:aws:sqs:eu-west-1:123456789012", "arn:aws:dynamodb:eu-west-1:123456789012"
LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/acme:log-stream:*"
TABLE, STREAM = f"{DYNAMODB}:table/acme", f"{DYNAMODB}:table/acme/stream/2026-01-01T00:00:00.000"
SES = "arn:aws:ses:eu-west-1:123456789012"
IDENTITY = f"{SES}:identity/myblog.example"

PATTERNS = {
    LOGS: "the name of a log stream is made by Lambda",
    f"{TABLE}/stream/*": "a list of streams has no stream of its own to be granted on",
    f"arn:aws:s3:::{PHOTOS}/uploads/*": "the names of uploads are made when they are announced",
    f"arn:aws:s3:::{PHOTOS}/thumbnails/*": "the names of thumbnails are made of those of uploads",
    "arn:aws:s3:::acme-site-123456789012-eu-west-1/*": "all pages are for everybody",
}
"""The resources that are granted by a pattern, and why."""

NEEDED: dict[str, tuple[str, ...]] = {
    # The event source mapping of the queue, and what the handler does with a message that is retried or rejected.
    f"{SQS}:acme-photos": (
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
    ),
    f"{SQS}:acme-photos-dlq": ("sqs:GetQueueUrl", "sqs:SendMessage"),
    # The event source mapping of the table, and where both it and the handler send what is given up.
    STREAM: ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
    f"{TABLE}/stream/*": ("dynamodb:ListStreams",),
    f"{SQS}:acme-failures": ("sqs:GetQueueUrl", "sqs:SendMessage"),
    # What is called in examples.blog._dynamodb, in eventkit_aws.idempotency, s3, cloudfront and ses, and what is
    # signed for browsers to upload.
    TABLE: ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"),
    f"{TABLE}/index/recent": ("dynamodb:Query",),
    f"{TABLE}-done": ("dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
    f"arn:aws:s3:::{PHOTOS}": ("s3:ListBucket",),
    f"arn:aws:s3:::{PHOTOS}/uploads/*": ("s3:GetObject", "s3:PutObject"),
    f"arn:aws:s3:::{PHOTOS}/thumbnails/*": ("s3:PutObject",),
    DISTRIBUTION: ("cloudfront:CreateInvalidation",),
    IDENTITY: ("ses:SendEmail",),
    f"{SES}:configuration-set/acme": ("ses:SendEmail",),
    LOGS: ("logs:CreateLogStream", "logs:PutLogEvents"),
}
"""What the function may do, by resource."""


def test_the_function_may_do_what_it_does_and_nothing_else() -> None:
    wanted = {Grant(action, resource) for resource, actions in NEEDED.items() for action in actions}

    stack = deployed()
    assert granted(stack, "FunctionRole") == wanted
    assert stack["Function"].properties["Role"] == stack["FunctionRole"].arn
    assert f"{stack['Function'].properties['LoggingConfig']['LogGroup']}:log-stream:*" == LOGS.split(":log-group:")[1]


def test_in_the_sandbox_of_ses_the_function_may_write_to_the_recipient_that_is_named() -> None:
    more = granted(deployed(SandboxRecipient="me@example.org"), "FunctionRole") - granted(deployed(), "FunctionRole")

    assert more == {Grant("ses:SendEmail", f"{SES}:identity/me@example.org")}


@pytest.mark.parametrize(
    ("client", "resource"),
    [
        (_dynamodb.DynamoDbClient, TABLE),
        (idempotency.DynamoDbClient, f"{TABLE}-done"),
        (cloudfront.CloudFrontClient, DISTRIBUTION),
        (ses.SesClient, IDENTITY),
    ],
)
def test_what_is_called_of_a_service_is_what_is_granted(client: type, resource: str) -> None:
    verbs = {name.title().replace("_", "") for name, member in vars(client).items() if isinstance(member, property)}

    assert {action.partition(":")[2] for action in NEEDED[resource]} == verbs


def test_nothing_is_granted_widely_or_to_whoever_a_service_acts_for() -> None:
    assert permissions.faults(deployed(), PATTERNS) == []


def test_every_pattern_is_in_use() -> None:
    used = {grant.resource for one in permissions.statements(deployed()) for grant in one.grants}

    assert PATTERNS.keys() == {resource for resource in used if "*" in resource}


POLICY = "Properties.PolicyDocument.Statement.0"
ROLE = "FunctionRole.Properties.Policies.0.PolicyDocument.Statement"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (f"{ROLE}.1.Action", "sqs:*", "FunctionRole: the action sqs:\\* is more than one"),
        (f"{ROLE}.1.Resource", "*", "FunctionRole: the resource \\* is more than one"),
        (f"{ROLE}.8.Resource", {"Fn::Sub": "${PhotosBucket.Arn}/*"}, f"{PHOTOS}/\\* is more than one"),
        (f"PhotosTopicPolicy.{POLICY}.Condition", GONE, "PhotosTopicPolicy: aws:SourceArn is None"),
        (f"PhotosTopicPolicy.{POLICY}.Condition.StringEquals", GONE, "PhotosTopicPolicy: aws:SourceAccount is None"),
        (f"PhotosTopicPolicy.{POLICY}.Principal", "*", "PhotosTopicPolicy: the principal \\* is no service"),
        (f"PhotosQueuePolicy.{POLICY}.Condition.ArnEquals", GONE, "PhotosQueuePolicy: aws:SourceArn is None"),
        (
            f"PhotosQueuePolicy.{POLICY}.Condition.ArnEquals",
            {"aws:SourceArn": "arn:aws:sns:*:*:*"},
            "SourceArn is arn:",
        ),
        (
            f"PhotosQueuePolicy.{POLICY}.Condition.StringEqualsIfExists",
            {"aws:SourceAccount": "210987654321"},
            "PhotosQueuePolicy: aws:SourceAccount is 210987654321",
        ),
        (f"PhotosBucketPolicy.{POLICY}.Principal", {"AWS": "*"}, "PhotosBucketPolicy: the principal"),
        (f"SiteBucketPolicy.{POLICY}.Condition.StringEquals", GONE, "SiteBucketPolicy: aws:SourceArn is None"),
        ("ApiMayInvoke.Properties.SourceArn", GONE, "ApiMayInvoke: aws:SourceArn is None"),
    ],
)
def test_a_policy_that_is_too_wide_is_found_out(path: str, value: object, said: str) -> None:
    found = permissions.faults(altered(path, value), PATTERNS)

    assert any(re.search(said, fault) for fault in found), found


def test_each_service_acts_for_the_one_resource_that_it_should() -> None:
    found = {
        one.where: (one.principal["Service"], source, *one.grants)
        for one in permissions.statements(deployed())
        for compared in one.condition.values()
        if one.principal is not None and (source := compared.get("aws:SourceArn"))
    }

    api = "arn:aws:execute-api:eu-west-1:123456789012:acme-Api/$default/$default"
    topic = "arn:aws:sns:eu-west-1:123456789012:acme-photos"
    photos, site = f"arn:aws:s3:::{PHOTOS}", "arn:aws:s3:::acme-site-123456789012-eu-west-1"
    assert found == {
        "ApiMayInvoke": ("apigateway.amazonaws.com", api, Grant("lambda:InvokeFunction", "acme-Function")),
        "PhotosTopicPolicy": ("s3.amazonaws.com", photos, Grant("sns:Publish", topic)),
        "PhotosQueuePolicy": ("sns.amazonaws.com", topic, Grant("sqs:SendMessage", f"{SQS}:acme-photos")),
        "PhotosBucketPolicy": (
            "cloudfront.amazonaws.com",
            DISTRIBUTION,
            Grant("s3:GetObject", f"{photos}/thumbnails/*"),
        ),
        "SiteBucketPolicy": ("cloudfront.amazonaws.com", DISTRIBUTION, Grant("s3:GetObject", f"{site}/*")),
    }


def test_mail_comes_from_the_one_sender() -> None:
    [sending] = [
        one for one in permissions.statements(deployed()) if any(g.action == "ses:SendEmail" for g in one.grants)
    ]

    assert sending.condition == {"StringEquals": {"ses:FromAddress": "blog@myblog.example"}}


@pytest.mark.parametrize(
    ("sender", "taken"),
    [
        ("blog@myblog.example", True),
        ("My.Blog+news@mail.myblog.example", True),
        ("blog@MyBlog.example", False),
        ("blog@bücher.example", False),
        ("MyBlog <blog@myblog.example>", False),
    ],
)
def test_a_sender_is_taken_as_the_mailer_writes_it(sender: str, taken: bool) -> None:  # noqa: FBT001 - a test's parameter
    """SES compares `ses:FromAddress` with what is sent, which is in its one form, and sees capitals."""
    pattern = read(TEMPLATE)["Parameters"]["Sender"]["AllowedPattern"]

    assert bool(re.fullmatch(pattern, sender)) is taken
    assert not taken or address_of(sender) == sender


CLOSED = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


@pytest.mark.parametrize("bucket", ["PhotosBucket", "SiteBucket"])
def test_buckets_are_nobodys_but_the_edges(bucket: str) -> None:
    properties = deployed()[bucket].properties

    assert properties["PublicAccessBlockConfiguration"] == dict.fromkeys(CLOSED, True)
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


@pytest.mark.parametrize(
    ("parameters", "origin"),
    [({}, "https://d111111abcdef8.cloudfront.net"), (DOMAIN, "https://myblog.example")],
    ids=["without a domain", "with a domain"],
)
def test_only_the_blogs_own_pages_may_post_to_the_bucket(parameters: dict[str, str], origin: str) -> None:
    stack = deployed(**parameters)

    [rule] = stack["PhotosBucket"].properties["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedOrigins"], rule["AllowedMethods"]) == ([origin], ["POST"])
    assert stack["Function"].properties["Environment"]["Variables"]["BLOG_SITE"] == origin
