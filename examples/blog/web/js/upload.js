/** A file on its way into the bucket, straight from the browser, by a presigned POST. */

import { Failure, Unreachable } from "./api.js";

/** What the policy of the upload allows, so that nobody waits for a refusal. */
const TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"];
const MOST_BYTES = 10 * 1024 ** 2;

/** Why the file cannot be uploaded; null where it can. */
export function objection(file) {
  if (!TYPES.includes(file.type)) {
    return "This is no JPEG, PNG, WebP or GIF.";
  }
  if (file.size === 0) {
    return "This file is empty.";
  }
  return file.size > MOST_BYTES ? "This file is larger than 10 MiB." : null;
}

/** Send the file; `progress` is told the share that is sent, 0 to 1. XMLHttpRequest, since fetch does not say. */
export function upload({ url, fields }, file, progress) {
  const form = new FormData();
  Object.entries(fields).forEach(([name, value]) => form.append(name, value));
  form.append("file", file); // S3 ignores what comes after the file
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.upload.onprogress = ({ loaded, total }) => progress(loaded / total);
    request.onload = () => (request.status < 300 ? resolve() : reject(new Failure("The upload was refused.")));
    request.onerror = () => reject(new Unreachable());
    request.open("POST", url);
    request.send(form);
  });
}
