// Callbacks: where they go, and what waits.

import { attempt, get, post, toast } from "./api.js";
import { button, el, field } from "./dom.js";
import { count, duration, timeOfDay } from "./format.js";

const TYPES = [
  [0, "HTTP GET"],
  [1, "HTTP POST"],
  [2, "XML GET"],
  [3, "XML POST"],
  [4, "SOAP GET"],
  [6, "SOAP POST"],
  [7, "JSON RAW HTTP POST"],
];

export const callbacks = {
  title: "Callbacks",
  topics: ["callback", "accounts", "clock"],
  async fill({ clock, refresh }) {
    const [{ accounts }, { attempts, waiting }] = await Promise.all([get("status"), get("callbacks")]);
    return [
      target(accounts[0], refresh),
      el(
        "section",
        {},
        el("h3", {}, count(waiting.length, "callback waits", "callbacks wait")),
        ...waiting.slice(0, 20).map((each) =>
          el("p", { class: "soft" }, `${words(each)} for ${each.event.fields.to}, try ${each.try}: in ${duration(Math.max(0, each.due - clock.now()))}`),
        ),
      ),
      el(
        "section",
        {},
        el("h3", {}, `Tried: ${attempts.length.toLocaleString("en")}`),
        ...attempts.slice(-20).toReversed().map((each) => tried(each, clock, refresh)),
      ),
    ];
  },
};

const words = (each) => (each.event.kind === "report" ? `Report ${each.event.fields.status}` : "Message");

function tried(each, clock, refresh) {
  const again = async () => {
    await attempt(() => post(`callbacks/${each.number}/redeliver`));
    await refresh();
  };
  const answer = each.status === null ? each.problem : `HTTP ${each.status}`;
  return el(
    "div",
    { class: "card" },
    el(
      "div",
      { class: "card-row" },
      el("strong", {}, words(each)),
      el("span", { class: `chip ${each.is_success ? "good" : "bad"}` }, answer),
      el("span", { class: "end" }, button("Redeliver", again, { aria: { label: `Redeliver ${words(each)}` } })),
    ),
    el("p", { class: "soft" }, `${timeOfDay(clock.day(each.at))} · ${each.event.fields.to} · ${duration(each.seconds)}`),
  );
}

function target(account, refresh) {
  const set = account.callbacks;
  const url = el("input", { type: "url", value: set?.url ?? "", placeholder: "http://127.0.0.1:8000/clickatell/", autofocus: true });
  const type = el("select", {}, TYPES.map(([id, name]) => el("option", { value: String(id) }, name)));
  type.value = String(set?.type ?? 0);
  const user = el("input", { value: set?.user ?? "", autocomplete: "off" });
  const password = el("input", { type: "password", autocomplete: "new-password" });
  const submit = async (event) => {
    event.preventDefault();
    const body = { api_id: account.api_id, url: url.value, type: Number(type.value), user: user.value, password: password.value };
    const done = await attempt(() => post("target", body));
    if (done) toast(done.callbacks ? `Callbacks go to ${done.callbacks.url}` : "No callbacks are made");
    document.activeElement?.blur();
    await refresh();
  };
  return el(
    "form",
    { on: { submit } },
    el("h3", {}, "Where they go"),
    field("URL; empty for nowhere", url),
    field("Transport", type),
    el("div", { class: "field-row" }, field("User (HTTP Basic)", user), field("Password", password)),
    el("div", { class: "buttons" }, button("Save", null, { kind: "primary", type: "submit" })),
  );
}
