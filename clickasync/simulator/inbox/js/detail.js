// The right pane: all there is to know of a message, a reply, a refusal or a fault.

import { attempt, copy, get, post, remove } from "./api.js";
import { byId, button, el, fill, icon } from "./dom.js";
import { count, duration, timeOfDay } from "./format.js";
import { describe, iconOf, outcomeOf } from "./statuses.js";

const TITLES = { message: "Message", inbound: "Reply", refused: "Refused call", fault: "Fault" };

export class Detail {
  constructor(store, clock) {
    Object.assign(this, { store, clock });
    this.place = byId("detail");
    this.item = null;
    this.drawn = "";
    this.python = new Map();
  }

  show(item) {
    this.item = item;
    this.drawn = "";
    this.place.scrollTop = 0;
    this.draw();
    if (item?.kind === "message" && !this.python.has(item.id)) this.#fetchPython(item.id);
  }

  draw() {
    const version = this.#version();
    if (version === this.drawn) return;
    this.drawn = version;
    byId("detail-title").textContent = this.item ? TITLES[this.item.kind] : "Message";
    fill(this.place, this.item ? this.#sections(this.item) : nothing());
  }

  #version() {
    const { item } = this;
    if (!item) return "nothing";
    const attempts = this.store.attemptsOf(item).length;
    const code = item.kind === "message" ? this.store.statusOf(item) : "";
    return [item.number, code, attempts, this.python.has(item.id)].join();
  }

  #sections(item) {
    if (item.kind === "message") return this.#message(item);
    if (item.kind === "inbound") return this.#inbound(item);
    return this.#failure(item);
  }

  #message(message) {
    const code = this.store.statusOf(message);
    const isCharged = code !== "006" && code !== "010";
    const alphabet = message.data ? "8-bit" : message.unicode ? "Unicode (UCS-2)" : "GSM 03.38";
    return [
      headline(iconOf(code), outcomeOf(code), describe(code), code),
      section("Timeline", this.#timeline(message)),
      section(
        "What it is",
        facts([
          ["To", message.to],
          ["From", message.from || "not given"],
          ["Parts", `${count(message.parts, "part")}, ${alphabet}`],
          ["Price", count(isCharged ? message.parts : 0, "credit")],
          ["apiMsgId", message.id],
          ["climsgid", message.climsgid || "not given"],
          ["Command", message.command],
          ["Account", `api_id ${message.api_id}`],
        ]),
      ),
      section("As it was sent", parameters(message.options)),
      this.#callbacks(message),
      this.#code(message),
      el(
        "div",
        { class: "buttons" },
        button("Delete message", () => attempt(() => remove(`messages/${message.id}`)), { kind: "danger" }),
      ),
    ];
  }

  #timeline(message) {
    const now = this.clock.now();
    const steps = [[message.accepted_at, "accepted", "Accepted"]];
    if (message.leaves_at > message.accepted_at) steps.push([message.accepted_at, "011", describe("011")]);
    const life = message.is_cancelled ? [] : message.life;
    for (const [at, code] of life) steps.push([at, code, describe(code)]);
    if (message.is_cancelled) steps.push([now, "006", describe("006")]);
    return el(
      "ol",
      { class: "timeline" },
      steps.map(([at, code, words]) =>
        el(
          "li",
          { class: at > now ? "to-come" : "" },
          el("span", {}, code === "accepted" ? words : `${code} ${words}`),
          el("time", {}, timeOfDay(this.clock.day(at))),
        ),
      ),
    );
  }

  #inbound(inbound) {
    return [
      headline("reply", "inbound", `${inbound.from} wrote`, ""),
      section(
        "What it is",
        facts([
          ["From", inbound.from],
          ["To", inbound.to],
          ["At", timeOfDay(this.clock.day(inbound.at))],
          ["Charset", inbound.charset],
          ["Parts", count(inbound.parts.length, "part")],
          ["moMsgId", inbound.ids.join(", ")],
        ]),
      ),
      this.#callbacks(inbound),
    ];
  }

  #failure(item) {
    const isRefusal = item.kind === "refused";
    const title = isRefusal ? item.description : item.fault;
    return [
      headline(isRefusal ? "failed" : "fault", "refused", title, isRefusal ? item.error : ""),
      item.comment ? el("p", { class: "soft" }, item.comment) : null,
      section(
        "What it was",
        facts([
          ["Command", item.command],
          ["At", timeOfDay(this.clock.day(item.at))],
          ...(isRefusal ? [] : [["Taken", item.taken ? "yes: the gateway carried it out" : "no: it never got there"]]),
          ["Account", item.api_id ? `api_id ${item.api_id}` : "by a session that is not known"],
        ]),
      ),
      section("As it was sent", parameters(item.fields)),
    ];
  }

  #callbacks(item) {
    const attempts = this.store.attemptsOf(item);
    const cards = attempts.map((each) => this.#attempt(each));
    const none = el("p", { class: "soft" }, "None was made. The panel Callbacks says where they go.");
    return section(`Callbacks`, ...(cards.length ? cards : [none]));
  }

  #attempt(each) {
    const { fields, kind } = each.event;
    const title = kind === "report" ? `Report ${fields.status}` : "Message";
    const answer = each.status === null ? each.problem : `HTTP ${each.status}`;
    const again = () => attempt(() => post(`callbacks/${each.number}/redeliver`));
    return el(
      "div",
      { class: "card" },
      el(
        "div",
        { class: "card-row" },
        el("strong", {}, title),
        el("span", { class: `chip ${each.is_success ? "good" : "bad"}` }, answer),
        el("span", { class: "end" }, button("Redeliver", again, { aria: { label: `Redeliver ${title}` } })),
      ),
      el("p", { class: "mono" }, `${each.method} ${each.url}`),
      el(
        "p",
        { class: "soft" },
        [
          `${each.transport}, try ${each.try}${each.by_hand ? " by hand" : ""}`,
          timeOfDay(this.clock.day(each.at)),
          duration(each.seconds),
          each.next_at === null ? null : `again at ${timeOfDay(this.clock.day(each.next_at))}`,
        ].filter(Boolean).join(" · "),
      ),
      el(
        "details",
        {},
        el("summary", {}, "Request and answer"),
        parameters(fields),
        each.answer ? el("pre", { class: "snippet", tabIndex: 0 }, each.answer) : null,
      ),
    );
  }

  #code(message) {
    const python = this.python.get(message.id);
    if (!python) return section("The same in Python", el("p", { class: "soft" }, "…"));
    return el(
      "section",
      {},
      el(
        "div",
        { class: "section-head" },
        el("h3", {}, "The same in Python"),
        button("Copy", () => copy(python), { kind: "quiet", icon: "copy", aria: { label: "Copy the Python" } }),
      ),
      el("pre", { class: "snippet", tabIndex: 0 }, el("code", {}, python)),
    );
  }

  async #fetchPython(id) {
    const found = await get(`messages/${id}`).catch(() => null);
    if (!found) return;
    this.python.clear();
    this.python.set(id, found.python);
    this.draw();
  }
}

function headline(name, kind, words, code) {
  const state = el("span", { class: `state ${kind}` }, icon(name));
  return el("p", { class: "headline" }, state, words, code ? el("span", { class: "chip" }, code) : null);
}

const section = (title, ...children) => el("section", {}, el("h3", {}, title), ...children);

function facts(pairs) {
  return el("dl", { class: "facts" }, pairs.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function parameters(fields) {
  const pairs = Object.entries(fields);
  if (!pairs.length) return el("p", { class: "soft" }, "No other parameters.");
  const cells = pairs.map(([name, value]) => [
    el("dt", { class: "mono" }, name),
    el("dd", { class: "mono" }, value || "(empty)"),
  ]);
  return el("dl", { class: "facts" }, cells);
}

const nothing = () => [el("p", { class: "soft" }, "Choose a message to see what became of it.")];
