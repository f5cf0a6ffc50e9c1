//! Arithmetic on [`LANES`] numbers at once, in a form that the compiler turns into vector code: a
//! condition is all ones or all zeros in its lane, never a branch.

/// Cells that are updated together.
pub(in super::super) const LANES: usize = 16;

/// One number for each lane.
pub(super) type Lanes = [f32; LANES];

/// One condition for each lane: all bits set where it holds, none where it does not.
pub(super) type Flags = [u32; LANES];

/// No lane.
pub(super) const NONE: Flags = [0; LANES];

/// Computes every lane by itself.
#[inline(always)]
pub(super) fn lanes<T: Copy + Default>(value: impl Fn(usize) -> T) -> [T; LANES] {
    let mut all = [T::default(); LANES];
    for (l, lane) in all.iter_mut().enumerate() {
        *lane = value(l);
    }
    all
}

/// A condition as it stands in [`Flags`].
#[inline(always)]
pub(super) const fn flag(condition: bool) -> u32 {
    (condition as u32).wrapping_neg()
}

/// `a` where the flag is set, else `b`.
#[inline(always)]
pub(super) const fn select(flag: u32, a: f32, b: f32) -> f32 {
    f32::from_bits((a.to_bits() & flag) | (b.to_bits() & !flag))
}

/// Whether any lane is set.
#[inline(always)]
pub(super) fn any(flags: &Flags) -> bool {
    flags.iter().fold(0, |all, flag| all | flag) != 0
}
