// A headless Chromium, and somebody who uses the page in it.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { SECRET, type Server } from "./server.js";

export const PASSWORD = "correct horse battery";
const PATIENCE = 20_000;

export async function launch(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
  assert.ok(existsSync(executablePath), `${executablePath} is missing: .ci/setup test installs it`);
  const quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking"];
  const args = ["--no-sandbox", "--disable-gpu", "--disable-component-update", "--disable-sync", ...quiet];
  return chromium.launch({ executablePath, headless: true, args });
}

/** A browser profile of somebody's own, which notes what went wrong in it. */
export class Person {
  /** What the console and the policy of the page complained about. */
  readonly complaints: string[] = [];
  readonly requests: string[] = [];

  private constructor(readonly context: BrowserContext) {}

  static async at(browser: Browser, url: string, width = 1280, height = 800): Promise<Person> {
    const context = await browser.newContext({ baseURL: url, viewport: { width, height }, locale: "en-GB" });
    context.setDefaultTimeout(PATIENCE);
    const person = new Person(context);
    context.on("weberror", (error) => person.complaints.push(String(error.error())));
    context.on("console", (message) => {
      // Answers that are errors, and servers that are away, are what some tests are about.
      const expected = /status of (4\d\d|503)|net::ERR_|WebSocket connection to/.test(message.text());
      if (message.type() === "error" && !expected) person.complaints.push(message.text());
    });
    context.on("request", (request) => {
      person.requests.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    return person;
  }

  /** A tab with the page in it. */
  async open(): Promise<Page> {
    const page = await this.context.newPage();
    await page.goto("/");
    return page;
  }

  /** Leaves; nothing may have been complained about. */
  async leave(): Promise<void> {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }
}

/** Makes an account by the page. */
export async function register(page: Page, name: string): Promise<void> {
  await enter(page, name, "Create an account");
  await live(page);
}

/** Fills the form in, and presses Sign in or another button. */
export async function enter(page: Page, name: string, button = "Sign in"): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: button }).click();
}

/** Chooses files to be uploaded. */
export async function choose(page: Page, ...files: string[]): Promise<void> {
  await page.getByLabel("Drop videos or pictures here").setInputFiles(files);
}

/** Makes an account at `server` without the page; gives its access token. */
export async function account(server: Server, username: string): Promise<string> {
  const body = JSON.stringify({ username, password: PASSWORD });
  const headers = { "content-type": "application/json" };
  const made = await fetch(`${server.url}/api/v1/auth/register`, { method: "POST", headers, body });
  const text = await made.text();
  assert.equal(made.status, 201, text);
  return (JSON.parse(text) as { data: { access_token: string } }).data.access_token;
}

/** Waits until the page is connected. */
export async function live(page: Page): Promise<void> {
  await page.getByRole("status").filter({ hasText: "Live" }).waitFor();
}

/** The row of the job whose input is called `name`. */
export function job(page: Page, name: string) {
  return page.getByRole("listitem").filter({ has: page.locator("summary"), hasText: name });
}

/** Waits until the job is in the state that people see as `state`. */
export async function inState(page: Page, name: string, state: string): Promise<void> {
  await job(page, name).locator(".state").filter({ hasText: state }).waitFor();
}


/** `token`, signed anew as one that ended long ago. */
export function expired(token: string): string {
  const [header, body] = token.split(".") as [string, string];
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as { iat: number; exp: number };
  const old = JSON.stringify({ ...claims, iat: claims.iat - 7200, exp: claims.exp - 7200 });
  const signed = `${header}.${Buffer.from(old).toString("base64url")}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
