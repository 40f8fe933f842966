//! Typed reads of metadata: a key that is there with another type is an error, never a guess.

use super::cursor::Cursor;
use super::error::{GgufError, Why};
use super::header::{Array, Header, Value, scalar};

const TEXT: u32 = 8;
const FLOAT: u32 = 6;

impl Header {
    /// The tensor with this name.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<&super::Tensor> {
        self.tensors.iter().find(|t| t.name == name)
    }

    /// A count; integers of any width count, negative ones do not.
    ///
    /// # Errors
    /// The key is there but is no count.
    pub fn count(&self, key: &str) -> Result<Option<u64>, GgufError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Unsigned(n)) => Ok(Some(*n)),
            Some(Value::Signed(n)) if *n >= 0 => Ok(Some(n.unsigned_abs())),
            Some(_) => Err(must(key, "a count")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// The key is there but is no text.
    pub fn text(&self, key: &str) -> Result<Option<&str>, GgufError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Text(t)) => Ok(Some(t)),
            Some(_) => Err(must(key, "a text")),
        }
    }

    /// A finite number with a fraction.
    ///
    /// # Errors
    /// The key is there but is no such number.
    pub fn float(&self, key: &str) -> Result<Option<f64>, GgufError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Float(x)) if x.is_finite() => Ok(Some(*x)),
            Some(_) => Err(must(key, "a finite float")),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// The key is there but is neither.
    pub fn truth(&self, key: &str) -> Result<Option<bool>, GgufError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(_) => Err(must(key, "true or false")),
        }
    }

    /// Elements of an array of texts, which need not be UTF-8. `bytes` are those that were parsed.
    ///
    /// # Errors
    /// The key is there but is no such array, or `bytes` are others.
    pub fn texts<'b>(&self, bytes: &'b [u8], key: &str) -> Result<Option<Vec<&'b [u8]>>, GgufError> {
        let Some(array) = self.array(key, |kind| kind == TEXT, "an array of texts")? else { return Ok(None) };
        let mut c = Cursor::new(bytes);
        c.take(array.at)?;
        (0..array.count).map(|_| c.raw_string()).collect::<Result<_, _>>().map(Some)
    }

    /// Elements of an array of 32-bit floats.
    ///
    /// # Errors
    /// The key is there but is no such array, or `bytes` are others.
    pub fn floats(&self, bytes: &[u8], key: &str) -> Result<Option<Vec<f32>>, GgufError> {
        let Some(array) = self.array(key, |kind| kind == FLOAT, "an array of 32-bit floats")? else { return Ok(None) };
        let mut c = Cursor::new(bytes);
        c.take(array.at)?;
        (0..array.count).map(|_| c.u32().map(f32::from_bits)).collect::<Result<_, _>>().map(Some)
    }

    /// Elements of an array of integers of any width.
    ///
    /// # Errors
    /// The key is there but is no such array, or `bytes` are others.
    pub fn integers(&self, bytes: &[u8], key: &str) -> Result<Option<Vec<i64>>, GgufError> {
        const WANTED: &str = "an array of integers";
        if let Some(Value::Integers(list)) = self.values.get(key) {
            return Ok(Some(list.clone()));
        }
        let Some(array) = self.array(key, |kind| matches!(kind, 0..=5 | 10 | 11), WANTED)? else { return Ok(None) };
        let mut c = Cursor::new(bytes);
        c.take(array.at)?;
        let element = |_| match scalar(&mut c, array.kind) {
            Some(Ok(Value::Signed(n))) => Ok(n),
            Some(Ok(Value::Unsigned(n))) => i64::try_from(n).map_err(|_| must(key, WANTED)),
            Some(Err(e)) => Err(e),
            _ => Err(must(key, WANTED)),
        };
        (0..array.count).map(element).collect::<Result<_, _>>().map(Some)
    }

    fn array(&self, key: &str, fits: impl Fn(u32) -> bool, wanted: &'static str) -> Result<Option<Array>, GgufError> {
        match self.values.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) if fits(array.kind) => Ok(Some(*array)),
            Some(_) => Err(Why::KeyType { key: key.into(), wanted }.at(self.data_at)),
        }
    }
}

fn must(key: &str, wanted: &str) -> GgufError {
    GgufError::Model(format!("`{key}` must be {wanted}"))
}
