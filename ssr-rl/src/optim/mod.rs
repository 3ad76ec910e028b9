//! AdamW with a state that is saved and restored exactly.

use std::collections::HashMap;
use std::path::Path;

use crate::{Error, Result};
use candle_core::backprop::GradStore;
use candle_core::{DType, Tensor, Var};
use rayon::prelude::*;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

mod config;

pub use config::OptimizerConfig;

/// Sums of gradients, one flat vector for each named variable, in f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    values: Vec<Vec<f32>>,
}

impl Gradients {
    /// Zeros for each of `vars`.
    pub fn zeros(vars: &[(String, Var)]) -> Self {
        Self { values: vars.iter().map(|(_, var)| vec![0.0; var.elem_count()]).collect() }
    }

    /// Adds what a backward pass left. A variable that it did not reach gets nothing.
    ///
    /// # Errors
    /// [`Error::Optimiser`] when `vars` are not those of [`Gradients::zeros`].
    pub fn add(&mut self, vars: &[(String, Var)], grads: &GradStore) -> Result<()> {
        check_count(vars.len(), self.values.len())?;
        for ((name, var), sum) in vars.iter().zip(&mut self.values) {
            let Some(grad) = grads.get(var.as_tensor()) else { continue };
            let grad = flat(grad)?;
            check_size(name, grad.len(), sum.len())?;
            sum.par_iter_mut().zip(&grad).for_each(|(sum, grad)| *sum += grad);
        }
        Ok(())
    }

    /// Sets the gradient of the `index`-th variable.
    ///
    /// # Errors
    /// [`Error::Optimiser`] when there is no such variable or it has another size.
    pub fn set(&mut self, index: usize, values: &[f32]) -> Result<()> {
        let Some(slot) = self.values.get_mut(index) else {
            return Err(Error::Optimiser(format!("there is no variable {index}")));
        };
        check_size("a gradient", values.len(), slot.len())?;
        slot.copy_from_slice(values);
        Ok(())
    }

    /// The gradients of the `index`-th variable.
    pub fn get(&self, index: usize) -> Option<&[f32]> {
        self.values.get(index).map(Vec::as_slice)
    }

    /// The Euclidean norm of all gradients together. The sum is taken in f64 and in a fixed order.
    pub fn norm(&self) -> f64 {
        let square = |values: &Vec<f32>| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        self.values.par_iter().map(square).collect::<Vec<_>>().iter().sum::<f64>().sqrt()
    }
}

/// What one call of [`AdamW::step`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StepOutcome {
    /// The norm of the gradients before they were shortened.
    pub grad_norm: f64,
    /// The learning rate of this update.
    pub learning_rate: f64,
    /// Whether the weights changed: gradients that are not finite are thrown away.
    pub applied: bool,
}

/// Adam with decoupled weight decay, as PyTorch computes it, with its state in the open: it can be
/// saved and restored exactly. One pass over each variable does decay, moments and update.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamW {
    config: OptimizerConfig,
    updates: u64,
    names: Vec<String>,
    first: Vec<Vec<f32>>,
    second: Vec<Vec<f32>>,
}

impl AdamW {
    /// An optimiser for `vars`, which must be f32, before its first update.
    ///
    /// # Errors
    /// [`Error::Config`] and, for a variable that is not f32, [`Error::Optimiser`].
    pub fn new(vars: &[(String, Var)], config: OptimizerConfig) -> Result<Self> {
        config.validate()?;
        if let Some((name, var)) = vars.iter().find(|(_, var)| var.dtype() != DType::F32) {
            let problem = format!("{name} is {:?}; weights to train must be f32", var.dtype());
            return Err(Error::Optimiser(problem));
        }
        let zeros = Gradients::zeros(vars).values;
        let names = vars.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { config, updates: 0, names, first: zeros.clone(), second: zeros })
    }

    /// How many updates were made.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Moves `vars` once against `gradients`.
    ///
    /// # Errors
    /// [`Error::Optimiser`] when variables or gradients are not those of [`AdamW::new`].
    pub fn step(&mut self, vars: &[(String, Var)], gradients: &Gradients) -> Result<StepOutcome> {
        check_count(vars.len(), self.names.len())?;
        check_count(gradients.values.len(), self.names.len())?;
        for ((name, _), known) in vars.iter().zip(&self.names) {
            if name != known {
                return Err(Error::Optimiser(format!("{name} stands where {known} was")));
            }
        }
        let grad_norm = gradients.norm();
        let learning_rate = self.config.rate(self.updates + 1);
        if !grad_norm.is_finite() {
            return Ok(StepOutcome { grad_norm, learning_rate, applied: false });
        }
        self.updates += 1;
        let rule = Rule::new(&self.config, self.updates, learning_rate, grad_norm);
        let state = self.first.iter_mut().zip(&mut self.second);
        for (((name, var), gradient), (first, second)) in
            vars.iter().zip(&gradients.values).zip(state)
        {
            let mut weights = flat(var.as_tensor())?;
            check_size(name, weights.len(), gradient.len())?;
            let elements = weights.par_iter_mut().zip(gradient).zip(first).zip(second);
            elements.for_each(|(((weight, gradient), first), second)| {
                rule.apply(weight, *gradient, first, second);
            });
            var.set(&Tensor::from_vec(weights, var.shape(), var.device())?)?;
        }
        Ok(StepOutcome { grad_norm, learning_rate, applied: true })
    }

    /// Writes the state as safetensors: `exp_avg/NAME` and `exp_avg_sq/NAME`, and the number of
    /// updates in the metadata.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: &Path) -> Result<()> {
        let views = self.names.iter().zip(self.first.iter().zip(&self.second));
        let views: Vec<(String, Bytes)> = views
            .flat_map(|(name, (first, second))| {
                [
                    (format!("exp_avg/{name}"), Bytes::of(first)),
                    (format!("exp_avg_sq/{name}"), Bytes::of(second)),
                ]
            })
            .collect();
        // One entry only: the order of a map with more would vary, and so would the file.
        let metadata = HashMap::from([("updates".to_owned(), self.updates.to_string())]);
        let tensors: Vec<(&str, TensorView<'_>)> = views
            .iter()
            .map(|(name, bytes)| Ok((name.as_str(), bytes.view()?)))
            .collect::<Result<_, SafeTensorError>>()
            .map_err(|error| {
                Error::io("writing the optimiser", path, std::io::Error::other(error))
            })?;
        let data = safetensors::serialize(tensors, Some(metadata)).map_err(|error| {
            Error::io("writing the optimiser", path, std::io::Error::other(error))
        })?;
        crate::files::write(path, &data)
    }

    /// Reads what [`AdamW::save`] wrote, for the same variables.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Checkpoint`] when the file is damaged or belongs to another
    /// model; `self` is unchanged then.
    pub fn load(&mut self, path: &Path) -> Result<()> {
        let data = std::fs::read(path).map_err(|e| Error::io("reading the optimiser", path, e))?;
        let wrong = |problem: String| Error::checkpoint(path, problem);
        let damaged = |error: SafeTensorError| Error::damaged(path, error.to_string(), error);
        let (_, metadata) = SafeTensors::read_metadata(&data).map_err(damaged)?;
        let tensors = SafeTensors::deserialize(&data).map_err(damaged)?;
        let updates = metadata.metadata().as_ref().and_then(|map| map.get("updates"));
        let updates = updates
            .and_then(|text| text.parse::<u32>().ok())
            .map(u64::from)
            .ok_or_else(|| wrong("the number of updates is missing".to_owned()))?;
        let read = |kind: &str, sizes: &[Vec<f32>]| -> Result<Vec<Vec<f32>>> {
            let each = self.names.iter().zip(sizes);
            each.map(|(name, size)| {
                let name = format!("{kind}/{name}");
                let tensor = tensors.tensor(&name).map_err(damaged)?;
                if tensor.dtype() != Dtype::F32 || tensor.data().len() != 4 * size.len() {
                    return Err(wrong(format!("{name} is not {} numbers in f32", size.len())));
                }
                let numbers = tensor.data().chunks_exact(4);
                Ok(numbers.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            })
            .collect()
        };
        let (first, second) = (read("exp_avg", &self.first)?, read("exp_avg_sq", &self.second)?);
        (self.first, self.second, self.updates) = (first, second, updates);
        Ok(())
    }
}

/// The update of a single weight, with everything that is common to all of them.
struct Rule {
    clip: f32,
    keep: f32,
    beta1: f32,
    beta2: f32,
    rate: f32,
    root_correction: f32,
    epsilon: f32,
}

impl Rule {
    fn new(config: &OptimizerConfig, update: u64, learning_rate: f64, norm: f64) -> Self {
        let power = |beta: f64| 1.0 - beta.powf(update as f64);
        let limit = config.max_grad_norm;
        let clip = if limit > 0.0 && norm > limit { limit / norm } else { 1.0 };
        Self {
            clip: clip as f32,
            keep: (1.0 - learning_rate * config.weight_decay) as f32,
            beta1: config.beta1 as f32,
            beta2: config.beta2 as f32,
            rate: (learning_rate / power(config.beta1)) as f32,
            root_correction: power(config.beta2).sqrt() as f32,
            epsilon: config.epsilon as f32,
        }
    }

    fn apply(&self, weight: &mut f32, gradient: f32, first: &mut f32, second: &mut f32) {
        let gradient = gradient * self.clip;
        *first = self.beta1 * *first + (1.0 - self.beta1) * gradient;
        *second = self.beta2 * *second + (1.0 - self.beta2) * gradient * gradient;
        let step = *first / (second.sqrt() / self.root_correction + self.epsilon);
        *weight = self.keep * *weight - self.rate * step;
    }
}

struct Bytes {
    bytes: Vec<u8>,
    shape: [usize; 1],
}

impl Bytes {
    fn of(values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { bytes, shape: [values.len()] }
    }

    fn view(&self) -> Result<TensorView<'_>, SafeTensorError> {
        TensorView::new(Dtype::F32, self.shape.to_vec(), &self.bytes)
    }
}

fn flat(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.flatten_all()?.to_vec1()?)
}

fn check_count(given: usize, known: usize) -> Result<()> {
    if given == known {
        return Ok(());
    }
    Err(Error::Optimiser(format!("{given} variables where {known} were")))
}

fn check_size(name: &str, given: usize, known: usize) -> Result<()> {
    if given == known {
        return Ok(());
    }
    Err(Error::Optimiser(format!("{name} has {given} elements where {known} were expected")))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn vars() -> Vec<(String, Var)> {
        let var = |values: &[f32]| Var::from_slice(values, values.len(), &Device::Cpu).unwrap();
        vec![("a".into(), var(&[1.0, -2.0])), ("b".into(), var(&[0.5]))]
    }

    #[test]
    fn the_rate_grows_linearly_and_stays() {
        let config = OptimizerConfig { learning_rate: 1.0, warmup_steps: 4, ..Default::default() };
        let rates: Vec<f64> = (1..=6).map(|update| config.rate(update)).collect();
        assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
        assert_eq!(OptimizerConfig { warmup_steps: 0, ..config }.rate(1), 1.0);
    }

    #[test]
    fn gradients_that_are_not_finite_change_nothing() {
        let vars = vars();
        let mut adam = AdamW::new(&vars, OptimizerConfig::default()).unwrap();
        let before = adam.clone();
        let mut gradients = Gradients::zeros(&vars);
        gradients.set(0, &[f32::NAN, 0.0]).unwrap();
        assert!(!adam.step(&vars, &gradients).unwrap().applied);
        assert_eq!(adam, before);
        assert_eq!(flat(vars[0].1.as_tensor()).unwrap(), [1.0, -2.0]);
    }

    #[test]
    fn a_saved_optimiser_continues_exactly() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("optimizer.safetensors");
        let gradients = |vars: &[(String, Var)]| {
            let mut gradients = Gradients::zeros(vars);
            gradients.set(0, &[0.3, -0.1]).unwrap();
            gradients.set(1, &[2.0]).unwrap();
            gradients
        };
        let straight = vars();
        let mut adam = AdamW::new(&straight, OptimizerConfig::default()).unwrap();
        adam.step(&straight, &gradients(&straight)).unwrap();
        adam.save(&path).unwrap();
        let mut restored = AdamW::new(&straight, OptimizerConfig::default()).unwrap();
        restored.load(&path).unwrap();
        assert_eq!(restored, adam);

        let other = vec![("c".to_owned(), straight[0].1.clone())];
        let mut stranger = AdamW::new(&other, OptimizerConfig::default()).unwrap();
        assert!(matches!(stranger.load(&path), Err(Error::Checkpoint { .. })));
        std::fs::write(&path, b"not safetensors").unwrap();
        let error = restored.load(&path).unwrap_err().to_string();
        assert!(error.contains("optimizer.safetensors"), "{error}");
    }

    #[test]
    fn other_variables_are_refused() {
        let vars = vars();
        let mut adam = AdamW::new(&vars, OptimizerConfig::default()).unwrap();
        assert!(adam.step(&vars[..1], &Gradients::zeros(&vars[..1])).is_err());
        let swapped: Vec<_> = vars.iter().rev().cloned().collect();
        assert!(adam.step(&swapped, &Gradients::zeros(&swapped)).is_err());
    }
}
