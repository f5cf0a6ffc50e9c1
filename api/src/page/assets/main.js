// The page: sign-in, new jobs, the list of jobs kept current by events.

import { el, tell } from "./dom.js";
import { row } from "./job.js";
import { listen } from "./live.js";
import { ask, canLeave, enter, leave, onEnd, resume } from "./session.js";
import { abandon, upload } from "./upload.js";
import { explain, kindName, sentence } from "./words.js";

const CONNECTION = { live: "Live", connecting: "Connecting", off: "" };
const $ = (id) => document.getElementById(id);
const jobs = new Map();
let stop = null;
let cursor = null;
let me = null;
let leaving = false; // the server is being told
let visit = 0; // what was asked for somebody else is not shown

function connection(state) {
  $("connection").dataset.state = state;
  tell($("connection"), CONNECTION[state]);
}

const say = (text) => { $("announcement").textContent = text; };
const listProblem = (error) => tell($("list-problem"), error && explain(error));

// Counts are asked for of those rows only that somebody sees.
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    sight.unobserve(target);
    jobs.get(target.dataset.id)?.seen();
  }
});

function confirm(job) {
  const dialog = $("confirm");
  $("confirm-title").textContent = `Delete ${job.input.file_name}?`;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "delete");
  });
}

function gone(id) {
  const made = jobs.get(id);
  if (!made) return;
  // Who pressed Delete by the keyboard goes on from the list's title.
  if (made.node.contains(document.activeElement)) $("jobs-title").focus();
  made.node.remove();
  jobs.delete(id);
  $("no-jobs").hidden = jobs.size > 0;
}

function add(job, place) {
  if (jobs.has(job.id)) return jobs.get(job.id).renew(job);
  const made = row(job, { me, confirm, gone, say });
  jobs.set(job.id, made);
  $("jobs")[place](made.node);
  if (place === "prepend" || job.status === "pending" || job.status === "processing") made.open();
  sight.observe(made.node);
  $("no-jobs").hidden = true;
}

async function older() {
  const [first, mine] = [jobs.size === 0, visit];
  const { data, meta } = await ask(`/jobs${cursor === null ? "" : `?cursor=${encodeURIComponent(cursor)}`}`);
  if (mine !== visit) return;
  for (const job of data) add(job, "append");
  if (first && data.length > 0) jobs.get(data[0].id).open();
  cursor = meta.cursor;
  $("older").hidden = !meta.has_more;
  $("no-jobs").hidden = jobs.size > 0;
}

/** Events were missed: the list is read anew. */
async function again() {
  for (const id of [...jobs.keys()]) gone(id);
  cursor = null;
  await older();
  listProblem(null);
}

/** What changed between the list and the first event. */
async function catchUp() {
  if (jobs.size === 0) return again();
  const mine = visit;
  const { data } = await ask("/jobs");
  if (mine !== visit) return;
  for (const job of data.reverse()) add(job, "prepend");
}

async function take(event) {
  const id = event.subject.split(".")[1];
  const known = jobs.get(id);
  if (known) return known.take(event);
  // A job that another page or program submitted.
  if (event.type !== "job_state") return;
  const mine = visit;
  try {
    const { data } = await ask(`/jobs/${id}`);
    if (mine === visit) add(data, "prepend");
  } catch { /* it is gone again */ }
}

function kinds(types) {
  const choice = ({ job_type: kind, title }, i) => el("label", { className: "choice" },
    el("input", { type: "radio", name: "kind", value: kind, checked: i === 0 }),
    el("span", {}, el("strong", { textContent: kindName(kind) }), el("span", { className: "faint small", textContent: sentence(title) })));
  $("kinds").replaceChildren($("kinds").querySelector("legend"), ...types.map(choice));
}

async function begin(user) {
  me = user.id;
  kinds((await ask("/job-types")).data);
  $("sign-in").hidden = true;
  tell($("who"), user.username);
  $("sign-out").hidden = !canLeave();
  $("workplace").hidden = false;
  const listed = older().catch(listProblem);
  stop = listen(["job.>"], {
    event: take,
    state: connection,
    ready: () => listed.then(catchUp).catch(listProblem),
    gap: () => again().catch(listProblem),
  });
  await listed;
}

/** Nothing of the session is shown, sent or heard any more. */
function close() {
  visit += 1;
  abandon();
  listProblem(null);
  stop?.();
  stop = null;
  cursor = null;
  jobs.clear();
  sight.disconnect();
  $("jobs").replaceChildren();
  $("uploads").replaceChildren();
  for (const id of ["workplace", "sign-out", "who", "connection"]) $(id).hidden = true;
}

function end(why = null) {
  if (leaving) return; // it comes to that by itself
  close();
  $("sign-in").hidden = false;
  tell($("sign-in").querySelector(".problem"), why);
  $("sign-in-form").username.focus();
}

function send(files) {
  const kind = new FormData($("upload")).get("kind");
  for (const file of files) upload(file, kind, $("uploads"), (job) => add(job, "prepend"));
}

$("sign-in-form").onsubmit = async (event) => {
  event.preventDefault();
  const form = event.target;
  const problem = form.querySelector(".problem");
  tell(problem, null);
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    const user = await enter(event.submitter?.value ?? "login", form.username.value, form.password.value);
    form.reset();
    await begin(user);
    $("file").focus();
  } catch (error) {
    tell(problem, explain(error));
    form.password.select();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
};
$("sign-out").onclick = async () => {
  leaving = true;
  close();
  tell($("who"), "Signing out");
  await leave();
  leaving = false;
  end();
};
$("older").onclick = () => older().then(() => listProblem(null), listProblem);
$("upload").onsubmit = (event) => event.preventDefault();
$("file").onchange = ({ target }) => { send([...target.files]); target.value = ""; };

// The whole page takes what is dropped: who misses the field loses nothing.
let depth = 0;
addEventListener("dragenter", () => $("drop").classList.toggle("over", ++depth > 0));
addEventListener("dragleave", () => $("drop").classList.toggle("over", --depth > 0));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  depth = 0;
  $("drop").classList.remove("over");
  if (!$("workplace").hidden) send([...event.dataTransfer.files]);
});

onEnd(end);
try {
  const user = await resume();
  if (user) await begin(user);
  else if ($("sign-in").hidden) end();
} catch (error) {
  end(explain(error));
}
