// A client whose types are generated from the API's document. That this file compiles under
// `strict` is half of the test: its types must say what the server does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import createClient, { type Middleware } from "openapi-fetch";
import WebSocket from "ws";
import type { components, paths } from "./generated/api.js";
import { clip, Server, temporaryFolder } from "./server.js";

type Schemas = components["schemas"];
type Client = ReturnType<typeof createClient<paths>>;

const PATIENCE = 60_000;
const folder = temporaryFolder();
let server: Server;
let client: Client;

/** What a form is sent as: objects as JSON, files as they are. */
function form(body: Schemas["JobForm"]): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) {
    if (value instanceof Blob) form.append(name, value, "clip.mp4");
    else form.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  return form;
}

function submit(body: Schemas["JobForm"]) {
  return client.POST("/api/v1/jobs", { body, bodySerializer: (body) => form(body as Schemas["JobForm"]) });
}

/** The job once it has ended. */
async function ended(id: string): Promise<Schemas["JobDetail"]> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const { data, error } = await client.GET("/api/v1/jobs/{id}", { params: { path: { id } } });
    if (error) throw new Error(error.error.message);
    const job = data.data;
    if (job.status !== "pending" && job.status !== "processing") return job;
    assert.ok(Date.now() < deadline, `the job is still ${job.status}`);
    await later(100);
  }
}

before(async () => {
  server = await Server.start(folder);
  client = createClient<paths>({ baseUrl: server.url });
  const account = { username: "ann", password: "correct horse battery" };
  const registered = await client.POST("/api/v1/auth/register", { body: account });
  assert.equal(registered.response.status, 201);
  const { data, error } = await client.POST("/api/v1/auth/login", { body: account });
  if (error) throw new Error(error.error.message);
  const role: "user" | "admin" = data.data.user.role;
  assert.equal(role, "admin", "the first account of a development server");
  const signedIn: Middleware = {
    onRequest({ request }) {
      request.headers.set("authorization", `Bearer ${data.data.access_token}`);
      return request;
    },
  };
  client.use(signedIn);
});
after(() => server?.stop());

test("a job is submitted with typed parameters, followed by asking, and read", async () => {
  const file = new Blob([readFileSync(clip(folder, "people.mp4", 2))]);
  const { data, error, response } = await submit({ job_type: "people-count", params: { model: "motion" }, file });
  if (error) throw new Error(error.error.message);
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("location"), `/api/v1/jobs/${data.data.id}`);
  const job = await ended(data.data.id);
  // Both tags narrow: without either of them the next lines do not compile.
  if (job.job_type !== "people-count" || job.status !== "done") throw new Error(JSON.stringify(job));
  const total: number = job.total_people;
  assert.equal(job.tracking_data.length, total);
  assert.equal(job.params.model, "motion");
  assert.equal(job.model, "motion");
  assert.equal(job.frame_count, 50);
  assert.equal(job.error, null);
  const seconds: number | undefined = job.tracking_data[0]?.last_seconds;
  assert.ok(seconds !== undefined && seconds <= 2);

  const exact = await client.GET("/api/v1/jobs/{id}/results", { params: { path: { id: job.id } } });
  if (exact.error) throw new Error(exact.error.error.message);
  if (!("total_people" in exact.data)) throw new Error("results of another kind");
  assert.deepEqual(exact.data.tracking_data, job.tracking_data);

  const { data: list } = await client.GET("/api/v1/jobs", { params: { query: { status: "done", limit: 1 } } });
  assert.equal(list?.data[0]?.id, job.id);
  assert.equal(list?.meta.has_more, false);
});

test("a job is followed by the WebSocket, whose events are typed", async () => {
  const { data: ticket } = await client.POST("/api/v1/auth/ws-ticket");
  const address = `${server.url.replace("http", "ws")}/api/v1/ws?ticket=${ticket?.data.ticket}`;
  const socket = new WebSocket(address);
  const events: Schemas["Event"][] = [];
  const done = new Promise<Schemas["JobResultEvent"]>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => reject(new Error(`closed with ${code}`)));
    socket.on("message", (bytes) => {
      const message = JSON.parse(bytes.toString()) as { op: string } & Schemas["Event"];
      if (message.op !== "event") return;
      events.push(message);
      if (message.type === "job_result") resolve(message);
    });
  });
  await new Promise<void>((resolve) => socket.once("open", () => {
    socket.once("message", () => resolve());
    socket.send(JSON.stringify({ op: "subscribe", id: "all", subjects: ["job.>"] }));
  }));
  const lines: Schemas["LineInput"][] = [{ name: "door", x1: 0.5, y1: 0, x2: 0.5, y2: 1, direction: "both" }];
  const file = new Blob([readFileSync(clip(folder, "crossings.mp4", 4))]);
  const { data: submitted, error } = await submit({
    job_type: "emergency-count",
    params: { model: "motion", emergency_lines: lines },
    priority: 7,
    file,
  });
  if (error) throw new Error(error.error.message);
  const { id } = submitted.data;
  const timeout = later(PATIENCE, undefined, { ref: false }).then(() => { throw new Error("no result in time"); });
  const result = await Promise.race([done, timeout]);
  socket.removeAllListeners("close");
  socket.close();
  assert.equal(result.data.results_url, `/api/v1/jobs/${id}/results`);
  let frames = 0;
  for (const event of events) {
    if (event.type === "job_progress") {
      assert.ok(event.data.frames_done >= frames, "frames go forward");
      frames = event.data.frames_done;
    }
  }
  assert.equal(frames, 100, "the last progress is always told");
  const states = events.flatMap((event) => (event.type === "job_state" ? [event.data.status] : []));
  assert.deepEqual(states, ["pending", "processing", "done"]);

  // The same events again for those who were away, but for progress, which is not kept.
  const { data: kept } = await client.GET("/api/v1/events", { params: { query: { subjects: `job.${id}.>` } } });
  const numbers = kept?.data.map((event) => event.seq);
  assert.deepEqual(numbers, events.flatMap((event) => (event.type === "job_progress" ? [] : [event.seq])));

  const job = await ended(id);
  if (job.job_type !== "emergency-count" || job.status !== "done") throw new Error(JSON.stringify(job));
  assert.equal(job.priority, 7);
  const line = job.final_counts["line-1"];
  assert.equal(line?.name, "door");
  assert.equal(job.total_crossings, (line?.forward ?? 0) + (line?.backward ?? 0));
});

test("what the types forbid does not compile, and what the server refuses has its type", async () => {
  const file = new Blob(["no video"]);
  // @ts-expect-error a parameter of the other kind
  const wrong: Schemas["JobForm"] = { job_type: "people-count", params: { emergency_lines: [] }, file };
  const refused = await submit(wrong);
  const code: Schemas["ErrorCode"] | undefined = refused.error?.error.code;
  assert.equal(code, "VALIDATION_ERROR");
  assert.equal(refused.error?.error.error_type, "validation");
  assert.equal(refused.error?.error.details?.fields?.[0]?.field, "emergency_lines");

  // @ts-expect-error there is no such kind
  const unknown: Schemas["JobForm"] = { job_type: "cat-count", file };
  assert.equal((await submit(unknown)).response.status, 422);

  const text = await submit({ job_type: "people-count", file });
  assert.equal(text.error?.error.code, "INVALID_FILE_TYPE");
  assert.match(text.error?.error.details?.hint ?? "", /accepted are MP4/);

  const missing = await client.GET("/api/v1/jobs/{id}", { params: { path: { id: "01890a5d-ac96-774b-bcce-b302099a8057" } } });
  assert.equal(missing.error?.error.code, "NOT_FOUND");
});

test("health has words that can be told apart", async () => {
  const { data } = await client.GET("/health");
  const status: "healthy" | "degraded" | "starting" | undefined = data?.status;
  assert.equal(status, "healthy");
  assert.equal(data?.components["store"]?.status, "up");
});
