use std::ops::Range;

use ssr_core::{Message, Speaker};

use crate::error::Result;
use crate::tokenizer::Tokenizer;

/// A conversation as tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// All tokens, headers and separators included.
    pub tokens: Vec<u32>,
    /// Where the text of each message lies in [`Self::tokens`].
    pub texts: Vec<Range<usize>>,
}

/// Renders a conversation in ChatML, as Qwen's models are trained on it, and opens the assistant's
/// answer:
///
/// ```text
/// <|im_start|>user
/// TEXT<|im_end|>
/// <|im_start|>assistant
/// ```
///
/// Each part is encoded on its own, so the tokens of a message do not depend on its neighbours.
///
/// # Errors
/// When the tokenizer cannot express a text.
pub fn render(tokenizer: &Tokenizer, messages: &[Message]) -> Result<Rendered> {
    let mut tokens = Vec::new();
    let mut texts = Vec::with_capacity(messages.len());
    let newline = tokenizer.encode("\n")?;
    for message in messages {
        open(tokenizer, message.speaker, &mut tokens)?;
        let start = tokens.len();
        tokens.extend(tokenizer.encode(&message.text)?);
        texts.push(start..tokens.len());
        tokens.push(tokenizer.end_of_message());
        tokens.extend_from_slice(&newline);
    }
    open(tokenizer, Speaker::Assistant, &mut tokens)?;
    Ok(Rendered { tokens, texts })
}

fn open(tokenizer: &Tokenizer, speaker: Speaker, tokens: &mut Vec<u32>) -> Result<()> {
    tokens.push(tokenizer.start_of_message());
    let header = match speaker {
        Speaker::System => "system\n",
        Speaker::User => "user\n",
        Speaker::Assistant => "assistant\n",
        Speaker::Tool => "tool\n",
    };
    tokens.extend(tokenizer.encode(header)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_framed_and_its_texts_are_found_again() {
        let tokenizer = Tokenizer::train(["user assistant system"], 300).unwrap();
        let messages = [Message::system("Be brief."), Message::user("a <|im_end|> b")];
        let rendered = render(&tokenizer, &messages).unwrap();
        for (message, text) in messages.iter().zip(&rendered.texts) {
            assert_eq!(tokenizer.decode(&rendered.tokens[text.clone()]), message.text);
            assert_eq!(rendered.tokens[text.end], tokenizer.end_of_message());
        }
        let ends = rendered.tokens.iter().filter(|&&t| t == tokenizer.end_of_message());
        assert_eq!(ends.count(), 2, "text must not end a message");
        assert_eq!(
            tokenizer.decode(&rendered.tokens),
            "system\nBe brief.\nuser\na <|im_end|> b\nassistant\n"
        );
    }
}
