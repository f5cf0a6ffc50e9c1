//! One person: a body and what it wears, as parts on bones.

use super::loft::{Loft, Projection, Shape};
use super::pose::{Bone, Frame, Pose, Stance};
use super::silhouette::Silhouette;
use super::surface::Surface;
use crate::simulate::shadow::Caster;
use crate::simulate::space::{Camera, Spot};

/// A loft fixed to a bone: its ends as `[across, ahead, t]`, in metres and parts of the bone.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) bone: Bone,
    pub(super) from: [f32; 3],
    pub(super) to: [f32; 3],
    pub(super) shape: Shape,
    pub(super) surface: Surface,
}

/// A person of the scene; looks the same in every frame.
#[derive(Debug, Clone)]
pub(in crate::simulate) struct Person {
    pub(super) frame: Frame,
    pub(super) parts: Vec<Part>,
}

impl Person {
    /// Height in metres.
    pub(in crate::simulate) const fn height(&self) -> f32 {
        self.frame.height
    }

    pub(in crate::simulate) fn pose(&self, stance: &Stance) -> Pose {
        Pose::new(&self.frame, stance)
    }

    /// Its pixels in a stance.
    pub(in crate::simulate) fn at(&self, stance: &Stance, camera: &Camera) -> Silhouette<'_> {
        self.silhouette(&self.pose(stance), stance.spot, camera)
    }

    /// What of it keeps the sun from the ground: every part, as a rod.
    pub(in crate::simulate) fn casters(&self, pose: &Pose) -> Vec<Caster> {
        let caster = |part: &Part| {
            let loft = part.loft(pose);
            let radius = |t: f32| {
                let (width, depth) = part.shape.section(t);
                0.5 * (width + depth)
            };
            Caster { ends: [loft.top, loft.bottom], radii: [radius(0.15), radius(0.85)] }
        };
        self.parts.iter().map(caster).collect()
    }

    /// Its pixels at a place and in a pose that was made before.
    pub(in crate::simulate) fn silhouette(
        &self,
        pose: &Pose,
        spot: Spot,
        camera: &Camera,
    ) -> Silhouette<'_> {
        let parts = self.parts.iter().map(|p| Projection::new(&p.loft(pose), camera)).collect();
        Silhouette::new(parts, camera.px_per_m(spot.z))
    }
}

impl Part {
    /// The part where its bone is.
    fn loft(&self, pose: &Pose) -> Loft<'_> {
        let place = pose.bone(self.bone);
        let flare = if self.bone == Bone::Skirt { pose.flare * self.to[2] } else { 0.0 };
        Loft {
            top: place.at(self.from[0], self.from[1], self.from[2]),
            bottom: place.at(self.to[0], self.to[1], self.to[2]),
            right: place.right,
            front: place.front,
            flare,
            shape: &self.shape,
            surface: &self.surface,
        }
    }
}
