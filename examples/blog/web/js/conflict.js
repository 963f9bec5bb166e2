/** What to do when somebody else has saved the post first: nothing that anyone wrote is lost. */

import { readPostAfresh } from "./api.js";
import { day, element, fill } from "./dom.js";

const region = document.getElementById("conflict");

/**
 * Explain it, and let the author choose: `keep(theirs)` saves what is in the form over theirs, `take(theirs)` goes on
 * from theirs.
 */
export async function explain(mine, slug, { keep, take }) {
  region.hidden = false;
  await fill(region, () => readPostAfresh(slug), (theirs) => [
    heading("Somebody else has changed this post"),
    element("p", {}, "Another edit was saved on ", day(theirs.updated_at), ", while you were writing. ",
      "Yours is still in the form, and has not been saved."),
    element("h3", {}, "Their version"),
    version(theirs),
    element("p", { className: "actions" },
      button("Go on from theirs", "", () => goOn(mine, theirs, take)),
      button("Save mine instead", "quiet", () => finish(() => keep(theirs)))),
  ]);
  (document.getElementById("conflict-heading") ?? region).focus();
}

function goOn(mine, theirs, take) {
  region.replaceChildren(
    heading("You go on from their version"),
    element("p", {}, "It is in the form now. This is what you had written:"),
    version(mine),
    element("p", { className: "actions" }, button("Put mine away", "quiet", () => finish(focusTitle))),
  );
  take(theirs);
}

function finish(then) {
  region.hidden = true;
  region.replaceChildren();
  then();
}

const heading = (text) => element("h2", { id: "conflict-heading", tabIndex: -1 }, text);

const version = ({ title, text }) =>
  element("blockquote", {},
    element("p", { className: "version-title", dir: "auto" }, title),
    element("p", { className: "text", dir: "auto" }, text));

const button = (text, className, onclick) => element("button", { type: "button", className, onclick }, text);

const focusTitle = () => document.getElementById("title").focus();
