// The page: sign-in, upload, the list of jobs, kept current by events.

import { card } from "./job.js";
import { listen } from "./live.js";
import { ask, enter, leave, resume } from "./session.js";
import { submit } from "./upload.js";

const $ = (id) => document.getElementById(id);
const jobs = new Map();
let stop = null;
let cursor = null;

function tell(form, error) {
  const told = form.querySelector(".problem");
  told.hidden = error === null;
  told.textContent = error === null ? "" : [error.message, error.hint].filter(Boolean).join(": ");
}

function connection(state) {
  const words = { live: "live", connecting: "connecting", off: "not connected" };
  $("connection").dataset.state = state;
  $("connection").textContent = words[state];
}

function gone(id) {
  jobs.get(id)?.node.remove();
  jobs.delete(id);
  $("no-jobs").hidden = jobs.size > 0;
}

function add(job, newest) {
  if (jobs.has(job.id)) return;
  const made = card(job, gone);
  jobs.set(job.id, made);
  $("jobs")[newest ? "prepend" : "append"](made.node);
  $("no-jobs").hidden = true;
}

async function older() {
  const after = cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`;
  const { data, meta } = await ask(`/jobs${after}`);
  for (const job of data) add(job, false);
  cursor = meta.cursor ?? null;
  $("older").hidden = !meta.has_more;
  $("no-jobs").hidden = jobs.size > 0;
}

async function take(event) {
  const id = event.subject.split(".")[1];
  const known = jobs.get(id);
  if (known) return known.take(event);
  // A job that another page or program submitted.
  if (event.type !== "job_state") return;
  try { add((await ask(`/jobs/${id}`)).data, true); } catch { /* it is gone again */ }
}

async function begin() {
  $("sign-in").hidden = true;
  $("workplace").hidden = false;
  $("sign-out").hidden = false;
  const { data: types } = await ask("/job-types");
  $("job-type").replaceChildren(...types.map(({ job_type }) => new Option(job_type, job_type)));
  const about = () => {
    $("job-type-about").textContent = types.find((t) => t.job_type === $("job-type").value)?.title ?? "";
  };
  $("job-type").onchange = about;
  about();
  // Listening begins before the list is read: nothing falls between.
  stop = listen(["job.>"], take, connection);
  await older();
}

function end() {
  stop?.();
  stop = null;
  cursor = null;
  jobs.clear();
  $("jobs").replaceChildren();
  $("workplace").hidden = true;
  $("sign-out").hidden = true;
  $("sign-in").hidden = false;
}

async function send(file) {
  const form = $("upload");
  const shown = $("upload-progress");
  tell(form, null);
  shown.hidden = false;
  try {
    const job = await submit(file, $("job-type").value, (part) => {
      shown.querySelector("progress").value = part;
      shown.querySelector("span").textContent = part < 1 ? `${Math.floor(part * 100)} %` : "looking into it";
    });
    add(job, true);
  } catch (error) {
    tell(form, error);
  } finally {
    shown.hidden = true;
    $("file").value = "";
  }
}

$("sign-in-form").onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target;
  tell(form, null);
  try {
    await enter(event.submitter?.value ?? "login", form.username.value, form.password.value);
    form.password.value = "";
    await begin();
  } catch (error) {
    tell(form, error);
  }
};
$("sign-out").onclick = async () => { await leave(); end(); };
$("older").onclick = () => older().catch((error) => tell($("upload"), error));
$("upload").onsubmit = (event) => event.preventDefault();
$("file").onchange = ({ target }) => target.files[0] && send(target.files[0]);
const drop = $("drop");
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  drop.addEventListener(name, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) send(file);
});
drop.addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") { event.preventDefault(); $("file").click(); }
});

try {
  await (await resume() ? begin() : end());
} catch (error) {
  end();
  tell($("sign-in-form"), error);
}
