//! A stage that two devices share: each has some of the heads and some of the MLP's width in every layer, and the
//! partial results of both are summed after attention and after the MLP.

use std::ops::Range;

use kernels::{Affine, Source};

use super::config::Config;
use super::frame::CLASSES;
use super::weights::Weights;
use crate::error::EngineError;
use crate::gguf::File;

/// Widths are cut at multiples of these: activations are quantised, and codes scaled, by blocks of 32.
const BLOCK: usize = 32;

/// The other half of a stage, as one half sees it: whoever carries numbers between the two.
pub trait Partner {
    /// States before the first layer (tokens × hidden), in both halves: the one with the token table passes them on,
    /// and where they are rounded on the way it writes the rounded ones back; the other has been given them.
    ///
    /// # Errors
    /// The partner is lost.
    fn begin(&mut self, states: &mut [f32]) -> Result<(), EngineError>;

    /// Takes this half's part of a sum (tokens × hidden) and leaves the whole sum, the same numbers in both halves.
    /// Called twice a layer, after attention and after the MLP, in the same order by both.
    ///
    /// # Errors
    /// The partner is lost.
    fn sum(&mut self, partial: &mut [f32]) -> Result<(), EngineError>;
}

/// What one of two devices has of every layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Key and value heads, each with the query heads that share it.
    pub kv_heads: Range<usize>,
    /// Of the MLP's width.
    pub wide: Range<usize>,
}

impl Shard {
    /// Both parts of a pair: the first has so many of the KV heads, and as large a share of the MLP's width `wide`, to
    /// the nearest block of 32.
    ///
    /// # Errors
    /// One of the two would have no head or no block, or a block would be cut.
    pub fn pair(config: &Config, wide: usize, first: usize) -> Result<[Self; 2], EngineError> {
        let all = config.kv_heads;
        if first == 0 || first >= all {
            let why = format!("{first} of {all} KV heads for the first of two devices; 1 to {} can be", all.saturating_sub(1));
            return Err(EngineError::Input(why));
        }
        let blocks = wide / BLOCK;
        let cut = (blocks * first + all / 2) / all * BLOCK;
        if cut == 0 || cut >= wide {
            return Err(EngineError::Input(format!("an MLP of width {wide} has no two parts of whole blocks of {BLOCK}")));
        }
        let pair = [(0..first, 0..cut), (first..all, cut..wide)].map(|(kv_heads, wide)| Self { kv_heads, wide });
        pair.iter().try_for_each(|shard| shard.check(config, wide))?;
        Ok(pair)
    }

    /// [`pair`](Self::pair) of some layers of a file, whose MLPs must be equally wide.
    ///
    /// # Errors
    /// As [`pair`](Self::pair); a layer without an MLP, or two of another width.
    pub fn pair_of(file: &File, layers: Range<usize>, first: usize) -> Result<[Self; 2], EngineError> {
        let (config, weights) = (Config::new(file)?, Weights::File(file));
        let wide = layers.clone().map(|i| weights.rows_of(&format!("blk.{i}.ffn_up.weight"))).collect::<Result<Vec<_>, _>>()?;
        match wide.first() {
            Some(one) if wide.iter().all(|w| w == one) => Self::pair(&config, *one, first),
            Some(_) => Err(EngineError::Unsupported(format!("MLPs of layers {layers:?} differ in width"))),
            None => Err(EngineError::Input("no layer that two devices could share".into())),
        }
    }

    /// That it is a part of such a model, cut at blocks.
    pub(super) fn check(&self, config: &Config, wide: usize) -> Result<(), EngineError> {
        let heads = self.queries(config);
        let columns = heads.start * config.head_dim..heads.end * config.head_dim;
        let fits = |range: &Range<usize>, all: usize| !range.is_empty() && range.end <= all;
        // The last part may end where the width does.
        let whole = |range: &Range<usize>, all: usize| {
            range.start.is_multiple_of(BLOCK) && (range.end.is_multiple_of(BLOCK) || range.end == all)
        };
        if !fits(&self.kv_heads, config.kv_heads) || !fits(&self.wide, wide) {
            let why = format!("{self:?} of {} KV heads and a width of {wide}", config.kv_heads);
            return Err(EngineError::Input(why));
        }
        if !whole(&columns, config.heads * config.head_dim) || !whole(&self.wide, wide) {
            let why = format!("{self:?} cuts blocks of {BLOCK} columns: heads are {} wide", config.head_dim);
            return Err(EngineError::Unsupported(why));
        }
        Ok(())
    }

    /// Its query heads.
    pub(super) fn queries(&self, config: &Config) -> Range<usize> {
        let each = config.heads / config.kv_heads.max(1);
        self.kv_heads.start * each..self.kv_heads.end * each
    }

    /// The model as this device computes it: with its own heads only.
    pub(super) fn config(&self, config: &Config) -> Config {
        Config { heads: self.queries(config).len(), kv_heads: self.kv_heads.len(), ..config.clone() }
    }

    /// Which rows and columns of a layer's matrix, in the order of [`CLASSES`], it has of `rows × cols`.
    pub(super) fn of_matrix(&self, config: &Config, class: usize, (rows, cols): (usize, usize)) -> Cut {
        let width = |heads: Range<usize>| heads.start * config.head_dim..heads.end * config.head_dim;
        let (q, kv) = (width(self.queries(config)), width(self.kv_heads.clone()));
        match CLASSES.get(class).copied().unwrap_or_default() {
            "attn_q" => Cut { rows: q, cols: 0..cols },
            "attn_k" | "attn_v" => Cut { rows: kv, cols: 0..cols },
            "attn_output" => Cut { rows: 0..rows, cols: q },
            "ffn_down" => Cut { rows: 0..rows, cols: self.wide.clone() },
            _ => Cut { rows: self.wide.clone(), cols: 0..cols },
        }
    }
}

/// Some rows and columns of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) rows: Range<usize>,
    pub(crate) cols: Range<usize>,
}

/// They as a matrix of their own: the same codes and scales, where it is cut at blocks.
pub(super) struct Part<'s> {
    whole: &'s dyn Source,
    cut: Cut,
}

impl<'s> Part<'s> {
    /// None where the whole has no such rows and columns.
    pub(super) fn new(whole: &'s dyn Source, cut: Cut) -> Option<Self> {
        let inside = cut.rows.end <= whole.rows() && cut.cols.end <= whole.cols();
        (inside && cut.rows.start <= cut.rows.end && cut.cols.start <= cut.cols.end).then_some(Self { whole, cut })
    }
}

impl Source for Part<'_> {
    fn rows(&self) -> usize {
        self.cut.rows.len()
    }

    fn cols(&self) -> usize {
        self.cut.cols.len()
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let row = self.cut.rows.start + row;
        if self.cut.cols.len() == self.whole.cols() {
            return self.whole.row(row, out);
        }
        let mut all = vec![0.0; self.whole.cols()];
        self.whole.row(row, &mut all);
        out.copy_from_slice(&all[self.cut.cols.clone()]);
    }

    fn affine(&self) -> Option<Affine> {
        let Range { start, end } = self.cut.cols;
        self.whole.affine().filter(|a| start.is_multiple_of(a.block) && end.is_multiple_of(a.block))
    }

    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let Some(Affine { block, .. }) = self.whole.affine() else { return };
        let (cols, blocks) = (self.whole.cols(), self.whole.cols() / block);
        let (mut c, mut s, mut m) = (vec![0; cols], vec![0.0; blocks], vec![0.0; blocks]);
        self.whole.affine_row(self.cut.rows.start + row, &mut c, &mut s, &mut m);
        let Range { start, end } = self.cut.cols;
        codes.copy_from_slice(&c[start..end]);
        scales.copy_from_slice(&s[start / block..end / block]);
        mins.copy_from_slice(&m[start / block..end / block]);
    }
}
