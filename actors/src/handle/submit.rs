//! A submission on its way to a job: everything that can be said of it at once is said at once,
//! and nothing of one that is refused stays.

use super::{Platform, StagedFile, Upload};
use crate::job::kinds::JobType;
use crate::job::model::choose;
use crate::media::{self, Input};
use crate::objects::{ObjectKey, hexadecimal};
use crate::store::jobs::{Created, Idempotency};
use schema::account::Scope;
use schema::id::{JobId, UserId};
use schema::job::JobKind;
use schema::job::record::{Job, MediaFile, Priority};
use schema::{Error, ErrorKind, Result};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What the first seed's doors take.
pub const FIRST_SEED_EXTENSIONS: &[&str] = &["mp4", "jpg", "jpeg", "png"];
/// What the canonical doors take: every extension of a container that is accepted.
pub const CANONICAL_EXTENSIONS: &[&str] = &[
    "mp4", "mov", "m4v", "qt", "3gp", "3g2", "mj2", "avi", "divx", "mkv", "webm", "mk3d", "ogg",
    "ogv", "ogm", "ogx", "jpg", "jpeg", "jpe", "jfif", "png", "apng",
];
/// Longest name of a file that is kept, in characters.
const MAX_FILE_NAME: usize = 200;

/// What is submitted.
#[derive(Debug)]
pub struct Submission {
    /// What is to be found out.
    pub kind: JobKind,
    /// Its parameters, as the client gave them: an object.
    pub params: Value,
    /// What to look at.
    pub file: StagedFile,
    /// Extensions that this door takes, in lower case.
    pub accepted: &'static [&'static str],
    /// How urgent it is.
    pub priority: Priority,
    /// The client's `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The job that is tried again.
    pub retry_of: Option<JobId>,
}

impl Platform {
    /// A place to receive a file into; it takes as many bytes as the configuration allows.
    ///
    /// # Errors
    /// `NOT_READY` once the node is ending; `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`.
    pub async fn stage(&self) -> Result<Upload> {
        self.expect_open()?;
        let staging = self.0.engines.objects.stage().await?;
        Upload::new(staging, self.0.config.max_upload_bytes).await
    }

    /// Makes a job of a submission, owned by the user of the scope.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` that names every faulty parameter; `INVALID_FILE_TYPE`,
    /// `UNSUPPORTED_FORMAT`, `CORRUPT_MEDIA`, `MEDIA_LIMIT_EXCEEDED` for the file;
    /// `MODEL_UNAVAILABLE`; `RATE_LIMITED`, `QUEUE_FULL` where it is not admitted; `CONFLICT` for
    /// an idempotency key of another submission; `NOT_READY` once the node is ending;
    /// `INSUFFICIENT_STORAGE`, `STORAGE_ERROR`. Nothing of the submission stays then.
    pub async fn submit(&self, scope: &Scope, submission: Submission) -> Result<Created> {
        let Scope::User { id: owner, .. } = *scope else {
            return Err(Error::new(ErrorKind::Forbidden, "a job needs a user who owns it"));
        };
        self.create(owner, submission).await
    }

    pub(super) async fn create(&self, owner: UserId, submission: Submission) -> Result<Created> {
        self.expect_open()?;
        let extension = self.check(&submission).await?;
        let engines = &self.0.engines;
        let now = engines.clock.now();
        let idempotency = submission.idempotency_key.as_ref().map(|key| Idempotency {
            key: key.clone(),
            fingerprint: fingerprint(&submission),
            expires_at: now.plus(self.0.config.idempotency),
        });
        let job = job(JobId::from_uuid(engines.clock.uuid()), owner, &submission, &extension, now);
        let key: ObjectKey = job.input.key.parse()?;
        // The file comes first: a job may be begun as soon as it is there.
        engines.objects.adopt(&submission.file.path, &key).await?;
        let created = engines.store.create_job(job, self.0.config.admission, idempotency).await;
        if !matches!(created, Ok(Created::New(_)))
            && let Err(error) = engines.objects.remove(&key).await
        {
            tracing::warn!(%key, %error, "the file of a refused submission stays for the janitor");
        }
        if let Ok(Created::New(job)) = &created {
            tracing::info!(job = %job.id, kind = %job.kind, owner = %job.owner, "job submitted");
            self.wake(job.id, false).await;
        }
        created
    }

    /// Everything that can be told before there is a job; gives the extension of the file.
    async fn check(&self, submission: &Submission) -> Result<String> {
        let preparation = (JobType::of(submission.kind).prepare)(submission.params.clone())?;
        let extension = extension(&submission.file.file_name, submission.accepted)?;
        let workshop = &self.0.engines.workshop;
        let chosen = choose(&workshop.models, preparation.counting()).await?;
        let file = &submission.file;
        // The demuxer is told by content, but an extension that contradicts it is refused there.
        let named = file.staging.path().join(format!("input.{extension}"));
        let (from, to) = (file.path.clone(), named.clone());
        let linked = tokio::task::spawn_blocking(|| std::fs::hard_link(from, to)).await;
        let linked = linked.map_err(|e| Error::internal("naming the upload", e))?;
        linked.map_err(|e| Error::io("the upload", e))?;
        let Ok(_permit) = self.0.probes.acquire().await else {
            return Err(Error::new(ErrorKind::NotReady, "the server is ending"));
        };
        let mut source = media::open(&Input::File(named), &workshop.limits).await?;
        source.stop();
        chosen.check(source.info())?;
        Ok(extension)
    }
}

fn job(
    id: JobId,
    owner: UserId,
    submission: &Submission,
    extension: &str,
    now: schema::time::WallTime,
) -> Job {
    let file = &submission.file;
    let input = MediaFile {
        key: format!("uploads/{}_{id}.{extension}", submission.kind),
        size: file.size,
        sha256: file.sha256.clone(),
        content_type: content_type(extension).to_owned(),
        file_name: clean_name(&file.file_name),
    };
    let asked = (submission.kind, submission.params.clone());
    let Submission { priority, retry_of, .. } = *submission;
    Job { priority, retry_of, ..Job::new(id, owner, asked, input, now) }
}

/// What makes two submissions the same: everything that the results depend on.
fn fingerprint(submission: &Submission) -> String {
    let Submission { kind, params, file, priority, retry_of, .. } = submission;
    let (params, priority) = (sorted(params), u8::from(*priority));
    let retry_of = retry_of.map(|id| id.to_string()).unwrap_or_default();
    let text = format!("{kind}\n{params}\n{}\n{priority}\n{retry_of}", file.sha256);
    hexadecimal(&Sha256::digest(text))
}

/// The same value with the keys of its objects in order, whatever their order in the request.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        value => value.clone(),
    }
}

/// The extension of `file_name` in lower case.
///
/// # Errors
/// `INVALID_FILE_TYPE` where it is none of `accepted`.
fn extension(file_name: &str, accepted: &[&str]) -> Result<String> {
    let extension = file_name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase());
    match extension.filter(|e| accepted.contains(&e.as_str())) {
        Some(extension) => Ok(extension),
        None => {
            let shown: String = clean_name(file_name);
            let message = format!("the file {shown:?} has none of the extensions that are taken");
            let hint = format!("taken are .{}", accepted.join(", ."));
            Err(Error::new(ErrorKind::InvalidFileType, message).with_hint(hint))
        }
    }
}

/// The last part of a path, without what no file name should hold.
fn clean_name(file_name: &str) -> String {
    let last = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    let sound = last.chars().filter(|c| !c.is_control() && !"\"<>|:*?".contains(*c));
    let name: String = sound.take(MAX_FILE_NAME).collect();
    name.trim_matches([' ', '.']).to_owned()
}

/// The media type of a file with one of [`CANONICAL_EXTENSIONS`] whose content agrees with it.
fn content_type(extension: &str) -> &'static str {
    match extension {
        "mp4" | "m4v" => "video/mp4",
        "mov" | "qt" => "video/quicktime",
        "3gp" => "video/3gpp",
        "3g2" => "video/3gpp2",
        "mj2" => "video/mj2",
        "avi" | "divx" => "video/x-msvideo",
        "mkv" | "mk3d" => "video/x-matroska",
        "webm" => "video/webm",
        "ogg" | "ogv" | "ogm" | "ogx" => "video/ogg",
        "jpg" | "jpeg" | "jpe" | "jfif" => "image/jpeg",
        "png" | "apng" => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_of_the_door() {
        let check = |name: &str, accepted| extension(name, accepted).ok();
        assert_eq!(check("a.MP4", FIRST_SEED_EXTENSIONS).as_deref(), Some("mp4"));
        assert_eq!(check("a.b.jpeg", FIRST_SEED_EXTENSIONS).as_deref(), Some("jpeg"));
        for name in ["", "mp4", "a.", "a.mov", "a.mp4 ", "a.mp4/b", "a.mp4\0"] {
            assert_eq!(check(name, FIRST_SEED_EXTENSIONS), None, "{name:?} was taken");
        }
        assert_eq!(check("a.mov", CANONICAL_EXTENSIONS).as_deref(), Some("mov"));
    }

    #[test]
    fn names_are_handed_out_without_what_harms() {
        for (name, clean) in [
            ("clip.mp4", "clip.mp4"),
            ("../../etc/passwd.mp4", "passwd.mp4"),
            ("C:\\videos\\a b.mp4", "a b.mp4"),
            ("x\r\nSet-Cookie: y.mp4", "xSet-Cookie y.mp4"),
            ("..hidden.mp4. ", "hidden.mp4"),
            ("\"quoted\".mp4", "quoted.mp4"),
        ] {
            assert_eq!(clean_name(name), clean);
        }
        assert_eq!(clean_name(&"ä".repeat(500)).chars().count(), MAX_FILE_NAME);
    }

    #[test]
    fn every_extension_has_a_media_type() {
        for extension in CANONICAL_EXTENSIONS {
            assert_ne!(content_type(extension), "application/octet-stream", "{extension}");
        }
    }
}
