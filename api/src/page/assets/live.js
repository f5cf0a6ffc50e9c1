// The live connection: events from the WebSocket, over breaks, without a gap.

import { ask } from "./session.js";

const QUICKEST = 250;
const SLOWEST = 10_000;
/** The server says every 30 s that it lives. */
const SILENCE = 75_000;
/** Events that are known as told. */
const REMEMBERED = 4096;

/**
 * Listens to `subjects`: `event` is called with each event once, `state` with `live`, `connecting`
 * or `off`, `ready` once: from then on nothing is missed, `gap` where events are gone that were not
 * seen. Gives a function that ends it.
 */
export function listen(subjects, { event, state, ready, gap }) {
  let socket = null;
  let cursor = null;
  let wait = QUICKEST;
  let ended = false;
  let retry = null;
  let watchdog = null;
  const seen = new Set(); // places of the last events: repetitions are dropped

  async function connect() {
    clearTimeout(retry);
    retry = null;
    let ticket;
    try {
      ticket = (await ask("/auth/ws-ticket", { method: "POST" })).data.ticket;
    } catch {
      return again();
    }
    if (ended) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/api/v1/ws?ticket=${encodeURIComponent(ticket)}`);
    socket.onopen = () => {
      const since = cursor === null ? {} : { since: cursor };
      socket.send(JSON.stringify({ op: "subscribe", id: "page", subjects, ...since }));
    };
    socket.onmessage = ({ data }) => take(JSON.parse(data));
    socket.onclose = again;
    watch();
  }

  // A connection that broke unnoticed (a laptop that slept) says nothing any more.
  function watch() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => socket?.close(), SILENCE);
  }

  function take(message) {
    watch();
    const first = cursor === null;
    if (message.cursor) cursor = message.cursor;
    switch (message.op) {
      case "subscribed":
        wait = QUICKEST;
        state("live");
        if (first) ready();
        break;
      case "gone":
        cursor = message.oldest;
        gap();
        break;
      case "event":
        if (!repeated(message)) event(message);
        break;
    }
  }

  function repeated({ stream, seq }) {
    if (!stream) return false;
    const place = `${stream}:${seq}`;
    if (seen.has(place)) return true;
    seen.add(place);
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value); // the oldest
    return false;
  }

  function again() {
    socket = null;
    clearTimeout(watchdog);
    if (ended) return;
    state("connecting");
    retry = setTimeout(connect, wait * (0.8 + 0.4 * Math.random()));
    wait = Math.min(wait * 2, SLOWEST);
  }

  // Whoever looks, or has a network again, does not wait.
  function hurry() {
    if (retry !== null && document.visibilityState === "visible") connect();
  }
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);

  state("connecting");
  connect();
  return () => {
    ended = true;
    clearTimeout(retry);
    clearTimeout(watchdog);
    removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    socket?.close();
    state("off");
  };
}
