// What the server says in codes, numbers and slugs, in words for people.

const STATES = {
  pending: "Waiting", processing: "Running", done: "Done", failed: "Failed", cancelled: "Cancelled",
};
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });

/** `the file is empty` as `The file is empty.` */
export function sentence(text) {
  if (!text) return "";
  const begun = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

/** What went wrong and what can be done: of a request, or of a job. */
export function explain(error) {
  const fields = (error.fields ?? []).map(({ field, message }) => sentence(`${field}: ${message}`));
  const told = fields.length > 0 ? fields : [sentence(error.message)];
  const wait = error.retryAfter ? `Try again in ${duration(error.retryAfter)}.` : "";
  return [...told, sentence(error.hint), wait].filter(Boolean).join(" ");
}

/** A state of a job. */
export const stateName = (state) => STATES[state] ?? state;

/** `people-count` as `People count`. */
export function kindName(slug) {
  const words = slug.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Seconds as `9 s`, `2 min 5 s`, `1 h 4 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor(whole / 60) % 60} min`;
}

/** A moment: the time alone where it is today's. */
export function when(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return (today ? clock : moment).format(date);
}

/** `count` with the word for one, or for another number. */
export const counted = (count, one, many) => `${count.toLocaleString()} ${count === 1 ? one : many}`;
