//! Tokens times matrices: quantise once, split rows over threads.

use crate::activations::{Activations, Grain, Token, View, quantize};
use crate::layout::{Coding, Scaling};
use crate::memory::Buffer;
use crate::{Gate, Kernel, Matrix, Pool};
use std::ops::Range;
use std::sync::Mutex;

/// Reusable memory of [`matmul`]: activation codes, and a panel and accumulators for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    block: Activations,
    token: Activations,
    /// `token` for matrices in `SherryTable` order.
    turned: Activations,
    /// Of a gated product that is not fused.
    pub(crate) up: Vec<f32>,
    threads: Vec<Mutex<Workspace>>,
    apart: bool,
}

impl Scratch {
    /// Empty; grows to what is needed and stays.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether products of several tokens give each the very bytes that it gets alone. Weights are still read once for
    /// all, but unpacked for each: right for a few tokens, several times slower than together for many.
    pub fn apart(&mut self, apart: bool) {
        self.apart = apart;
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.apart
    }
}

/// What one thread works in.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    panel: Option<Buffer>,
}

impl Workspace {
    /// At least `bytes` for unpacked weights and `sums` 32-bit accumulators, each from a cache line on: registers of
    /// sums that straddle lines cost a third of the product's speed.
    pub(crate) fn reserve(&mut self, bytes: usize, sums: usize) -> (*mut u8, *mut u32) {
        let first = bytes.next_multiple_of(64);
        let all = first + sums * size_of::<u32>();
        if self.panel.as_ref().is_none_or(|p| p.len() < all) {
            self.panel = Buffer::apart(all.next_power_of_two());
        }
        let panel = self.panel.as_mut().map_or(std::ptr::null_mut(), Buffer::as_mut_ptr);
        assert!(!panel.is_null(), "no memory for a panel of {all} bytes");
        // The buffer is aligned to lines, and so is what follows whole lines.
        (panel, panel.wrapping_add(first).cast())
    }
}

/// Where `y` goes: `n × rows`, row-major.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    pub(crate) start: *mut f32,
    pub(crate) rows: usize,
}

// SAFETY: threads write disjoint rows, and the exclusive borrow behind `start` outlives the parallel region.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

impl Out {
    /// Stores `y` of token `t`, row `row`.
    ///
    /// # Safety
    ///
    /// `t < n`, `row < rows`, and no other thread writes this row.
    pub(crate) unsafe fn put(self, t: usize, row: usize, y: f32) {
        // SAFETY: inside `n × rows` by the caller's promise.
        unsafe { *self.start.add(t * self.rows + row) = y };
    }
}

/// One matrix times all tokens.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) matrix: &'a Matrix,
    pub(crate) x: &'a [f32],
    pub(crate) n: usize,
    pub(crate) activations: View<'a>,
    pub(crate) out: Out,
    /// Fused: the matrix that `matrix` is the gate of, of the same layout. Several tokens, `tiled` kernels only.
    pub(crate) up: Option<(&'a Matrix, Gate)>,
    /// Token by token over each few tiles: [`Scratch::apart`].
    apart: bool,
}

impl Call<'_> {
    /// The part of one token.
    fn token(&self, t: usize) -> Self {
        let (cols, rows) = (self.matrix.cols(), self.out.rows);
        // Inside `n × rows`, as `t < n`.
        let out = Out { start: self.out.start.wrapping_add(t * rows), rows };
        Self { x: &self.x[t * cols..][..cols], n: 1, activations: self.activations.token(t, self.n), out, apart: false, ..*self }
    }
}

/// `outs[i][t][r] = Σ_c weights[i][r][c] · x[t][c]` for `n` tokens.
///
/// Matrices that share `x` (query, key and value; gate and up) go in one call: activations are
/// quantised once and threads meet once. `x` is `n × cols`, `outs[i]` is `n × rows_i`, row-major. A
/// value in `x` that is not finite makes its token's outputs NaN where its block is read. The same input
/// gives the same bytes on any number of threads.
///
/// # Panics
///
/// If lengths do not agree. Never on values.
pub fn matmul(pool: &Pool, x: &[f32], n: usize, weights: &[&Matrix], outs: &mut [&mut [f32]], scratch: &mut Scratch) {
    multiply(pool, x, n, weights, outs, scratch);
    crate::lowrank::correct(pool, x, n, weights, outs, scratch);
}

/// [`matmul`] without corrections.
pub(crate) fn multiply(pool: &Pool, x: &[f32], n: usize, weights: &[&Matrix], outs: &mut [&mut [f32]], scratch: &mut Scratch) {
    product(pool, x, n, weights, None, outs, scratch);
}

/// [`multiply`]; or, with `up`, the gated product of the one matrix in `weights`. Corrections are left out.
pub(crate) fn product(
    pool: &Pool,
    x: &[f32],
    n: usize,
    weights: &[&Matrix],
    up: Option<(&Matrix, Gate)>,
    outs: &mut [&mut [f32]],
    scratch: &mut Scratch,
) {
    product_by(run, pool, x, n, weights, up, outs, scratch);
}

/// Multiplies some tiles.
type Run = fn(&Call<'_>, Range<usize>, &mut Workspace);

/// [`product`] with a given inner function.
pub(crate) fn product_by(
    run: Run,
    pool: &Pool,
    x: &[f32],
    n: usize,
    weights: &[&Matrix],
    up: Option<(&Matrix, Gate)>,
    outs: &mut [&mut [f32]],
    scratch: &mut Scratch,
) {
    assert_eq!(weights.len(), outs.len(), "one output for each matrix");
    let Some(cols) = weights.first().map(|w| w.cols()) else { return };
    assert_eq!(x.len(), n * cols, "x must hold {n} tokens of {cols} values");
    for (w, out) in weights.iter().zip(outs.iter()) {
        assert_eq!(w.cols(), cols, "matrices of one call have the same columns");
        assert_eq!(out.len(), n * w.rows(), "an output must hold {n} tokens of {} values", w.rows());
    }
    if n == 0 {
        return;
    }
    scratch.threads.resize_with(scratch.threads.len().max(pool.threads()), Mutex::default);
    let wants = |scaling: fn(Scaling) -> bool| weights.iter().any(|w| scaling(w.layout.scaling));
    if wants(|s| matches!(s, Scaling::Block { .. })) {
        quantize_all(pool, x, n, cols, Grain::Block, &mut scratch.block);
    }
    if wants(|s| s == Scaling::Row) {
        quantize_all(pool, x, n, cols, Grain::Token, &mut scratch.token);
    }
    // NEON turns them while it loads.
    let turned = |w: &Matrix| w.layout.coding == Coding::SherryTable && matches!(w.kernel, Kernel::Avx2 | Kernel::AvxVnni);
    if weights.iter().any(|w| turned(w)) {
        scratch.turned.turn(&scratch.token);
    }
    let calls: Vec<Call<'_>> = weights
        .iter()
        .zip(outs.iter_mut())
        .map(|(matrix, out)| Call {
            matrix,
            x,
            n,
            activations: match matrix.layout.scaling {
                Scaling::Row if turned(matrix) => scratch.turned.view(),
                Scaling::Row => scratch.token.view(),
                _ => scratch.block.view(),
            },
            out: Out { start: out.as_mut_ptr(), rows: matrix.rows() },
            up,
            apart: scratch.apart && n > 1,
        })
        .collect();
    share(run, pool, &calls, &scratch.threads);
}

/// Below this many values one thread quantises faster than several meet.
const QUANTIZE_ALONE: usize = 32 << 10;

fn quantize_all(pool: &Pool, x: &[f32], n: usize, cols: usize, grain: Grain, a: &mut Activations) {
    a.reset(n, cols, grain);
    let sums = a.sums.len() / n;
    let parts = Parts { codes: a.codes.as_mut_ptr(), scales: a.scales.as_mut_ptr(), sums: a.sums.as_mut_ptr() };
    let (stride, blocks) = (a.stride, a.blocks);
    let one = |t: usize| {
        // SAFETY: token `t` alone has these ranges, all inside the vectors that `reset` sized, and each token is done once.
        let token = unsafe {
            Token {
                codes: std::slice::from_raw_parts_mut(parts.codes().add(t * stride), stride),
                scales: std::slice::from_raw_parts_mut(parts.scales().add(t * blocks), blocks),
                sums: std::slice::from_raw_parts_mut(parts.sums().add(t * sums), sums),
            }
        };
        quantize(&x[t * cols..][..cols], grain, token);
    };
    if n * cols <= QUANTIZE_ALONE {
        (0..n).for_each(one);
    } else {
        pool.split(n, 4, &|_, range| range.for_each(&one));
    }
}

/// Disjoint parts of the activation vectors, shared by threads.
struct Parts {
    codes: *mut i8,
    scales: *mut f32,
    sums: *mut i32,
}

// SAFETY: each token's part is written by one thread.
unsafe impl Sync for Parts {}

impl Parts {
    fn codes(&self) -> *mut i8 {
        self.codes
    }
    fn scales(&self) -> *mut f32 {
        self.scales
    }
    fn sums(&self) -> *mut i32 {
        self.sums
    }
}

/// Bytes of weights that are worth a trip to the shared counter.
const CHUNK_BYTES: usize = 64 << 10;

/// Tiles of all matrices as one list, in chunks that threads take and steal.
fn share(run: Run, pool: &Pool, calls: &[Call<'_>], workspaces: &[Mutex<Workspace>]) {
    // The matrix product takes up to four tiles at once, two of each when it is gated: do not part them.
    let unit = match calls[0] {
        Call { n: 1, .. } | Call { apart: true, .. } => 1,
        Call { up: Some(_), .. } => 2,
        _ => 4,
    };
    let units = |call: &Call<'_>| call.matrix.layout.tiles().div_ceil(unit);
    let items: usize = calls.iter().map(units).sum();
    let bytes: usize = calls.iter().map(|c| c.matrix.bytes()).sum::<usize>() * calls[0].n;
    let chunk = (CHUNK_BYTES * items).div_ceil(bytes.max(1)).clamp(1, items.div_ceil(pool.threads() * 4).max(1));
    pool.split(items, chunk, &|thread, range| {
        let mut work = workspaces[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut first = 0;
        for call in calls {
            let here = range.start.max(first)..range.end.min(first + units(call));
            if here.start < here.end {
                let tiles = unit * (here.start - first)..(unit * (here.end - first)).min(call.matrix.layout.tiles());
                run(call, tiles, &mut work);
            }
            first += units(call);
        }
    });
}

/// Bytes of weights that tokens apart go over one after another; two tiles at least, as some kernels take two at once.
const FEW_BYTES: usize = 16 << 10;

/// Hands some tiles to the matrix's kernel.
fn run(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
    if call.apart {
        // A few tiles' weights come from memory once, and from the first-level cache for the other tokens.
        let few = (FEW_BYTES / call.matrix.layout.tile().max(1)).max(2);
        for first in tiles.clone().step_by(few) {
            let some = first..tiles.end.min(first + few);
            (0..call.n).for_each(|t| run(&call.token(t), some.clone(), work));
        }
        return;
    }
    match call.matrix.kernel {
        Kernel::Scalar => crate::scalar::tiles(call, tiles),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `Matrix::pack` refuses kernels that this machine cannot run and packs for their lanes; threads have disjoint tiles.
        Kernel::Neon | Kernel::NeonDotprod | Kernel::NeonI8mm => unsafe { crate::neon::tiles(call, tiles, work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { crate::avx2::plain::tiles(call, tiles, work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { crate::avx2::vnni::tiles(call, tiles, work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx512Vnni => unsafe { crate::avx512::tiles(call, tiles, work) },
        // Kernels of other processors.
        _ => unreachable!("no matrix is packed for {}", call.matrix.kernel),
    }
}
