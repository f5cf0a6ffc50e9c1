//! Figures: people, made of lofts on bones.
//!
//! `wardrobe` decides what a [`Person`] looks like, `tailor` builds its parts; `gait` and `pose` move its bones, `loft` projects its parts and
//! `silhouette` turns them into pixels, painted by `surface`. Where a figure walks is decided
//! elsewhere.

mod gait;
mod loft;
mod person;
mod pose;
mod silhouette;
mod surface;
mod tailor;
mod wardrobe;

pub(super) use gait::STRIDE;
pub(super) use person::Person;
pub(super) use pose::{Pose, Stance};
pub(super) use silhouette::{Silhouette, Sprite};
pub(super) use wardrobe::Build;
