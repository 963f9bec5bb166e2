"""The blog's table in Amazon DynamoDB: each verb is a request or two, and each write has its condition.

A post's pages are read consistently, because the CDN asks right after a write has invalidated them and then keeps the
answer for a day. The listing is read from an index, which DynamoDB keeps up to date a moment later.

The role needs `dynamodb:GetItem`, `PutItem`, `Query` and `UpdateItem` on the table, and `Query` on its index.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from eventkit.events.dynamodb import image
from examples.blog._items import (
    INDEX,
    POST,
    Comment,
    Headline,
    Photo,
    Post,
    Subscriber,
    comment_sk,
    photo_sk,
    post_pk,
    read_item,
)
from examples.blog._store import Article, Edit, Page, Position, covered, edited

__all__ = ["DynamoDbBlog", "DynamoDbClient"]

Fields = dict[str, Any]
Call = Callable[..., Awaitable[Any]]

WHOLE = 1_000
"""More items than a post has photos."""

REFUSED = "ConditionalCheckFailedException"
ABSENT = "attribute_not_exists(pk)"
KNOWN = "updated_at = :known"


class DynamoDbClient(Protocol):
    """What is called of a DynamoDB client; aioboto3's is one, and `eventkit_aws.sqs.blocking(client)` of boto3's."""

    @property
    def get_item(self) -> Call: ...
    @property
    def query(self) -> Call: ...
    @property
    def put_item(self) -> Call: ...
    @property
    def update_item(self) -> Call: ...


class DynamoDbBlog:
    """A `BlogStore` over a client that is the caller's to close. Raises what the client raises."""

    def __init__(self, client: DynamoDbClient, table: str, region: str = "local") -> None:
        """`table` is a name or an ARN; `region` is noted as the place of each change."""
        self._client = client
        self._table = table
        self._region = region

    async def headlines(self, limit: int, after: Position | None) -> Page[Headline]:
        start = {} if after is None else {"kind": "post", "published_at": after.published_at, **_key(after.slug)}
        found, more = await self._query(
            limit,
            start,
            {":kind": "post"},
            IndexName=INDEX,
            KeyConditionExpression="kind = :kind",
            ScanIndexForward=False,
        )
        return Page([Headline.model_validate(one) for one in found], more)

    async def article(self, slug: str) -> Article | None:
        """Photos and post lie together, in this order: one request reads them."""
        found, _ = await self._query(
            WHOLE,
            {},
            {":pk": post_pk(slug), ":first": photo_sk(""), ":last": POST},
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ConsistentRead=True,
        )
        items = [read_item.validate_python(one) for one in found]
        post = next((one for one in items if isinstance(one, Post)), None)
        return None if post is None else Article(post, [one for one in items if isinstance(one, Photo)])

    async def comments(self, slug: str, limit: int, after: str | None) -> Page[Comment]:
        found, more = await self._query(
            limit,
            {} if after is None else _key(slug, comment_sk(after)),
            {":pk": post_pk(slug), ":prefix": comment_sk("")},
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ConsistentRead=True,
        )
        return Page([Comment.model_validate(one) for one in found], more)

    async def photo(self, slug: str, photo: str) -> Photo | None:
        found = await self._item(_key(slug, photo_sk(photo)))
        return None if found is None else Photo.model_validate(found)

    async def add(self, item: Post | Comment | Photo | Subscriber) -> bool:
        """An SDK repeats a request whose answer was lost, and is refused for what it has written itself."""
        written = item.model_dump(exclude_none=True)
        request = {"TableName": self._table, "Item": _written(written), "ConditionExpression": ABSENT}
        if await _unless_refused(self._client.put_item(**request)) is not None:
            return True
        found = await self._item({"pk": item.pk, "sk": item.sk})
        return found is not None and read_item.validate_python(found) == item

    async def edit(self, post: Post, edit: Edit) -> Post | None:
        return await self._change(post, lambda now: edited(now, edit) if now.edited_at == post.edited_at else None)

    async def settle(self, photo: Photo) -> None:
        post = await self._post(photo.slug)
        if post is not None and photo.status == "ready":
            await self._change(post, lambda now: covered(now, photo) if now.photo is None else None)
        became = photo.model_dump(include={"status", "reason", "sizes", "updated_at"}, exclude_none=True)
        key = _key(photo.slug, photo_sk(photo.id))
        await self._update(key, became, "#status = :waiting", {":waiting": "waiting"})

    async def _change(self, post: Post, become: Callable[[Post], Post | None]) -> Post | None:
        """Make of the post what `become` says; None, having changed nothing, where it says so, or the post is gone.

        Where the post has been written since it was read, it is asked again: a change is made later than what it
        replaces. A change that is found there already is ours, whose answer was lost, so that the SDK repeated it.
        """
        now: Post | None = post
        while now is not None and (wanted := become(now)) is not None:
            wanted = wanted.model_copy(update={"region": self._region})
            if await self._update(_key(post.slug), _changes(now, wanted), KNOWN, {":known": now.updated_at}):
                return wanted
            now = await self._post(post.slug)
            if now == wanted:
                return now
        return None

    async def _post(self, slug: str) -> Post | None:
        found = await self._item(_key(slug))
        return None if found is None else Post.model_validate(found)

    async def _item(self, key: Mapping[str, str]) -> Fields | None:
        found = await self._client.get_item(TableName=self._table, Key=_written(key), ConsistentRead=True)
        return image(found["Item"]) if "Item" in found else None

    async def _query(
        self, limit: int, start: Mapping[str, object], values: Mapping[str, object], **request: object
    ) -> tuple[list[Fields], bool]:
        """Items from behind a key on, and whether there are more.

        One more than wanted is asked for, so that the last part says that it is the last. A request reads 1 MB at most.
        """
        found: list[Fields] = []
        key: Mapping[str, Any] | None = _written(start)
        while key is not None and len(found) <= limit:
            page = await self._client.query(
                TableName=self._table,
                ExpressionAttributeValues=_written(values),
                Limit=limit + 1 - len(found),
                **({"ExclusiveStartKey": key} if key else {}),
                **request,
            )
            found += map(image, page["Items"])
            key = page.get("LastEvaluatedKey")
        return found[:limit], len(found) > limit

    async def _update(
        self, key: Mapping[str, str], changes: Mapping[str, object], condition: str, values: Mapping[str, object]
    ) -> bool:
        """Change the item; False, having changed nothing, where the condition does not hold."""
        changes = {**changes, "region": self._region}
        request = {
            "TableName": self._table,
            "Key": _written(key),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in changes),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in changes},  # many are reserved words
            "ExpressionAttributeValues": _written({**{f":{name}": value for name, value in changes.items()}, **values}),
        }
        return await _unless_refused(self._client.update_item(**request)) is not None


async def _unless_refused(request: Awaitable[Fields]) -> Fields | None:
    """The response; None where the request's condition does not hold."""
    try:
        return await request
    except ClientError as error:
        if cast("Fields", error.response)["Error"]["Code"] == REFUSED:
            return None
        raise


def _changes(old: Post, new: Post) -> Fields:
    """What a new post has that the old one has not."""
    before = old.model_dump()
    return {name: value for name, value in new.model_dump(exclude_none=True).items() if value != before[name]}


def _key(slug: str, sk: str = POST) -> Mapping[str, str]:
    """The key of a post, or of what lies beside it."""
    return {"pk": post_pk(slug), "sk": sk}


def _written(fields: Mapping[str, object]) -> Fields:
    """Plain values as DynamoDB takes them."""
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in fields.items()}
