// Who is signed in: tokens, and requests that carry them.
//
// The access token lives in memory. The refresh token is shared by all tabs of this browser, so
// that none presents one that another has used up; where two renew at the same moment the server
// gives both the same successor.

const KEPT = "sightline.session";
const BASE = "/api/v1";
/** A token that ends within so many milliseconds is renewed before a long request. */
const SOON = 60_000;

let access = null;
let endsAt = 0;
let refreshing = null;
let ended = () => {};

/** An answer of the server that is an error, or that there was none. */
export class Problem extends Error {
  constructor(status, error, retryAfter = null) {
    super(error?.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = error?.code ?? null;
    this.hint = error?.details?.hint ?? null;
    this.fields = error?.details?.fields ?? null;
    this.retryAfter = retryAfter;
  }

  /** What is told where no answer came. */
  static unreachable() {
    return new Problem(0, {
      code: "UNREACHABLE",
      message: "the server cannot be reached",
      details: { hint: "is it running, and are you connected? Then try again" },
    });
  }

  /** What `response` says. */
  static async of(response) {
    const body = await response.json().catch(() => null);
    return new Problem(response.status, body?.error, Number(response.headers.get("retry-after")) || null);
  }
}

const send = (path, options) => fetch(BASE + path, options).catch(() => { throw Problem.unreachable(); });

const post = (path, body) => send(path, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const kept = () => JSON.parse(localStorage.getItem(KEPT) ?? "null");

function keep(session) {
  access = session.access_token;
  endsAt = Date.now() + session.expires_in * 1000;
  localStorage.setItem(KEPT, JSON.stringify({ user: session.user.id, refresh: session.refresh_token }));
  return session.user;
}

function forget() {
  access = null;
  localStorage.removeItem(KEPT);
}

async function refresh() {
  refreshing ??= (async () => {
    const token = kept()?.refresh;
    const response = await post("/auth/refresh", { refresh_token: token ?? "" });
    if (response.ok) return keep((await response.json()).data);
    const problem = await Problem.of(response);
    if (problem.status === 401) {
      forget();
      ended("Your session has ended: sign in again.");
    }
    throw problem;
  })().finally(() => { refreshing = null; });
  return refreshing;
}

/** Calls `end` with what to tell when the session ends by itself or in another tab. */
export function onEnd(end) {
  ended = end;
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key !== KEPT) return;
    const user = (text) => JSON.parse(text ?? "null")?.user ?? null;
    if (user(oldValue) !== user(newValue)) location.reload();
  });
}

/** Takes up the session of this browser; gives who it is, or null. Where nobody has to sign in, the one who always is. */
export async function resume() {
  if (kept() !== null) {
    try { return await refresh(); } catch (error) { if (error.status !== 401) throw error; }
  }
  const response = await send("/auth/me");
  if (response.status === 401) return null;
  if (!response.ok) throw await Problem.of(response);
  return (await response.json()).data;
}

/** Signs in (`login`), or makes an account and signs in (`register`); gives who it is. */
export async function enter(how, username, password) {
  const response = await post(`/auth/${how}`, { username, password });
  if (!response.ok) throw await Problem.of(response);
  return keep((await response.json()).data);
}

/** Signs out, in all tabs and on the server. */
export async function leave() {
  // A renewal on its way would bring the session back.
  await refreshing?.catch(() => {});
  const token = kept()?.refresh;
  forget();
  if (token) await post("/auth/logout", { refresh_token: token }).catch(() => {});
}

/** Whether there is anything to sign out of. */
export const canLeave = () => kept() !== null;

/** The header that says who asks, good for a while; none where nobody has to. */
export async function credentials() {
  if (access === null) return {};
  if (endsAt - Date.now() < SOON) await refresh();
  return { authorization: `Bearer ${access}` };
}

/** Asks the server; gives its answer. One renewal is tried where the token is not good any more. */
export async function request(path, options = {}) {
  const once = () => {
    const who = access === null ? {} : { authorization: `Bearer ${access}` };
    return send(path, { ...options, headers: { ...options.headers, ...who } });
  };
  let response = await once();
  if (response.status === 401) {
    response.body?.cancel(); // nobody reads it, and it would hold a connection
    await refresh();
    response = await once();
  }
  if (!response.ok) throw await Problem.of(response);
  return response;
}

/** As `request`; gives the answer's JSON, or null where it has none. */
export async function ask(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}
