//! GGUF files made byte by byte.

/// A file in the making: counts may be made to lie.
#[derive(Clone)]
pub(super) struct File {
    pub(super) magic: Vec<u8>,
    pub(super) version: u32,
    pub(super) tensor_count: Option<u64>,
    pub(super) key_count: Option<u64>,
    /// Key and encoded type with value.
    pub(super) keys: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) tensors: Vec<Tensor>,
    /// Bytes of data that the file has after the header.
    pub(super) data: u64,
}

#[derive(Clone)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) dimensions: Option<u32>,
    pub(super) shape: Vec<u64>,
    pub(super) kind: u32,
    pub(super) offset: u64,
}

pub(super) fn text(t: &[u8]) -> Vec<u8> {
    [&(t.len() as u64).to_le_bytes()[..], t].concat()
}

pub(super) fn u32_value(n: u32) -> Vec<u8> {
    [4u32.to_le_bytes(), n.to_le_bytes()].concat()
}

pub(super) fn text_value(t: &str) -> Vec<u8> {
    [&8u32.to_le_bytes()[..], &text(t.as_bytes())].concat()
}

pub(super) fn array_value(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&9u32.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), elements].concat()
}

impl File {
    /// A sound llama of two layers: width 64, two heads, one KV head, vocabulary 100.
    pub(super) fn llama() -> Self {
        let mut f = Self {
            magic: b"GGUF".to_vec(),
            version: 3,
            tensor_count: None,
            key_count: None,
            keys: Vec::new(),
            tensors: Vec::new(),
            data: 0,
        };
        f.key("general.architecture", text_value("llama"));
        f.key("general.name", text_value("Tiny Llama 2"));
        for (name, n) in [
            ("block_count", 2),
            ("embedding_length", 64),
            ("context_length", 512),
            ("attention.head_count", 2),
            ("attention.head_count_kv", 1),
        ] {
            f.key(&format!("llama.{name}"), u32_value(n));
        }
        f.key("tokenizer.ggml.tokens", array_value(8, 2, &[text(b"a"), text(b"\xff")].concat()));
        f.tensor("token_embd.weight", &[64, 100], 8);
        for i in 0..2 {
            f.tensor(&format!("blk.{i}.attn_norm.weight"), &[64], 0);
            f.tensor(&format!("blk.{i}.attn_q.weight"), &[64, 64], 2);
            f.tensor(&format!("blk.{i}.attn_k.weight"), &[64, 32], 2);
            f.tensor(&format!("blk.{i}.attn_v.weight"), &[64, 32], 8);
        }
        f.tensor("output_norm.weight", &[64], 0);
        f
    }

    pub(super) fn key(&mut self, key: &str, value: Vec<u8>) {
        self.keys.retain(|(k, _)| k != key.as_bytes());
        self.keys.push((key.into(), value));
    }

    /// Appends a tensor after the data of those before.
    pub(super) fn tensor(&mut self, name: &str, shape: &[u64], kind: u32) {
        let t = super::super::TensorType::of(kind).expect("a type");
        let bytes = shape.iter().product::<u64>() / t.block * t.bytes;
        self.tensors.push(Tensor { name: name.into(), dimensions: None, shape: shape.into(), kind, offset: self.data });
        self.data += bytes.next_multiple_of(32);
    }

    pub(super) fn header(&self) -> Vec<u8> {
        let mut out = self.magic.clone();
        out.extend(self.version.to_le_bytes());
        out.extend(self.tensor_count.unwrap_or(self.tensors.len() as u64).to_le_bytes());
        out.extend(self.key_count.unwrap_or(self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            out.extend(text(key));
            out.extend(value);
        }
        for t in &self.tensors {
            out.extend(text(t.name.as_bytes()));
            out.extend(t.dimensions.unwrap_or(t.shape.len() as u32).to_le_bytes());
            for d in &t.shape {
                out.extend(d.to_le_bytes());
            }
            out.extend(t.kind.to_le_bytes());
            out.extend(t.offset.to_le_bytes());
        }
        out
    }

    pub(super) fn file_len(&self) -> u64 {
        (self.header().len() as u64).next_multiple_of(32) + self.data
    }

    pub(super) fn parse(&self) -> Result<super::super::Header, super::super::GgufError> {
        super::super::Header::parse(&self.header(), self.file_len())
    }

    pub(super) fn read(&self) -> Result<crate::ModelProfile, super::super::GgufError> {
        super::super::read(&self.header(), self.file_len(), "a test")
    }
}
