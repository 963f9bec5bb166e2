/** Photographs in the sizes that the thumbnails come in, as WebP with JPEG beside it. */

import { element } from "./dom.js";

/** A photograph; `room` says how wide it is shown, as in the attribute `sizes`, and never wider than it is. */
export function picture(photo, room, loading = "lazy") {
  const sizes = [...photo.sizes].sort((one, other) => one.width - other.width);
  const { width, height, jpeg } = sizes.at(-1);
  const set = (format) => sizes.map((size) => `${size[format]} ${size.width}w`).join(", ");
  const shown = `min(${room}, ${width}px)`;
  const image = element("img", { alt: photo.name, width, height, loading, sizes: shown, srcset: set("jpeg") });
  image.src = jpeg;
  image.style.setProperty("--width", `${width}px`);
  image.style.setProperty("--ratio", width / height);
  const webp = element("source", { type: "image/webp", sizes: shown, srcset: set("webp") });
  return element("picture", {}, webp, image);
}
