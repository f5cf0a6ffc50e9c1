// One job as people see it: a card that follows its events.

import { ask } from "./session.js";

const template = document.getElementById("job-template");
const LABELS = {
  total_people: "People", peak_people: "Most at once", mean_people: "On average", brief_tracks: "Brief tracks",
  unique_people: "Crossed a line", total_crossings: "Crossings", total_objects: "Objects", frame_count: "Frames",
};
const BIG = ["total_people", "unique_people"];

/** Makes the card of `job`; `onGone` is called once it is deleted. */
export function card(job, onGone) {
  const node = template.content.firstElementChild.cloneNode(true);
  const part = (name) => node.querySelector(name);
  node.dataset.id = job.id;
  let shown = null; // the state whose result and buttons stand

  function show() {
    node.dataset.state = job.status;
    part(".name").textContent = job.input.file_name;
    part(".type").textContent = job.job_type;
    part(".state").textContent = job.status;
    part("time").dateTime = job.created_at;
    part("time").textContent = new Date(job.created_at).toLocaleString();
    const running = job.status === "pending" || job.status === "processing";
    part(".bar").hidden = !running;
    const bar = part(".bar progress");
    if (job.progress > 0 || job.status === "pending") bar.value = job.progress;
    else bar.removeAttribute("value"); // how long it takes is not known yet
    const told = part(":scope > .problem");
    told.hidden = !job.error;
    told.textContent = job.error ? [job.error.message, job.error.hint].filter(Boolean).join(": ") : "";
    if (shown !== job.status) {
      shown = job.status;
      buttons(running);
      if (job.status === "done") result().catch((error) => fail(error));
    }
  }

  function buttons(running) {
    const make = (text, style, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = style;
      button.textContent = text;
      button.onclick = async () => {
        button.disabled = true;
        try { await act(); } catch (error) { fail(error); } finally { button.disabled = false; }
      };
      return button;
    };
    const path = `/jobs/${job.id}`;
    const cancel = () => ask(`${path}/cancel`, { method: "POST" });
    const remove = async () => {
      await ask(path, { method: "DELETE" });
      onGone(job.id);
    };
    part(".actions").replaceChildren(
      ...(running ? [make("Cancel", "quiet", cancel)] : []),
      ...(job.status === "failed" || job.status === "cancelled"
        ? [make("Try again", "quiet", () => ask(`${path}/retry`, { method: "POST" }))] : []),
      make("Delete", "danger", remove),
    );
  }

  async function result() {
    const { data } = await ask(`/jobs/${job.id}`);
    Object.assign(job, data);
    const area = part(".result");
    area.replaceChildren(picture(data), figures(data));
    area.hidden = false;
  }

  function fail(error) {
    const told = part(":scope > .problem");
    told.hidden = false;
    told.textContent = [error.message, error.hint].filter(Boolean).join(": ");
  }

  show();
  return {
    node,
    /** Takes an event of this job. */
    take(event) {
      const { type, data } = event;
      if (type === "job_state") {
        Object.assign(job, { status: data.status, progress: data.progress, error: data.error ?? null });
        part(".rate").textContent = "";
      } else if (type === "job_progress") {
        job.progress = data.progress;
        const left = data.eta_seconds === null ? "" : `, ${Math.ceil(data.eta_seconds)} s left`;
        part(".rate").textContent = `${data.frames_done} frames, ${data.fps.toFixed(0)}/s${left}`;
      } else if (type === "job_deleted") {
        return onGone(job.id);
      }
      show();
    },
  };
}

function picture(job) {
  if (job.output_video) {
    const video = document.createElement("video");
    Object.assign(video, { controls: true, preload: "metadata", src: job.output_video });
    return video;
  }
  const image = document.createElement("img");
  Object.assign(image, { src: job.output_image ?? "", alt: "The annotated picture" });
  return image;
}

function figures(job) {
  const side = document.createElement("div");
  const list = document.createElement("dl");
  list.className = "figures";
  const row = (name, value, big = false) => {
    const line = document.createElement("div");
    line.className = big ? "big" : "";
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = name;
    dd.textContent = typeof value === "number" && !Number.isInteger(value) ? value.toFixed(2) : value;
    line.append(dt, dd);
    list.append(line);
  };
  for (const [key, label] of Object.entries(LABELS)) {
    if (key in job) row(label, job[key], BIG.includes(key));
  }
  for (const line of Object.values(job.final_counts ?? {})) {
    row(line.name ?? "Line", `${line.forward} \u2192  ${line.backward} \u2190`);
  }
  row("Model", job.model);
  side.append(list);
  if (job.warnings?.length) {
    const warnings = document.createElement("ul");
    warnings.className = "warnings";
    for (const { message } of job.warnings) {
      const item = document.createElement("li");
      item.textContent = message;
      warnings.append(item);
    }
    side.append(warnings);
  }
  const links = document.createElement("p");
  for (const [url, text] of [[job.output_video ?? job.output_image, "Download"], [job.tracks_url, "Tracks"]]) {
    if (!url) continue;
    const link = document.createElement("a");
    Object.assign(link, { href: url, textContent: text, download: "" });
    links.append(link, " ");
  }
  side.append(links);
  return side;
}
