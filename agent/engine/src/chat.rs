//! Chat templates: a conversation as the text that a model was tuned on.
//!
//! Templates are Jinja programs in the model file. They run with a budget of steps, no access to
//! files, clock or environment, and the string methods of Python that they are written for.

use minijinja::{Environment, Error, ErrorKind, context};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::gguf::File;
use crate::tokenizer::{Token, Tokenizer};

/// Longest template, bytes; published ones have up to about 20 KiB.
const LONGEST: usize = 256 << 10;
/// Steps that a rendering may take.
const STEPS: u64 = 5_000_000;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    pub content: String,
}

impl Message {
    /// A turn of this role.
    #[must_use]
    pub fn new(role: &str, content: &str) -> Self {
        Self { role: role.into(), content: content.into() }
    }
}

/// The template of one model.
#[derive(Debug)]
pub struct Template {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

const NAME: &str = "chat";

impl Template {
    /// The file's template; `None` where it has none (a model that is not tuned to chat).
    ///
    /// # Errors
    /// The template is too long or no Jinja.
    pub fn new(file: &File, tokenizer: &Tokenizer) -> Result<Option<Self>, EngineError> {
        let Some(source) = file.header().text("tokenizer.chat_template")? else { return Ok(None) };
        Self::parse(source, &name_of(tokenizer, tokenizer.bos()), &name_of(tokenizer, tokenizer.eos())).map(Some)
    }

    /// A template from its source, with the texts of the tokens that begin and end a text.
    ///
    /// # Errors
    /// The template is too long or no Jinja.
    pub fn parse(source: &str, bos: &str, eos: &str) -> Result<Self, EngineError> {
        if source.len() > LONGEST {
            return Err(EngineError::Unsupported(format!(
                "a chat template of {} bytes; at most {LONGEST} are read",
                source.len()
            )));
        }
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(STEPS));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |why: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, why))
        });
        environment.add_template_owned(NAME, source.to_owned())?;
        Ok(Self { environment, bos: bos.into(), eos: eos.into() })
    }

    /// The conversation as a text; `answer` appends what begins the assistant's next turn.
    ///
    /// # Errors
    /// The template refuses the conversation, or takes too many steps.
    pub fn render(&self, messages: &[Message], answer: bool) -> Result<String, EngineError> {
        let values = context! {
            messages => messages,
            add_generation_prompt => answer,
            bos_token => self.bos,
            eos_token => self.eos,
        };
        Ok(self.environment.get_template(NAME)?.render(values)?)
    }
}

fn name_of(tokenizer: &Tokenizer, token: Option<Token>) -> String {
    token.map(|t| tokenizer.stored(t)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
