// The page at `/` as people use it, in a real browser against the real server: one story a test.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { account, choose, enter, expired, inState, job, launch, live, PASSWORD, Person, register } from "./browser.js";
import { clip, Server, temporaryFolder } from "./server.js";

const folder = temporaryFolder();
let server: Server;
let browser: Browser;
let short: string;
let long: string;

before(async () => {
  short = clip(folder, "short.mp4", 3);
  long = clip(folder, "long.mp4", 40);
  [server, browser] = await Promise.all([Server.start(folder), launch()]);
  // The first account is the admin, who sees what everybody has.
  await account(server, "root");
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** One thing that people do, from the page's opening on. */
function story(what: string, act: () => Promise<void>): void {
  test(what, { timeout: 120_000 }, act);
}

story("somebody registers, uploads a video, sees it being counted, and watches it", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "ann");
  await page.getByText("Nothing has been analysed yet").waitFor();

  await choose(page, long);
  const bar = page.getByRole("progressbar", { name: "Progress of long.mp4" });
  await bar.waitFor();
  const before = person.requests.length;
  const part = (least: number) => page.waitForFunction((least) => {
    const bar = document.querySelector<HTMLProgressElement>("#jobs progress");
    return bar && bar.value > least && bar.value < 1 ? bar.value : null;
  }, least);
  const first = Number(await (await part(0)).jsonValue());
  await part(first);
  const since = person.requests.slice(before).filter((request) => request.startsWith("GET /api"));
  assert.deepEqual(since, [], "what moves it is told, not asked for");
  await job(page, "long.mp4").getByText(/\d+ % · \d+ frames\/s · .* left/).waitFor();

  await inState(page, "long.mp4", "Done");
  const done = job(page, "long.mp4");
  const video = done.getByLabel("long.mp4 with what was seen drawn over it");
  await video.evaluate((video: HTMLVideoElement) => { video.muted = true; return video.play(); });
  await page.waitForFunction(() => (document.querySelector("video")?.currentTime ?? 0) > 0.2);
  const size = await video.evaluate((video: HTMLVideoElement) => [video.videoWidth, video.videoHeight]);
  assert.deepEqual(size, [320, 240]);

  // It plays by itself as well, in a tab of its own.
  const alone = await person.context.newPage();
  await alone.goto((await video.getAttribute("src"))!);
  await alone.waitForFunction(() => document.querySelector("video")?.videoWidth === 320);
  await alone.close();

  // What people read is what programs read.
  const download = page.waitForEvent("download");
  await done.getByRole("button", { name: "Results (JSON)" }).click();
  const file = await (await download).createReadStream();
  const results = JSON.parse(Buffer.concat(await file.toArray()).toString()) as Record<string, number>;
  assert.ok(results["peak_people"]! > 0, "something moves in it");
  assert.equal(await done.locator(".count strong").textContent(), String(results["total_people"]));
  assert.match((await done.locator(".count").textContent())!, /moving objects?$/, "motion knows no people");
  const figure = (name: string) => done.getByRole("definition").and(done.locator(`dt:text-is("${name}") + dd`));
  assert.equal(await figure("Most at once").textContent(), String(results["peak_people"]));
  await page.getByRole("status").filter({ hasText: /long\.mp4: done, / }).waitFor({ state: "attached" });
  await person.leave();
});

story("files are dropped, and the second waits for the first", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "ben");
  await page.getByRole("radio", { name: /Emergency count/ }).check();
  const bytes = readFileSync(short).toString("base64");
  const dropped = await page.evaluateHandle((bytes) => {
    const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    for (const name of ["one.mp4", "two.mp4"]) {
      transfer.items.add(new File([content], name, { type: "video/mp4" }));
    }
    return transfer;
  }, bytes);
  // The first is held on its way: the second is not sent meanwhile.
  let sent = 0;
  let release = () => {};
  const held = new Promise<void>((resolve) => { release = resolve; });
  await page.route("**/api/v1/jobs", async (route) => {
    if (route.request().method() === "POST" && ++sent === 1) await held;
    await route.continue();
  });
  const first = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/api/v1/jobs"));
  await page.dispatchEvent("main", "drop", { dataTransfer: dropped });
  await first;
  await page.locator("#uploads li").filter({ hasText: "two.mp4" }).getByText("waits").waitFor();
  assert.equal(sent, 1, "one after the other");
  release();
  for (const name of ["one.mp4", "two.mp4"]) {
    await inState(page, name, "Done");
    await job(page, name).getByText("Emergency count").waitFor();
    await job(page, name).getByRole("columnheader", { name: "Forward" }).waitFor();
    await job(page, name).getByRole("listitem").filter({ hasText: /moves/i }).first().waitFor();
  }
  await person.leave();
});

story("a job is cancelled, tried again, and deleted", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "cam");
  await choose(page, long);
  await inState(page, "long.mp4", "Running");
  await job(page, "long.mp4").getByRole("button", { name: "Cancel" }).click();
  await inState(page, "long.mp4", "Cancelled");
  await job(page, "long.mp4").getByRole("button", { name: "Try again" }).click();
  const jobs = page.locator(".job");
  await jobs.nth(1).waitFor();
  await jobs.first().getByRole("button", { name: "Cancel" }).click();
  await jobs.first().locator(".state").filter({ hasText: "Cancelled" }).waitFor();

  const dialog = page.getByRole("dialog", { name: "Delete long.mp4?" });
  await jobs.first().getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("button", { name: "Keep it" }).click();
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await jobs.count(), 2);
  for (const left of [1, 0]) {
    await jobs.first().getByRole("button", { name: "Delete" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await jobs.nth(left).waitFor({ state: "detached" });
  }
  await page.getByText("Nothing has been analysed yet").waitFor();
  await page.reload();
  await page.getByText("Nothing has been analysed yet").waitFor();
  await person.leave();
});

story("a wrong password and a name that is taken are told", async () => {
  await account(server, "kim");
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  const problem = page.getByRole("alert").filter({ visible: true });
  await page.getByLabel("Name").fill("kim");
  await page.getByLabel("Password").fill("wrong horse battery");
  await page.keyboard.press("Enter");
  await problem.filter({ hasText: "The name or the password is wrong." }).waitFor();
  await page.getByRole("button", { name: "Create an account" }).click();
  await problem.filter({ hasText: /kim.* (taken|exists)/i }).waitFor();
  await page.getByLabel("Password").fill("short");
  await page.getByRole("button", { name: "Create an account" }).click();
  await problem.filter({ hasText: /password: .*8/i }).waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await live(page);
  await page.getByText("Nothing has been analysed yet").waitFor();
  await person.leave();
});

story("a file that is no video says why, and does not stop the next", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "dora");
  const text = join(folder, "notes.mp4");
  writeFileSync(text, "These are words.");
  await choose(page, text, short);
  const row = page.getByRole("listitem").filter({ hasText: "notes.mp4" });
  await row.getByRole("alert").filter({ hasText: "The content is of no known media type. Accepted are MP4" }).waitFor();
  await inState(page, "short.mp4", "Done");
  await row.getByRole("button", { name: "Dismiss" }).click();
  await row.waitFor({ state: "detached" });
  assert.equal(await page.locator(".job").count(), 1);
  await person.leave();
});

story("who signs out is out, in this tab and for whoever comes after", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "eve");
  const kept = await page.evaluate(() => localStorage.getItem("sightline.session"));
  const { refresh } = JSON.parse(kept!) as { refresh: string };
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  const again = await page.request.post("/api/v1/auth/refresh", { data: { refresh_token: refresh } });
  assert.equal(again.status(), 401, "the server has forgotten it as well");
  await person.leave();
});

story("a token that has expired is renewed, and nobody notices", async () => {
  await account(server, "lea");
  const person = await Person.at(browser, server.url);
  let used = 0;
  await person.context.route("**/api/v1/auth/login", async (route) => {
    const answer = await route.fetch();
    const body = await answer.json() as { data: { access_token: string } };
    body.data.access_token = expired(body.data.access_token);
    used += 1;
    await route.fulfill({ response: answer, json: body });
  });
  const refused = person.context.waitForEvent("response", (response) =>
    response.status() === 401 && response.request().headers()["authorization"] !== undefined);
  const page = await person.open();
  await enter(page, "lea");
  const headers = { authorization: (await refused).request().headers()["authorization"]! };
  const told = await (await fetch(`${server.url}/api/v1/auth/me`, { headers })).json() as { error: { code: string } };
  assert.equal(told.error.code, "TOKEN_EXPIRED");
  await live(page);
  await page.getByText("Nothing has been analysed yet").waitFor();
  assert.equal(used, 1);
  assert.equal(await page.getByRole("alert").filter({ visible: true }).count(), 0);
  await person.leave();
});

story("an admin sees whose each job is, and others see their own alone", async () => {
  const [mia, root] = await Promise.all(["mia", "root"].map(() => Person.at(browser, server.url)));
  const [hers, all] = await Promise.all([mia!.open(), root!.open()]);
  await enter(all, "root");
  await live(all);
  await register(hers, "mia");
  await choose(all, short);
  await inState(all, "short.mp4", "Done");
  await choose(hers, short);
  await inState(hers, "short.mp4", "Done");
  assert.deepEqual(await hers.locator(".job .kind").allTextContents(), ["People count"]);
  // It came while the admin looked, and it is there for who comes later.
  const row = all.locator(".job").filter({ hasText: "mia" });
  await row.getByText("People count by mia").waitFor();
  assert.equal(await all.locator(".job .kind").filter({ hasText: "root" }).count(), 0, "one's own needs no name");
  await all.reload();
  await row.getByText("People count by mia").waitFor();
  await Promise.all([mia!.leave(), root!.leave()]);
});

story("a session that has ended asks to sign in again", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "fay");
  // What this browser keeps is no token of the server's any more.
  await page.evaluate(() => localStorage.setItem("sightline.session", '{"user":"nobody","refresh":"stolen"}'));
  await page.reload();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  await page.getByRole("alert").filter({ hasText: "Your session has ended: sign in again." }).waitFor();
  await person.leave();
});

story("a server that is started anew is found again, and the job goes on", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  await register(page, "gil");
  await choose(page, long);
  await inState(page, "long.mp4", "Running");
  await server.stop();
  await page.getByRole("status").filter({ hasText: "Connecting" }).waitFor();
  await choose(page, short);
  const upload = page.getByRole("listitem").filter({ hasText: "short.mp4" });
  await upload.getByRole("alert").filter({ hasText: "The server cannot be reached." }).waitFor();
  server = await server.restarted();
  await live(page);
  await upload.getByRole("button", { name: "Try again" }).click();
  await inState(page, "long.mp4", "Done");
  await inState(page, "short.mp4", "Done");
  await person.leave();
});

story("two tabs are one person: what one does the other shows", async () => {
  const person = await Person.at(browser, server.url);
  const [one, two] = [await person.open(), await person.open()];
  await register(one, "hal");
  await live(two);
  await choose(one, short);
  await inState(two, "short.mp4", "Done");
  await job(two, "short.mp4").locator("video").waitFor();
  await job(two, "short.mp4").getByRole("button", { name: "Delete" }).click();
  await two.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await job(one, "short.mp4").waitFor({ state: "detached" });
  // Both renew with the same token at the same moment, and both stay signed in.
  await Promise.all([one.reload(), two.reload()]);
  await Promise.all([live(one), live(two)]);
  await one.getByRole("button", { name: "Sign out" }).click();
  await two.getByRole("heading", { name: "Sign in" }).waitFor();
  await person.leave();
});

story("everything can be done by the keyboard", async () => {
  const person = await Person.at(browser, server.url);
  const page = await person.open();
  const chooser = page.waitForEvent("filechooser"); // from here on none of the system's own opens
  await page.locator("[name=username]:focus").waitFor();
  await page.keyboard.type("ida");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await live(page);
  await page.locator("#file:focus").waitFor({ state: "attached" });
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(short);
  await inState(page, "short.mp4", "Done");
  await job(page, "short.mp4").locator("summary").focus();
  const open = () => job(page, "short.mp4").locator("details").evaluate((node: HTMLDetailsElement) => node.open);
  assert.equal(await open(), true);
  await page.keyboard.press("Enter");
  assert.equal(await open(), false);
  await page.keyboard.press("Enter");
  await job(page, "short.mp4").getByRole("button", { name: "Delete" }).focus();
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
  assert.equal(ring, "solid", "where one is, is seen");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("[aria-busy=true]").waitFor({ state: "detached" });
  assert.equal(await page.locator(".job").count(), 1);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Nothing has been analysed yet").waitFor();
  await person.leave();
});

story("on a phone nothing is wider than the screen, and what comes pushes nothing away", async () => {
  const person = await Person.at(browser, server.url, 390, 844);
  const page = await person.open();
  await register(page, "jo");
  await page.evaluate(() => {
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) document.body.dataset["shift"] = String(Number(document.body.dataset["shift"] ?? 0) + entry.value);
      }
    }).observe({ type: "layout-shift", buffered: false });
  });
  await choose(page, short);
  await inState(page, "short.mp4", "Done");
  await job(page, "short.mp4").locator("video").waitFor();
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `the page is ${wide} px wide`);
  const shift = await page.evaluate(() => Number(document.body.dataset["shift"] ?? 0));
  assert.ok(shift < 0.1, `layout shift ${shift}`);
  await person.leave();
});
