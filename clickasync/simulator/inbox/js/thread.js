// The middle pane: a conversation as a handset shows it, and what never got that far.

import { copy } from "./api.js";
import { nameOf } from "./conversations.js";
import { byId, button, el, icon } from "./dom.js";
import { count, piecesOf, timeOfDay } from "./format.js";
import { describe, iconOf, outcomeOf } from "./statuses.js";
import { WindowList } from "./window_list.js";

export class Thread {
  constructor(store, clock, { onSelect }) {
    Object.assign(this, { store, clock, onSelect });
    this.place = byId("messages");
    this.selected = null;
    this.shown = null;
    this.window = new WindowList(this.place, {
      height: 76,
      key: (item) => item.number,
      version: (item, n) => this.#version(item, n),
      render: (item, n) => this.#item(item, n),
    });
    this.place.addEventListener("keydown", (event) => this.#key(event));
    byId("thread-empty").append(...welcome());
  }

  get conversation() {
    return this.store.conversations.get(this.store.open);
  }

  draw() {
    const conversation = this.conversation;
    const isOther = this.shown !== this.store.open;
    const toEnd = isOther || this.window.isAtEnd;
    this.shown = this.store.open;
    const items = conversation?.items ?? [];
    this.place.hidden = !conversation;
    byId("thread-empty").hidden = Boolean(conversation);
    byId("compose").hidden = !conversation || !/^\d+$/.test(conversation.number);
    byId("thread-title").textContent = conversation ? nameOf(conversation.number) : "Conversation";
    this.window.show(items, { toEnd });
    this.#chips(items);
  }

  /** Choose the next or the previous message. */
  move(by) {
    const items = this.conversation?.items ?? [];
    const at = items.indexOf(this.selected);
    const next = at < 0 ? items.length - 1 : Math.max(0, Math.min(items.length - 1, at + by));
    if (!items[next]) return;
    this.select(items[next]);
    this.window.reveal(next);
  }

  select(item, { stay = true } = {}) {
    this.selected = item;
    this.onSelect(item, { stay });
    this.draw();
  }

  #key(event) {
    if (event.target !== this.place) return;
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9 };
    if (event.key in steps) {
      event.preventDefault();
      this.move(steps[event.key]);
    } else if (event.key === "Enter" && this.selected) {
      event.preventDefault();
      this.select(this.selected, { stay: false });
    }
  }

  #chips(items) {
    const messages = items.filter(({ kind }) => kind === "message");
    const parts = messages.reduce((sum, message) => sum + message.parts, 0);
    const words = items.length ? [count(items.length, "entry", "entries")] : [];
    if (parts > messages.length) words.push(count(parts, "part"));
    byId("thread-chips").replaceChildren(...words.map((word) => el("span", { class: "chip" }, word)));
  }

  #version(item, n) {
    const code = item.kind === "message" ? this.store.statusOf(item) : "";
    const isLast = n === this.window.items.length - 1;
    return [code, item === this.selected, n === 0, isLast, this.store.attemptsOf(item).length].join();
  }

  #item(item, n) {
    const { side, words, meta, about } = this.#look(item);
    const edges = `${n === 0 ? " first" : ""}${n === this.window.items.length - 1 ? " last" : ""}`;
    const open = () => this.select(item, { stay: false });
    return el(
      "div",
      { class: `item ${side}${edges}${item === this.selected ? " selected" : ""}`, role: "listitem" },
      el("div", { class: "bubble", on: { click: open } }, el("p", { class: "words", dir: "auto" }, words)),
      el("button", { type: "button", class: "meta", aria: { label: about }, on: { click: open } }, meta),
    );
  }

  #look(item) {
    const time = timeOfDay(this.clock.day(item.accepted_at ?? item.at));
    if (item.kind === "message") {
      const code = this.store.statusOf(item);
      const state = el("span", { class: `state ${outcomeOf(code)}` }, icon(iconOf(code)));
      const alphabet = item.data ? "8-bit" : item.unicode ? "Unicode" : "GSM";
      const long = item.parts > 1 ? ` · ${count(item.parts, "part")}` : "";
      const rest = `${alphabet}${long} · ${describe(code)}`;
      const about = `${time}, ${rest}. Details`;
      return { side: "out", words: this.#words(item), meta: [`${time} · ${rest}`, state], about };
    }
    if (item.kind === "inbound") {
      const rest = item.parts.length > 1 ? ` · ${count(item.parts.length, "part")}` : "";
      const words = withCodes(item.text);
      return { side: "in", words, meta: [`${time} · reply to ${item.to}${rest}`], about: `${time}, reply. Details` };
    }
    const isRefusal = item.kind === "refused";
    const what = isRefusal ? `refused: ${item.error} ${item.description}` : item.fault;
    const text = item.fields.text ? ` “${item.fields.text.slice(0, 100)}”` : "";
    const isSaid = isRefusal || what.includes("the gateway took it");
    const taken = isSaid ? "" : item.taken ? " (the gateway took it)" : " (the gateway never took it)";
    return {
      side: isRefusal ? "note" : "note fault",
      words: [el("strong", {}, item.command), ` ${what}${taken}${text}`],
      meta: [time],
      about: `${time}, ${item.command} ${what}. Details`,
    };
  }

  #words(message) {
    return message.text ? withCodes(message.text) : [el("code", {}, message.data)];
  }
}

/** A text whose codes are one click to copy. */
function withCodes(text) {
  return piecesOf(text).map(({ piece, isCode }) => {
    if (!isCode) return piece;
    const press = (event) => {
      event.stopPropagation();
      copy(piece);
    };
    return button(piece, press, { kind: "code", aria: { label: `Copy ${piece}` }, title: "Copy" });
  });
}

function welcome() {
  const python = [
    "from clickasync import Client",
    "",
    `async with Client(api_id="1", user="demo", password="demo", base_url="${location.origin}") as client:`,
    '    await client.send("27821234567", "Your code is 4711")',
  ].join("\n");
  return [
    icon("inbox"),
    el("h3", {}, "Choose a conversation, or send the first message"),
    el("p", {}, "Point any Clickatell client here. Nothing leaves this machine."),
    el("pre", { class: "snippet", tabIndex: 0 }, el("code", {}, python)),
    button("Copy", () => copy(python), { icon: "copy" }),
  ];
}
