// The page where answers, events or uploads come late: what is old is never shown as new.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import type { Browser } from "playwright-core";
import { account, choose, enter, inState, job, launch, live, Person, register } from "./browser.js";
import { clip, Server, temporaryFolder } from "./server.js";

const folder = temporaryFolder();
const TIMEOUT = { timeout: 120_000 };
let server: Server;
let browser: Browser;
let short: string;
let long: string;

before(async () => {
  short = clip(folder, "short.mp4", 3);
  long = clip(folder, "long.mp4", 20);
  [server, browser] = await Promise.all([Server.start(folder), launch()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Something that is waited for until it is opened. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => { open = resolve; });
  return { opened, open };
}

test("progress that comes after the end does not begin the job anew", TIMEOUT, async () => {
  const person = await Person.at(browser, server.url);
  let progress: string | null = null;
  let resend = () => {};
  await person.context.routeWebSocket(/\/api\/v1\/ws/, (client) => {
    const upstream = client.connectToServer();
    upstream.onMessage((message) => {
      const { type } = JSON.parse(String(message)) as { type?: string };
      if (type === "job_progress") progress = String(message);
      client.send(message);
    });
    resend = () => client.send(progress!);
  });
  const page = await person.open();
  await register(page, "ann");
  await choose(page, long);
  await inState(page, "long.mp4", "Done");
  assert.notEqual(progress, null, "there was none");
  resend();
  // What is told after it has been taken once that has.
  await choose(page, short);
  await inState(page, "short.mp4", "Done");
  assert.equal(await job(page, "long.mp4").locator(".state").textContent(), "Done");
  assert.equal(await job(page, "long.mp4").getByRole("progressbar").count(), 0);
  await person.leave();
});

test("what happens between the list and the first event is not missed", TIMEOUT, async () => {
  const headers = { authorization: `Bearer ${await account(server, "ben")}` };
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  const connection = gate();
  await page.route("**/api/v1/auth/ws-ticket", async (route) => {
    await connection.opened;
    await route.continue();
  });
  await enter(page, "ben");
  await page.getByText("Nothing has been analysed yet").waitFor();

  // A program of the same person submits a job, which ends before the page is connected.
  const form = new FormData();
  form.append("job_type", "people-count");
  form.append("file", new Blob([readFileSync(short)]), "elsewhere.mp4");
  const submitted = await fetch(`${server.url}/api/v1/jobs`, { method: "POST", headers, body: form });
  const { data: made } = await submitted.json() as { data: { id: string } };
  for (let status = ""; status !== "done";) {
    const answer = await fetch(`${server.url}/api/v1/jobs/${made.id}`, { headers });
    status = (await answer.json() as { data: { status: string } }).data.status;
    assert.notEqual(status, "failed");
    await later(100);
  }
  assert.equal(await page.locator(".job").count(), 0, "nobody has told it yet");
  connection.open();
  await live(page);
  await inState(page, "elsewhere.mp4", "Done");
  await person.leave();
});

test("uploads end with their session", TIMEOUT, async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "cam");
  const [way, begun] = [gate(), gate()];
  let sent = 0;
  await page.route("**/api/v1/jobs", async (route) => {
    if (route.request().method() !== "POST") return route.continue();
    sent += 1;
    begun.open();
    await way.opened;
    await route.continue().catch(() => {}); // nobody asks any more
  });
  await choose(page, short, long);
  await begun.opened;
  const given = page.waitForEvent("requestfailed", (request) => request.method() === "POST" && request.url().endsWith("/jobs"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await given;
  way.open();
  await register(page, "dan");
  assert.equal(await page.locator("#uploads li").count(), 0);
  // Uploads go one after another: were the second still to come, it would come before this one.
  await choose(page, short);
  await inState(page, "short.mp4", "Done");
  assert.equal(sent, 2, "the first of cam's, and dan's");
  assert.equal(await page.locator(".job").count(), 1);
  await page.getByRole("button", { name: "Sign out" }).click();
  await enter(page, "cam");
  await page.getByText("Nothing has been analysed yet").waitFor();
  await person.leave();
});

test("who signs out while the session is renewed is out", TIMEOUT, async () => {
  await account(server, "eve");
  const person = await Person.at(browser, server.url);
  await person.context.route("**/api/v1/auth/login", async (route) => {
    const answer = await route.fetch();
    const body = await answer.json() as { data: { expires_in: number } };
    body.data.expires_in = 30; // too short for an upload
    await route.fulfill({ response: answer, json: body });
  });
  const [asked, answer] = [gate(), gate()];
  let renewed = "";
  await person.context.route("**/api/v1/auth/refresh", async (route) => {
    const response = await route.fetch();
    renewed = (await response.json() as { data: { refresh_token: string } }).data.refresh_token;
    asked.open();
    await answer.opened;
    await route.fulfill({ response });
  });
  const page = await person.open();
  await enter(page, "eve");
  await live(page);
  await choose(page, short);
  await asked.opened;
  await page.getByRole("button", { name: "Sign out" }).click();
  const left = page.waitForResponse((response) => response.url().endsWith("/auth/logout"));
  answer.open();
  await left;
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  const again = await page.request.post("/api/v1/auth/refresh", { data: { refresh_token: renewed } });
  assert.equal(again.status(), 401, "the server has forgotten the newest as well");
  assert.ok(!person.requests.includes("POST /api/v1/jobs"), "what was to be sent after it");
  await person.leave();
});

test("a server that is starting ends no session", TIMEOUT, async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "fay");
  const error = { code: "NOT_READY", message: "the server is starting", error_type: "server", request_id: "" };
  const starting = { status: 503, json: { error }, headers: { "retry-after": "2" } };
  await page.route("**/api/v1/auth/**", (route) => route.fulfill(starting));
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "The server is starting." }).waitFor();
  await page.unroute("**/api/v1/auth/**");
  await page.reload();
  await live(page);
  // The same for who has no session yet.
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.route("**/api/v1/auth/me", (route) => route.fulfill(starting));
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "The server is starting." }).waitFor();
  await person.leave();
});
