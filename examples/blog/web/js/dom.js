/** Elements and what is said about them. Data becomes text here and never HTML; the pages' policy forbids the rest. */

import { Failure } from "./api.js";

const status = document.getElementById("status");
const dates = new Intl.DateTimeFormat("en-GB", { dateStyle: "long" });

/** An element with properties, or attributes where it has no such property, and children: elements, text or null. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) {
      made[key] = value;
    } else {
      made.setAttribute(key, value);
    }
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A date for people and for machines. */
export function day(moment) {
  const date = new Date(moment);
  return element("time", { dateTime: date.toISOString() }, dates.format(date));
}

/** Who wrote something, and when. */
export const byline = (author, moment) =>
  element("p", { className: "byline" }, element("span", { className: "author", dir: "auto" }, author), " ", day(moment));

/** Tell those who do not see the page what has changed. */
export function announce(text) {
  status.textContent = text;
}

export const titled = (text) => {
  document.title = `${text} · MyBlog.com`;
};

/** What has gone wrong, in a sentence or two; a mistake in these scripts is reported as one. */
export function sentence(error) {
  if (error instanceof Failure) {
    return error.message;
  }
  reportError(error);
  return "Something is wrong with this page.";
}

/** Fill a region with what `read` brings; a failure is told in its place, with a button that tries again. */
export async function fill(region, read, show) {
  region.setAttribute("aria-busy", "true");
  region.replaceChildren(element("p", { className: "waiting" }, "Loading …"));
  try {
    region.replaceChildren(...show(await read()));
  } catch (error) {
    const retry = () => {
      region.focus();
      return fill(region, read, show);
    };
    region.replaceChildren(trouble(error, retry));
  } finally {
    region.removeAttribute("aria-busy");
  }
}

/** An alert with a way on. */
export function trouble(error, retry) {
  const button = element("button", { type: "button", className: "quiet", onclick: retry }, "Try again");
  return element("div", { className: "trouble", role: "alert" }, element("p", {}, sentence(error)), button);
}
