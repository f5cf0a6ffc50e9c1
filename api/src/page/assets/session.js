// Who is signed in: tokens, and requests that carry them.
//
// The access token lives in memory; the refresh token in the tab's session storage, and each is
// used once. Requests that find the token expired refresh it once, together, and go again.

const KEPT = "sightline.refresh";
const BASE = "/api/v1";

let access = null;
let refreshing = null;

/** An answer of the server that is an error. */
export class Problem extends Error {
  constructor(status, error) {
    super(error?.message ?? `the server answered ${status}`);
    this.status = status;
    this.code = error?.code ?? null;
    this.hint = error?.hint ?? null;
  }
}

async function problem(response) {
  const body = await response.json().catch(() => null);
  return new Problem(response.status, body?.error);
}

function keep(session) {
  access = session.access_token;
  sessionStorage.setItem(KEPT, session.refresh_token);
}

function forget() {
  access = null;
  sessionStorage.removeItem(KEPT);
}

async function post(path, body) {
  return fetch(BASE + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function refresh() {
  refreshing ??= (async () => {
    const token = sessionStorage.getItem(KEPT);
    if (token === null) throw new Problem(401, { code: "UNAUTHENTICATED", message: "sign in first" });
    const response = await post("/auth/refresh", { refresh_token: token });
    if (!response.ok) {
      if (response.status === 401) forget();
      throw await problem(response);
    }
    keep((await response.json()).data);
  })().finally(() => { refreshing = null; });
  return refreshing;
}

/** Takes up the session of this tab; says whether there is one. A server without sign-in has always. */
export async function resume() {
  if (sessionStorage.getItem(KEPT) !== null) {
    try { await refresh(); return true; } catch (error) { if (error.status !== 401) throw error; }
  }
  const response = await fetch(`${BASE}/auth/me`);
  return response.ok;
}

/** Signs in, or registers. */
export async function enter(how, username, password) {
  const response = await post(`/auth/${how}`, { username, password });
  if (!response.ok) throw await problem(response);
  keep((await response.json()).data);
}

/** Signs out, here and on the server. */
export async function leave() {
  const token = sessionStorage.getItem(KEPT);
  forget();
  if (token !== null) await post("/auth/logout", { refresh_token: token }).catch(() => {});
}

/** The header that says who asks; none where nobody has to. */
export function credentials() {
  return access === null ? {} : { authorization: `Bearer ${access}` };
}

/** Makes sure that the token is good for what follows. */
export async function renew() {
  if (sessionStorage.getItem(KEPT) !== null) await refresh();
}

/** Asks the server; gives the answer's body, or nothing where it has none. */
export async function ask(path, options = {}) {
  const once = () => fetch(BASE + path, { ...options, headers: { ...options.headers, ...credentials() } });
  let response = await once();
  if (response.status === 401 && access !== null) {
    await refresh();
    response = await once();
  }
  if (!response.ok) throw await problem(response);
  return response.status === 204 ? null : response.json();
}
