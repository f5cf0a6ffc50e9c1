// The live connection: events from the WebSocket, over breaks, without a gap.

import { ask } from "./session.js";

const SLOWEST = 15_000;

/**
 * Listens to `subjects`; calls `onEvent` with each event once and `onState` with `live`,
 * `connecting` or `off`. Gives a function that ends it.
 */
export function listen(subjects, onEvent, onState) {
  let socket = null;
  let cursor = null;
  let wait = 500;
  let ended = false;
  let timer = null;
  const seen = new Map(); // last number of each stream: repetitions are dropped

  async function connect() {
    onState("connecting");
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
  }

  function take(message) {
    if (message.cursor) cursor = message.cursor;
    switch (message.op) {
      case "subscribed":
        wait = 500;
        onState("live");
        break;
      case "gone":
        cursor = message.oldest;
        break;
      case "event":
        if (message.stream) {
          if ((seen.get(message.stream) ?? 0) >= message.seq) return;
          seen.set(message.stream, message.seq);
        }
        onEvent(message);
        break;
    }
  }

  function again() {
    socket = null;
    if (ended) return;
    onState("connecting");
    timer = setTimeout(connect, wait * (0.8 + 0.4 * Math.random()));
    wait = Math.min(wait * 2, SLOWEST);
  }

  connect();
  return () => {
    ended = true;
    clearTimeout(timer);
    socket?.close();
    onState("off");
  };
}
