// Words and numbers for people.

const pad = (n) => String(n).padStart(2, "0");

/** The time of day of Unix seconds. */
export function timeOfDay(seconds) {
  const date = new Date(seconds * 1000);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** The time of day today, or the date of another day. */
export function when(seconds, now) {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date(now * 1000).toDateString();
  return isToday ? timeOfDay(seconds) : `${date.getDate()} ${date.toLocaleString("en", { month: "short" })}`;
}

export const count = (n, one, many = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** A length of time. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** A text in pieces: what is a code of four to eight digits, and what is not. */
export function piecesOf(text) {
  return text.split(/(?<![\d.,])(\d{4,8})(?![\d]|[.,]\d)/).map((piece, n) => ({ piece, isCode: n % 2 === 1 }));
}
