// What a status means, in the vendor's words, and what it looks like.

const WORDS = {
  "001": "Message unknown",
  "002": "Message queued",
  "003": "Delivered to gateway",
  "004": "Received by recipient",
  "005": "Error with message",
  "006": "User cancelled message delivery",
  "007": "Error delivering message",
  "008": "OK",
  "009": "Routing error",
  "010": "Message expired",
  "011": "Message queued for later delivery",
  "012": "Out of credit",
  "014": "Maximum MT limit exceeded",
};

const FAILED = new Set(["005", "007", "009", "010", "012", "014"]);
const ICONS = { "003": "network", "004": "delivered", "006": "stopped", "008": "accepted" };

export const describe = (code) => WORDS[code] ?? "Unlisted status";

/** delivered, way or failed. */
export function outcomeOf(code) {
  if (code === "004") return "delivered";
  return FAILED.has(code) || code === "006" ? "failed" : "way";
}

export const iconOf = (code) => ICONS[code] ?? (FAILED.has(code) ? "failed" : "waiting");
