"""The edge of the blog's template: what it asks whom for, what it keeps, and what it says with each page."""

from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from examples.blog._aws import signing
from examples.blog._uploads import S3Uploads
from tests.examples.blog import permissions
from tests.examples.blog.blog_stack import BLOG, DOMAIN, PHOTOS, SOURCES, deployed, rewritten
from tests.examples.blog.cloudformation import Fields
from tests.examples.blog.permissions import Grant


def distribution(**parameters: str) -> Fields:
    found: Fields = deployed(**parameters)["Distribution"].properties["DistributionConfig"]
    return found


def behaviours() -> Iterator[tuple[str, Fields]]:
    config = distribution()
    yield from ((one["PathPattern"], one) for one in config["CacheBehaviors"])
    yield "*", config["DefaultCacheBehavior"]


def test_the_edge_asks_the_api_for_data_and_the_buckets_for_files() -> None:
    assert [(pattern, one["TargetOriginId"]) for pattern, one in behaviours()] == [
        ("/api/*", "api"),
        ("/media/thumbnails/*", "photos"),
        ("*", "site"),
    ]
    hosts = {one["Id"]: one["DomainName"] for one in distribution()["Origins"]}
    assert hosts == {
        "api": "acme-Api.execute-api.eu-west-1.amazonaws.com",
        "photos": f"{PHOTOS}.s3.eu-west-1.amazonaws.com",
        "site": "acme-site-123456789012-eu-west-1.s3.eu-west-1.amazonaws.com",
    }


def test_the_edge_asks_by_https_and_signs_what_it_asks_of_buckets() -> None:
    how = {
        one["Id"]: one.get("OriginAccessControlId", one.get("CustomOriginConfig")) for one in distribution()["Origins"]
    }
    signing = deployed()["BucketAccess"]

    assert how["api"] == {"OriginProtocolPolicy": "https-only", "OriginSSLProtocols": ["TLSv1.2"]}
    assert how["photos"] == how["site"] == signing.reference
    assert signing.properties["OriginAccessControlConfig"]["SigningBehavior"] == "always"
    assert {one["ViewerProtocolPolicy"] for _, one in behaviours()} == {"https-only", "redirect-to-https"}


def test_the_api_gets_every_method_and_all_that_a_browser_sends_but_its_host() -> None:
    methods = {pattern: set(one["AllowedMethods"]) for pattern, one in behaviours()}
    stack = deployed()
    requests = stack["ApiRequests"].properties["OriginRequestPolicyConfig"]

    assert methods["/api/*"] >= {"GET", "HEAD", "OPTIONS", "PUT", "POST"}
    assert methods["/media/thumbnails/*"] == methods["*"] == {"GET", "HEAD"}
    assert requests["HeadersConfig"] == {"HeaderBehavior": "allExcept", "Headers": ["Host"]}


def test_the_api_decides_by_its_headers_what_is_kept() -> None:
    policy = deployed()["ApiCache"].properties["CachePolicyConfig"]

    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0)
    assert policy["ParametersInCacheKeyAndForwardedToOrigin"]["QueryStringsConfig"] == {"QueryStringBehavior": "all"}


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/posts/a-first-post", "/post.html"),
        ("/posts/caf%C3%A9", "/post.html"),
        ("/posts/", "/posts/"),
        ("/posts/a/b", "/posts/a/b"),
        ("/write.html", "/write.html"),
        ("/", "/"),
    ],
)
def test_one_page_shows_every_post(path: str, file: str) -> None:
    assert rewritten("PagePaths", path) == file


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/media/thumbnails/cat-320x320.webp", "/thumbnails/cat-320x320.webp"),
        ("/media/thumbnails/media/x.jpg", "/thumbnails/media/x.jpg"),
    ],
)
def test_media_are_the_buckets_objects_by_their_keys(path: str, key: str) -> None:
    assert rewritten("MediaPaths", path) == key


def test_the_edge_reads_thumbnails_and_never_uploads() -> None:
    [reading] = [one for one in permissions.statements(deployed()) if one.where == "PhotosBucketPolicy"]

    assert reading.grants == (Grant("s3:GetObject", f"arn:aws:s3:::{PHOTOS}/thumbnails/*"),)


def test_what_is_not_there_is_the_page_that_says_so() -> None:
    [response] = distribution()["CustomErrorResponses"]

    assert (response["ErrorCode"], response["ResponseCode"], response["ResponsePagePath"]) == (403, 404, "/404.html")
    assert (BLOG / "web" / "404.html").is_file()
    assert "FORBIDDEN" not in "".join(file.read_text("utf-8") for file in SOURCES)  # the API's own would be replaced


def test_a_domain_has_its_certificate() -> None:
    assert distribution()["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    own = distribution(**DOMAIN)
    assert own["Aliases"] == ["myblog.example"]
    assert own["ViewerCertificate"]["AcmCertificateArn"] == DOMAIN["CertificateArn"]


class Policies(HTMLParser):
    """Finds the content security policy that a page has in itself."""

    found = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        if tag == "meta" and fields.get("http-equiv") == "Content-Security-Policy":
            self.found = fields.get("content") or ""


def directives(policy: str) -> dict[str, list[str]]:
    parts = [part.split() for part in policy.split(";")]
    return {part[0]: part[1:] for part in parts if part}


def page_policy(**parameters: str) -> dict[str, list[str]]:
    """What the edge says that pages may do."""
    headers = deployed(**parameters)["PageHeaders"].properties["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    return directives(headers["ContentSecurityPolicy"]["ContentSecurityPolicy"])


@pytest.mark.parametrize("page", sorted((BLOG / "web").glob("*.html")), ids=lambda page: page.name)
def test_the_edge_demands_what_each_page_demands_of_itself(page: Path) -> None:
    reader = Policies()
    reader.feed(page.read_text("utf-8"))
    own = directives(reader.found)

    sent = page_policy()

    assert sent.pop("frame-ancestors") == ["'none'"]  # which a page cannot say of itself
    assert {**sent, "connect-src": own["connect-src"]} == own  # which a page cannot know so exactly


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1"])
async def test_pages_may_connect_to_the_bucket_that_they_upload_to_and_to_no_other(region: str) -> None:
    stack = {"AWS::Region": region}
    bucket = deployed(**stack)["PhotosBucket"].name
    sdk: Any = import_module("boto3")
    client = sdk.client("s3", region, config=signing({}), aws_access_key_id="nobody", aws_secret_access_key="nothing")

    form = await S3Uploads(client, bucket).form("uploads/a-post/a-photo.jpg", "image/jpeg")

    own, *hosts = page_policy(**stack)["connect-src"]
    assert own == "'self'"
    assert form.url.rstrip("/") in hosts
    assert all(host.startswith(f"https://{bucket}.s3.") for host in hosts)
