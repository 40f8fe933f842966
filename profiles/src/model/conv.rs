//! Blocks of vision models. Work and activations are per item (one image).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Block;

/// One or more convolutions between two places where a vision model may be cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    pub name: String,
    /// Kernels, biases and folded normalisation.
    pub parameters: u64,
    /// Multiply-accumulates per item.
    pub macs: u64,
    /// Elements read and written inside, per item.
    pub activations: u64,
    /// Elements that leave: channels x height x width.
    pub output: u64,
}

impl Convolution {
    pub(super) fn block(self) -> Block {
        Block {
            multiplied: 0,
            fixed_ops: 2.0 * self.macs as f64,
            fixed_activations: self.activations as f64,
            ..Block::new(&self.name, self.parameters, self.output)
        }
    }
}

/// A fully connected layer with bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    pub name: String,
    pub inputs: u32,
    pub outputs: u32,
}

impl Dense {
    pub(super) fn block(self) -> Block {
        let (inputs, outputs) = (u64::from(self.inputs), u64::from(self.outputs));
        Block {
            multiplied: inputs * outputs,
            kept: outputs,
            fixed_activations: (inputs + outputs) as f64,
            ..Block::new(&self.name, inputs * outputs + outputs, outputs)
        }
    }
}
