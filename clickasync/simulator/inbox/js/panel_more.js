// The rest: export, appearance, shortcuts, reset; and the form in which any handset writes.

import { attempt, get, post, remove } from "./api.js";
import { button, el, field } from "./dom.js";

export const more = {
  title: "More",
  async fill({ close, panels }) {
    const status = await get("status");
    const act = (run) => async () => {
      await attempt(run);
      close();
    };
    return [
      el(
        "section",
        {},
        el("h3", {}, "Export the messages"),
        el("div", { class: "buttons" }, link("CSV", "export.csv"), link("JSON", "export.json")),
      ),
      el("section", {}, el("h3", {}, "Appearance"), appearance()),
      el(
        "section",
        {},
        el("h3", {}, "Start again"),
        el(
          "div",
          { class: "buttons" },
          button("Delete all messages", act(() => remove("messages")), { kind: "danger" }),
          button("Reset everything", act(() => post("reset")), { kind: "danger" }),
        ),
        el("p", { class: "soft" }, "A reset also heals faults, ends sessions and gives back the credits."),
      ),
      el(
        "section",
        {},
        el("h3", {}, "For programs"),
        el("p", {}, el("a", { href: "/simulator/openapi.json" }, "The control interface, as OpenAPI")),
        el("p", {}, el("a", { href: "/simulator/connect" }, "Connect: who registered, e-mails, captchas")),
        el("p", { class: "soft mono" }, `Connect token ${status.connect.token}`),
      ),
      el("div", { class: "buttons" }, button("Keyboard shortcuts", () => panels().open("shortcuts"))),
    ];
  },
};

const link = (words, name) => el("a", { href: `/simulator/${name}`, download: "" }, words);

function appearance() {
  const select = el(
    "select",
    { aria: { label: "Colours" } },
    [["", "As the system"], ["light", "Light"], ["dark", "Dark"]].map(([value, words]) => el("option", { value }, words)),
  );
  select.value = document.documentElement.dataset.theme ?? "";
  select.addEventListener("change", () => setTheme(select.value));
  return select;
}

/** Light, dark, or as the system has it. */
export function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // A page that may not store anything forgets it.
  }
}

export const shortcuts = {
  title: "Keyboard shortcuts",
  async fill() {
    const keys = [
      ["/", "Search"],
      ["j  k", "Next and previous conversation"],
      ["↑  ↓", "Through the list, or through the messages"],
      ["Enter", "Open"],
      ["r", "Reply"],
      ["c", "Clock"],
      ["f", "Faults"],
      ["?", "These"],
      ["Esc", "Back"],
    ];
    return [
      el("dl", { class: "shortcuts" }, keys.map(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)])),
    ];
  },
};

export const write = {
  title: "A handset writes",
  async fill({ close, number = "" }) {
    const from = el("input", { name: "from", inputMode: "numeric", required: true, value: number, autofocus: true });
    const to = el("input", { name: "to", inputMode: "numeric", required: true, value: "27600000001" });
    const text = el("textarea", { name: "text", rows: 4, required: true });
    const charset = el("select", {}, ["UTF-8", "ISO-8859-1", "UTF-16BE"].map((name) => el("option", { value: name }, name)));
    const submit = async (event) => {
      event.preventDefault();
      const body = { from: from.value, to: to.value, text: text.value, charset: charset.value };
      if (await attempt(() => post("mo", body))) close();
    };
    return [
      el(
        "form",
        { on: { submit } },
        el("div", { class: "field-row" }, field("From the handset", from), field("To your number", to)),
        field("Text", text),
        field("Charset of its network", charset),
        el("div", { class: "buttons" }, button("Send", null, { kind: "primary", type: "submit" })),
      ),
    ];
  },
};
