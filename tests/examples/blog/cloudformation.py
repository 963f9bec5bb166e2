"""A CloudFormation template as it would be deployed: read from YAML, with its functions evaluated.

It knows the functions that the blog's template uses, and what `Ref` and `Fn::GetAtt` give of its kinds of resources
("Resource and property types reference" in the CloudFormation user guide). It raises for a function that it does not
know.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, cast

__all__ = ["ACCOUNT", "PSEUDO", "STACK", "Resource", "Stack", "read"]

Fields = dict[str, Any]
"""Parsed YAML, whose shape CloudFormation knows."""

ACCOUNT, REGION, STACK = "123456789012", "eu-west-1", "acme"
PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": ACCOUNT,
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
}

BARE = {"Ref", "Condition"}
"""The functions whose long form has no `Fn::`."""


class Named(NamedTuple):
    """A kind of resource: the property that names one, and how its ARN is made of the name."""

    property: str
    arn: str


HERE = f"{REGION}:{ACCOUNT}"
NAMED = {
    "AWS::DynamoDB::GlobalTable": Named("TableName", f"arn:aws:dynamodb:{HERE}:table/"),
    "AWS::DynamoDB::Table": Named("TableName", f"arn:aws:dynamodb:{HERE}:table/"),
    "AWS::Logs::LogGroup": Named("LogGroupName", f"arn:aws:logs:{HERE}:log-group:"),
    "AWS::S3::Bucket": Named("BucketName", "arn:aws:s3:::"),
    "AWS::SES::ConfigurationSet": Named("Name", f"arn:aws:ses:{HERE}:configuration-set/"),
    "AWS::SNS::Topic": Named("TopicName", f"arn:aws:sns:{HERE}:"),
    "AWS::SQS::Queue": Named("QueueName", f"arn:aws:sqs:{HERE}:"),
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: its logical id, its type, its properties with all functions evaluated, and other attributes."""

    id: str
    type: str
    properties: Fields
    attributes: Fields

    @property
    def name(self) -> str:
        """The physical name; one that CloudFormation would make up is made of the stack's and the logical id."""
        named = NAMED.get(self.type)
        return str(self.properties[named.property]) if named else f"{STACK}-{self.id}"

    @property
    def arn(self) -> str:
        """The ARN."""
        named = NAMED.get(self.type)
        return f"{named.arn}{self.name}" if named else f"arn:of:{self.id}"

    @property
    def reference(self) -> str:
        """What `Ref` gives."""
        match self.type:
            case "AWS::SNS::Topic":
                return self.arn
            case "AWS::SQS::Queue":
                return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name}"
            case _:
                return self.name

    def attribute(self, name: str) -> str:
        """What `Fn::GetAtt` gives."""
        match self.type, name:
            case _, "Arn":
                return self.arn
            case "AWS::DynamoDB::GlobalTable", "StreamArn":
                return f"{self.arn}/stream/2026-01-01T00:00:00.000"
            case "AWS::SQS::Queue", "QueueName":
                return self.name
            case "AWS::S3::Bucket", "RegionalDomainName":
                return f"{self.name}.s3.{REGION}.amazonaws.com"
            case "AWS::CloudFront::Distribution", "DomainName":
                return "d111111abcdef8.cloudfront.net"
            case ("AWS::CloudFront::Function", "FunctionARN") | ("AWS::CloudFront::OriginAccessControl", "Id"):
                return self.name
            case _:
                raise KeyError(f"{self.type} has no attribute {name!r} that is known here")


class Stack:
    """A template with parameters, pseudo parameters among them: what would be there once it is deployed."""

    def __init__(self, template: Fields, **parameters: str) -> None:
        self._template = template
        known = {name: one.get("Default") for name, one in template["Parameters"].items()}
        self._parameters: Fields = {**PSEUDO, **known, **parameters}
        self._made: dict[str, Resource] = {}

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """The resources by their logical ids, without those whose condition does not hold."""
        declared: Fields = self._template["Resources"]
        wanted = (name for name, one in declared.items() if self._holds(one.get("Condition")))
        return {name: self._resource(name) for name in wanted}

    def __getitem__(self, name: str) -> Resource:
        return self.resources[name]

    def of_type(self, kind: str) -> list[Resource]:
        """The resources of a type."""
        return [one for one in self.resources.values() if one.type == kind]

    def _resource(self, name: str) -> Resource:
        if name not in self._made:
            declared: Fields = self._template["Resources"][name]
            others = {key: value for key, value in declared.items() if key not in {"Type", "Properties"}}
            self._made[name] = self._bare(name)  # its own name is enough for what leads round in a circle
            self._made[name] = Resource(name, declared["Type"], self._value(declared.get("Properties", {})), others)
        return self._made[name]

    def _bare(self, name: str) -> Resource:
        """A resource of which only the name is known."""
        declared: Fields = self._template["Resources"][name]
        named = NAMED.get(declared["Type"])
        properties = {named.property: self._value(declared["Properties"][named.property])} if named else {}
        return Resource(name, declared["Type"], properties, {})

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self._value(self._template["Conditions"][condition]))

    def _value(self, node: Any) -> Any:  # noqa: ANN401 - parsed YAML
        if isinstance(node, list):
            values = (self._value(one) for one in node)  # pyright: ignore[reportUnknownVariableType]
            return [value for value in values if value is not None]
        if not isinstance(node, dict):
            return node
        fields = cast("Fields", node)
        if len(fields) == 1:
            [(name, given)] = fields.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._called(name, given)
        found = {key: self._value(value) for key, value in fields.items()}
        return {key: value for key, value in found.items() if value is not None}

    def _called(self, function: str, given: Any) -> Any:  # noqa: ANN401 - likewise
        match function:
            case "Ref":
                return self._referenced(given)
            case "Fn::GetAtt":
                name, attribute = given.split(".", 1)
                return self._resource(name).attribute(attribute)
            case "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: str(self._substituted(found[1])), given)
            case "Fn::If":
                return self._value(given[1] if self._holds(given[0]) else given[2])
            case "Fn::Equals":
                return self._value(given[0]) == self._value(given[1])
            case "Fn::Not":
                return not self._value(given[0])
            case _:
                raise KeyError(f"the function {function} is not known here")

    def _substituted(self, name: str) -> Any:  # noqa: ANN401 - likewise
        attribute = "." in name
        return self._called("Fn::GetAtt", name) if attribute else self._referenced(name)

    def _referenced(self, name: str) -> Any:  # noqa: ANN401 - likewise
        return self._parameters[name] if name in self._parameters else self._resource(name).reference


def read(file: Path) -> Fields:
    """The template as it is written; a short form such as `!Ref` becomes the long one."""
    yaml: Any = import_module("yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    def called(loader: Any, tag: str, node: Any) -> Fields:  # noqa: ANN401 - PyYAML's
        construct = getattr(loader, f"construct_{node.id}")
        value = construct(node) if node.id == "scalar" else construct(node, deep=True)
        return {tag if tag in BARE else f"Fn::{tag}": value}

    Loader.add_multi_constructor("!", called)
    found: Fields = yaml.load(file.read_text("utf-8"), Loader)  # a safe loader that knows the short forms
    return found
