//! Files of jobs, by key, for those who may see the job.

use super::Platform;
use crate::job::job_of;
use crate::objects::ObjectKey;
use bytes::Bytes;
use futures_util::stream::{BoxStream, TryStreamExt};
use schema::account::Scope;
use schema::id::{JobId, UserId};
use schema::job::record::{Job, JobState, MediaFile};
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
        let job = self.job_with(scope, &key).await?;
        file_of(&job, &key).ok_or_else(|| no_file(&key))
    }

    /// The file `key` for one who shows a signature made for `user`: what that user may see today,
    /// whatever they could when it was made.
    ///
    /// # Errors
    /// As [`Platform::media`].
    pub async fn signed_media(&self, user: UserId, key: &str) -> Result<MediaFile> {
        let key: ObjectKey = key.parse()?;
        // Two looks at the store, side by side: this is asked for every range of a video.
        let (user, job) =
            tokio::join!(self.accounts().user(user), self.job_with(&Scope::System, &key));
        let (user, job) = (user?, job?);
        let scope = Scope::User { id: user.id, role: user.role };
        let file = if scope.may_access(job.owner) { file_of(&job, &key) } else { None };
        file.ok_or_else(|| no_file(&key))
    }

    /// The job that the file `key` belongs to.
    async fn job_with(&self, scope: &Scope, key: &ObjectKey) -> Result<Job> {
        let id = job_of(key).ok_or_else(|| no_file(key))?;
        match self.job(scope, id).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(no_file(key)),
            job => job,
        }
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

fn no_file(key: &ObjectKey) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no file {key}"))
}

fn file_of(job: &Job, key: &ObjectKey) -> Option<MediaFile> {
    job.files().find(|file| file.key == key.as_str()).cloned()
}
