"""What is deployed of an app follows from the app, its names and what was chosen."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkit import App, ConfigurationError, Names
from eventkit_cli.settings import read_settings, require_known
from eventkit_deploy import Address, Options, deployment_of, generate, grace_of
from eventkit_deploy.deployment import PublishedTopic, environ_of, label_of
from eventkit_poller import Settings
from tests.adapters.deploy.apps import ARN, QUEUES, app, names, options, posts

HOME = ("eu-west-1", "123456789012")


def test_each_queue_that_the_poller_reads_is_deployed_with_its_dead_letter_queue() -> None:
    deployment = deployment_of(app, names, options())

    assert tuple(polled.address.name for polled in deployment.polled) == QUEUES
    assert [polled.dead_letter for polled in deployment.polled] == [
        Address("blog-photos-dlq", *HOME),
        Address("prod-orders-dlq.fifo", *HOME),
        Address("blog-news-dlq", *HOME),
    ]


def test_what_is_returned_and_what_dependencies_send_is_found() -> None:
    deployment = deployment_of(app, names, options())

    assert deployment.queues == (Address("invoices", *HOME), Address("audit", *HOME))
    assert deployment.topics == (PublishedTopic(Address("blog.posts", *HOME), "EVENTKIT_TOPIC_BLOG_POSTS"),)


def test_the_variable_of_a_topic_is_the_one_that_names_are_read_from() -> None:
    [topic] = deployment_of(app, names, options()).topics

    assert Names.from_environ("blog", {topic.variable: "arn:…"}).address(posts) == "arn:…"


def test_the_processes_get_the_names_that_the_documents_were_made_with() -> None:
    given_names = names.with_via(["photos=sqs:media"])

    deployment = deployment_of(app, given_names, options())

    again = Names.from_environ("blog", deployment.environ)
    assert (again.physical, again.via) == (given_names.physical, given_names.via)


def test_a_replica_is_worth_its_slots_for_a_queue_in_all_its_processes() -> None:
    settings = Settings(concurrency=8)

    deployment = deployment_of(app, names, options(settings=settings, workers=2, backlog=5))

    bounded, unbounded, _ = deployment.polled
    assert (deployment.capacity(bounded), deployment.capacity(unbounded)) == (3 * 2 * 5, 8 * 2 * 5)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("jobs", Address("jobs")),
        ("jobs.fifo", Address("jobs.fifo")),
        (ARN, Address("prod-orders.fifo", *HOME)),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/jobs", Address("jobs", *HOME)),
        ("https://sqs.cn-north-1.amazonaws.com.cn/123456789012/jobs", Address("jobs", "cn-north-1", "123456789012")),
        ("http://localhost:4566/000000000000/jobs", Address("jobs")),
    ],
)
def test_a_name_a_url_and_an_arn_say_where_a_queue_is(address: str, parts: Address) -> None:
    assert Address.parse(address) == parts
    assert parts.fifo == address.endswith(".fifo")


@given(st.text(max_size=100))
def test_every_apps_name_becomes_a_label_that_kubernetes_takes(text: str) -> None:
    label = label_of(text)

    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", label)
    assert len(f"keda-hpa-{label}") <= 63


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?", fullmatch=True))
def test_a_name_that_is_a_label_already_stays_as_it_is(name: str) -> None:
    assert label_of(name) == name


@given(st.floats(1, 20), st.floats(0, 1e5), st.floats(0, 1e3))
def test_the_grace_period_is_longer_than_what_a_stop_takes(wait: float, drain: float, flush: float) -> None:
    assert grace_of(Settings(wait=wait, drain=drain, flush=flush)) >= max(wait, drain) + flush + 10


@given(
    st.builds(
        Settings,
        concurrency=st.integers(3, 500),
        wait=st.integers(1, 20),
        drain=st.floats(0, 1e6).map(lambda seconds: round(seconds, 3)),
        hold=st.integers(1, 40_000),
        visibility=st.none() | st.integers(1, 40_000),
        weights=st.dictionaries(st.sampled_from(["photos", "orders.fifo"]), st.integers(1, 9)),
    ),
    st.integers(1, 64),
)
def test_the_command_reads_from_its_environment_what_was_chosen(settings: Settings, workers: int) -> None:
    deployment = deployment_of(app, names, options(settings=settings, workers=workers, port=9000))

    environ = environ_of(deployment, "127.0.0.1")

    require_known(environ)
    run, again = read_settings(environ, {})
    assert (again, run.workers, str(run.address)) == (settings, workers, "127.0.0.1:9000")


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"workers": 0}, "workers=0: it must be at least 1"),
        ({"least": -1}, "least=-1: it must be at least 0"),
        ({"least": 3, "most": 2}, "most=2: it must be at least 3"),
        ({"least": 0, "most": 0}, "most=0: it must be at least 1"),
        ({"backlog": 0}, "backlog=0: it must be at least 1"),
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(chosen: dict[str, int], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        options(**chosen)


def test_an_app_that_a_poller_has_nothing_to_read_for_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a poller of the app 'empty' has nothing to read"):
        deployment_of(App("empty"), Names("empty"), Options("blog.app:app"))


def test_what_cannot_be_generated_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'nomad' cannot be generated: write kubernetes or ecs"):
        generate("nomad", app, names, options())


def test_a_missing_library_is_named_with_the_extra_that_brings_it() -> None:
    code = "import sys; sys.modules['yaml'] = None; from eventkit_deploy import to_yaml; to_yaml([])"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)

    assert result.returncode == 1
    assert "MissingExtraError: 'yaml' is needed here" in result.stderr
    assert "eventkit-aws[deploy]" in result.stderr
