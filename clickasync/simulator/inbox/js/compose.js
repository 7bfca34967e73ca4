// The box in which a handset writes back.

import { attempt, post } from "./api.js";
import { byId, button, el } from "./dom.js";

const LONG = "This reply is longer than one message, so that it travels in parts. ".repeat(4).trim();
const UNICODE = "Ja, gern! 👍 Привет, 你好";

export class Compose {
  constructor(store) {
    this.store = store;
    this.form = byId("compose");
    this.label = el("span", {}, "Reply");
    this.text = el("textarea", { name: "text", rows: 2, required: true });
    this.form.append(
      el("label", {}, this.label, this.text),
      el(
        "div",
        { class: "compose-row" },
        button("STOP", () => this.#send("STOP")),
        button("Long", () => this.#fill(LONG), { title: "A reply in two parts" }),
        button("Unicode", () => this.#fill(UNICODE), { title: "A reply beyond GSM 03.38" }),
        button("Send", null, { kind: "primary", type: "submit" }),
      ),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(this.text.value);
    });
    this.text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.form.requestSubmit();
      }
    });
  }

  draw() {
    const number = this.store.open;
    if (number) this.label.textContent = `Reply as ${number}, to ${this.#ours()}`;
  }

  focus() {
    if (!this.form.hidden) this.text.focus();
  }

  /** The number that the handset answers: the last one that wrote to it. */
  #ours() {
    const items = this.store.conversations.get(this.store.open)?.items ?? [];
    for (const item of items.toReversed()) {
      if (item.kind === "inbound") return item.to;
      if (item.kind === "message" && /^\d+$/.test(item.from)) return item.from;
    }
    return "27600000001";
  }

  #fill(text) {
    this.text.value = text;
    this.text.focus();
  }

  async #send(text) {
    const from = this.store.open;
    const api_id = this.store.conversations.get(from)?.items.at(-1)?.api_id || undefined;
    const done = await attempt(() => post("mo", { from, to: this.#ours(), text, api_id }));
    if (done && this.text.value === text) this.text.value = "";
  }
}
