// The left pane: conversations by number, searched and filtered.

import { byId, button, el, fill, icon } from "./dom.js";
import { count, when } from "./format.js";
import { describe, iconOf, outcomeOf } from "./statuses.js";
import { WindowList } from "./window_list.js";

export const nameOf = (number) => number || "Calls without a number";

export class Conversations {
  constructor(store, clock, { onOpen, onWrite }) {
    Object.assign(this, { store, clock, onOpen });
    this.list = byId("conversations");
    this.found = [];
    this.window = new WindowList(this.list, {
      height: 68,
      key: (conversation) => conversation.number,
      version: (conversation, n) => this.#version(conversation, n),
      render: (conversation, n) => this.#row(conversation, n),
    });
    byId("write").append(icon("write"), el("span", { class: "hidden" }, "A handset writes"));
    byId("write").addEventListener("click", onWrite);
    byId("search").addEventListener("input", () => this.search());
    for (const id of ["outcome", "account"]) byId(id).addEventListener("change", () => this.search());
    this.list.addEventListener("keydown", (event) => this.#key(event));
    byId("search").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.list.focus();
    });
  }

  search() {
    this.draw();
    this.window.toTop();
  }

  draw() {
    const filter = { query: byId("search").value, outcome: byId("outcome").value, account: byId("account").value };
    this.found = this.store.find(filter);
    this.#accounts();
    this.window.show(this.found);
    const isFiltered = this.found.length !== this.store.conversations.size;
    const total = this.store.conversations.size.toLocaleString("en");
    byId("list-count").textContent = isFiltered ? `${this.found.length.toLocaleString("en")} of ${total}` : total;
    this.list.hidden = !this.found.length;
    this.#empty(!this.found.length, this.store.conversations.size > 0);
    const at = this.found.findIndex(({ number }) => number === this.store.open);
    if (at >= 0) this.list.setAttribute("aria-activedescendant", `c-${at}`);
    else this.list.removeAttribute("aria-activedescendant");
  }

  /** Open the next or the previous conversation. */
  move(by) {
    const at = this.found.findIndex(({ number }) => number === this.store.open);
    const next = Math.max(0, Math.min(this.found.length - 1, at < 0 ? 0 : at + by));
    if (!this.found[next]) return;
    this.onOpen(this.found[next].number, { stay: true });
    this.window.reveal(next);
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.list.clientHeight / 68) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
    if (event.key in steps) {
      event.preventDefault();
      this.move(steps[event.key]);
    } else if (event.key === "Enter" && this.store.open !== null) {
      event.preventDefault();
      this.onOpen(this.store.open);
    }
  }

  #accounts() {
    const select = byId("account");
    const known = [...this.store.accounts].sort();
    byId("account-filter").hidden = known.length < 2;
    if (select.dataset.known === known.join()) return;
    const chosen = select.value;
    select.dataset.known = known.join();
    select.replaceChildren(
      el("option", { value: "" }, "All accounts"),
      ...known.map((id) => el("option", { value: id }, `api_id ${id}`)),
    );
    select.value = known.includes(chosen) ? chosen : "";
  }

  #look(conversation) {
    const item = conversation.items.at(-1);
    if (item.kind === "message") {
      const code = this.store.statusOf(item);
      return { name: iconOf(code), kind: outcomeOf(code), words: describe(code), text: item.text || "(binary)" };
    }
    if (item.kind === "inbound") return { name: "reply", kind: "inbound", words: "wrote", text: item.text };
    if (item.kind === "refused") {
      const text = `${item.error} ${item.description}`;
      return { name: "failed", kind: "refused", words: "refused", text };
    }
    return { name: "fault", kind: "refused", words: "fault", text: item.fault };
  }

  #version(conversation, n) {
    const isOpen = conversation.number === this.store.open;
    const { name, kind } = this.#look(conversation);
    return [conversation.items.at(-1).number, name, kind, isOpen, conversation.unread, n, this.found.length].join();
  }

  #row(conversation, n) {
    const item = conversation.items.at(-1);
    const look = this.#look(conversation);
    const at = this.clock.day(item.accepted_at ?? item.at);
    const isOpen = conversation.number === this.store.open;
    const unread = conversation.unread;
    return el(
      "div",
      {
        class: `row${unread ? " unread" : ""}`,
        id: `c-${n}`,
        role: "option",
        aria: { selected: isOpen, setsize: this.found.length, posinset: n + 1 },
        data: { number: conversation.number },
        on: { click: () => this.onOpen(conversation.number) },
      },
      el("span", { class: "name" }, nameOf(conversation.number)),
      el("span", { class: "when" }, when(at, this.clock.day(this.clock.now()))),
      el("span", { class: "preview" }, look.text),
      el(
        "span",
        { class: "mark" },
        unread ? el("span", { class: "unread-count" }, unread > 99 ? "99+" : String(unread)) : null,
        unread ? el("span", { class: "hidden" }, "unread") : null,
        el("span", { class: `state ${look.kind}` }, icon(look.name), el("span", { class: "hidden" }, look.words)),
      ),
    );
  }

  #empty(isEmpty, isFiltered) {
    const place = byId("list-empty");
    place.hidden = !isEmpty;
    if (!isEmpty || place.dataset.filtered === String(isFiltered)) return;
    place.dataset.filtered = String(isFiltered);
    fill(
      place,
      icon("inbox"),
      el("h3", {}, isFiltered ? "Nothing fits" : "No messages yet"),
      el("p", {}, isFiltered ? "No conversation has this." : "What the gateway accepts or refuses appears here."),
      isFiltered ? button("Show all", () => this.#showAll()) : null,
    );
  }

  #showAll() {
    for (const id of ["search", "outcome", "account"]) byId(id).value = "";
    this.search();
    byId("search").focus();
  }
}

export const summary = (conversation) => count(conversation.items.length, "entry", "entries");
