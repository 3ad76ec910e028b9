//! Every fused operation against the same computation composed of candle's differentiable ones.

use candle_core::{DType, Device, Result, Tensor, Var};
use ssr_core::Seed;

use super::*;

fn var(shape: &[usize], seed: u64) -> Var {
    let len: usize = shape.iter().product();
    let value = |i| Seed::new(seed).index(i).unit() as f32 * 2.0 - 1.0;
    Var::from_vec((0..len as u64).map(value).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

/// Asserts that two ways to compute the same agree in value and in the gradient of every input,
/// under a gradient that differs from element to element.
fn assert_same(
    inputs: &[&Var],
    fused: impl Fn() -> Result<Tensor>,
    composed: impl Fn() -> Result<Tensor>,
) {
    let (fused, composed) = (fused().unwrap(), composed().unwrap());
    let weight = var(fused.dims(), 99);
    let grads = |y: &Tensor| {
        (y * weight.as_detached_tensor()).unwrap().sum_all().unwrap().backward().unwrap()
    };
    let (fused_grads, composed_grads) = (grads(&fused), grads(&composed));
    assert_close(&fused, &composed, "value");
    for (index, input) in inputs.iter().enumerate() {
        let fused = fused_grads.get(input).expect("the fused operation has a gradient");
        assert_close(fused, composed_grads.get(input).unwrap(), &format!("gradient {index}"));
    }
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    let max = |t: &Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    let (difference, size) = (max(&(a - b).unwrap()), max(b));
    assert!(size > 1e-3 && difference <= 1e-5 * size.max(1.0), "{what}: {difference} of {size}");
}

#[test]
fn linear_is_a_product_with_the_transposed_weight_plus_a_bias() {
    for rows in [1, 3, 70] {
        let (x, w, b) = (var(&[rows, 48], 1), var(&[20, 48], 2), var(&[20], 3));
        assert_same(&[&x, &w], || linear(&x, &w, None), || composed::linear(&x, &w));
        let composed = || x.matmul(&w.t()?)?.broadcast_add(&b);
        assert_same(&[&x, &w, &b], || linear(&x, &w, Some(&b)), composed);
    }
}

#[test]
fn a_detached_weight_gets_no_gradient() {
    let (x, w) = (var(&[5, 48], 1), var(&[20, 48], 2));
    let y = linear(&x, &w.as_detached_tensor(), None).unwrap();
    let grads = y.sum_all().unwrap().backward().unwrap();
    assert!(grads.get(&x).is_some() && grads.get(&w).is_none());
}

#[test]
fn rms_norm_is_x_over_its_root_mean_square() {
    let (x, w) = (var(&[37, 50], 1), var(&[50], 2));
    assert_same(&[&x, &w], || rms_norm(&x, &w, 1e-6), || composed::rms_norm(&x, &w, 1e-6));
}

#[test]
fn heads_are_normalised_and_rotated() {
    let (tokens, heads, dim) = (40, 3, 16);
    let (x, w) = (var(&[tokens, heads * dim], 1), var(&[dim], 2));
    let frequencies: Vec<f32> =
        (0..dim / 2).map(|i| 1e4f32.powf(-(i as f32) * 2.0 / dim as f32)).collect();
    let rotation = Rotation::new(&(0..tokens).collect::<Vec<_>>(), &frequencies);
    let normalised = || composed::head_norm_rope(&x, &w, 1e-6, &rotation);
    assert_same(&[&x, &w], || head_norm_rope(&x, &w, 1e-6, &rotation), normalised);
    assert_same(&[&x], || rope(&x, &rotation), || composed::rope(&x, &rotation));
}

#[test]
fn swiglu_gates_with_silu() {
    let (gate, up) = (var(&[30, 17], 1), var(&[30, 17], 2));
    assert_same(&[&gate, &up], || swiglu(&gate, &up), || composed::swiglu(&gate, &up));
}

#[test]
fn attention_is_a_masked_softmax_within_each_sequence() {
    for window in [None, Some(2), Some(7), Some(70), Some(200)] {
        attention_is_a_masked_softmax(window);
    }
}

fn attention_is_a_masked_softmax(window: Option<usize>) {
    let shape = AttentionShape { heads: 4, kv_heads: 2, dim: 8, window };
    let whole = |tokens| Span { tokens, prefix: None };
    // What goes on from the third one, from within a block and from between two.
    let from = |tokens, seen| Span { tokens, prefix: Some(Prefix { first: 6, tokens: seen }) };
    let spans: Spans =
        [whole(1), whole(5), whole(300), from(9, 133), whole(4), from(130, 256), from(1, 300)]
            .into();
    let rows: usize = spans.iter().map(|span| span.tokens).sum();
    let (q, k, v) = (var(&[rows, 32], 1), var(&[rows, 16], 2), var(&[rows, 16], 3));
    let composed = || composed::causal_attention(&q, &k, &v, shape, &spans);
    assert_same(&[&q, &k, &v], || causal_attention(&q, &k, &v, shape, &spans), composed);
}

/// What follows a shared prefix attends as if it had a prefix of its own, bit for bit.
#[test]
fn a_shared_prefix_changes_no_bit() {
    let shape = AttentionShape { heads: 4, kv_heads: 2, dim: 8, window: Some(70) };
    let (prefix, own) = (100, 7);
    let (q, k, v) =
        (var(&[prefix + own, 32], 1), var(&[prefix + own, 16], 2), var(&[prefix + own, 16], 3));
    let attend = |spans: &[Span]| -> Vec<Vec<f32>> {
        causal_attention(&q, &k, &v, shape, &spans.into()).unwrap().to_vec2().unwrap()
    };
    let alone = attend(&[Span { tokens: prefix + own, prefix: None }]);
    let seen = Prefix { first: 0, tokens: prefix };
    let shared = [Span { tokens: prefix, prefix: None }, Span { tokens: own, prefix: Some(seen) }];
    assert_eq!(attend(&shared), alone);
}

#[test]
fn token_logprobs_are_log_softmax_over_the_allowed_tokens() {
    let (rows, vocabulary) = (300, 70);
    let (hidden, head) = (var(&[rows, 24], 1), var(&[vocabulary, 24], 2));
    let scored = |row: usize| {
        let allowed =
            row.is_multiple_of(3).then(|| (row as u32 % 7..vocabulary as u32).step_by(7).collect());
        Scored { token: row as u32 % 7 + 7 * (row as u32 % 9), allowed }
    };
    let fused = || Ok(token_logprobs(&hidden, &head, (0..rows).map(scored).collect())?.0);
    let scored_rows: Vec<Scored> = (0..rows).map(scored).collect();
    let composed = || Ok(composed::token_logprobs(&hidden, &head, &scored_rows)?.0);
    assert_same(&[&hidden, &head], fused, composed);
}

#[test]
fn entropies_are_those_of_the_distributions() {
    let (hidden, head) =
        (var(&[2, 4], 1), Tensor::zeros((8, 4), DType::F32, &Device::Cpu).unwrap());
    let scored = vec![
        Scored { token: 3, allowed: None },
        Scored { token: 3, allowed: Some([1, 3].into_iter().collect()) },
    ];
    let (_, entropies) = token_logprobs(&hidden, &head, scored.clone()).unwrap();
    let (_, composed) = composed::token_logprobs(&hidden, &head, &scored).unwrap();
    assert!(composed.iter().zip(&entropies).all(|(a, b)| (a - b).abs() < 1e-6));
    assert!((entropies[0] - 8f32.ln()).abs() < 1e-6 && (entropies[1] - 2f32.ln()).abs() < 1e-6);
}

#[test]
fn what_rounding_leaves_over_goes_to_no_unlikely_token() {
    // One by one in `f64` they add up to less than the vectors' sums in `f32`.
    let logit = |index: usize| match index {
        0 => 0.0,
        index if index.is_multiple_of(16) => -16.5,
        _ => -87.0,
    };
    let logits: Vec<f32> = (0..4096).map(logit).collect();
    let mass = Mass::new(&logits);
    for step in 0..2000 {
        let unit = 1.0 - f64::from(step) * 1e-8;
        let picked = mass.pick(&logits, unit);
        assert!(logits[picked] > -20.0, "{picked} at {unit}");
    }
}
