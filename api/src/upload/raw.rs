//! The body of a submission as an operation declares it: described in the document, read by hand.

use super::{Submitted, read};
use crate::failure::Failure;
use actors::handle::Platform;
use poem::{Body, FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use std::marker::PhantomData;

/// What the document says of a body.
pub(crate) trait Described: Send {
    /// The content types and their schemas.
    fn meta() -> MetaRequest;

    /// The schemas that [`Described::meta`] names.
    fn register(registry: &mut Registry);
}

/// A body that has not been read; `D` describes it. It stands after the caller among a handler's
/// parameters, so that nothing is read for strangers.
pub(crate) struct RawBody<D> {
    body: Body,
    described: PhantomData<D>,
}

impl<D> RawBody<D> {
    /// Reads it.
    ///
    /// # Errors
    /// As [`read`].
    pub(crate) async fn read(
        self,
        platform: &Platform,
        request: &Request,
    ) -> Result<Submitted, Failure> {
        read(platform, request, self.body).await
    }
}

impl<'a, D: Described> ApiExtractor<'a> for RawBody<D> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        D::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(D::meta())
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let body = <Body as FromRequest>::from_request(request, body).await?;
        Ok(Self { body, described: PhantomData })
    }
}
