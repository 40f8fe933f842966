use crate::model::{Chunk, Config, Input, Part, Partner, Shard, Want};
use crate::testing::Tiny;
use crate::{EngineError, File, Options, Precision, Stage, Workspace};
use kernels::{Format, Pool, Wait};
use std::ops::Range;
use std::sync::Arc;

/// Every byte that is not named, as whoever lacks it would have it: none.
fn without_the_rest(file: &File, reads: Vec<Range<u64>>) -> (File, u64) {
    let mut bytes = vec![0; file.bytes().len()];
    let mut kept = 0;
    for r in reads {
        let r = r.start as usize..r.end as usize;
        bytes[r.clone()].copy_from_slice(&file.bytes()[r.clone()]);
        kept += r.len() as u64;
    }
    (File::from_bytes(bytes).expect("its header is there"), kept)
}

fn states(file: &File, part: &Part) -> Vec<f32> {
    let options = Options { part: Some(part.clone()), precision: Precision::Format(Format::F16), kernel: None };
    let stage = Stage::load(file, &options, Arc::new(Pool::new(1, Wait::Park))).expect("loads");
    let hidden = vec![0.25; stage.config().hidden];
    let input = if part.embedding { Input::Tokens(&[7]) } else { Input::Hidden(&hidden) };
    let mut sequence = stage.sequence(16).expect("bits");
    let chunk = Chunk { sequence: &mut sequence, input, want: Want::All };
    stage.forward(&mut [chunk], &mut Workspace::new()).expect("fits")
}

#[test]
fn a_stage_needs_no_byte_that_is_not_named() {
    for architecture in ["llama", "qwen2", "gemma3"] {
        for own_head in [false, true] {
            let file = Tiny { own_head, ..Tiny::new(architecture) }.file().expect("fits");
            let parts = [(true, 0..1, false), (false, 1..2, false), (false, 0..2, true), (true, 0..2, true), (true, 0..0, false)];
            for (embedding, layers, head) in parts {
                let part = Part { embedding, layers, head };
                let (cut, kept) = without_the_rest(&file, part.reads(file.header()));
                assert_eq!(states(&cut, &part), states(&file, &part), "{architecture} {own_head} {part:?}");
                // A head that is the token table brings that along.
                let all = part.layers.len() == 2 && part.head && (part.embedding || !own_head);
                assert!(all || kept < file.bytes().len() as u64 * 19 / 20, "{architecture} {part:?} keeps {kept}");
            }
        }
    }
}

/// A half by itself: its own parts of all sums.
struct Alone;

impl Partner for Alone {
    fn begin(&mut self, _: &mut [f32]) -> Result<(), EngineError> {
        Ok(())
    }

    fn sum(&mut self, _: &mut [f32]) -> Result<(), EngineError> {
        Ok(())
    }
}

#[test]
fn half_a_stage_needs_no_byte_that_is_not_named() {
    for architecture in ["llama", "qwen2", "gemma3"] {
        let tiny = Tiny { heads: 8, kv_heads: 4, hidden: 256, head_dim: 32, wide: 256, ..Tiny::new(architecture) };
        let file = tiny.file().expect("fits");
        let all = Config::new(&file).expect("sound").kv_heads;
        for first in 1..all {
            for shard in Shard::pair_of(&file, 0..2, first).expect("divides") {
                let part = Part { embedding: false, layers: 0..2, head: false };
                let states = |file: &File| {
                    let options = Options { part: Some(part.clone()), precision: Precision::Format(Format::F16), kernel: None };
                    let pool = Arc::new(Pool::new(1, Wait::Park));
                    let stage = Stage::load_shard(file, &options, &shard, pool).expect("loads");
                    let hidden = vec![0.25; stage.config().hidden];
                    let mut sequence = stage.sequence(16).expect("bits");
                    let chunk = Chunk { sequence: &mut sequence, input: Input::Hidden(&hidden), want: Want::All };
                    stage.forward_shared(&mut [chunk], &mut Workspace::new(), &mut Alone).expect("fits")
                };
                let (cut, kept) = without_the_rest(&file, shard.reads(&part, &file).expect("sound"));
                assert_eq!(states(&cut), states(&file), "{architecture} {shard:?}");
                let whole = part.reads(file.header()).iter().map(|r| r.end - r.start).sum::<u64>();
                assert!(kept < whole, "{architecture} {shard:?} keeps {kept} of {whole}");
            }
        }
    }
}
