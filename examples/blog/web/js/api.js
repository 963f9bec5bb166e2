/** The blog's API: one function for each operation, and how they fail. */

const PATIENCE = 20_000; // milliseconds until an answer counts as not coming

/** What may go wrong without anybody's mistake in these scripts; its message is for people. */
export class Failure extends Error {}

/** The API's own refusal: problem details (RFC 9457). `errors` has {pointer: "#/title", detail} for single fields. */
export class Problem extends Failure {
  constructor(status, { title, detail, errors }) {
    super(detail ?? title ?? `The server answered with status ${status}.`);
    this.status = status;
    this.errors = errors ?? [];
  }
}

/** No answer came: whether the request arrived is unknown. */
export class Unreachable extends Failure {
  constructor(cause) {
    super("The server could not be reached. Check the connection, then try again.", { cause });
  }
}

/** A page of posts, newest first: {items, next}. */
export const listPosts = (cursor) => read(`/api/posts${query({ cursor })}`);

/** A post, with the `etag` that editing needs. */
export const readPost = async (slug) => versioned(await call("GET", postPath(slug)));

/** The post as the database has it: a query of its own is in no cache. */
export const readPostAfresh = async (slug) =>
  versioned(await call("GET", `${postPath(slug)}${query({ fresh: crypto.randomUUID() })}`));

export const createPost = async (post) => versioned(await call("POST", "/api/posts", { json: post }));

/** Save an edit of the version that `etag` names. A `Problem` with status 412 says that another edit came first. */
export const savePost = async (slug, post, etag) =>
  versioned(await call("PUT", postPath(slug), { json: post, headers: { "If-Match": etag } }));

/** A page of comments, oldest first: {items, next}. */
export const listComments = (slug, cursor) => read(`${postPath(slug)}/comments${query({ cursor })}`);

export const addComment = (slug, comment) => send(`${postPath(slug)}/comments`, comment);

/** All photographs of a post with their statuses; no cache keeps this answer. */
export const listPhotos = async (slug) => (await read(`${postPath(slug)}/photos`)).items;

/** Leave to upload a photograph: {upload: {url, fields}, photo}. */
export const requestUpload = (slug, photo) => send(`${postPath(slug)}/photos`, photo);

export const subscribe = (subscriber) => call("POST", "/api/subscribers", { json: subscriber });

const postPath = (slug) => `/api/posts/${encodeURIComponent(slug)}`;

function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value);
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

const read = async (path) => content(await call("GET", path));

const send = async (path, json) => content(await call("POST", path, { json }));

const content = (response) => answered(response.json());

/** A cache that compresses makes the tag weak, and If-Match takes strong ones only (RFC 9110, 13.1.1). */
async function versioned(response) {
  const etag = response.headers.get("ETag")?.replace(/^W\//, "");
  return { ...(await content(response)), etag };
}

/**
 * The browser's own cache may answer with what is stale (stale-while-revalidate), before the author's own edit, so it has
 * to ask whether that is still so ("no-cache"); the edge, where that costs next to nothing, is not impressed by it.
 */
async function call(method, path, { json, headers = {} } = {}) {
  const body = json && { body: JSON.stringify(json), headers: { ...headers, "Content-Type": "application/json" } };
  const signal = AbortSignal.timeout(PATIENCE);
  const response = await answered(fetch(path, { method, headers, signal, cache: "no-cache", ...body }));
  if (!response.ok) {
    throw new Problem(response.status, await problemIn(response));
  }
  return response;
}

async function answered(promise) {
  try {
    return await promise;
  } catch (error) {
    throw new Unreachable(error);
  }
}

/** Whatever stands between the API and the page may answer with something else than a problem. */
async function problemIn(response) {
  const type = response.headers.get("Content-Type") ?? "";
  return type.startsWith("application/problem+json") ? content(response) : {};
}
