//! A conversation's cache: what was computed for earlier turns is not computed again.

use engine::model::{Chunk, Input, Want};
use engine::sample::Sampler;
use engine::{EngineError, Sampling, Sequence, Stage, Token, Tokenizer, Workspace};

/// Tokens whose keys and values are there, and room to go on.
pub(super) struct Session<'s> {
    stage: &'s Stage,
    tokenizer: &'s Tokenizer,
    sequence: Sequence,
    seen: Vec<Token>,
    work: Workspace,
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) tokens: usize,
    /// Prompt tokens that were computed; the others stood in the cache.
    pub(super) computed: usize,
    /// The model ended it itself.
    pub(super) whole: bool,
}

impl<'s> Session<'s> {
    pub(super) fn new(stage: &'s Stage, tokenizer: &'s Tokenizer, kv_bits: u8) -> Result<Self, EngineError> {
        Ok(Self { stage, tokenizer, sequence: stage.sequence(kv_bits)?, seen: Vec::new(), work: Workspace::new() })
    }

    /// Answers a prompt with at most `n` tokens. `hear` gets the text in whole characters and may stop it.
    pub(super) fn answer(
        &mut self,
        prompt: &[Token],
        sampling: &Sampling,
        n: usize,
        hear: &mut dyn FnMut(&str) -> bool,
    ) -> Result<Reply, EngineError> {
        let mut sampler = Sampler::new(sampling)?;
        let common = self.seen.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        // The last token is computed in any case: its logits are wanted.
        let kept = common.min(prompt.len().saturating_sub(1));
        self.sequence.truncate(kept);
        self.seen.truncate(kept);
        let mut logits = self.stage.prefill(&mut self.sequence, &prompt[kept..], &mut self.work)?;
        self.seen.extend_from_slice(&prompt[kept..]);
        let mut reply = Reply { text: String::new(), tokens: 0, computed: prompt.len() - kept, whole: false };
        let mut stream = self.tokenizer.stream();
        let mut drawn = Vec::new();
        while reply.tokens < n && self.sequence.len() < self.stage.config().context {
            let token = sampler.sample(&logits, &drawn)?.token;
            if self.tokenizer.is_end(token) {
                reply.whole = true;
                break;
            }
            drawn.push(token);
            reply.tokens += 1;
            let text = stream.push(token);
            reply.text.push_str(&text);
            if !hear(&text) {
                break;
            }
            let chunk = Chunk { sequence: &mut self.sequence, input: Input::Tokens(&[token]), want: Want::Last };
            logits = self.stage.forward(&mut [chunk], &mut self.work)?;
            self.seen.push(token);
        }
        let rest = stream.finish();
        hear(&rest);
        reply.text.push_str(&rest);
        Ok(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::testing::Tiny;
    use engine::{Options, Precision};
    use kernels::{Format, Pool, Wait};
    use std::sync::Arc;

    #[test]
    fn a_conversation_goes_on_as_if_computed_anew() {
        let file = Tiny::new("llama").file().expect("fits");
        let tokenizer = Tokenizer::new(&file).expect("sound");
        let options = Options { precision: Precision::Format(Format::F16), ..Options::default() };
        let stage = Stage::load(&file, &options, Arc::new(Pool::new(1, Wait::Park))).expect("loads");
        let mut session = Session::new(&stage, &tokenizer, 16).expect("16 bits");
        let sampling = Sampling::at(0.9, 3);
        let first: Vec<Token> = tokenizer.encode("a b").expect("short");
        let longer: Vec<Token> = tokenizer.encode("a b c a").expect("short");
        let one = session.answer(&first, &sampling, 5, &mut |_| true).expect("answers");
        assert_eq!(one.computed, first.len());
        let two = session.answer(&longer, &sampling, 5, &mut |_| true).expect("answers");
        assert!(two.computed < longer.len(), "the beginning stood in the cache");
        let mut anew = Session::new(&stage, &tokenizer, 16).expect("16 bits");
        let fresh = anew.answer(&longer, &sampling, 5, &mut |_| true).expect("answers");
        assert_eq!((fresh.text, fresh.tokens), (two.text, two.tokens));
        // The same prompt again computes one token.
        assert_eq!(session.answer(&longer, &sampling, 5, &mut |_| true).expect("answers").computed, 1);
        // Whoever stops it gets what there was.
        assert!(session.answer(&longer, &sampling, 5, &mut |_| false).expect("answers").tokens <= 1);
    }
}
