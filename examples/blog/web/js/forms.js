/** Forms: checked before they are sent, sent once at a time, and told about next to the field. */

import { Problem, Unreachable } from "./api.js";
import { element, sentence } from "./dom.js";

/** Send the form's values, as an object, whenever it is submitted and valid. What `send` throws is told in the form. */
export function onSubmit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true" || !valid(form)) {
      return;
    }
    form.setAttribute("aria-busy", "true");
    try {
      await send(valuesOf(form));
    } catch (error) {
      tell(form, error);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

const valuesOf = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]));

/** The browser's own rules (`required`, `maxlength`, `type`), told where the server's are told. */
function valid(form) {
  clear(form);
  const wrong = [...form.elements].filter((control) => control.name && control.willValidate && !filled(control));
  wrong.forEach((control) => mark(control, control.validationMessage || "Please fill in this field."));
  wrong[0]?.focus();
  return wrong.length === 0;
}

const filled = (control) => control.validity.valid && (!control.required || control.value.trim() !== "");

function clear(form) {
  troubleOf(form).hidden = true;
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    errorOf(control).textContent = "";
  }
}

function tell(form, error) {
  const errors = error instanceof Problem ? error.errors : [];
  const found = errors.flatMap(({ pointer, detail }) => marked(form.elements.namedItem(nameIn(pointer)), detail));
  if (found.length) {
    found[0].focus();
  } else {
    complain(form, error);
  }
}

/** The control of a JSON pointer's member, "#/title"; errors of anything else than a member have no pointer. */
const nameIn = (pointer) => (pointer ?? "").replace("#/", "");

function marked(control, detail) {
  if (!control) {
    return [];
  }
  mark(control, detail);
  return [control];
}

function mark(control, text) {
  control.setAttribute("aria-invalid", "true");
  errorOf(control).textContent = text;
}

const errorOf = (control) => document.getElementById(`${control.id}-error`);

const troubleOf = (form) => form.querySelector(".trouble");

/** What concerns no single field. Nothing that was written is lost, so what got no answer can be sent again. */
function complain(form, error) {
  const again = error instanceof Unreachable || error.status >= 500;
  const retry = () => form.requestSubmit();
  const box = troubleOf(form);
  box.replaceChildren(element("p", {}, sentence(error)));
  if (again) {
    box.append(element("button", { type: "button", className: "quiet", onclick: retry }, "Try again"));
  }
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}
