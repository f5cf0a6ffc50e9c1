//! Decides what people look like: body, clothes, hair, and what they carry.
//!
//! Only choices are made here; `tailor` builds the parts.

use super::person::Person;
use super::pose::{Carriage, Frame};
use super::surface::{Cloth, Face, Front, Pattern};
use super::tailor;
use crate::simulate::light::Rgb;
use rand::{Rng, RngExt};

/// What the script asks of a person's looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulate) enum Build {
    /// Anybody grown up.
    Adult,
    /// Tall and in a long coat: hides who walks behind.
    Broad,
    /// Small and slim: disappears behind others.
    Small,
}

/// The kind of clothes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    TShirt,
    Shirt,
    Jumper,
    Jacket,
    OpenJacket,
    Coat,
    Dress,
    Skirt,
}

impl Style {
    const ALL: [Self; 8] = [
        Self::TShirt,
        Self::Shirt,
        Self::Jumper,
        Self::Jacket,
        Self::OpenJacket,
        Self::Coat,
        Self::Dress,
        Self::Skirt,
    ];
}

/// How hair is worn, or what is worn over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hair {
    Short,
    Long,
    Bun,
    Tail,
    /// With its colour.
    Cap(u32),
    Beanie(u32),
}

/// What is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luggage {
    None,
    Backpack,
    ShoulderBag,
    /// In the right hand.
    Bag,
}

/// Everything that is worn, with the measures of the body in it.
#[derive(Debug, Clone)]
pub(super) struct Outfit {
    /// Girth of body and hips: 1 is average.
    pub(super) girth: f32,
    pub(super) hips: f32,
    pub(super) skin: Rgb,
    /// What is worn on the trunk, how it is closed, and how far down the trunk it comes.
    pub(super) top: Cloth,
    pub(super) front: Front,
    pub(super) hem: f32,
    /// Depth of a bare neck, as a part of the trunk; 0 with a collar.
    pub(super) neckline: f32,
    /// Where sleeves end: 0 at the shoulder, 1 at the elbow, 2 at the wrist.
    pub(super) sleeves: f32,
    /// How thick the clothes are, of the height.
    pub(super) loose: f32,
    /// What is worn on the legs; `None` is bare.
    pub(super) trousers: Option<Cloth>,
    /// A skirt or the tails of a coat, with its length: 1 reaches below the knee.
    pub(super) skirt: Option<(Cloth, f32)>,
    /// Upper and sole.
    pub(super) shoes: (Rgb, Rgb),
    pub(super) hair: Hair,
    pub(super) face: Face,
    pub(super) luggage: Luggage,
    pub(super) leather: Rgb,
}

const SKINS: [u32; 7] = [0xe3b796, 0xd9a684, 0xc98e68, 0xa9714b, 0x8a5837, 0x6b4329, 0xecc4a8];
const HAIRS: [u32; 8] =
    [0x1c1714, 0x2b201a, 0x3d2a1e, 0x57392a, 0x8a6238, 0x6d6a68, 0x120f0e, 0x9d9690];
const TOPS: [u32; 18] = [
    0x23283a, 0x1b1c20, 0x4a4e57, 0x6d2129, 0x2f4a3a, 0x8d8f94, 0xc9c3b8, 0x39557d, 0x9a7b4f,
    0x7c2f3f, 0x55603e, 0xe4e2dc, 0x2a5d6e, 0xa8482f, 0x5d4a6b, 0xb59a3d, 0x33373d, 0x86a0b5,
];
const UNDER: [u32; 4] = [0xe8e6e1, 0xb9bcc4, 0x31343c, 0x7d8da3];
const LEGS: [u32; 9] =
    [0x20242f, 0x2d3a55, 0x17181b, 0x3d4148, 0x5b5348, 0x6f5f47, 0x394b6b, 0x2b2622, 0x6a6f77];
const SHOES: [u32; 6] = [0x17161a, 0x33261d, 0xd8d6d2, 0x5a4331, 0x2d3038, 0x9b9ea4];
const BAGS: [u32; 6] = [0x1e1f24, 0x4b3524, 0x6c2b2a, 0x2b3f52, 0x7a6a50, 0x394038];

fn pick<T: Copy, R: Rng>(rng: &mut R, from: &[T]) -> T {
    from[rng.random_range(0..from.len())]
}

impl Person {
    /// Somebody of the build that is asked for.
    pub(in crate::simulate) fn random<R: Rng>(rng: &mut R, build: Build) -> Self {
        let height = match build {
            Build::Adult => rng.random_range(1.60..1.88),
            Build::Broad => rng.random_range(1.86..1.94),
            Build::Small => rng.random_range(1.36..1.46),
        };
        let outfit = Outfit::random(rng, build);
        let frame = Frame {
            height,
            head: if build == Build::Small { 1.0 / 6.8 } else { 1.0 / 7.4 },
            shoulders: 0.104 * (0.6 + 0.4 * outfit.girth),
            arms: carriage(rng, build, outfit.luggage),
            lean: rng.random_range(0.01..0.06),
        };
        let parts = tailor::parts(&outfit, &frame);
        Self { frame, parts }
    }
}

/// What the arms do; somebody small keeps them close.
fn carriage<R: Rng>(rng: &mut R, build: Build, luggage: Luggage) -> [Carriage; 2] {
    if build == Build::Small {
        return [Carriage::Pocket; 2];
    }
    let one = |rng: &mut R| match rng.random_range(0..10) {
        0..6 => Carriage::Swing,
        6..8 => Carriage::Pocket,
        _ => Carriage::Hold,
    };
    let left = one(rng);
    let right = match luggage {
        Luggage::Bag => Carriage::Hang,
        _ if left == Carriage::Hold => Carriage::Swing,
        _ => one(rng),
    };
    [left, right]
}

impl Outfit {
    fn random<R: Rng>(rng: &mut R, build: Build) -> Self {
        let style = match build {
            Build::Adult => pick(rng, &Style::ALL),
            Build::Broad => Style::Coat,
            Build::Small => pick(rng, &Style::ALL[..4]),
        };
        let pattern = pattern(rng, style);
        let top = cloth(rng, &TOPS, pattern);
        let legs = trousers(rng);
        let under = cloth(rng, &UNDER, Pattern::Plain);
        let bare_legs = matches!(style, Style::Dress | Style::Skirt) && rng.random_bool(0.6);
        let hair = hair(rng, build);
        let skin = Rgb::hex(pick(rng, &SKINS));
        let shoe = Rgb::hex(pick(rng, &SHOES));
        Self {
            girth: match build {
                Build::Small => 0.86,
                Build::Broad => 1.12,
                Build::Adult => rng.random_range(0.92..1.14),
            },
            hips: rng.random_range(0.94..1.08),
            skin,
            top,
            front: match style {
                Style::Jacket => Front::Zip,
                Style::Coat | Style::OpenJacket => Front::Open(under),
                _ => Front::Closed,
            },
            hem: match style {
                Style::Dress | Style::Skirt => 0.6,
                Style::Shirt => 0.72,
                _ => rng.random_range(0.78..0.92),
            },
            neckline: if matches!(style, Style::TShirt | Style::Dress) { 0.10 } else { 0.0 },
            sleeves: match style {
                Style::TShirt | Style::Dress => rng.random_range(0.6..0.85),
                Style::Shirt => pick(rng, &[1.0, 1.95, 1.95]),
                _ => 2.0,
            },
            loose: match style {
                Style::TShirt | Style::Dress => 0.001,
                Style::Shirt | Style::Skirt => 0.003,
                _ => 0.008,
            },
            trousers: (!bare_legs).then_some(legs),
            skirt: match style {
                Style::Coat if build == Build::Broad => Some((top, 1.28)),
                Style::Coat => Some((top, 1.0)),
                Style::Dress => Some((top, rng.random_range(0.72..0.95))),
                Style::Skirt => Some((legs, rng.random_range(0.7..1.0))),
                _ => None,
            },
            shoes: (shoe, if rng.random_bool(0.4) { Rgb::hex(0xd9d7d0) } else { shoe * 0.6 }),
            hair,
            face: face(rng, skin, hair),
            luggage: luggage(rng, build),
            leather: Rgb::hex(pick(rng, &BAGS)),
        }
    }
}

fn cloth<R: Rng>(rng: &mut R, colors: &[u32], pattern: Pattern) -> Cloth {
    Cloth {
        color: Rgb::hex(pick(rng, colors)) * rng.random_range(0.85..1.2),
        second: Rgb::hex(pick(rng, &TOPS)),
        pattern,
        folds: rng.random_range(0.6..1.1),
        seed: rng.random(),
    }
}

fn trousers<R: Rng>(rng: &mut R) -> Cloth {
    let worn = if rng.random_bool(0.4) { Pattern::Faded } else { Pattern::Plain };
    let legs = cloth(rng, &LEGS, worn);
    Cloth { second: legs.color * 1.7, ..legs }
}

fn pattern<R: Rng>(rng: &mut R, style: Style) -> Pattern {
    match (style, rng.random_range(0..10)) {
        (Style::TShirt | Style::Jumper, 0..2) => Pattern::Stripes,
        (Style::TShirt | Style::Jumper, 2..4) => Pattern::Print,
        (Style::Shirt, 0..4) => Pattern::Checks,
        (Style::Jacket, 0..3) => Pattern::Block,
        _ => Pattern::Plain,
    }
}

fn hair<R: Rng>(rng: &mut R, build: Build) -> Hair {
    match rng.random_range(0..12) {
        _ if build == Build::Small => Hair::Short,
        0..5 => Hair::Short,
        5..7 => Hair::Long,
        7 => Hair::Bun,
        8 => Hair::Tail,
        9 | 10 => Hair::Cap(pick(rng, &BAGS)),
        _ => Hair::Beanie(pick(rng, &TOPS)),
    }
}

fn face<R: Rng>(rng: &mut R, skin: Rgb, hair: Hair) -> Face {
    let short = hair == Hair::Short;
    Face {
        skin,
        hair: Rgb::hex(pick(rng, &HAIRS)),
        hair_line: if short { rng.random_range(0.15..0.75) } else { 0.8 },
        beard: short && rng.random_bool(0.35),
        glasses: rng.random_bool(0.25),
        seed: rng.random(),
    }
}

fn luggage<R: Rng>(rng: &mut R, build: Build) -> Luggage {
    match rng.random_range(0..10) {
        _ if build == Build::Small => Luggage::None,
        0 | 1 => Luggage::Backpack,
        2 | 3 => Luggage::ShoulderBag,
        4 => Luggage::Bag,
        _ => Luggage::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_pcg::Pcg32;

    #[test]
    fn people_differ_and_have_the_build_that_was_asked_for() {
        let mut rng = Pcg32::seed_from_u64(3);
        let heights: Vec<f32> =
            (0..40).map(|_| Person::random(&mut rng, Build::Adult).height()).collect();
        let low = heights.iter().copied().fold(f32::MAX, f32::min);
        let high = heights.iter().copied().fold(f32::MIN, f32::max);
        assert!(low >= 1.60 && high <= 1.88 && high - low > 0.2, "{low} to {high}");
        let small = Person::random(&mut rng, Build::Small).height();
        let broad = Person::random(&mut rng, Build::Broad).height();
        assert!(broad - small > 0.4, "{small} {broad}");
    }
}
