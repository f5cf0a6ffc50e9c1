//! Smooth pseudo-random texture from integer hashes: the same everywhere, at any point, without
//! a state.

/// A well mixed 32-bit hash of two integers and a seed (the finaliser of MurmurHash3).
pub(super) const fn hash(x: i32, y: i32, seed: u32) -> u32 {
    let mut h = seed
        ^ (x as u32).wrapping_mul(0x85eb_ca6b)
        ^ (y as u32).wrapping_mul(0xc2b2_ae35).rotate_left(15);
    h ^= h >> 16;
    h = h.wrapping_mul(0x7feb_352d);
    h ^= h >> 15;
    h = h.wrapping_mul(0x846c_a68b);
    h ^ (h >> 16)
}

/// A number in 0..1 for a lattice point.
pub(super) fn lattice(x: i32, y: i32, seed: u32) -> f32 {
    (hash(x, y, seed) >> 8) as f32 / (1u32 << 24) as f32
}

/// Value noise: 0 to 1, smooth, with features of size 1.
pub(super) fn value(x: f32, y: f32, seed: u32) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy) = (fx as i32, fy as i32);
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (tx, ty) = (smooth(x - fx), smooth(y - fy));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    mix(
        mix(lattice(ix, iy, seed), lattice(ix + 1, iy, seed), tx),
        mix(lattice(ix, iy + 1, seed), lattice(ix + 1, iy + 1, seed), tx),
        ty,
    )
}

/// `octaves` layers of [`value`], each half as strong and twice as fine as the one before; 0 to 1.
pub(super) fn fractal(x: f32, y: f32, octaves: u32, seed: u32) -> f32 {
    let (mut sum, mut weight, mut scale) = (0.0, 0.0, 1.0);
    for octave in 0..octaves {
        let strength = 1.0 / scale;
        sum += strength * value(x * scale, y * scale, seed.wrapping_add(octave * 7919));
        weight += strength;
        scale *= 2.0;
    }
    sum / weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_fills_its_range() {
        let (mut low, mut high) = (1f32, 0f32);
        for i in 0..4000 {
            let (x, y) = (i as f32 * 0.173 - 300.0, i as f32 * 0.091);
            let v = value(x, y, 5);
            assert!((v - value(x + 0.001, y, 5)).abs() < 0.01);
            (low, high) = (low.min(v), high.max(v));
        }
        assert!(low < 0.1 && high > 0.9, "{low} to {high}");
        assert_ne!(value(0.5, 0.5, 1), value(0.5, 0.5, 2));
    }
}
