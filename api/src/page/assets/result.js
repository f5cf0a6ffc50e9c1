// What a job found: the annotated video or picture, with its counts beside it.

import { el } from "./dom.js";
import { counted, duration } from "./words.js";

const FIGURES = [
  ["peak_people", "Most at once"],
  ["mean_people", "On average"],
  ["unique_people", "Distinct across a line"],
  ["total_objects", "Objects seen"],
  ["brief_tracks", "Seen too briefly to count"],
];

/** The result in a few words: `6 people`, `7 crossings`. */
export function headline(job) {
  if ("total_people" in job) return counted(job.total_people, ...things(job.counted_classes));
  if ("total_crossings" in job) return counted(job.total_crossings, "crossing", "crossings");
  return "";
}

/** What was counted, one of it and many. */
function things(classes) {
  const only = (name) => classes.length === 1 && classes[0] === name;
  if (only("person")) return ["person", "people"];
  return only("moving") ? ["moving object", "moving objects"] : ["object", "objects"];
}

/** A URL of this server, by whatever name it is known to itself. */
export function local(url) {
  const { pathname, search } = new URL(url, location.href);
  return pathname + search;
}

/** The video or the picture; `renew` is called once where its address has ended. */
export function picture(job, renew) {
  const url = job.output_video ?? job.output_image;
  if (!url) return null;
  const isVideo = Boolean(job.output_video);
  const about = `${job.input.file_name} with what was seen drawn over it`;
  const node = isVideo
    ? el("video", { controls: true, playsInline: true, preload: "metadata", "aria-label": about })
    : el("img", { alt: about });
  // Its place is kept before anything of it has come.
  node.style.aspectRatio = `${job.width} / ${job.height}`;
  let renewed = false;
  node.onerror = async () => {
    if (renewed) return;
    renewed = true;
    const fresh = await renew().catch(() => null);
    if (fresh) node.src = local(isVideo ? fresh.output_video : fresh.output_image);
  };
  node.src = local(url);
  return node;
}

/** The counts, and where they come from. */
export function figures(job) {
  const number = (value) => Number.isInteger(value)
    ? value.toLocaleString() : value.toLocaleString(undefined, { maximumFractionDigits: 2 });
  const [count, ...unit] = headline(job).split(" ");
  const rows = FIGURES.filter(([key]) => key in job).map(([key, label]) =>
    el("div", {}, el("dt", { textContent: label }), el("dd", { textContent: number(job[key]) })));
  return el("div", { className: "figures" },
    el("p", { className: "count" }, el("strong", { textContent: count }), ` ${unit.join(" ")}`),
    lines(job), el("dl", {}, ...rows), source(job));
}

function lines(job) {
  const found = Object.entries(job.final_counts ?? {});
  if (found.length === 0) return null;
  const cells = (tag, texts) => texts.map((textContent, i) =>
    el(i === 0 ? "th" : tag, { textContent, scope: i === 0 ? "row" : null }));
  const head = el("tr", {}, ...["Line", "Forward", "Backward"].map((textContent) =>
    el("th", { textContent, scope: "col" })));
  const rows = found.map(([id, { name, forward, backward }]) =>
    el("tr", {}, ...cells("td", [name ?? id, forward.toLocaleString(), backward.toLocaleString()])));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows));
}

function source(job) {
  const still = job.frame_count === 1;
  const facts = [
    `${job.width} \u00D7 ${job.height}`,
    still ? null : duration(job.duration_seconds),
    still ? null : counted(job.frame_count, "frame", "frames"),
    `found by ${job.model}`,
  ];
  return el("p", { className: "faint small", textContent: facts.filter(Boolean).join(" \u00B7 ") });
}

/** What one should know of the result; nothing where there is nothing. */
export function warnings(job) {
  if (!job.warnings?.length) return null;
  return el("ul", { className: "warnings", "aria-label": "Good to know" },
    ...job.warnings.map(({ message }) => el("li", { textContent: message })));
}
