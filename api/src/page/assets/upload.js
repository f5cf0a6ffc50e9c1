// Uploading a file as a job, with progress.

import { credentials, Problem, renew } from "./session.js";

/** Sends `file` as a job of type `type`; `onProgress` gets 0 to 1. Gives the job. */
export async function submit(file, type, onProgress) {
  await renew(); // a long upload must not end with a token that ended meanwhile
  const form = new FormData();
  form.append("job_type", type);
  form.append("file", file, file.name);
  return new Promise((resolve, reject) => {
    // fetch cannot tell how much was sent.
    const request = new XMLHttpRequest();
    request.open("POST", "/api/v1/jobs");
    for (const [name, value] of Object.entries(credentials())) request.setRequestHeader(name, value);
    request.setRequestHeader("idempotency-key", crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onerror = () => reject(new Problem(0, { message: "the connection broke" }));
    request.onload = () => request.status < 300
      ? resolve(request.response.data)
      : reject(new Problem(request.status, request.response?.error));
    request.send(form);
  });
}
