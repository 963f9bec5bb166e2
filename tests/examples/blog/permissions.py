"""Who may do what by a template's policies: what is granted, and on which conditions."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

from tests.examples.blog.cloudformation import ACCOUNT, Fields, Stack

__all__ = ["Grant", "Statement", "faults", "granted", "statements"]

RESOURCE_POLICIES = ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
PERMISSION = "AWS::Lambda::Permission"
ROLE = "AWS::IAM::Role"


class Grant(NamedTuple):
    """An action on a resource, by its ARN."""

    action: str
    resource: str


class Statement(NamedTuple):
    """A statement, where it stands, and the grants that it makes; `principal` is None in a role's policy."""

    where: str
    effect: str
    principal: Any
    grants: tuple[Grant, ...]
    condition: Fields


def statements(stack: Stack) -> list[Statement]:
    """The statements of all policies, and functions' permissions; those about who has a role make no grants."""
    return [*_of_roles(stack), *_of_resources(stack), *_of_permissions(stack)]


def granted(stack: Stack, role: str) -> set[Grant]:
    """What a role may do."""
    found = (one for one in statements(stack) if one.where == role and one.principal is None)
    return {grant for one in found for grant in one.grants}


def faults(stack: Stack, patterns: Collection[str]) -> list[str]:
    """What is granted too widely, in sentences; `patterns` are the ARNs that may hold a `*`."""
    found = statements(stack)
    for_services = (one for one in found if one.principal is not None and one.grants)
    return [
        *(fault for one in found for fault in _wildcards(one, patterns)),
        *(fault for one in for_services for fault in _unconditional(one)),
    ]


def _wildcards(statement: Statement, patterns: Collection[str]) -> Iterator[str]:
    for action, resource in statement.grants:
        if "*" in action:
            yield f"{statement.where}: the action {action} is more than one"
        if "*" in resource and resource not in patterns:
            yield f"{statement.where}: the resource {resource} is more than one"


def _unconditional(statement: Statement) -> Iterator[str]:
    """A service must act for one resource of this account ("The confused deputy problem" in the IAM user guide).

    Not every service says the account beside an ARN that holds it, so it is demanded where the ARN does not.
    """
    demanded = _keys(statement, lambda operator: not operator.endswith("IfExists"))
    source = str(demanded.get("aws:SourceArn"))
    says_account = ACCOUNT in source.split(":")
    account = (_keys(statement) if says_account else demanded).get("aws:SourceAccount")
    if "Service" not in statement.principal:
        yield f"{statement.where}: the principal {statement.principal} is no service"
    if not source.startswith("arn:") or "*" in source:
        yield f"{statement.where}: aws:SourceArn is {source}"
    if account != ACCOUNT and not (says_account and account is None):
        yield f"{statement.where}: aws:SourceAccount is {account}"


def _keys(statement: Statement, counts: Callable[[str], bool] = bool) -> Fields:
    """What the condition compares keys with, by those operators that count."""
    return {
        key: value
        for operator, compared in statement.condition.items()
        if counts(operator)
        for key, value in compared.items()
        if value is not None
    }


def _of_roles(stack: Stack) -> Iterator[Statement]:
    for role in stack.of_type(ROLE):
        yield from _in_document(role.id, role.properties["AssumeRolePolicyDocument"])
        for policy in role.properties["Policies"]:
            yield from _in_document(role.id, policy["PolicyDocument"])


def _of_resources(stack: Stack) -> Iterator[Statement]:
    for kind in RESOURCE_POLICIES:
        for one in stack.of_type(kind):
            yield from _in_document(one.id, one.properties["PolicyDocument"])


def _of_permissions(stack: Stack) -> Iterator[Statement]:
    for one in stack.of_type(PERMISSION):
        given = one.properties
        keys = {"aws:SourceArn": given.get("SourceArn"), "aws:SourceAccount": given.get("SourceAccount")}
        grants = (Grant(given["Action"], given["FunctionName"]),)
        yield Statement(one.id, "Allow", {"Service": given["Principal"]}, grants, {"ArnLike": keys})


def _in_document(where: str, document: Fields) -> Iterator[Statement]:
    for one in document["Statement"]:
        resources = _listed(one.get("Resource", []))
        grants = tuple(Grant(action, resource) for action in _listed(one["Action"]) for resource in resources)
        yield Statement(where, one["Effect"], one.get("Principal"), grants, one.get("Condition", {}))


def _listed(given: Any) -> list[str]:  # noqa: ANN401 - one or several, as policies have it
    return given if isinstance(given, list) else [given]  # pyright: ignore[reportUnknownVariableType]
