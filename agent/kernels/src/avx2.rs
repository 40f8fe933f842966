//! AVX2: 8 lanes, with the 256-bit dot product (`vnni`) or without (`plain`).

mod lanes;

/// AVX2, FMA, F16C. Callers hold `Kernel::Avx2.is_available()`.
pub(crate) mod plain {
    use super::lanes::Ymm;
    use crate::attention::{Buffers, Partial, Piece, piece_with};
    use crate::limits::{peak_with, read_with};
    use crate::matmul::{Call, Workspace};
    use crate::tiled;
    use std::ops::Range;

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn tiles(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { tiled::tiles::<Ymm<false>>(call, tiles, work) }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn attend(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { piece_with::<Ymm<false>>(piece, buffers, part) }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn read(p: *const u8, len: usize) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { read_with::<Ymm<false>>(p, len) }
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    pub(crate) unsafe fn peak(rounds: usize) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { peak_with::<Ymm<false>>(rounds) }
    }
}

/// The same with AVX-VNNI. Callers hold `Kernel::AvxVnni.is_available()`.
pub(crate) mod vnni {
    use super::lanes::Ymm;
    use crate::attention::{Buffers, Partial, Piece, piece_with};
    use crate::limits::{peak_with, read_with};
    use crate::matmul::{Call, Workspace};
    use crate::tiled;
    use std::ops::Range;

    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(crate) unsafe fn tiles(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { tiled::tiles::<Ymm<true>>(call, tiles, work) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(crate) unsafe fn attend(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { piece_with::<Ymm<true>>(piece, buffers, part) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(crate) unsafe fn read(p: *const u8, len: usize) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { read_with::<Ymm<true>>(p, len) }
    }

    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(crate) unsafe fn peak(rounds: usize) {
        // SAFETY: the features are enabled here; the rest is the caller's.
        unsafe { peak_with::<Ymm<true>>(rounds) }
    }
}
