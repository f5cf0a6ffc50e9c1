// Files on their way to the server: one at a time, each with a row that tells how far it is.

import { button, el, tell } from "./dom.js";
import { credentials, Problem } from "./session.js";
import { explain } from "./words.js";

let last = Promise.resolve(); // the upload before: they go one after another
const open = new Set(); // what would end each of them

/** Ends all uploads, also those that wait. */
export function abandon() {
  for (const aborting of open) aborting.abort();
}

/** Sends `file` as a job of type `kind`; its row stands in `list` until `onJob` has the job. */
export function upload(file, kind, list, onJob) {
  const key = globalThis.crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  const progress = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const how = el("span", { className: "rate", textContent: "waits" });
  const problem = el("p", { className: "problem", role: "alert", hidden: true });
  const actions = el("div", { className: "row" });
  const row = el("li", {},
    el("strong", { className: "name", textContent: file.name }), progress, how, problem, actions);
  list.append(row);

  const shown = (part) => {
    progress.value = part;
    how.textContent = part < 1 ? `${Math.floor(part * 100)} %` : "is looked into";
  };
  function begin() {
    const aborting = new AbortController();
    open.add(aborting);
    tell(problem, null);
    row.classList.remove("failed");
    const stop = () => { aborting.abort(); row.remove(); };
    actions.replaceChildren(button("Cancel", "quiet", stop));
    last = last.then(async () => {
      try {
        onJob(await submit(file, kind, key, shown, aborting.signal));
        row.remove();
      } catch (error) {
        if (!aborting.signal.aborted) fail(error);
      } finally {
        open.delete(aborting);
      }
    });
  }
  function fail(error) {
    row.classList.add("failed");
    tell(problem, explain(error));
    // What the file is will not change; what the network did may.
    const again = error.status === 0 || error.status >= 429;
    actions.replaceChildren(...[
      again ? button("Try again", "quiet", begin) : null,
      button("Dismiss", "quiet", () => row.remove()),
    ].filter(Boolean));
  }
  begin();
}

async function submit(file, kind, key, onProgress, signal) {
  signal.throwIfAborted();
  const headers = { ...await credentials(), "idempotency-key": key };
  signal.throwIfAborted();
  const form = new FormData();
  form.append("job_type", kind);
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    // fetch cannot tell how much was sent.
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/jobs");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = request.onabort = () => reject(Problem.unreachable());
    request.onload = () => {
      if (request.status < 300) return resolve(request.response.data);
      const wait = Number(request.getResponseHeader("retry-after")) || null;
      reject(new Problem(request.status, request.response?.error, wait));
    };
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
