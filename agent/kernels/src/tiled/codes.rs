//! From planes to codes, and to integer sums.

use crate::lanes::Lanes;

/// Codes of a block of 32 columns, a register for each quad.
///
/// # Safety
///
/// `MAIN + EXTRA` vectors are readable at `p`; the machine has the instructions of `L`.
#[inline(always)]
pub(crate) unsafe fn block<L: Lanes, const MAIN: usize, const EXTRA: usize>(p: *const u8) -> [L::I; 8] {
    // SAFETY: the caller's.
    unsafe {
        let vector = 4 * L::ROWS;
        let mut codes = [L::splat(0); 8];
        if MAIN == 8 {
            for (q, code) in codes.iter_mut().enumerate() {
                *code = L::load(p.add(q * vector));
            }
            return codes;
        }
        if MAIN == 4 {
            let mask = L::splat(0x0f0f_0f0f);
            for v in 0..4 {
                let main = L::load(p.add(v * vector));
                codes[v] = L::and(main, mask);
                codes[v + 4] = L::and(L::shr::<4>(main), mask);
            }
        } else {
            let mask = L::splat(0x0303_0303);
            for v in 0..2 {
                let main = L::load(p.add(v * vector));
                codes[v] = L::and(main, mask);
                codes[v + 2] = L::and(L::shr::<2>(main), mask);
                codes[v + 4] = L::and(L::shr::<4>(main), mask);
                codes[v + 6] = L::and(L::shr::<6>(main), mask);
            }
        }
        let p = p.add(MAIN * vector);
        if EXTRA == 2 {
            // Two bits to positions 4 and 5.
            let mask = L::splat(0x3030_3030);
            for v in 0..2 {
                let extra = L::load(p.add(v * vector));
                codes[v] = L::or(codes[v], L::and(L::shl::<4>(extra), mask));
                codes[v + 2] = L::or(codes[v + 2], L::and(L::shl::<2>(extra), mask));
                codes[v + 4] = L::or(codes[v + 4], L::and(extra, mask));
                codes[v + 6] = L::or(codes[v + 6], L::and(L::shr::<2>(extra), mask));
            }
        } else if EXTRA == 1 && MAIN == 4 {
            let mask = L::splat(0x1010_1010);
            let extra = L::load(p);
            codes[0] = L::or(codes[0], L::and(L::shl::<4>(extra), mask));
            codes[1] = L::or(codes[1], L::and(L::shl::<3>(extra), mask));
            codes[2] = L::or(codes[2], L::and(L::shl::<2>(extra), mask));
            codes[3] = L::or(codes[3], L::and(L::shl::<1>(extra), mask));
            codes[4] = L::or(codes[4], L::and(extra, mask));
            codes[5] = L::or(codes[5], L::and(L::shr::<1>(extra), mask));
            codes[6] = L::or(codes[6], L::and(L::shr::<2>(extra), mask));
            codes[7] = L::or(codes[7], L::and(L::shr::<3>(extra), mask));
        } else if EXTRA == 1 {
            let mask = L::splat(0x0404_0404);
            let extra = L::load(p);
            codes[0] = L::or(codes[0], L::and(L::shl::<2>(extra), mask));
            codes[1] = L::or(codes[1], L::and(L::shl::<1>(extra), mask));
            codes[2] = L::or(codes[2], L::and(extra, mask));
            codes[3] = L::or(codes[3], L::and(L::shr::<1>(extra), mask));
            codes[4] = L::or(codes[4], L::and(L::shr::<2>(extra), mask));
            codes[5] = L::or(codes[5], L::and(L::shr::<3>(extra), mask));
            codes[6] = L::or(codes[6], L::and(L::shr::<4>(extra), mask));
            codes[7] = L::or(codes[7], L::and(L::shr::<5>(extra), mask));
        }
        codes
    }
}

/// Σ code · activation over columns 0 … 15 and 16 … 31 of a block, added to `first` and `second`.
///
/// Where the dot product takes any byte, codes of two and four bits stay where they are in the byte and the
/// sum is shifted instead: one shift for eight.
///
/// # Safety
///
/// As [`block`]; 32 activations are readable at `a`.
#[inline(always)]
pub(crate) unsafe fn sums<L: Lanes, const MAIN: usize, const EXTRA: usize>(
    p: *const u8,
    a: *const i8,
    first: L::I,
    second: L::I,
) -> (L::I, L::I) {
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's.
    unsafe {
        if MAIN == 8 {
            let (mut first, mut second) = (first, second);
            for q in 0..4 {
                first = L::dot8(first, L::load(p.add(q * vector)), L::quad(a.add(4 * q)));
                second = L::dot8(second, L::load(p.add((q + 4) * vector)), L::quad(a.add(16 + 4 * q)));
            }
            return (first, second);
        }
        if L::FULL_DOT && MAIN == 4 && EXTRA == 0 {
            let (low, high) = (L::splat(0x0f0f_0f0f), L::splat(0xf0f0_f0f0_u32 as i32));
            let (mut first, mut shifted) = (first, L::splat(0));
            for v in 0..4 {
                let main = L::load(p.add(v * vector));
                first = L::dot(first, L::and(main, low), L::quad(a.add(4 * v)));
                shifted = L::dot(shifted, L::and(main, high), L::quad(a.add(16 + 4 * v)));
            }
            return (first, L::add(second, L::sar::<4>(shifted)));
        }
        if L::FULL_DOT && MAIN == 2 && EXTRA == 0 {
            let mut fields = [first, L::splat(0), L::splat(0), L::splat(0)];
            fields2::<L>(p, a, &mut fields);
            let first = L::add(fields[0], L::sar::<2>(fields[1]));
            return (first, L::add(second, L::add(L::sar::<4>(fields[2]), L::sar::<6>(fields[3]))));
        }
        let c = block::<L, MAIN, EXTRA>(p);
        let (one, two) = ([c[0], c[1], c[2], c[3]], [c[4], c[5], c[6], c[7]]);
        match MAIN + EXTRA {
            2 => (L::dots::<3>(first, one, a), L::dots::<3>(second, two, a.add(16))),
            3 => (L::dots::<7>(first, one, a), L::dots::<7>(second, two, a.add(16))),
            4 => (L::dots::<15>(first, one, a), L::dots::<15>(second, two, a.add(16))),
            5 => (L::dots::<31>(first, one, a), L::dots::<31>(second, two, a.add(16))),
            _ => (L::dots::<63>(first, one, a), L::dots::<63>(second, two, a.add(16))),
        }
    }
}

/// Sums of a block of two-bit codes where they stand: field `f` is `4^f` times too large.
///
/// # Safety
///
/// As [`sums`], with a dot product that takes any byte.
#[inline(always)]
pub(crate) unsafe fn fields2<L: Lanes>(p: *const u8, a: *const i8, fields: &mut [L::I; 4]) {
    // SAFETY: the caller's.
    unsafe {
        for v in 0..2 {
            let main = L::load(p.add(v * 4 * L::ROWS));
            for (f, sum) in fields.iter_mut().enumerate() {
                let mask = L::splat((0x0303_0303_u32 << (2 * f)) as i32);
                *sum = L::dot(*sum, L::and(main, mask), L::quad(a.add(4 * (v + 2 * f))));
            }
        }
    }
}

/// The five codes of each byte (see `layout`).
///
/// # Safety
///
/// One vector is readable at `p`.
#[inline(always)]
pub(crate) unsafe fn base3<L: Lanes>(p: *const u8) -> [L::I; 5] {
    // SAFETY: the caller's.
    unsafe {
        let mask = L::splat(0x0303_0303);
        let mut digits = base3_high::<L>(p);
        for digit in &mut digits {
            *digit = L::xor(L::and(L::shr::<6>(*digit), mask), mask);
        }
        digits
    }
}

/// Three minus each of the five codes, in the top two bits of each byte; other bits are noise.
///
/// With `y = 255 − x`, `avg(y, avg(y, 255)) = 255 − ⌊3x / 4⌋` when the average rounds up, so its top bits are
/// the complement of ⌊3x / 256⌋; and 255 − (3x mod 256) = 3y + 2.
///
/// # Safety
///
/// As [`base3`].
#[inline(always)]
pub(crate) unsafe fn base3_high<L: Lanes>(p: *const u8) -> [L::I; 5] {
    // SAFETY: the caller's.
    unsafe {
        let (full, two) = (L::splat(-1), L::splat(0x0202_0202));
        let mut y = L::load(p);
        let mut digits = [full; 5];
        for digit in &mut digits {
            *digit = L::average8(y, L::average8(y, full));
            y = L::add8(L::add8(y, y), L::add8(y, two));
        }
        digits
    }
}

/// Codes of a Sherry chunk of 128 columns, each quad handed to `$each(quad, codes)` in order.
macro_rules! sherry_quads {
    ($lanes:ident, $p:expr, $each:ident) => {{
        let p = $p;
        let vector = 4 * $lanes::ROWS;
        let w0 = $lanes::load(p);
        six!($lanes, w0, 0, $each);
        let w1 = $lanes::load(p.add(vector));
        six!($lanes, w1, 6, $each);
        let w2 = $lanes::load(p.add(2 * vector));
        six!($lanes, w2, 12, $each);
        let w3 = $lanes::load(p.add(3 * vector));
        six!($lanes, w3, 18, $each);
        let w4 = $lanes::load(p.add(4 * vector));
        six!($lanes, w4, 24, $each);
        let spare = $crate::tiled::codes::spare::<$lanes>(w0, w1, w2, w3, w4);
        $each!(30, $lanes::sherry(spare));
        $each!(31, $lanes::sherry($lanes::shr::<5>(spare)));
    }};
}
macro_rules! six {
    ($lanes:ident, $word:ident, $at:expr, $each:ident) => {
        $each!($at, $lanes::sherry($word));
        $each!($at + 1, $lanes::sherry($lanes::shr::<5>($word)));
        $each!($at + 2, $lanes::sherry($lanes::shr::<10>($word)));
        $each!($at + 3, $lanes::sherry($lanes::shr::<15>($word)));
        $each!($at + 4, $lanes::sherry($lanes::shr::<20>($word)));
        $each!($at + 5, $lanes::sherry($lanes::shr::<25>($word)));
    };
}
pub(crate) use {sherry_quads, six};

/// The ten bits that five words have left over.
#[inline(always)]
pub(crate) unsafe fn spare<L: Lanes>(w0: L::I, w1: L::I, w2: L::I, w3: L::I, w4: L::I) -> L::I {
    // SAFETY: no memory is touched; the instructions are the caller's promise.
    unsafe {
        let spare = L::or(L::shr::<30>(w0), L::and(L::shr::<28>(w1), L::splat(0xc)));
        let spare = L::or(spare, L::and(L::shr::<26>(w2), L::splat(0x30)));
        let spare = L::or(spare, L::and(L::shr::<24>(w3), L::splat(0xc0)));
        L::or(spare, L::and(L::shr::<22>(w4), L::splat(0x300)))
    }
}
