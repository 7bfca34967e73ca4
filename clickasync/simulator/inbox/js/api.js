// The control interface.

import { byId } from "./dom.js";

/** Ask; a refusal is an Error with the simulator's own words. */
async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  const answer = await fetch(`/simulator/${path}`, options);
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error ?? `the simulator answered ${answer.status}`);
  return said;
}

export const get = (path) => call("GET", path);
export const post = (path, body = {}) => call("POST", path, body);
export const remove = (path) => call("DELETE", path);

let hiding = 0;

/** Say something for a moment. */
export function toast(words) {
  const place = byId("toast");
  place.textContent = words;
  place.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => (place.hidden = true), 3500);
}

/** Run something that asks the simulator; what goes wrong is said. */
export async function attempt(run) {
  try {
    return await run();
  } catch (error) {
    toast(error.message);
    return undefined;
  }
}

/** Put a text on the clipboard. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${text.length > 24 ? "to the clipboard" : text}`);
  } catch {
    toast("The browser does not let the page copy");
  }
}
