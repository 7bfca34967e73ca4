// Single keys, where nobody is typing.

import { byId } from "./dom.js";

export function listen({ conversations, compose, panels, back }) {
  const actions = {
    "/": () => byId("search").focus(),
    j: () => conversations.move(1),
    k: () => conversations.move(-1),
    r: () => compose.focus(),
    c: () => panels.open("clock"),
    f: () => panels.open("faults"),
    "?": () => panels.open("shortcuts"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || byId("panel").open) return;
    const isTyping = event.target.closest("input, textarea, select");
    if (event.key === "Escape") {
      if (isTyping) event.target.blur();
      else back();
    } else if (!isTyping && actions[event.key]) {
      event.preventDefault();
      actions[event.key]();
    }
  });
}
