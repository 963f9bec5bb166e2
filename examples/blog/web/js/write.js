/** Writing a post, and editing one (`?edit=<slug>`): the same form, saved under the version that it was read in. */

import { createPost, Problem, readPostAfresh, savePost } from "./api.js";
import { explain } from "./conflict.js";
import { announce, element, fill, titled } from "./dom.js";
import { onSubmit } from "./forms.js";
import { follow, takeFrom, unsent, uploadChosen } from "./photographs.js";

const form = document.getElementById("write");
const fields = form.elements;
const saved = document.getElementById("saved");
const edited = new URLSearchParams(location.search).get("edit");
let post = null; // as the blog has it; null until the first one is published
let kept = { title: "", text: "" }; // what the form had when it was opened or saved

takeFrom(document.getElementById("files"));
onSubmit(form, save);
form.addEventListener("input", () => saved.replaceChildren());
addEventListener("beforeunload", (event) => {
  if (unsaved() || unsent()) {
    event.preventDefault(); // the browser asks
  }
});
if (edited) {
  form.hidden = true;
  await fill(document.getElementById("opening"), () => readPostAfresh(edited), open);
}

function open(found) {
  form.hidden = false;
  put(found);
  follow(post.slug);
  return [];
}

/** Put this version into the form, and edit it. */
function put(found) {
  fields.title.value = found.title;
  fields.text.value = found.text;
  kept = written();
  edit(found);
}

function written() {
  return { title: fields.title.value.trim(), text: fields.text.value.trim() };
}

function unsaved() {
  const { title, text } = written();
  return title !== kept.title || text !== kept.text;
}

/** From now on the form edits this version; what is in it may be newer. */
function edit(found) {
  post = found;
  fields.author.disabled = true;
  document.getElementById("author-field").hidden = true;
  document.getElementById("heading").textContent = "Edit a post";
  document.getElementById("save").textContent = "Save";
  titled(`Edit “${post.title}”`);
}

async function save(values) {
  const first = post === null;
  try {
    edit(await store(values));
  } catch (error) {
    if (error instanceof Problem && error.status === 412) {
      return explain(values, post.slug, { keep, take });
    }
    throw error;
  }
  kept = values;
  if (first) {
    history.replaceState(null, "", `?${new URLSearchParams({ edit: post.slug })}`);
  }
  const link = element("a", { href: `/posts/${encodeURIComponent(post.slug)}` }, "Read the post");
  saved.replaceChildren(first ? "Published. " : "Saved. ", link);
  announce(saved.textContent);
  uploadChosen(post.slug);
}

/** The post as stored; where only photographs are new, the text stays the version that it is. */
function store({ title, text, author }) {
  if (post === null) {
    return createPost({ title, text, author });
  }
  const same = title === post.title && text === post.text;
  return same ? post : savePost(post.slug, { title, text }, post.etag);
}

function keep(theirs) {
  post = theirs;
  form.requestSubmit();
}

function take(theirs) {
  put(theirs);
  fields.title.focus();
}
