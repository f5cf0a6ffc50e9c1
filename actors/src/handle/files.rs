//! Files of jobs, by key, for those who may see the job.

use super::Platform;
use crate::objects::ObjectKey;
use bytes::Bytes;
use futures_util::stream::{BoxStream, TryStreamExt};
use schema::account::Scope;
use schema::id::{JobId, UserId};
use schema::job::record::{JobState, MediaFile};
use schema::{Error, ErrorKind, Result};
use std::ops::Range;

impl Platform {
    /// The file `key`, where the scope may see the job that it belongs to.
    ///
    /// # Errors
    /// `NOT_FOUND` where there is none, the scope may not see it, or its job is being deleted;
    /// `STORAGE_ERROR`.
    pub async fn media(&self, scope: &Scope, key: &str) -> Result<MediaFile> {
        let key: ObjectKey = key.parse()?;
        let none = || Error::new(ErrorKind::NotFound, format!("there is no file {key}"));
        let id = job_of(&key).ok_or_else(none)?;
        let job = match self.job(scope, id).await {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(none()),
            job => job?,
        };
        let file = job.files().find(|file| file.key == key.as_str());
        file.cloned().ok_or_else(none)
    }

    /// The file `key` for one who shows a signature made for `user`: what that user may see today,
    /// whatever they could when it was made.
    ///
    /// # Errors
    /// As [`Platform::media`].
    pub async fn signed_media(&self, user: UserId, key: &str) -> Result<MediaFile> {
        let user = self.accounts().user(user).await?;
        self.media(&Scope::User { id: user.id, role: user.role }, key).await
    }

    /// The bytes of a file that [`Platform::media`] gave, in `range`, which lies within its size.
    ///
    /// # Errors
    /// `NOT_FOUND`; `STORAGE_ERROR`, also within the stream.
    pub async fn read(
        &self,
        file: &MediaFile,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.0.engines.objects.read(&file.key.parse()?, range).await
    }

    /// The exact bytes of the results of a job that is done.
    ///
    /// # Errors
    /// `NOT_FOUND`; `CONFLICT` where the job is not done; `STORAGE_ERROR`.
    pub async fn results(&self, scope: &Scope, id: JobId) -> Result<(MediaFile, Bytes)> {
        let job = self.job(scope, id).await?;
        let Some(outputs) = job.outputs.filter(|_| job.state == JobState::Done) else {
            let message = format!("job {id} has no results: it is {}", job.state);
            return Err(Error::new(ErrorKind::Conflict, message));
        };
        let file = outputs.results;
        let pieces: Vec<Bytes> = self.read(&file, 0..file.size).await?.try_collect().await?;
        Ok((file, pieces.concat().into()))
    }
}

/// The job that a file belongs to, by its name: `.../{what}_{job}.{ext}`.
pub(crate) fn job_of(key: &ObjectKey) -> Option<JobId> {
    let name = key.as_str().rsplit('/').next()?;
    let (stem, _) = name.split_once('.')?;
    stem.rsplit_once('_')?.1.parse().ok()
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
