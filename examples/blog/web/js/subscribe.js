/** Subscribing. The answer is always the same, so the thanks promise nothing about the address. */

import { subscribe } from "./api.js";
import { onSubmit } from "./forms.js";

const form = document.getElementById("subscribe");

onSubmit(form, async (subscriber) => {
  await subscribe(subscriber);
  document.getElementById("thanks-address").textContent = subscriber.address;
  form.hidden = true;
  document.getElementById("thanks").hidden = false;
  document.getElementById("thanks-heading").focus();
});
