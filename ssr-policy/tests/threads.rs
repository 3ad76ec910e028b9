//! The number of threads changes no bit: the test starts itself with several.

use std::process::Command;

use ssr_core::{Message, Policy, Request, Sampling, Seed, Segment};
use ssr_policy::{
    Architecture, LocalPolicy, Model, ModelConfig, ScoredSequence, Target, Tokenizer,
};

const CHILD: &str = "SSR_POLICY_THREADS_TEST";

/// Large enough that products are cut into tasks, in generation and in training.
fn answer() -> String {
    let config = ModelConfig::tiny_of(Architecture::Qwen2, 1000)
        .with_hidden_size(192)
        .with_intermediate_size(416)
        .with_num_hidden_layers(2);
    let tokenizer = Tokenizer::train([""; 0], 259).unwrap();
    let policy = LocalPolicy::new(Model::new(config, Seed::new(1)).unwrap(), tokenizer).unwrap();
    let request = |seed: u64| {
        Request::new(
            vec![Message::user("a sentence ".repeat(3 * seed as usize + 1))],
            vec![Segment::Free { max_tokens: 40, stop: vec![] }],
            Seed::new(seed),
        )
        .with_sampling(Sampling::default().with_top_p(0.95))
    };
    let completions = policy.complete(&(0..12).map(request).collect::<Vec<_>>()).unwrap();
    let mut text = String::new();
    for completion in &completions {
        let trace = completion.trace.as_ref().unwrap();
        let tokens = [&completion.prompt[..], &trace.ids].concat();
        let target = |i| Target { position: completion.prompt.len() + i, allowed: None };
        let targets = (0..trace.len()).map(target).collect();
        let gradients = policy.with_model(|model| {
            let scores = model.score(&[ScoredSequence { tokens: &tokens, targets }]).unwrap();
            let bits = scores.logprobs.to_vec1::<f32>().unwrap();
            assert_eq!(bits, trace.model_logprobs);
            let grads = scores.logprobs.sum_all().unwrap().backward().unwrap();
            let sum = |var| -> u64 {
                let grad = grads.get(var).unwrap().flatten_all().unwrap();
                let bits = grad.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits);
                bits.fold(0, |hash, bits| hash.rotate_left(5) ^ u64::from(bits))
            };
            model.vars().iter().map(|(_, var)| sum(var)).collect::<Vec<_>>()
        });
        text.push_str(&format!("{:?} {:?} {gradients:?}", trace.ids, trace.logprobs));
    }
    text
}

#[test]
fn the_number_of_threads_changes_no_bit_of_answers_scores_and_gradients() {
    if std::env::var_os(CHILD).is_some() {
        println!("answer {}", answer());
        return;
    }
    let with = |threads: &str| {
        let name = "the_number_of_threads_changes_no_bit_of_answers_scores_and_gradients";
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        let answer = text.lines().find_map(|line| line.split_once("answer "));
        answer.expect("an answer").1.to_owned()
    };
    let one = with("1");
    assert!(one.len() > 1000);
    for threads in ["2", "3", "8"] {
        assert!(with(threads) == one, "{threads} threads");
    }
}
