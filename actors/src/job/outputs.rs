//! The files of a finished job: from its staging folder to their places, and which places those are.

use super::run::{Finished, PICTURE, RESULTS, TRACKS, VIDEO};
use crate::objects::{ObjectKey, Objects, digest};
use schema::id::JobId;
use schema::job::record::{Job, JobOutputs, MediaFile};
use schema::{Error, ErrorKind, Result};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Name in the staging folder, place, and media type of everything that a job may leave.
const FILES: [(&str, &str, &str, &str); 4] = [
    (RESULTS, "results/results_", "json", "application/json"),
    (TRACKS, "outputs/tracks_", "jsonl", "application/jsonl"),
    (PICTURE, "outputs/output_", "jpg", "image/jpeg"),
    (VIDEO, "outputs/output_", "mp4", "video/mp4"),
];

/// Every key under which job `id` may leave a file.
pub(super) fn keys(id: JobId) -> impl Iterator<Item = ObjectKey> {
    FILES
        .into_iter()
        .filter_map(move |(_, place, ext, _)| format!("{place}{id}.{ext}").parse().ok())
}

/// The job that a file belongs to, by its name: `.../{what}_{job}.{ext}`.
#[must_use]
pub fn job_of(key: &ObjectKey) -> Option<JobId> {
    let name = key.as_str().rsplit('/').next()?;
    let (stem, _) = name.split_once('.')?;
    stem.rsplit_once('_')?.1.parse().ok()
}

/// Puts the files of `finished` in their places, whole and durably; told to `cancel`, it stops
/// between two of them. They are handed out under names that begin with that of the job's input.
///
/// # Errors
/// `CANCELLED`; `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`. Some may be in their places then.
pub(super) async fn adopt(
    objects: &dyn Objects,
    staging: &Path,
    job: &Job,
    finished: &Finished,
    took: Duration,
    cancel: &CancellationToken,
) -> Result<JobOutputs> {
    let mut adopted: [Option<MediaFile>; FILES.len()] = Default::default();
    for (slot, (name, place, ext, content_type)) in adopted.iter_mut().zip(FILES) {
        if !finished.files.contains(&name) {
            continue;
        }
        if cancel.is_cancelled() {
            return Err(Error::new(
                ErrorKind::Cancelled,
                "cancelled before its files were in place",
            ));
        }
        let path = staging.join(name);
        let hashed = path.clone();
        let digest = tokio::task::spawn_blocking(move || digest(&hashed)).await;
        let (sha256, size) = digest.map_err(|e| Error::internal(name, e))??;
        let key = format!("{place}{}.{ext}", job.id);
        objects.adopt(&path, &key.parse()?).await?;
        let file_name = format!("{}_{name}", stem(&job.input.file_name));
        let content_type = content_type.to_owned();
        *slot = Some(MediaFile { key, size, sha256, content_type, file_name });
    }
    let missing = |name| Error::new(ErrorKind::ServerError, format!("the job left no {name}"));
    let [results, tracks, image, video] = adopted;
    Ok(JobOutputs {
        results: results.ok_or_else(|| missing(RESULTS))?,
        tracks: tracks.ok_or_else(|| missing(TRACKS))?,
        image,
        video,
        processing_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        frames: finished.results.provenance().frame_count,
    })
}

/// A file's name without its extension.
fn stem(file_name: &str) -> &str {
    file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem)
}

/// Takes away whatever job `id` may have left; what cannot be removed now stays for the janitor.
pub(super) async fn discard(objects: &dyn Objects, id: JobId) {
    for key in keys(id) {
        if let Err(error) = objects.remove(&key).await {
            tracing::warn!(job = %id, %key, %error, "a file of an attempt that counts for nothing stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_job() {
        const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
        let job = |key: &str| key.parse().ok().and_then(|key| job_of(&key));
        for key in [
            format!("uploads/people-count_{ID}.mp4"),
            format!("outputs/tracks_{ID}.jsonl"),
            format!("results/results_{ID}.json"),
        ] {
            assert_eq!(job(&key).expect("its job").to_string(), ID);
        }
        for key in ["a", "a_b.c", "uploads/x_.mp4", "../uploads/a", &format!("{ID}.mp4")] {
            assert_eq!(job(key), None, "{key}");
        }
    }
}
