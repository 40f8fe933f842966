//! Which bytes of a file a stage is made of.

use super::load::Part;
use profiles::gguf::Header;
use std::ops::Range;

impl Part {
    /// Bytes that loading this part reads of a file with this header, in the file's order: the header, its layers'
    /// tensors, and the tables that it holds. A file that has only these loads, as if it were whole.
    #[must_use]
    pub fn reads(&self, header: &Header) -> Vec<Range<u64>> {
        let own_head = header.tensor("output.weight").is_some();
        let layer = |rest: &str| rest.split('.').next().and_then(|n| n.parse::<usize>().ok());
        let wanted = |name: &str| match name.strip_prefix("blk.") {
            Some(rest) => layer(rest).is_none_or(|n| self.layers.contains(&n)),
            None if name.starts_with("token_embd") => self.embedding || self.head && !own_head,
            None if name.starts_with("output") => self.head,
            None => true,
        };
        let tensors = header.tensors.iter().filter(|t| wanted(&t.name));
        // The header check proved that all ends are inside the file.
        let data = tensors.map(|t| header.data_at + t.offset..header.data_at + t.offset + t.bytes);
        let mut ranges: Vec<Range<u64>> = std::iter::once(0..header.data_at).chain(data).collect();
        ranges.sort_unstable_by_key(|r| r.start);
        ranges
    }
}

#[cfg(test)]
mod tests;
