// Making elements. Texts go in as text nodes: nothing here, or anywhere on the page, reads HTML.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  accepted: ["M5 12.5l4.5 4.5L19 7.5"],
  network: ["M2 12.5l4.5 4.5L16 7.5", "M11.5 16l1 1L22 7.5"],
  delivered: ["M2 12.5l4.5 4.5L16 7.5", "M11.5 16l1 1L22 7.5"],
  waiting: ["M12 7v5l3 2", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
  failed: ["M12 8v5", "M12 16.5v.1", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
  stopped: ["M6 6l12 12", "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18z"],
  reply: ["M9 8L4 13l5 5", "M4 13h10a6 6 0 0 0 6-6V6"],
  fault: ["M13 3L5 14h6l-1 7 8-11h-6z"],
  account: ["M3 7h18v11H3z", "M3 11h18", "M7 15h3"],
  callbacks: ["M7 7h11l-3-3", "M17 17H6l3 3"],
  more: ["M4 7h16", "M4 12h16", "M4 17h16"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  back: ["M15 5l-7 7 7 7"],
  write: ["M4 20l1-4L16 5l3 3L8 19z", "M14 7l3 3"],
  inbox: ["M3 13l3-8h12l3 8v6H3z", "M3 13h5l1.5 3h5L16 13h5"],
  copy: ["M9 9h11v11H9z", "M5 15H4V4h11v1"],
};

/** An element; `props` are properties, but for `class`, `data`, `aria` and `on`. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "on") for (const [kind, run] of Object.entries(value)) node.addEventListener(kind, run);
    else if (name === "aria") for (const [key, said] of Object.entries(value)) node.setAttribute(`aria-${key}`, said);
    else if (name === "role" || name === "for") node.setAttribute(name, value);
    else node[name] = value;
  }
  fill(node, ...children);
  return node;
}

/** Put children in the place of those there are; what is null is left out. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/** An icon, which says nothing by itself. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  for (const d of PATHS[name] ?? []) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}

export const byId = (id) => document.getElementById(id);

/** A button with an icon, a word or both. */
export function button(label, run, { kind = "", icon: name = "", type = "button", ...more } = {}) {
  return el("button", { type, class: kind, on: run ? { click: run } : {}, ...more }, name ? icon(name) : null, label);
}

/** A label around a control. */
export function field(label, control) {
  return el("label", { class: "field" }, el("span", {}, label), control);
}
