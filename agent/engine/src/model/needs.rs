//! Which bytes of a file a stage is made of.

use super::config::Config;
use super::frame::CLASSES;
use super::load::Part;
use super::shard::Shard;
use crate::error::EngineError;
use crate::gguf::File;
use profiles::gguf::{Header, Tensor};
use std::ops::Range;

impl Part {
    /// Bytes that loading this part reads of a file with this header, in the file's order: the header, its layers'
    /// tensors, and the tables that it holds. A file that has only these loads, as if it were whole.
    #[must_use]
    pub fn reads(&self, header: &Header) -> Vec<Range<u64>> {
        self.reads_with(header, &|tensor| 0..tensor.bytes)
    }

    /// The same where of each tensor only some bytes are read.
    fn reads_with(&self, header: &Header, of: &dyn Fn(&Tensor) -> Range<u64>) -> Vec<Range<u64>> {
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
        let data = tensors.map(|t| (header.data_at + t.offset, of(t))).map(|(at, range)| at + range.start..at + range.end);
        let mut ranges: Vec<Range<u64>> = std::iter::once(0..header.data_at).chain(data).collect();
        ranges.sort_unstable_by_key(|r| r.start);
        ranges
    }
}

impl Shard {
    /// [`Part::reads`] where only this shard of the part's layers is loaded: of a matrix whose rows are divided its own
    /// rows. One whose columns are divided is read whole, since its rows lie one after the other.
    ///
    /// # Errors
    /// The file's shape is none that is run.
    pub fn reads(&self, part: &Part, file: &File) -> Result<Vec<Range<u64>>, EngineError> {
        let config = Config::new(file)?;
        let own = |tensor: &Tensor| {
            let rows = self.own_rows(&config, tensor);
            rows.map_or(0..tensor.bytes, |(rows, bytes)| rows.start as u64 * bytes..rows.end as u64 * bytes)
        };
        Ok(part.reads_with(file.header(), &own))
    }

    /// Its rows of a matrix, and the bytes of one; `None`: it reads all of the tensor.
    fn own_rows(&self, config: &Config, tensor: &Tensor) -> Option<(Range<usize>, u64)> {
        let name = tensor.name.strip_prefix("blk.")?.split_once('.')?.1.strip_suffix(".weight")?;
        let class = CLASSES.iter().position(|c| *c == name)?;
        let &[cols, rows] = tensor.shape.as_slice() else { return None };
        let (rows, cols) = (usize::try_from(rows).ok()?, usize::try_from(cols).ok()?);
        let cut = self.of_matrix(config, class, (rows, cols));
        let fits = cut.cols == (0..cols) && cut.rows.start <= cut.rows.end && cut.rows.end <= rows;
        let whole_rows = rows > 0 && tensor.bytes.is_multiple_of(rows as u64);
        (fits && whole_rows).then(|| (cut.rows, tensor.bytes / rows as u64))
    }
}

#[cfg(test)]
mod tests;
