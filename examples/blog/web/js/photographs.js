/** A post's photographs while it is written: chosen, checked, uploaded, and followed until they are ready or refused. */

import { Failure, listPhotos, requestUpload } from "./api.js";
import { announce, element, trouble } from "./dom.js";
import { picture } from "./pictures.js";
import { objection, upload } from "./upload.js";

const list = document.getElementById("photographs");
const chosen = new Map(); // rows of the list that are to be uploaded, and their files
const sending = new Set(); // the rows whose files are not in the bucket yet
const stored = new Map(); // the rows of photographs that the blog knows, by id
const LONGEST_NAME = 200; // characters
const FIRST_PAUSE = 500; // milliseconds; each pause is longer than the one before
const LONGEST_PAUSE = 5_000;
const LOOKS = 45; // about three minutes
let following = false;

/** Take the files that are chosen with the input. */
export function takeFrom(input) {
  input.addEventListener("change", () => {
    [...input.files].forEach(choose);
    input.value = ""; // the same file can be chosen again
  });
}

/** Upload what was chosen, one file after the other, and show how each fares. */
export async function uploadChosen(slug) {
  const files = [...chosen];
  files.forEach(([row]) => sending.add(row));
  chosen.clear();
  for (const [row, file] of files) {
    const name = row.querySelector("input").value.trim() || nameOf(file);
    await attempt(row, name, () => uploadOne(slug, row, name, file));
  }
}

/** Whether files would be left behind by who leaves the page now. */
export const unsent = () => chosen.size + sending.size > 0;

/** Show the post's photographs, and look again until none of them is waiting. */
export async function follow(slug) {
  if (following) {
    return;
  }
  following = true;
  const region = document.getElementById("photographs-trouble");
  region.replaceChildren();
  try {
    await settle(slug);
  } catch (error) {
    region.replaceChildren(trouble(error, () => follow(slug)));
  } finally {
    following = false;
  }
}

function choose(file) {
  const reason = objection(file);
  const row = element("li", { className: "photograph" });
  const remove = element("button", { type: "button", className: "quiet" }, "Remove", hidden(` ${file.name}`));
  remove.onclick = () => discard(row);
  row.append(element("p", { className: "file" }, file.name), reason ? error(reason) : question(file), remove);
  list.append(row);
  if (reason) {
    announce(`${file.name}: ${reason}`);
  } else {
    chosen.set(row, file);
  }
}

function discard(row) {
  chosen.delete(row);
  row.remove();
  document.getElementById("files").focus();
}

/** What a photograph shows is its text for those who do not see it. */
function question(file) {
  const id = `shows-${crypto.randomUUID()}`;
  const label = element("label", { htmlFor: id }, "What does it show?", hidden(` (${file.name})`));
  return element("div", { className: "field" }, label, element("input", { id, dir: "auto", maxLength: LONGEST_NAME }));
}

async function uploadOne(slug, row, name, file) {
  render(row, name, element("p", {}, "Asking to upload …"));
  const { photo, upload: leave } = await requestUpload(slug, { name, type: file.type, size: file.size });
  stored.get(photo.id)?.remove(); // whoever looked before this answer came has seen it already
  stored.set(photo.id, row);
  row.dataset.status = photo.status;
  await attempt(row, name, async () => {
    await send(row, name, file, leave);
    follow(slug);
  });
}

async function send(row, name, file, leave) {
  const bar = element("progress", { max: 1, value: 0, ariaLabel: `Upload of ${name}` });
  render(row, name, bar);
  await upload(leave, file, (share) => {
    bar.value = share;
  });
  sending.delete(row);
  if (row.dataset.status === "waiting") {
    render(row, name, beingPrepared());
  }
}

/** Do the task; where it fails, offer in the photograph's row to do it again. */
async function attempt(row, name, task) {
  try {
    await task();
  } catch (error) {
    render(row, name, trouble(error, () => attempt(row, name, task)));
  }
}

async function settle(slug) {
  for (let look = 0; look < LOOKS; look += 1) {
    (await listPhotos(slug)).forEach(update);
    if ([...stored.values()].every((row) => row.dataset.status !== "waiting")) {
      return;
    }
    await pause(Math.min(FIRST_PAUSE * 1.3 ** look, LONGEST_PAUSE));
  }
  throw new Failure("Some photographs are not ready yet. They will appear in the post when they are.");
}

function update(photo) {
  const known = stored.get(photo.id);
  if (!known) {
    const row = element("li", { className: "photograph" });
    stored.set(photo.id, row);
    list.append(row);
    show(photo, row);
  } else if (known.dataset.status !== photo.status) {
    show(photo, known);
    announce(photo.status === "ready" ? `${photo.name} is ready` : `${photo.name} was refused: ${photo.reason}`);
  }
}

function show(photo, row) {
  const states = {
    waiting: beingPrepared,
    ready: () => picture({ ...photo, name: "" }, "9rem"), // its name stands beside it
    refused: () => error(`Refused: ${photo.reason}`),
  };
  row.dataset.status = photo.status;
  render(row, photo.name, states[photo.status]());
}

const nameOf = (file) => [...file.name].slice(0, LONGEST_NAME).join("");

const render = (row, name, state) => row.replaceChildren(element("p", { className: "file", dir: "auto" }, name), state);

const beingPrepared = () => element("p", { className: "waiting" }, "Being prepared …");

const error = (text) => element("p", { className: "error" }, text);

const hidden = (text) => element("span", { className: "unseen" }, text);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
