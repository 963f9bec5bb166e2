/** A post's comments, and the form that adds one. */

import { addComment, listComments } from "./api.js";
import { announce, byline, element, fill, trouble } from "./dom.js";
import { onSubmit } from "./forms.js";

const region = document.getElementById("comments");
const form = document.getElementById("comment");

/** Show the comments of the post, a page at a time, and take new ones. */
export function showComments(slug) {
  const list = element("ol", { className: "comments" });
  const more = element("div", { tabIndex: -1 });
  document.getElementById("discussion").hidden = false;
  onSubmit(form, (comment) => add(slug, list, comment));
  return fill(region, () => listComments(slug), (page) => {
    append(slug, list, more, page);
    return [list, element("p", { className: "none" }, "Nobody has commented yet."), more];
  });
}

async function add(slug, list, comment) {
  const item = entry(await addComment(slug, comment));
  list.append(item);
  if (!list.isConnected) {
    region.append(list); // the others are not there yet, or could not be read
  }
  form.elements.text.value = "";
  item.focus();
}

function append(slug, list, more, { items, next }) {
  const known = new Set([...list.children].map((item) => item.id));
  const fresh = items.map(entry).filter((item) => !known.has(item.id));
  list.append(...[...list.children, ...fresh].sort(byId)); // one's own may have come before those of a page
  const load = () => loadMore(slug, list, more, next);
  const button = element("button", { type: "button", className: "quiet", onclick: load }, "More comments");
  more.replaceChildren(...(next ? [button] : []));
  return fresh;
}

/** Ids are in the order of time. */
const byId = (one, other) => (one.id < other.id ? -1 : 1);

async function loadMore(slug, list, more, cursor) {
  try {
    const [first] = append(slug, list, more, await listComments(slug, cursor));
    (first ?? more).focus();
    announce(`${list.children.length} comments are shown`);
  } catch (error) {
    more.replaceChildren(trouble(error, () => loadMore(slug, list, more, cursor)));
  }
}

function entry(comment) {
  const text = element("p", { className: "text", dir: "auto" }, comment.text);
  return element("li", { id: `comment-${comment.id}`, tabIndex: -1 }, byline(comment.author, comment.created_at), text);
}
