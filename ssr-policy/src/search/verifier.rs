//! Scores of answers.

use ssr_core::{Completion, PolicyError, Request};

/// Says how good an answer is.
///
/// Closures that return a `Result<f64, PolicyError>` are verifiers.
pub trait Verifier: Send + Sync {
    /// The score; more is better, and NaN is worst.
    ///
    /// # Errors
    /// [`PolicyError`] when the verifier itself fails, such as a sandbox that is lost. A bad answer
    /// is a low score.
    fn score(&self, request: &Request, answer: &Completion) -> Result<f64, PolicyError>;
}

impl<F> Verifier for F
where
    F: Fn(&Request, &Completion) -> Result<f64, PolicyError> + Send + Sync,
{
    fn score(&self, request: &Request, answer: &Completion) -> Result<f64, PolicyError> {
        self(request, answer)
    }
}

/// Scores by the model's own log-probability of the sampled tokens, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SequenceLogprob {
    /// Of the whole answer; favours short answers.
    Sum,
    /// Per token.
    Mean,
}

impl Verifier for SequenceLogprob {
    fn score(&self, _: &Request, answer: &Completion) -> Result<f64, PolicyError> {
        let Some(trace) = &answer.trace else {
            let problem = "the policy returns no log-probabilities; score with a verifier";
            return Err(PolicyError::infrastructure("scoring by log-probability", problem));
        };
        let drawn = trace.model_logprobs.iter().zip(&trace.loss_mask).filter(|(_, drawn)| **drawn);
        let (sum, count) = drawn
            .fold((0.0, 0u32), |(sum, count), (logprob, _)| (sum + f64::from(*logprob), count + 1));
        Ok(match self {
            Self::Sum => sum,
            Self::Mean => sum / f64::from(count.max(1)),
        })
    }
}
