/** The newest posts, or older ones where the address has a cursor. */

import { listPosts } from "./api.js";
import { byline, element, fill, titled } from "./dom.js";
import { picture } from "./pictures.js";

const cursor = new URLSearchParams(location.search).get("cursor");
const pagination = document.getElementById("pagination");

if (cursor) {
  titled("Older posts");
  document.getElementById("heading").textContent = "Older posts";
}
await fill(document.getElementById("posts"), () => listPosts(cursor), show);

function show({ items, next }) {
  const links = [
    ...(cursor ? [element("a", { href: "/" }, "Newest posts")] : []),
    ...(next ? [element("a", { href: `/?${new URLSearchParams({ cursor: next })}`, rel: "next" }, "Older posts")] : []),
  ];
  pagination.replaceChildren(...links);
  pagination.hidden = links.length === 0;
  return items.length ? items.map(entry) : [nothing()];
}

function entry(post, position) {
  const lead = position === 0 && !cursor;
  const room = lead ? "(min-width: 60rem) 34rem, 100vw" : "(min-width: 40rem) 15rem, 7rem";
  const link = element("a", { href: `/posts/${encodeURIComponent(post.slug)}` }, post.title);
  const heading = element("h2", { dir: "auto" }, link);
  const words = element("div", {}, heading, element("p", { className: "summary", dir: "auto" }, post.summary));
  words.append(byline(post.author, post.published_at));
  const photo = post.photo && picture(post.photo, room, lead ? "eager" : "lazy");
  return element("article", { className: lead ? "entry lead" : "entry" }, words, photo);
}

function nothing() {
  const write = element("a", { href: "/write.html" }, "Write the first post");
  return element("p", {}, "Nothing has been written yet. ", write);
}
