//! Files one of which will not go.

use crate::objects::{ObjectInfo, ObjectKey, Objects, Staging};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use schema::{Error, ErrorKind, Result};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The objects of another store, of which one cannot be removed.
#[derive(Debug)]
pub struct StuckObjects {
    /// Where they are.
    pub within: Arc<dyn Objects>,
    /// The one that stays.
    pub stuck: ObjectKey,
}

#[async_trait]
impl Objects for StuckObjects {
    async fn stage(&self) -> Result<Staging> {
        self.within.stage().await
    }

    async fn adopt(&self, staged: &Path, key: &ObjectKey) -> Result<ObjectInfo> {
        self.within.adopt(staged, key).await
    }

    async fn to_path(&self, key: &ObjectKey) -> Result<PathBuf> {
        self.within.to_path(key).await
    }

    async fn info(&self, key: &ObjectKey) -> Result<ObjectInfo> {
        self.within.info(key).await
    }

    async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        self.within.read(key, range).await
    }

    async fn remove(&self, key: &ObjectKey) -> Result<()> {
        if *key == self.stuck {
            return Err(Error::new(ErrorKind::StorageError, format!("{key} does not go")));
        }
        self.within.remove(key).await
    }

    async fn list(&self) -> Result<Vec<ObjectInfo>> {
        self.within.list().await
    }

    async fn free_bytes(&self) -> Result<Option<u64>> {
        self.within.free_bytes().await
    }
}
