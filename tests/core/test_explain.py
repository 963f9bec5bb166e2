"""What an app would do with an event is told truly, for any event, without what the event carries."""

import json

import pytest
from pydantic import BaseModel, field_validator

from eventkit import App, Bucket, Names, ObjectCreated, Queue, Topic, Unmatched, attribute
from eventkit.explain import Explanation, Verdict
from eventkit.testing import s3_event, s3_record, s3_test_event, sns_envelope, sns_record, sqs_event, sqs_record


class Created(BaseModel):
    id: int


class Edited(BaseModel):
    edited: int


class Odd(BaseModel):
    id: int

    @field_validator("id")
    @classmethod
    def _odd(cls, value: int) -> int:
        raise KeyError(value)


photos = Bucket("photos")


def app_of(*, fallback: bool = False) -> App:
    app = App("blog")

    @app.on(photos.created(prefix="uploads/"))
    def plan(photo: ObjectCreated) -> None: ...

    @app.on(Queue[Created | Edited]("jobs").of(Created))
    def make(job: Created) -> None: ...

    @app.on(Topic[Created]("posts"))
    def tell(post: Created) -> None: ...

    if fallback:

        @app.unmatched
        def other(event: Unmatched) -> None: ...

    return app


def verdicts(explanation: Explanation) -> dict[str, Verdict]:
    return {route.route.rpartition(".")[2]: route.verdict for route in explanation.records[0].events[0].routes}


def result(explanation: Explanation) -> str:
    return explanation.records[0].events[0].result


def test_the_way_of_a_nested_event_and_the_reason_of_each_route_are_told() -> None:
    photo = s3_event(s3_record("ObjectCreated:Put", "photos", "uploads/a.jpg"))

    explanation = app_of().explain(sqs_event(sqs_record(sns_envelope(photo, "news"), "media")))

    event = explanation.records[0].events[0]
    assert event.path == ("sqs:media", "sns:news", "s3:photos")
    assert event.kind == "ObjectCreated"
    assert verdicts(explanation) == {"plan": Verdict.TAKES, "make": Verdict.PASSES, "tell": Verdict.PASSES}
    assert [route.reasons for route in event.routes] == [
        ("it is ObjectCreated of bucket 'photos' where the key has prefix 'uploads/'",),
        ("it is about s3:photos, not sqs:jobs",),
        ("it is about s3:photos, not sns:posts",),
    ]
    assert event.result.startswith("so it goes to")


def test_a_condition_that_does_not_hold_is_named() -> None:
    explanation = app_of().explain(s3_event(s3_record("ObjectCreated:Put", "photos", "thumbnails/a.jpg")))

    assert explanation.records[0].events[0].routes[0].reasons == (
        "it does not hold that the key has prefix 'uploads/'",
    )
    assert result(explanation) == "no route takes it, so it is ignored, and counted as done"


def test_another_kind_of_event_is_named() -> None:
    explanation = app_of().explain(s3_event(s3_record("ObjectRemoved:Delete", "photos", "uploads/a.jpg")))

    assert explanation.records[0].events[0].routes[0].reasons == ("it is ObjectRemoved, not ObjectCreated",)


def test_a_message_of_another_kind_than_of_asks_for_is_passed_over() -> None:
    explanation = app_of().explain(sqs_event(sqs_record({"edited": 1}, "jobs")))

    assert explanation.records[0].events[0].routes[1].reasons == ("its message is not Created",)
    assert result(explanation) == "no route takes it, so it is rejected: a message is meant for somebody"


def test_a_message_that_does_not_validate_shows_rule_and_field_but_no_value() -> None:
    explanation = app_of().explain(sqs_event(sqs_record({"id": "s3cret"}, "blog-posts")))

    assert verdicts(explanation)["tell"] is Verdict.REJECTS
    assert "id: Input should be a valid integer" in str(explanation)
    assert result(explanation).startswith("so it is rejected by")
    assert "s3cret" not in str(explanation)
    assert "s3cret" not in json.dumps(explanation.to_dict())


def test_a_condition_that_cannot_be_evaluated_rejects() -> None:
    app = App("blog")

    @app.on(Topic[Created]("posts").where(attribute("price").above(1)))
    def tell(post: Created) -> None: ...

    record = sns_record({"id": 1}, "posts")
    sns = record["Sns"]
    assert isinstance(sns, dict)
    sns["MessageAttributes"] = {"price": {"Type": "Number", "Value": "cheap"}}

    assert verdicts(app.explain(sqs_event(record))) == {"tell": Verdict.REJECTS}


def test_a_model_that_raises_is_told_as_a_retry() -> None:
    app = App("blog")

    @app.on(Queue[Odd]("jobs"))
    def make(job: Odd) -> None: ...

    explanation = app.explain(sqs_event(sqs_record({"id": 1}, "jobs")))

    assert verdicts(explanation) == {"make": Verdict.FAILS}
    assert "raises KeyError" in str(explanation)
    assert result(explanation).startswith("so it is retried because of")


def test_a_route_of_several_sources_takes_what_one_of_them_takes() -> None:
    app = App("blog")

    @app.on(photos.created(suffix=".jpg") | photos.created(suffix=".png"))
    def plan(photo: ObjectCreated) -> None: ...

    explanation = app.explain(s3_event(s3_record("ObjectCreated:Put", "photos", "a.png")))

    assert verdicts(explanation) == {"plan": Verdict.TAKES}
    assert explanation.records[0].events[0].routes[0].reasons == (
        "it is ObjectCreated of bucket 'photos' where the key has suffix '.png'",
    )


def test_what_no_route_takes_goes_to_the_handler_of_the_unmatched() -> None:
    explanation = app_of(fallback=True).explain(sqs_event(sqs_record("text", "elsewhere")))

    assert "other, which handles what is unmatched" in result(explanation)


def test_a_test_event_of_s3_is_done() -> None:
    assert "S3 sends this to test" in result(app_of(fallback=True).explain(s3_test_event("photos")))


def test_physical_names_are_those_of_the_configuration() -> None:
    names = Names.from_environ("blog", {"EVENTKIT_BUCKET_PHOTOS": "acme-photos"})
    event = s3_event(s3_record("ObjectCreated:Put", "acme-photos", "uploads/a.jpg"))

    assert verdicts(app_of().explain(event, names))["plan"] is Verdict.TAKES
    assert verdicts(app_of().explain(event))["plan"] is Verdict.PASSES


def test_a_record_that_cannot_be_decoded_says_why_and_harms_no_other() -> None:
    good = s3_record("ObjectCreated:Put", "photos", "uploads/a.jpg")

    explanation = app_of().explain({"Records": [{"eventSource": "aws:sqs"}, good]})

    assert explanation.records[0].error == "an SQS record has no body that is a text"
    assert explanation.records[1].events[0].kind == "ObjectCreated"
    assert "it cannot be decoded, so it is rejected: an SQS record" in str(explanation)


@pytest.mark.parametrize("event", [None, 1, "text", [], {}, {"Records": None}])
def test_what_is_no_event_at_all_is_explained_too(event: object) -> None:
    explanation = app_of().explain(event)

    assert explanation.error is not None
    assert str(explanation) == explanation.error
    assert explanation.to_dict()["error"] == explanation.error


def test_an_explanation_is_json() -> None:
    event = sqs_event(sqs_record({"id": 1}, "jobs", group="a"), sqs_record({"id": 1}, "jobs.fifo", group="a"))

    told = json.loads(json.dumps(app_of().explain(event).to_dict()))

    assert told["app"] == "blog"
    assert told["records"][0]["events"][0]["path"] == ["sqs:jobs"]
    assert told["records"][0]["events"][0]["routes"][1]["verdict"] == "takes"


def test_the_order_that_a_source_keeps_is_told() -> None:
    explanation = app_of().explain(sqs_event(sqs_record({"id": 1}, "jobs.fifo", group="a")))

    assert str(explanation).startswith("1 record for the app 'blog', in order within each message group")
