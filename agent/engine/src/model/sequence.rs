//! The KV cache of one text, which may stand on a prefix that others share.

use std::sync::Arc;

use kernels::{KvLayer, Span};

use crate::error::EngineError;

/// Bits of a cached number, by layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvBits(Vec<u8>);

impl KvBits {
    /// The same in all of `layers` layers.
    ///
    /// # Errors
    /// `bits` is not 16, 8 or 4.
    pub fn all(bits: u8, layers: usize) -> Result<Self, EngineError> {
        Self::by_layer(vec![bits; layers])
    }

    /// One number for each layer of a stage.
    ///
    /// # Errors
    /// One is not 16, 8 or 4.
    pub fn by_layer(bits: Vec<u8>) -> Result<Self, EngineError> {
        match bits.iter().find(|b| !matches!(b, 4 | 8 | 16)) {
            None => Ok(Self(bits)),
            Some(b) => Err(EngineError::Input(format!("a KV cache has 16, 8 or 4 bits, not {b}"))),
        }
    }
}

/// A cache that no longer grows, so that many sequences can stand on it.
#[derive(Debug)]
pub struct Prefix {
    layers: Vec<KvLayer>,
    len: usize,
}

impl Prefix {
    /// Positions.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without positions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of all layers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(KvLayer::bytes).sum()
    }
}

/// Keys and values of one text in the layers of one stage.
#[derive(Debug)]
pub struct Sequence {
    prefix: Option<Arc<Prefix>>,
    /// Positions of the prefix that belong to this text.
    shared: usize,
    own: Vec<KvLayer>,
    shape: Shape,
}

#[derive(Clone, Debug)]
struct Shape {
    kv_heads: usize,
    head_dim: usize,
    bits: KvBits,
}

impl Shape {
    fn fresh(&self) -> Vec<KvLayer> {
        self.bits.0.iter().map(|b| KvLayer::new(self.kv_heads, self.head_dim, *b)).collect()
    }
}

impl Sequence {
    pub(super) fn new(kv_heads: usize, head_dim: usize, bits: KvBits) -> Self {
        let shape = Shape { kv_heads, head_dim, bits };
        Self { prefix: None, shared: 0, own: shape.fresh(), shape }
    }

    /// Positions, the prefix's included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared + self.own.first().map_or(0, KvLayer::len)
    }

    /// True without positions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Layers that it has a cache for.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.own.len()
    }

    /// Bytes of its own positions; a shared prefix counts once, at [`Prefix::bytes`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.own.iter().map(KvLayer::bytes).sum()
    }

    /// Forgets positions from `len` on, those of the prefix for this sequence only.
    pub fn truncate(&mut self, len: usize) {
        self.own.iter_mut().for_each(|l| l.truncate(len.saturating_sub(self.shared)));
        self.shared = self.shared.min(len);
    }

    /// The cache as a prefix to share.
    ///
    /// # Errors
    /// The sequence itself stands on a prefix: caches are shared one level deep.
    pub fn share(self) -> Result<Arc<Prefix>, EngineError> {
        if self.prefix.is_some() {
            return Err(EngineError::Input("a sequence that stands on a shared prefix cannot become one".into()));
        }
        let len = self.own.first().map_or(0, KvLayer::len);
        Ok(Arc::new(Prefix { layers: self.own, len }))
    }

    /// An empty sequence with the same layers and bits.
    #[must_use]
    pub fn like(&self) -> Self {
        Self { prefix: None, shared: 0, own: self.shape.fresh(), shape: self.shape.clone() }
    }

    /// A sequence of the same kind that begins with all of `prefix`.
    ///
    /// # Errors
    /// The prefix has another number of layers.
    pub fn on(&self, prefix: &Arc<Prefix>) -> Result<Self, EngineError> {
        if prefix.layers.len() != self.layers() {
            return Err(EngineError::Input(format!("a prefix of {} layers for {}", prefix.layers.len(), self.layers())));
        }
        Ok(Self { prefix: Some(Arc::clone(prefix)), shared: prefix.len, own: self.shape.fresh(), shape: self.shape.clone() })
    }

    pub(super) fn append(&mut self, layer: usize, k: &[f32], v: &[f32], n: usize) {
        self.own[layer].append(k, v, n);
    }

    /// What a query sees that may look at positions `from..to`.
    pub(super) fn spans<'s>(&'s self, layer: usize, from: usize, to: usize, out: &mut Vec<Span<'s>>) {
        if let Some(prefix) = self.prefix.as_deref()
            && from < to.min(self.shared)
        {
            out.push(Span { layer: &prefix.layers[layer], start: from, len: to.min(self.shared) - from });
        }
        let from = from.max(self.shared);
        if from < to {
            out.push(Span { layer: &self.own[layer], start: from - self.shared, len: to - from });
        }
    }
}
