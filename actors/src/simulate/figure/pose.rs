//! Where the bones of a figure are at one moment: forward kinematics from the gait's angles.

use super::gait;
use crate::simulate::space::{Spot, UP, Vec3};

/// What a figure does at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulate) struct Stance {
    /// Where it stands on the ground.
    pub(in crate::simulate) spot: Spot,
    /// Which way it faces, in radians: 0 is away from the camera, a quarter turn to the right.
    pub(in crate::simulate) heading: f32,
    /// Strides since it set out; the fraction is the phase of the right leg.
    pub(in crate::simulate) strides: f32,
    /// 0 standing, 1 walking at its own pace.
    pub(in crate::simulate) swing: f32,
    /// Where it looks relative to where it faces, in radians, positive to its right.
    pub(in crate::simulate) gaze: f32,
}

/// What a figure does with one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carriage {
    /// Swings it.
    Swing,
    /// Keeps the hand in a pocket.
    Pocket,
    /// Holds something in front of the chest: a phone, a cup.
    Hold,
    /// Carries something heavy: it hangs.
    Hang,
}

/// The measures of a body that its pose depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Metres.
    pub(super) height: f32,
    /// Head length as a part of the height: 1/7.5 of an adult, 1/6 of a child.
    pub(super) head: f32,
    /// Half the distance between the shoulder joints, of the height.
    pub(super) shoulders: f32,
    /// What the left and the right arm do.
    pub(super) arms: [Carriage; 2],
    /// How far the trunk leans forward, in radians.
    pub(super) lean: f32,
}

/// A bone; parts of the figure are fixed to bones. Pairs are left, right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bone {
    Head,
    Neck,
    Trunk,
    Skirt,
    UpperArm(usize),
    Forearm(usize),
    Hand(usize),
    Thigh(usize),
    Shin(usize),
    Foot(usize),
}

/// How a bone lies: from its upper to its lower end, with the directions across it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Placement {
    pub(super) top: Vec3,
    pub(super) bottom: Vec3,
    /// Unit vector to the figure's right.
    pub(super) right: Vec3,
    /// Unit vector to the front of what hangs on the bone.
    pub(super) front: Vec3,
}

impl Placement {
    /// The point `across` metres to the right and `ahead` metres to the front of the place `t`
    /// along the bone, 0 top, 1 bottom.
    pub(super) fn at(&self, across: f32, ahead: f32, t: f32) -> Vec3 {
        self.top.lerp(self.bottom, t) + self.right * across + self.front * ahead
    }
}

/// All bones of a figure at one moment.
#[derive(Debug, Clone)]
pub(in crate::simulate) struct Pose {
    head: Placement,
    neck: Placement,
    trunk: Placement,
    skirt: Placement,
    arms: [[Placement; 3]; 2],
    legs: [[Placement; 3]; 2],
    /// By how much a skirt is deeper at the knees than its cut, which it must be to hold them.
    pub(super) flare: f32,
    /// Soles of the left and right foot: the middle of each, with its height above the ground.
    pub(in crate::simulate) soles: [Vec3; 2],
}

/// The turn of a plane: where right and ahead are for a heading.
fn axes(heading: f32) -> (Vec3, Vec3) {
    let (sin, cos) = heading.sin_cos();
    (Vec3::new(cos, 0.0, -sin), Vec3::new(sin, 0.0, cos))
}

/// Straight down, turned by `angle` radians towards `ahead`.
fn hanging(ahead: Vec3, angle: f32) -> Vec3 {
    let (sin, cos) = angle.sin_cos();
    ahead * sin - UP * cos
}

impl Pose {
    /// The pose of a body in a stance. The lowest point of the feet is on the ground.
    pub(super) fn new(frame: &Frame, stance: &Stance) -> Self {
        let h = frame.height;
        let (right, ahead) = axes(stance.heading);
        let stride = stance.strides * std::f32::consts::TAU;
        let (turn, sway) =
            (0.09 * stance.swing * stride.cos(), 0.012 * stance.swing * stride.sin());
        let hips = stance.spot.above(0.0) + right * sway;
        let mut legs = [[Placement::default(); 3]; 2];
        let mut soles = [Vec3::default(); 2];
        for side in 0..2 {
            let phase = stance.strides + if side == 1 { 0.0 } else { 0.5 };
            let angles = gait::leg(phase, stance.swing);
            let out = if side == 1 { 0.045 } else { -0.045 };
            (legs[side], soles[side]) =
                leg(frame, hips + right * (out * h), stance.heading, angles);
        }
        let lowest = legs.iter().map(|l| lowest_point(&l[2], h)).fold(f32::MAX, f32::min);
        let lift = UP * -lowest;
        for bone in legs.iter_mut().flatten() {
            (bone.top, bone.bottom) = (bone.top + lift, bone.bottom + lift);
        }
        let soles = soles.map(|s| s + lift);
        let hips = hips + lift;
        let knees = [0, 1].map(|side| (legs[side][0].bottom - hips).dot(ahead));
        let flare = (0.5 * (knees[0] - knees[1]).abs() / (0.085 * h) - 0.35).max(0.0);

        let (twisted, facing) = axes(stance.heading - turn);
        let lean = frame.lean + 0.03 * stance.swing;
        let spine = UP * lean.cos() + facing * lean.sin();
        let crotch = hips - UP * (0.055 * h);
        let neck_height = 1.0 - frame.head * 1.20 - 0.525 + 0.055;
        let collar = crotch + spine * (neck_height * h);
        let trunk = Placement { top: collar, bottom: crotch, right: twisted, front: facing };
        let skirt = Placement {
            top: crotch + spine * (0.16 * h),
            bottom: crotch - UP * (0.24 * h) + ahead * (0.5 * (knees[0] + knees[1])),
            right,
            front: ahead,
        };
        let head = head(frame, collar, stance.heading - 0.4 * turn + stance.gaze);
        let neck = Placement {
            top: head.bottom + UP * (0.03 * h),
            bottom: collar - spine * (0.01 * h),
            right: twisted,
            front: facing,
        };
        let arms = [0, 1].map(|side| arm(frame, stance, &trunk, side));
        Self { head, neck, trunk, skirt, arms, legs, flare, soles }
    }

    pub(super) const fn bone(&self, bone: Bone) -> &Placement {
        match bone {
            Bone::Head => &self.head,
            Bone::Neck => &self.neck,
            Bone::Trunk => &self.trunk,
            Bone::Skirt => &self.skirt,
            Bone::UpperArm(side) => &self.arms[side][0],
            Bone::Forearm(side) => &self.arms[side][1],
            Bone::Hand(side) => &self.arms[side][2],
            Bone::Thigh(side) => &self.legs[side][0],
            Bone::Shin(side) => &self.legs[side][1],
            Bone::Foot(side) => &self.legs[side][2],
        }
    }
}

/// Head upright on the neck, a little forward of it.
fn head(frame: &Frame, collar: Vec3, heading: f32) -> Placement {
    let (right, front) = axes(heading);
    let chin = collar + UP * (0.20 * frame.head * frame.height) + front * (0.016 * frame.height);
    Placement { top: chin + UP * (frame.head * frame.height), bottom: chin, right, front }
}

/// Thigh, shin and foot from the hip joint, and the middle of the sole.
fn leg(frame: &Frame, hip: Vec3, heading: f32, angles: gait::Leg) -> ([Placement; 3], Vec3) {
    let h = frame.height;
    let (right, ahead) = axes(heading);
    let shin_angle = angles.hip - angles.knee;
    let thigh_way = hanging(ahead, angles.hip);
    let shin_way = hanging(ahead, shin_angle);
    let knee = hip + thigh_way * (0.24 * h);
    let ankle = knee + shin_way * (0.24 * h);
    let pitch = shin_angle + angles.ankle;
    let toe_way = ahead * pitch.cos() + UP * pitch.sin();
    let over = UP * pitch.cos() - ahead * pitch.sin();
    let heel = ankle - toe_way * (0.022 * h) - over * (0.026 * h);
    let toe = ankle + toe_way * (0.098 * h) - over * (0.031 * h);
    let front = |way: Vec3| ahead * -way.y + UP * way.dot(ahead);
    let bones = [
        Placement { top: hip, bottom: knee, right, front: front(thigh_way) },
        Placement { top: knee, bottom: ankle, right, front: front(shin_way) },
        Placement { top: heel, bottom: toe, right, front: over },
    ];
    (bones, heel.lerp(toe, 0.5) - over * (0.018 * h))
}

/// Height of the lowest point of a shoe.
fn lowest_point(foot: &Placement, height: f32) -> f32 {
    let sole = 0.019 * height;
    (foot.top.y - sole).min(foot.bottom.y - 0.8 * sole)
}

/// Upper arm, forearm and hand.
fn arm(frame: &Frame, stance: &Stance, trunk: &Placement, side: usize) -> [Placement; 3] {
    let h = frame.height;
    let phase = stance.strides + if side == 1 { 0.5 } else { 0.0 };
    let (swing_shoulder, swing_elbow) = gait::arm(phase, stance.swing);
    let (shoulder_angle, elbow, inward) = match frame.arms[side] {
        Carriage::Swing => (swing_shoulder, swing_elbow, 0.0),
        Carriage::Pocket => (0.4 * swing_shoulder - 0.32, 0.75, 0.12),
        Carriage::Hold => (0.3 * swing_shoulder + 0.12, 1.95, 0.5),
        Carriage::Hang => (0.25 * swing_shoulder, 0.10, 0.0),
    };
    let out = trunk.right * if side == 1 { 1.0 } else { -1.0 };
    let spine = (trunk.top - trunk.bottom).unit_or(UP);
    let joint = trunk.top - spine * (0.050 * h) + out * (frame.shoulders * h);
    let upper_way = (hanging(trunk.front, shoulder_angle) + out * 0.10).unit_or(UP);
    let fore_way =
        (hanging(trunk.front, shoulder_angle + elbow) + out * (0.03 - inward)).unit_or(UP);
    let elbow_at = joint + upper_way * (0.172 * h);
    let wrist = elbow_at + fore_way * (0.150 * h);
    let tip = wrist + fore_way * (0.085 * h);
    let front = |way: Vec3| (trunk.front - way * way.dot(trunk.front)).unit_or(UP);
    [
        Placement { top: joint, bottom: elbow_at, right: trunk.right, front: front(upper_way) },
        Placement { top: elbow_at, bottom: wrist, right: trunk.right, front: front(fore_way) },
        Placement { top: wrist, bottom: tip, right: trunk.front, front: trunk.right },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(in crate::simulate) fn adult() -> Frame {
        Frame {
            height: 1.75,
            head: 1.0 / 7.5,
            shoulders: 0.108,
            arms: [Carriage::Swing; 2],
            lean: 0.02,
        }
    }

    fn stance(strides: f32, swing: f32) -> Stance {
        Stance { spot: Spot::new(1.0, 9.0), heading: 0.7, strides, swing, gaze: 0.0 }
    }

    #[test]
    fn a_standing_body_has_its_height() {
        let pose = Pose::new(&adult(), &stance(0.0, 0.0));
        let crown = pose.bone(Bone::Head).top.y;
        assert!((crown - 1.75).abs() < 0.03, "{crown}");
    }

    #[test]
    fn one_foot_is_always_on_the_ground() {
        for i in 0..50 {
            let pose = Pose::new(&adult(), &stance(i as f32 / 50.0, 1.0));
            let lowest = [0, 1].map(|s| lowest_point(pose.bone(Bone::Foot(s)), 1.75));
            assert!(lowest[0].min(lowest[1]).abs() < 1e-4, "{lowest:?}");
        }
    }

    #[test]
    fn legs_part_while_walking_and_feet_slide_little() {
        let steps: Vec<Pose> =
            (0..20).map(|i| Pose::new(&adult(), &stance(i as f32 / 20.0, 1.0))).collect();
        let apart = |p: &Pose| (p.soles[0] - p.soles[1]).length();
        let widest = steps.iter().map(apart).fold(0.0, f32::max);
        assert!((0.5..0.9).contains(&widest), "{widest}");
        // The right foot stays while the body moves on: over the first half of the stride it
        // falls back by about half a stride.
        let (_, ahead) = axes(0.7);
        let back = (steps[1].soles[1] - steps[9].soles[1]).dot(ahead);
        let moved = 0.4 * gait::STRIDE * 1.75;
        assert!((back - moved).abs() < 0.2 * moved, "foot {back}, body {moved}");
    }
}
