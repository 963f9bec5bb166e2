/** One post: what it says, its photographs, and what others say about it. */

import { Problem, readPost } from "./api.js";
import { showComments } from "./comments.js";
import { byline, day, element, fill, titled } from "./dom.js";
import { picture } from "./pictures.js";

const slug = location.pathname.split("/").at(-1);

await fill(document.getElementById("post"), read, (post) => (post ? shown(post) : missing()));

/** The post, or null where there is none. */
async function read() {
  try {
    return await readPost(slug);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) {
      return null;
    }
    throw error;
  }
}

function shown(post) {
  titled(post.title);
  showComments(post.slug);
  const [first, ...others] = post.photos.filter((photo) => photo.sizes.length).map(figure);
  const edit = element("a", { href: `/write.html?${new URLSearchParams({ edit: post.slug })}` }, "Edit this post");
  return [
    element("header", {}, element("h1", { dir: "auto" }, post.title), byline(post.author, post.published_at)),
    ...(first ? [first] : []),
    element("div", { className: "text" }, ...paragraphs(post.text)),
    ...others,
    element("p", { className: "colophon" }, edit, ...edited(post)),
  ];
}

function missing() {
  titled("Not found");
  const home = element("a", { href: "/" }, "Read the newest posts");
  return [
    element("h1", {}, "There is no such post"),
    element("p", {}, "It may have another address by now. ", home),
  ];
}

/** An empty line parts paragraphs. */
function paragraphs(text) {
  const parts = text.split(/\n\s*\n/).map((part) => part.trim());
  return parts.filter(Boolean).map((part) => element("p", { dir: "auto" }, part));
}

function figure(photo) {
  return element("figure", { className: "photo" }, picture(photo, "60rem"));
}

function edited(post) {
  return post.version > 1 ? ["Edited on ", day(post.updated_at)] : [];
}
