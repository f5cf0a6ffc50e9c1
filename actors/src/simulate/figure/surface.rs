//! What figures are made of: colours by place on a loft.
//!
//! A place is `t` along the axis (0 top, 1 bottom) and the angle around it (0 front, radians).

use crate::simulate::light::Rgb;
use crate::simulate::noise;

/// Woven or knitted stuff.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cloth {
    pub(super) color: Rgb,
    /// The second colour of a pattern.
    pub(super) second: Rgb,
    pub(super) pattern: Pattern,
    /// How deep folds are, 0 to 1.
    pub(super) folds: f32,
    pub(super) seed: u32,
}

/// What is woven in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    Plain,
    /// Across the trunk.
    Stripes,
    Checks,
    /// A broad band across the chest.
    Block,
    /// A print on the chest.
    Print,
    /// Faded over the thighs, as denim is.
    Faded,
}

/// How the front of a garment is closed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Front {
    /// Pulled over the head.
    Closed,
    /// A zip or a row of buttons.
    Zip,
    /// Worn open over something else.
    Open(Cloth),
}

/// A face and the hair around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Face {
    pub(super) skin: Rgb,
    pub(super) hair: Rgb,
    /// How far the hair comes down: 0 bald, 0.5 short, 1 covers the ears.
    pub(super) hair_line: f32,
    pub(super) beard: bool,
    pub(super) glasses: bool,
    pub(super) seed: u32,
}

/// The surface of a loft.
#[derive(Debug, Clone, Copy)]
pub(super) enum Surface {
    /// Bare skin.
    Skin(Rgb),
    Head(Face),
    /// Strands along the axis.
    Hair(Rgb, u32),
    /// A garment, plain around.
    Cloth(Cloth),
    /// The trunk: a top down to `hem`, below it what is worn on the legs.
    Trunk {
        top: Cloth,
        front: Front,
        hem: f32,
        below: Cloth,
        skin: Rgb,
        neckline: f32,
    },
    /// A sleeve or leg that ends at `hem`, below it skin.
    Limb {
        cloth: Cloth,
        hem: f32,
        skin: Rgb,
    },
    /// Shoes: the upper and the sole.
    Shoe {
        upper: Rgb,
        sole: Rgb,
    },
    /// Bags.
    Leather(Rgb, u32),
}

/// Colour and how it takes light at one place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Reflected share of light.
    pub(super) albedo: Rgb,
    /// A tilt of the normal along the axis, from folds.
    pub(super) bump: f32,
}

impl Surface {
    /// The paint at `t` along and `angle` around a loft of `length_m` metres.
    pub(super) fn paint(&self, t: f32, angle: f32, length_m: f32) -> Paint {
        match self {
            Self::Skin(color) => Paint { albedo: *color, bump: 0.0 },
            Self::Head(face) => Paint { albedo: face.at(t, angle), bump: 0.0 },
            Self::Hair(color, seed) => {
                Paint { albedo: strands(*color, t * 3.0, angle, *seed), bump: 0.0 }
            }
            Self::Cloth(cloth) => cloth.at(t, angle, length_m),
            Self::Trunk { top, front, hem, below, skin, neckline } => {
                if t < *neckline * angle.cos().max(0.0) {
                    Paint { albedo: *skin, bump: 0.0 }
                } else if t < *hem {
                    top.trunk(front, t, angle, length_m, *hem)
                } else {
                    below.at(t, angle, length_m)
                }
            }
            Self::Limb { hem, skin, .. } if t > *hem => {
                // Right below the hem lies its shadow.
                let edge = if t < hem + 0.03 && *hem > 0.0 { 0.8 } else { 1.0 };
                Paint { albedo: *skin * edge, bump: 0.0 }
            }
            Self::Limb { cloth, hem, .. } => {
                let mut paint = cloth.at(t, angle, length_m);
                if t > hem - 0.04 {
                    paint.albedo = paint.albedo * 0.8;
                }
                paint
            }
            Self::Shoe { upper, sole } => {
                // Around the axis of a foot, 0 is its upper side.
                let albedo = if angle.cos() < -0.35 { *sole } else { *upper };
                Paint { albedo, bump: 0.0 }
            }
            Self::Leather(color, seed) => {
                let grain = noise::fractal(t * 6.0, angle * 2.0, 2, *seed);
                let seam = if (t - 0.35).abs() < 0.025 { 0.65 } else { 1.0 };
                Paint { albedo: *color * ((0.85 + 0.3 * grain) * seam), bump: 0.4 * (grain - 0.5) }
            }
        }
    }
}

impl Cloth {
    /// Pattern and folds.
    fn at(&self, t: f32, angle: f32, length_m: f32) -> Paint {
        let along = t * length_m;
        let mixed = match self.pattern {
            Pattern::Plain | Pattern::Print => 0.0,
            Pattern::Stripes => f32::from((along / 0.045).rem_euclid(1.0) < 0.42),
            Pattern::Checks => {
                0.5 * f32::from((along / 0.07).rem_euclid(1.0) < 0.4)
                    + 0.5 * f32::from((angle / 0.45).rem_euclid(1.0) < 0.4)
            }
            Pattern::Block => f32::from((0.24..0.46).contains(&t)),
            Pattern::Faded => 0.8 * (angle.cos() * (1.0 - (2.0 * t - 0.9).powi(2))).clamp(0.0, 1.0),
        };
        // Folds run a little slanted around the limb, finer across than along.
        let fold =
            noise::fractal(along * 13.0 + angle * 1.1, angle * 1.7 - along * 5.0, 3, self.seed);
        let weave = noise::value(along * 160.0, angle * 22.0, self.seed ^ 7);
        let tone = 1.0 + self.folds * 0.16 * (fold - 0.5) + 0.10 * (weave - 0.5);
        Paint {
            albedo: self.color.lerp(self.second, mixed) * tone,
            bump: self.folds * 1.1 * (fold - 0.5),
        }
    }

    /// The front of a trunk: collar, closing, hem, print.
    fn trunk(&self, front: &Front, t: f32, angle: f32, length_m: f32, hem: f32) -> Paint {
        let mut paint = self.at(t, angle, length_m);
        match front {
            Front::Closed => {}
            Front::Zip => {
                if angle.abs() < 0.05 {
                    paint.albedo = paint.albedo * 0.55;
                }
            }
            Front::Open(under) => {
                let gap = 0.30 - 0.12 * t;
                if angle.abs() < gap {
                    paint = under.at(t, angle, length_m);
                    // The open edge shades what lies under it.
                    paint.albedo = paint.albedo * (0.7 + 0.3 * (1.0 - angle.abs() / gap).min(1.0));
                } else if angle.abs() < gap + 0.10 {
                    paint.albedo = paint.albedo * 0.82;
                }
            }
        }
        if self.pattern == Pattern::Print && (0.26..0.44).contains(&t) && angle.abs() < 0.42 {
            paint.albedo = paint.albedo.lerp(self.second, 0.85);
        }
        if t > hem - 0.025 {
            paint.albedo = paint.albedo * 0.7;
        }
        paint
    }
}

/// Hair with strands that vary around the head.
fn strands(color: Rgb, t: f32, angle: f32, seed: u32) -> Rgb {
    color * (0.72 + 0.56 * noise::fractal(angle * 7.0, t * 1.6, 2, seed))
}

impl Face {
    /// Skin, features and hair at a place of the head.
    fn at(&self, t: f32, angle: f32) -> Rgb {
        let around = angle.abs();
        // How far down the hair comes, from the forehead over the temples to the nape.
        let side = smoothstep(0.55, 1.25, around);
        let back = smoothstep(1.3, 1.9, around);
        let line =
            0.20 + side * (0.05 + 0.35 * self.hair_line) + back * 0.34 * self.hair_line.max(0.4);
        let line = line * self.hair_line.min(0.5) * 2.0 + 0.02 * (angle * 9.0).sin();
        if t < line {
            return strands(self.hair, t * 4.0, angle, self.seed);
        }
        let spot = |at_t: f32, at_angle: f32, half_t: f32, half_angle: f32| {
            let (dt, da) = ((t - at_t) / half_t, (around - at_angle) / half_angle);
            (1.0 - dt * dt - da * da).max(0.0)
        };
        let mut skin = self.skin;
        skin = skin * (1.0 - 0.35 * spot(0.50, 0.42, 0.10, 0.34));
        skin = skin * (1.0 - 0.75 * spot(0.51, 0.42, 0.045, 0.17).min(1.0).sqrt());
        skin = skin.lerp(self.hair, 0.75 * spot(0.425, 0.42, 0.028, 0.26).sqrt());
        skin = skin * (1.0 - 0.45 * spot(0.70, 0.0, 0.035, 0.22));
        skin = skin.lerp(
            Rgb::new(self.skin.r * 0.75, self.skin.g * 0.45, self.skin.b * 0.45),
            spot(0.80, 0.0, 0.032, 0.30).sqrt(),
        );
        skin = skin * (1.0 - 0.25 * spot(0.89, 0.0, 0.03, 0.3));
        if self.beard && t > 0.66 && around < 1.5 {
            skin = skin.lerp(self.hair, 0.7 * smoothstep(0.66, 0.76, t + 0.08 * around));
        }
        if self.glasses && spot(0.50, 0.42, 0.075, 0.33) > 0.0 {
            skin = skin * 0.35;
        }
        skin
    }
}

/// 0 below `from`, 1 above `to`, smooth between.
pub(super) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::PI;

    #[test]
    fn a_head_has_a_face_in_front_and_hair_behind() {
        let (skin, hair) = (Rgb::new(0.6, 0.4, 0.3), Rgb::new(0.02, 0.02, 0.02));
        let face = Face { skin, hair, hair_line: 0.6, beard: false, glasses: false, seed: 1 };
        let bright = |t: f32, angle: f32| face.at(t, angle).r;
        assert!(bright(0.62, 0.3) > 0.4, "a cheek");
        assert!(bright(0.08, 0.0) < 0.1, "the crown");
        assert!(bright(0.4, PI) < 0.1, "the back of the head");
        assert!(bright(0.51, 0.42) < 0.4, "an eye");
    }

    #[test]
    fn a_trunk_wears_its_top_above_the_hem_and_its_trousers_below() {
        let cloth = |color: Rgb| Cloth {
            color,
            second: color,
            pattern: Pattern::Plain,
            folds: 0.5,
            seed: 2,
        };
        let (red, blue) = (Rgb::new(0.6, 0.0, 0.0), Rgb::new(0.0, 0.0, 0.6));
        let trunk = Surface::Trunk {
            top: cloth(red),
            front: Front::Closed,
            hem: 0.8,
            below: cloth(blue),
            skin: Rgb::new(0.0, 0.5, 0.0),
            neckline: 0.1,
        };
        let paint = |t: f32, angle: f32| trunk.paint(t, angle, 0.6).albedo;
        assert!(paint(0.5, 0.0).r > 0.4 && paint(0.9, 0.0).b > 0.4);
        assert!(paint(0.05, 0.0).g > 0.4, "a bare neck in front");
        assert!(paint(0.05, PI).r > 0.4, "none behind");
    }
}
