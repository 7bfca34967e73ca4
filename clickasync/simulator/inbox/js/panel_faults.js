// Faults: what is to go wrong, and what did.

import { attempt, get, post, remove, toast } from "./api.js";
import { button, el, field } from "./dom.js";
import { count, timeOfDay } from "./format.js";

const KINDS = [
  ["error", "Refuse with a code", { label: "Code", value: "301" }],
  ["http", "HTTP status", { label: "Status", value: "503", isNumber: true }],
  ["reset-after", "Reset, after it was taken", null],
  ["reset-before", "Reset, before it was taken", null],
  ["cut", "Cut the reply off", null],
  ["junk", "Junk for a reply", null],
  ["second", "A second reply", null],
  ["hang", "Hang", { label: "Seconds", value: "60", isNumber: true }],
  ["latency", "Answer late", { label: "Seconds", value: "2", isNumber: true }],
  ["expire", "The session dies", null],
];
const COMMANDS = ["sendmsg", "auth", "ping", "querymsg", "getmsgcharge", "delmsg", "getbalance", "token_pay", "*"];

export const faults = {
  title: "Faults",
  topics: ["faults", "fault"],
  async fill({ clock, refresh }) {
    const { rules, hits } = await get("faults");
    const act = (run) => async () => {
      await attempt(run);
      await refresh();
    };
    return [
      form(refresh),
      el(
        "section",
        {},
        el(
          "div",
          { class: "section-head" },
          el("h3", {}, "In force"),
          rules.length ? button("Heal all", act(() => remove("faults"))) : null,
        ),
        ...(rules.length ? rules.map((rule) => card(rule, act)) : [el("p", { class: "soft" }, "Nothing goes wrong.")]),
      ),
      el(
        "section",
        {},
        el("h3", {}, `Made so far: ${count(hits.length, "fault")}`),
        ...hits.slice(-20).toReversed().map((hit) =>
          el("p", { class: "soft" }, `${timeOfDay(clock.day(hit.at))} ${hit.command}${hit.to ? ` to ${hit.to.slice(0, 40)}` : ""}: ${hit.fault}`),
        ),
      ),
    ];
  },
};

function card(rule, act) {
  const often = rule.times === null ? `probability ${rule.probability}, seed ${rule.seed}` : `the next ${count(rule.times, "call")}`;
  const toggle = act(() => post(`faults/${rule.id}`, { on: !rule.is_on }));
  const box = el("input", { type: "checkbox", checked: rule.is_on, on: { change: toggle } });
  return el(
    "div",
    { class: "card" },
    el(
      "div",
      { class: "card-row" },
      el("label", { class: "check" }, box, el("strong", {}, `${rule.command}: ${rule.fault}`)),
      el("span", { class: "end" }, button("Remove", act(() => remove(`faults/${rule.id}`)), { kind: "quiet" })),
    ),
    el("p", { class: "soft" }, `${often} · ${count(rule.hits, "hit")}`),
  );
}

function form(refresh) {
  const command = el("select", {}, COMMANDS.map((name) => el("option", { value: name }, name === "*" ? "every command" : name)));
  const kind = el("select", { autofocus: true }, KINDS.map(([value, words]) => el("option", { value }, words)));
  const value = el("input", { required: true, autocomplete: "off" });
  const label = el("span", {}, "");
  const valueField = el("label", { class: "field" }, label, value);
  const often = el("select", {}, el("option", { value: "times" }, "The next calls"), el("option", { value: "probability" }, "By chance"));
  const amount = el("input", { type: "number", value: "1", min: "1", step: "1", required: true });
  const adapt = () => {
    const wanted = KINDS.find(([name]) => name === kind.value)[2];
    valueField.hidden = wanted === null;
    value.required = wanted !== null;
    if (wanted) [label.textContent, value.value] = [wanted.label, wanted.value];
  };
  const count = () => Object.assign(amount, often.value === "times" ? { value: "1", min: "1", step: "1" } : { value: "0.1", min: "0.001", step: "any" });
  kind.addEventListener("change", adapt);
  often.addEventListener("change", count);
  adapt();
  const submit = async (event) => {
    event.preventDefault();
    const done = await attempt(() => post("faults", { command: command.value, ...effect(kind.value, value.value), [often.value]: Number(amount.value) }));
    if (done) toast(`In force: ${done.command}, ${done.fault}`);
    document.activeElement?.blur();
    await refresh();
  };
  return el(
    "form",
    { on: { submit } },
    el("h3", {}, "Let something go wrong"),
    el("div", { class: "field-row" }, field("What", kind), valueField),
    el("div", { class: "field-row" }, field("Command", command), field("How often", often), field("How many, or how likely", amount)),
    el("div", { class: "buttons" }, button("Put in force", null, { kind: "primary", type: "submit" })),
  );
}

function effect(kind, value) {
  if (kind.startsWith("reset-")) return { reset: kind.slice(6) };
  const wanted = KINDS.find(([name]) => name === kind)[2];
  if (wanted === null) return { [kind]: true };
  return { [kind]: wanted.isNumber ? Number(value) : value };
}
