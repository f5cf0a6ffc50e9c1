//! Types whose schema is written elsewhere: in the registry of kinds and codes, or by `schemars`.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{
    ParseError, ParseFromJSON, ParseFromParameter, ParseResult, ToJSON, Type,
};
use schema::ErrorKind;
use schema::job::JobKind;
use serde_json::Value;
use std::borrow::Cow;

/// A type of poem-openapi around `$inner`, named `$name` in the document.
macro_rules! named {
    ($(#[$doc:meta])* $type:ident($inner:ty) = $name:literal, $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) struct $type(pub(crate) $inner);

        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $name.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }

        impl ToJSON for $type {
            fn to_json(&self) -> Option<Value> {
                serde_json::to_value(&self.0).ok()
            }
        }

        impl ParseFromJSON for $type {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                let value = value.unwrap_or_default();
                serde_json::from_value(value).map(Self).map_err(ParseError::custom)
            }
        }
    };
}

fn enumeration<'a>(values: impl Iterator<Item = &'a str>, about: &'static str) -> MetaSchema {
    MetaSchema {
        enum_items: values.map(Value::from).collect(),
        description: Some(about),
        ..MetaSchema::new("string")
    }
}

named! {
    /// A code of the registry.
    ErrorCode(ErrorKind) = "ErrorCode",
    enumeration(
        ErrorKind::ALL.iter().map(|kind| kind.code()),
        "What went wrong. Codes may be added: tolerate those that you do not know.",
    )
}
named! {
    /// A kind of job.
    JobKindName(JobKind) = "JobKind",
    enumeration(
        JobKind::ALL.iter().map(|kind| kind.name()),
        "What is to be found out. Kinds may be added: tolerate those that you do not know.",
    )
}
named! {
    /// Parameters of a job of any kind.
    JobParameters(Value) = "JobParameters", MetaSchema::ANY
}
named! {
    /// Results of a job of any kind.
    JobResults(Value) = "JobResults", MetaSchema::ANY
}
named! {
    /// A job with the fields of its results beside its own.
    JobDetail(Value) = "JobDetail", MetaSchema::ANY
}
named! {
    /// A job of the first seed's doors, with the fields of its results beside its own.
    VideoJobDetail(Value) = "VideoJobDetail", MetaSchema::ANY
}

impl ParseFromParameter for JobKindName {
    fn parse_from_parameter(value: &str) -> ParseResult<Self> {
        value.parse().map(Self).map_err(|error: schema::Error| {
            let told = error.fields().first().map(|fault| fault.message.clone());
            ParseError::custom(told.unwrap_or_default())
        })
    }
}
