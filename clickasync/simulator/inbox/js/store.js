// What the page knows: everything that happened, by conversation. It draws nothing.

import { outcomeOf } from "./statuses.js";

const MOST_NUMBERS = 20; // of a refused list that get the refusal in their conversation

export class Store extends EventTarget {
  constructor(clock) {
    super();
    this.clock = clock;
    this.open = null; // the number whose conversation is shown
    this.clear();
  }

  clear() {
    this.last = 0;
    this.conversations = new Map();
    this.messages = new Map();
    this.attempts = new Map();
    this.accounts = new Set();
  }

  /** Take in an entry of the log, once. */
  add(entry, { isNew = false } = {}) {
    if (entry.kind === "message" && this.messages.has(entry.id)) return;
    if (entry.number <= this.last && isNew && entry.kind !== "message") return;
    this.last = Math.max(this.last, entry.number);
    if (entry.api_id) this.accounts.add(entry.api_id);
    if (entry.kind === "callback") {
      const id = entry.event.id;
      this.attempts.set(id, [...(this.attempts.get(id) ?? []), entry]);
      return;
    }
    if (entry.kind === "message") this.messages.set(entry.id, entry);
    entry.search = `${entry.text ?? ""} ${entry.description ?? ""} ${entry.fields?.text ?? ""}`.toLowerCase();
    for (const number of numbersOf(entry)) this.#place(number, entry, isNew);
  }

  /** A message that changed: only being stopped cannot be read off the clock. */
  update(entry) {
    const known = this.messages.get(entry.id);
    if (known) known.is_cancelled = entry.is_cancelled;
  }

  forget(id) {
    const message = this.messages.get(id);
    if (!message) return;
    this.messages.delete(id);
    const conversation = this.conversations.get(message.to);
    conversation.items = conversation.items.filter((item) => item !== message);
    if (!conversation.items.length) this.conversations.delete(message.to);
  }

  #place(number, entry, isNew) {
    let conversation = this.conversations.get(number);
    if (!conversation) {
      conversation = { number, items: [], unread: 0 };
      this.conversations.set(number, conversation);
    }
    const { items } = conversation;
    // Nearly always the newest; what comes by two ways may come in another order.
    let at = items.length;
    while (at > 0 && items[at - 1].number > entry.number) at -= 1;
    items.splice(at, 0, entry);
    if (isNew && number !== this.open) conversation.unread += 1;
  }

  /** The code of a message's status at this moment. */
  statusOf(message) {
    if (message.is_cancelled) return "006";
    const now = this.clock.now();
    let code = "011";
    for (const [at, next] of message.life) if (at <= now) code = next;
    return code;
  }

  /** delivered, way, failed, refused or inbound. */
  outcomeOf(item) {
    if (item.kind === "message") return outcomeOf(this.statusOf(item));
    return item.kind === "inbound" ? "inbound" : "refused";
  }

  /** The conversations that fit, the newest first. */
  find({ query = "", outcome = "", account = "" }) {
    const wanted = query.trim().toLowerCase();
    const digits = wanted.replace(/[\s+()-]/g, "");
    const fits = (item) =>
      (!outcome || this.outcomeOf(item) === outcome) && (!account || item.api_id === account);
    const found = [];
    for (const conversation of this.conversations.values()) {
      const { items, number } = conversation;
      if ((outcome || account) && !items.some(fits)) continue;
      const isNamed = number.toLowerCase().includes(digits || wanted);
      if (wanted && !isNamed && !items.some((item) => item.search.includes(wanted))) continue;
      found.push(conversation);
    }
    return found.sort((a, b) => b.items.at(-1).number - a.items.at(-1).number);
  }

  /** The callbacks of a message or of an inbound message that were tried. */
  attemptsOf(item) {
    const ids = item.kind === "message" ? [item.id] : (item.ids ?? []);
    return ids.flatMap((id) => this.attempts.get(id) ?? []);
  }
}

/** Whose conversation an entry belongs to; "" for calls without a number. */
function numbersOf(entry) {
  if (entry.kind === "inbound") return [entry.from];
  if (entry.kind === "message") return [entry.to];
  const numbers = (entry.to ?? "").split(",").map((number) => number.trim()).filter(Boolean);
  return numbers.length ? [...new Set(numbers)].slice(0, MOST_NUMBERS) : [""];
}
