//! Files of jobs, at the canonical path and at the first seed's.

use crate::failure::Failure;
use crate::media;
use crate::openapi::Tag;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, OpenApi};

/// The bytes of a file, or of a part of it.
pub(crate) struct FileResponse(poem::Response);

impl poem::IntoResponse for FileResponse {
    fn into_response(self) -> poem::Response {
        self.0
    }
}

/// What is said of a file before its bytes.
pub(crate) struct FileHead(poem::Response);

impl poem::IntoResponse for FileHead {
    fn into_response(self) -> poem::Response {
        self.0
    }
}

/// Written by hand: the media type is the file's.
impl ApiResponse for FileResponse {
    fn meta() -> MetaResponses {
        let responses = vec![
            answer(200, "The whole file.", bytes(), vec![etag()]),
            answer(206, "The part that was asked for.", bytes(), vec![etag(), range()]),
            answer(304, "The client has it.", Vec::new(), vec![etag()]),
            answer(416, "There is no such part.", Vec::new(), vec![range()]),
        ];
        MetaResponses { responses }
    }

    fn register(_registry: &mut Registry) {}
}

impl ApiResponse for FileHead {
    fn meta() -> MetaResponses {
        let responses = vec![
            answer(200, "The file is there.", bytes(), vec![etag()]),
            answer(304, "The client has it.", Vec::new(), vec![etag()]),
        ];
        MetaResponses { responses }
    }

    fn register(_registry: &mut Registry) {}
}

fn answer(
    status: u16,
    description: &'static str,
    content: Vec<MetaMediaType>,
    headers: Vec<MetaHeader>,
) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content, headers }
}

fn bytes() -> Vec<MetaMediaType> {
    let schema = MetaSchema { format: Some("binary"), ..MetaSchema::new("string") };
    vec![MetaMediaType { content_type: "*/*", schema: MetaSchemaRef::Inline(Box::new(schema)) }]
}

fn etag() -> MetaHeader {
    header("ETag", "SHA-256 of the whole file.")
}

fn range() -> MetaHeader {
    header("Content-Range", "Which part of how many bytes.")
}

fn header(name: &str, about: &str) -> MetaHeader {
    MetaHeader {
        name: name.to_owned(),
        description: Some(about.to_owned()),
        required: true,
        deprecated: false,
        schema: String::schema_ref(),
    }
}

pub(crate) struct MediaApi;

// A wildcard is named as poem-openapi will look for it; the document says `{path}`.
#[OpenApi(tag = "Tag::Media")]
impl MediaApi {
    /// A file of a job, whole or a range of it.
    ///
    /// URLs of it are given by answers about the job; they are signed, so that they work in
    /// `<video>`. An access token does as well. Several ranges are answered with the whole.
    #[oai(path = "/api/v1/media/files/*param0", method = "get", operation_id = "get_media_file")]
    async fn file(
        &self,
        request: &Request,
        /// The file's path.
        path: Path<String>,
        /// When the URL expires, in seconds since 1970.
        exp: Query<Option<i64>>,
        /// The URL's signature.
        sig: Query<Option<String>>,
    ) -> Result<FileResponse, Failure> {
        serve(request, &path.0, exp.0, sig.0, true).await.map(FileResponse)
    }

    /// What is known of a file of a job.
    #[oai(path = "/api/v1/media/files/*param0", method = "head", operation_id = "head_media_file")]
    async fn file_head(
        &self,
        request: &Request,
        /// The file's path.
        path: Path<String>,
        /// When the URL expires, in seconds since 1970.
        exp: Query<Option<i64>>,
        /// The URL's signature.
        sig: Query<Option<String>>,
    ) -> Result<FileHead, Failure> {
        serve(request, &path.0, exp.0, sig.0, false).await.map(FileHead)
    }

    /// A file of a job, at the first seed's path.
    #[oai(
        path = "/api/media/*param0",
        method = "get",
        operation_id = "legacy_media",
        tag = "Tag::Legacy"
    )]
    async fn legacy(
        &self,
        request: &Request,
        /// The file's path.
        path: Path<String>,
        /// When the URL expires, in seconds since 1970.
        exp: Query<Option<i64>>,
        /// The URL's signature.
        sig: Query<Option<String>>,
    ) -> Result<FileResponse, Failure> {
        serve(request, &path.0, exp.0, sig.0, true).await.map(FileResponse)
    }

    /// What is known of a file of a job, at the first seed's path.
    #[oai(
        path = "/api/media/*param0",
        method = "head",
        operation_id = "legacy_media_head",
        tag = "Tag::Legacy"
    )]
    async fn legacy_head(
        &self,
        request: &Request,
        /// The file's path.
        path: Path<String>,
        /// When the URL expires, in seconds since 1970.
        exp: Query<Option<i64>>,
        /// The URL's signature.
        sig: Query<Option<String>>,
    ) -> Result<FileHead, Failure> {
        serve(request, &path.0, exp.0, sig.0, false).await.map(FileHead)
    }
}

async fn serve(
    request: &Request,
    path: &str,
    exp: Option<i64>,
    sig: Option<String>,
    with_body: bool,
) -> Result<poem::Response, Failure> {
    media::serve(request, path, exp, sig.as_deref(), with_body).await
}
