// One job as people see it: a row that follows its events and opens to its result.

import { button, el, tell } from "./dom.js";
import { figures, headline, local, picture, warnings } from "./result.js";
import { ask, request } from "./session.js";
import { duration, explain, kindName, stateName, when } from "./words.js";

// States never go back: what was asked before an event, and answered after it, is old.
const RANKS = { pending: 0, processing: 1, done: 2, failed: 2, cancelled: 2 };
const isRunning = (job) => job.status === "pending" || job.status === "processing";

/**
 * Makes the row of `job`; it names whose it is where that is not the user `me`. `confirm` asks
 * whether to delete it, `gone` is called once it is deleted, `say` with what everybody should hear.
 */
export function row(job, { me, confirm, gone, say }) {
  const path = `/jobs/${job.id}`;
  const part = (tag, className) => el(tag, { className });
  const name = part("strong", "name");
  const kind = part("span", "kind faint");
  const found = part("span", "headline");
  const state = part("span", "state");
  const time = part("time", "faint");
  const progress = el("progress", { max: 1 });
  const rate = part("span", "rate");
  const cancel = button("Cancel", "quiet", async () => {
    renew((await ask(`${path}/cancel`, { method: "POST" })).data);
  }, fail);
  const bar = el("div", { className: "bar" }, progress, rate, cancel);
  const problem = el("p", { className: "problem", role: "alert", hidden: true });
  const result = part("div", "result");
  const actions = part("div", "row actions");
  const details = el("details", {},
    el("summary", {}, el("span", { className: "head" }, name, kind, found, state, time)), result, actions);
  const node = el("li", { className: "card job" }, details, bar, problem);
  node.dataset.id = job.id;

  let shown = null; // the state whose buttons and result stand
  let fetching = null;

  function show() {
    node.dataset.state = job.status;
    name.textContent = job.input.file_name;
    const whose = job.owner.id === me ? "" : ` by\u00A0${job.owner.username ?? "an account that is gone"}`;
    kind.textContent = kindName(job.job_type) + whose;
    state.textContent = job.cancel_requested && isRunning(job) ? "Cancelling" : stateName(job.status);
    time.dateTime = job.created_at;
    time.title = new Date(job.created_at).toLocaleString();
    time.textContent = when(job.created_at);
    bar.hidden = !isRunning(job);
    progress.setAttribute("aria-label", `Progress of ${job.input.file_name}`);
    if (job.status === "pending") {
      progress.value = 0;
      rate.textContent = "waits for its turn";
    } else if (job.progress > 0) {
      progress.value = job.progress;
    } else {
      progress.removeAttribute("value"); // how long it takes is not known yet
    }
    if (shown === job.status) return;
    shown = job.status;
    const failed = job.status === "failed" ? job.error : null;
    tell(problem, failed && explain(failed));
    actions.replaceChildren(...buttons());
    if (job.status === "done" && details.open) open().catch(fail);
  }

  function renew(fresh) {
    if (RANKS[fresh.status] < RANKS[job.status]) return;
    Object.assign(job, fresh);
    show();
  }

  function buttons() {
    const make = (text, style, act) => button(text, style, act, fail);
    const remove = async () => {
      if (!await confirm(job)) return;
      await ask(path, { method: "DELETE" });
      gone(job.id);
    };
    if (isRunning(job)) return [];
    const again = () => ask(`${path}/retry`, { method: "POST" });
    return [
      job.status === "done" ? make("Results (JSON)", "quiet", download) : make("Try again", "quiet", again),
      make("Delete", "danger", remove),
    ];
  }

  // The token that results need is in no link.
  async function download() {
    const url = URL.createObjectURL(await (await request(`${path}/results`)).blob());
    el("a", { href: url, download: `${job.input.file_name}.results.json` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  /** Everything of it; asked for once for each time it ends. */
  function fetched() {
    fetching ??= ask(path).then(({ data }) => {
      Object.assign(job, data);
      found.textContent = headline(job);
      return job;
    }).catch((error) => { fetching = null; throw error; });
    return fetching;
  }

  async function open() {
    if (job.status !== "done" || result.childElementCount > 0) return;
    await fetched();
    if (result.childElementCount > 0) return; // it was opened twice meanwhile
    const again = async () => (await ask(path)).data;
    result.replaceChildren(...[picture(job, again), figures(job), warnings(job)].filter(Boolean));
    const files = [["output_video", "Download video"], ["output_image", "Download picture"], ["tracks_url", "Tracks (JSON lines)"]];
    // Addresses are good for a while only: each click asks for a fresh one.
    const fetchFile = async (field) => el("a", { href: local((await again())[field]), download: "" }).click();
    actions.prepend(...files.filter(([field]) => job[field]).map(([field, text]) =>
      button(text, "quiet", () => fetchFile(field), fail)));
  }

  function fail(error) {
    tell(problem, explain(error));
  }

  details.ontoggle = () => { if (details.open) open().catch(fail); };
  show();
  return {
    node,
    /** Opens it. */
    open: () => { details.open = true; },
    /** Somebody sees its row: now its count is worth asking for. */
    seen: () => { if (job.status === "done") fetched().catch(() => {}); },
    /** Takes what the server says of it now. */
    renew,
    /** Takes an event of it. */
    take({ type, data }) {
      if (type === "job_deleted") return gone(job.id);
      if (type === "job_state") {
        const before = job.status;
        Object.assign(job, { status: data.status, progress: data.progress, error: data.error ?? null });
        rate.textContent = data.status === "processing" && data.attempt > 1 ? `attempt ${data.attempt}` : "";
        if (data.status !== before) told();
      } else if (type === "job_progress" && isRunning(job)) { // it may come after the end
        Object.assign(job, { status: "processing", progress: data.progress });
        rate.textContent = pace(data);
      }
      show();
    },
  };

  function told() {
    const about = `${job.input.file_name}: ${stateName(job.status).toLowerCase()}`;
    if (job.status === "done") fetched().then(() => say(`${about}, ${headline(job)}`), () => say(about));
    else if (!isRunning(job)) say(about);
  }
}

function pace({ progress, frames_done: done, frames_total: total, fps, eta_seconds: left }) {
  const frames = total === null ? `${done.toLocaleString()} frames` : `${Math.floor(progress * 100)} %`;
  const parts = [frames, `${fps.toFixed(0)} frames/s`, left === null ? null : `${duration(left)} left`];
  return parts.filter(Boolean).join(" \u00B7 ");
}
