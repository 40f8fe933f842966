//! AVX-512 with VNNI: 16 lanes.

mod lanes;

use crate::attention::{Buffers, Partial, Piece, piece_with};
use crate::limits::{peak_with, read_with};
use crate::matmul::{Call, Workspace};
use crate::tiled;
use lanes::Avx512;
use std::ops::Range;

// Each function enables the features for everything that is inlined into it. Callers hold
// `Kernel::Avx512Vnni.is_available()`.

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn tiles(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
    // SAFETY: the features are enabled here; the rest is the caller's.
    unsafe { tiled::tiles::<Avx512>(call, tiles, work) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn attend(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    // SAFETY: as above.
    unsafe { piece_with::<Avx512>(piece, buffers, part) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn read(p: *const u8, len: usize) {
    // SAFETY: as above.
    unsafe { read_with::<Avx512>(p, len) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
pub(crate) unsafe fn peak(rounds: usize) {
    // SAFETY: as above.
    unsafe { peak_with::<Avx512>(rounds) }
}
