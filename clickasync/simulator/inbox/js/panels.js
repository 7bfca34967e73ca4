// The panels behind the buttons at the top: each fills the drawer when it opens, and again when something changed.

import { byId, el, icon } from "./dom.js";
import { account } from "./panel_account.js";
import { callbacks } from "./panel_callbacks.js";
import { clock } from "./panel_clock.js";
import { faults } from "./panel_faults.js";
import { more, shortcuts, write } from "./panel_more.js";

const PANELS = { clock, faults, account, callbacks, more, write, shortcuts };
const BUTTONS = [
  ["clock", "waiting", "Clock"],
  ["faults", "fault", "Faults"],
  ["account", "account", "Account"],
  ["callbacks", "callbacks", "Callbacks"],
  ["more", "more", "More"],
];

export class Panels {
  constructor(context) {
    this.context = { ...context, refresh: () => this.refresh(), close: () => this.close() };
    this.dialog = byId("panel");
    this.name = null;
    byId("panel-close").append(icon("close"));
    byId("panel-close").addEventListener("click", () => this.close());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.close(); // beside it
    });
    this.dialog.addEventListener("close", () => (this.name = null));
    this.values = {};
    for (const [name, image, label] of BUTTONS) {
      this.values[name] = el("span", {});
      const parts = [icon(image), el("span", { class: "label" }, label), this.values[name]];
      const open = () => this.open(name);
      byId("tools").append(el("button", { type: "button", class: "quiet", data: { panel: name }, on: { click: open } }, parts));
    }
  }

  async open(name, more = {}) {
    this.name = name;
    const panel = PANELS[name];
    byId("panel-title").textContent = panel.title;
    byId("panel-body").replaceChildren();
    if (!this.dialog.open) this.dialog.showModal();
    await this.#fill(more);
    byId("panel-body").querySelector("[autofocus]")?.focus();
  }

  close() {
    this.dialog.close();
  }

  /** Fill the open panel again, unless somebody is typing in it. */
  async refresh(topics) {
    if (!this.name || (topics && !PANELS[this.name].topics?.some((topic) => topics.has(topic)))) return;
    await this.#fill({});
  }

  /** What a button says beside its name. */
  say(name, words, isBadge = false) {
    this.values[name].textContent = words;
    this.values[name].className = isBadge && words ? "badge" : "label";
  }

  async #fill(more) {
    const { name } = this;
    const parts = await PANELS[name].fill({ ...this.context, ...more }).catch((error) => [
      el("p", { class: "problem" }, error.message),
    ]);
    if (this.name !== name) return;
    const body = byId("panel-body");
    const form = body.querySelector("form");
    const isTyping = form?.contains(document.activeElement);
    const fresh = el("div", {}, parts);
    // A form that is being filled in stays as it is; all around it is new.
    if (isTyping) fresh.querySelector("form")?.replaceWith(form);
    const focused = document.activeElement;
    body.replaceChildren(...fresh.childNodes);
    if (isTyping) focused.focus();
  }
}
