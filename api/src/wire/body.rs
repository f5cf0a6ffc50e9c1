//! A body of JSON whose faults are all named: fields that are missing, and such as nobody knows.

use crate::context::Context;
use crate::door::Door;
use crate::failure::{Failure, from_poem, plain_reason};
use poem::http::header::CONTENT_TYPE;
use poem::{FromRequest, Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use schema::error::FieldFault;
use schema::{Error, ErrorKind};
use serde_json::{Map, Value};

/// A body of JSON. At the doors of `simplejwt`, whose framework takes both, also a form.
pub(crate) struct JsonBody<T>(pub T);

impl<'a, T: ParseFromJSON> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content =
            vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
        Some(MetaRequest { description: None, content, required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> poem::Result<Self> {
        let door = Context::of(request).door;
        let value = read(request, body, door).await?;
        let closed = door == Door::Canonical;
        Ok(Self(parse(value, closed).map_err(Failure::from)?))
    }
}

/// Takes `value` as a `T`, which has no other fields where it is `closed`.
///
/// # Errors
/// `VALIDATION_ERROR` that names every field that is missing, unknown or of another type.
pub(crate) fn parse<T: ParseFromJSON>(value: Value, closed: bool) -> Result<T, Error> {
    // First, since poem-openapi takes numbers for text and stops at the first fault.
    let faults = faults::<T>(&value, closed);
    if !faults.is_empty() {
        return Err(Error::validation(faults));
    }
    T::parse_from_json(Some(value))
        .map_err(|error| Error::validation(vec![fault("body", &plain_reason(error.message()))]))
}

async fn read(request: &Request, body: &mut RequestBody, door: Door) -> Result<Value, Failure> {
    let content_type = request.header(CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_form = essence == "application/x-www-form-urlencoded" && door == Door::SimpleJwt;
    if essence != "application/json" && !is_form {
        let message = format!("the content type {essence:?} is not taken here");
        return Err(Error::new(ErrorKind::UnsupportedFormat, message)
            .with_hint("send application/json")
            .into());
    }
    let bytes = <Vec<u8> as FromRequest>::from_request(request, body).await;
    let bytes = bytes.map_err(from_poem)?;
    if is_form {
        let fields = form_urlencoded::parse(&bytes);
        return Ok(fields.map(|(k, v)| (k.into_owned(), v.into())).collect::<Map<_, _>>().into());
    }
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::new(ErrorKind::ValidationError, format!("the body is not json: {e}")).into()
    })
}

/// What the schema of `T` says of the fields of `value`; nothing where the fault is deeper.
fn faults<T: Type>(value: &Value, closed: bool) -> Vec<FieldFault> {
    let Some(object) = value.as_object() else {
        return vec![fault("body", "expected an object")];
    };
    let mut registry = Registry::new();
    T::register(&mut registry);
    let MetaSchemaRef::Reference(name) = T::schema_ref() else { return Vec::new() };
    let Some(schema) = registry.schemas.get(&name) else { return Vec::new() };
    let missing = schema.required.iter().filter(|field| !object.contains_key(**field));
    let mut faults: Vec<FieldFault> =
        missing.map(|field| fault(field, "this field is required")).collect();
    for (field, value) in object {
        match schema.properties.iter().find(|(name, _)| name == field) {
            None if closed => faults.push(fault(field, "unknown field")),
            Some((_, MetaSchemaRef::Inline(expected))) if !fits(value, expected) => {
                let nullable = schema.required.iter().all(|name| name != field);
                if !(nullable && value.is_null()) {
                    faults.push(fault(field, &format!("expected a {}", expected.ty)));
                }
            }
            _ => {}
        }
    }
    faults
}

/// Whether `value` is of the type that `expected` names.
fn fits(value: &Value, expected: &MetaSchema) -> bool {
    match expected.ty {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn fault(field: &str, message: &str) -> FieldFault {
    FieldFault { field: field.to_owned(), message: message.to_owned() }
}
