"""The blog's resources. Its one table is seen as one of each kind of item: a source says which by `kind`."""

from eventkit import Bucket, Table
from examples.blog._items import Comment, Photo, Post, Subscriber

__all__ = ["comments", "photos", "pictures", "posts", "subscribers"]

TABLE = "blog"

photos = Bucket("photos")
posts = Table[Post](TABLE)
comments = Table[Comment](TABLE)
pictures = Table[Photo](TABLE)
subscribers = Table[Subscriber](TABLE)
