//! Generation against PyTorch and llama.cpp, in one run: `cargo xtask bench policy`.
//!
//! Every engine runs in a process of its own with the same random weights and answers the same
//! questions one after the other, so that all see the same machine.

mod bandwidth;
#[path = "../../../examples/src/bench.rs"]
#[allow(dead_code, reason = "shared with the other benches, which use all of it")]
mod bench;
mod cases;
#[path = "../../tests/remote/gguf.rs"]
mod gguf;
mod ours;
mod shape;
mod verify;
mod worker;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bench::{Row, json, table};
use candle_core::quantized::GgmlDType;
use shape::Shape;
use ssr_core::Seed;
use ssr_policy::{Device, Model, SaveOptions};
use worker::Worker;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
bench-policy [--shape 5m|0.5b]… [--device cpu|cuda] [--batch N]… [--rounds N]
             [--python PROGRAM] [--without torch|llama.cpp]… [--only CASE]
             [--work DIR] [--json]
bench-policy --verify   compares the first CUDA device with the CPU

  --only     prefill, decode or shared alone; may be repeated
  --python   an interpreter with torch, transformers and, on the CPU, xllamacpp
";

struct Args {
    shapes: Vec<Shape>,
    /// Sequences that are decoded together.
    batches: Vec<usize>,
    device: String,
    rounds: usize,
    python: PathBuf,
    without: Vec<String>,
    only: Vec<String>,
    work: PathBuf,
    json: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let given = |name: &str| args.iter().any(|arg| arg == name);
    let done = match args.first().map(String::as_str) {
        Some("--worker") => ours::serve(&args[1..]),
        _ if given("--verify") => Device::new_cuda(0)
            .map_err(|error| format!("no CUDA device: {error}").into())
            .and_then(|device| verify::verify(&device)),
        _ if given("--help") || given("-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        _ => parse(args).and_then(|args| compare(&args)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(args: Vec<String>) -> Result<Args> {
    let mut parsed = Args {
        shapes: Vec::new(),
        batches: Vec::new(),
        device: "cpu".to_owned(),
        rounds: 3,
        python: PathBuf::from("python3"),
        without: Vec::new(),
        only: Vec::new(),
        work: std::env::temp_dir().join("ssr-bench-policy"),
        json: false,
    };
    let mut args = args.into_iter();
    while let Some(flag) = args.next() {
        if flag == "--json" {
            parsed.json = true;
            continue;
        }
        let value = args.next().ok_or_else(|| format!("{flag} needs a value\n\n{HELP}"))?;
        match flag.as_str() {
            "--shape" => parsed.shapes.push(Shape::parse(&value)?),
            "--batch" => parsed.batches.push(value.parse()?),
            "--device" => parsed.device = value,
            "--rounds" => parsed.rounds = value.parse()?,
            "--python" => parsed.python = PathBuf::from(value),
            "--without" => parsed.without.push(value),
            "--only" if ["prefill", "decode", "shared"].contains(&value.as_str()) => {
                parsed.only.push(value);
            }
            "--only" => return Err(format!("there are no cases {value}\n\n{HELP}").into()),
            "--work" => parsed.work = PathBuf::from(value),
            _ => return Err(format!("there is no option {flag}\n\n{HELP}").into()),
        }
    }
    if parsed.shapes.is_empty() {
        parsed.shapes = vec![Shape::Small, Shape::Half];
    }
    if parsed.batches.is_empty() {
        parsed.batches = vec![1, 8, 32];
    }
    Ok(parsed)
}

fn compare(args: &Args) -> Result<()> {
    let mut rows = Vec::new();
    for &shape in &args.shapes {
        rows.extend(of_shape(args, shape)?);
    }
    print!("{}", table(&rows));
    if args.json {
        println!("{}", json(&rows));
    }
    Ok(())
}

fn of_shape(args: &Args, shape: Shape) -> Result<Vec<Row>> {
    let dir = args.work.join(shape.name());
    std::fs::create_dir_all(&dir)?;
    let torch = !args.without.iter().any(|peer| peer == "torch");
    let llama = args.device == "cpu" && !args.without.iter().any(|peer| peer == "llama.cpp");
    prepare(shape, &dir, llama)?;
    let script = dir.join("peers.py");
    std::fs::write(&script, include_str!("peers.py"))?;
    let ours = |precision: &str| {
        let program = std::env::current_exe()?;
        let args = ["--worker", shape.name(), &args.device, precision];
        Worker::start(&program, &args, &dir.join(format!("ours-{precision}.log")))
    };
    let peer = |kind: &str, file: &Path| {
        let log = file.with_extension(format!("{kind}.log"));
        let (script, file) = (script.to_string_lossy(), file.to_string_lossy());
        Worker::start(&args.python, &[&script, kind, &file, &args.device], &log)
    };
    let mut engines = cases::Engines {
        device: args.device.clone(),
        shape,
        batches: args.batches.clone(),
        rounds: args.rounds.max(1),
        only: args.only.clone(),
        bandwidth: if args.device == "cpu" { Some(bandwidth::read()) } else { None },
        ours: ours("f32")?,
        small: ours(if args.device == "cpu" { "q8" } else { "bf16" })?,
        torch: torch.then(|| peer("torch", &dir)).transpose()?,
        torch_bf16: (torch && args.device != "cpu")
            .then(|| peer("torch-bf16", &dir))
            .transpose()?,
        llama: llama.then(|| peer("llama", &dir.join("f32.gguf"))).transpose()?,
        llama_q8: llama.then(|| peer("llama", &dir.join("q8_0.gguf"))).transpose()?,
    };
    engines.rows()
}

/// Writes the random model as the peers read it, unless it is there from an earlier run.
fn prepare(shape: Shape, dir: &Path, llama: bool) -> Result<()> {
    let (done, with_gguf) = (dir.join("done"), dir.join("done-with-gguf"));
    if with_gguf.exists() || (done.exists() && !llama) {
        return Ok(());
    }
    let model = Model::new(shape.config(), Seed::new(0))?;
    model.save_with(dir, &SaveOptions::default())?;
    if llama {
        let vocabulary = numbers(model.config().vocab_size);
        for (kind, name) in [(GgmlDType::F32, "f32.gguf"), (GgmlDType::Q8_0, "q8_0.gguf")] {
            gguf::write(&model, &vocabulary, kind, &dir.join(name))?;
        }
    }
    std::fs::write(if llama { with_gguf } else { done }, "")?;
    Ok(())
}

/// A vocabulary of numbers. The characters of the byte-level alphabet have to be there.
fn numbers(size: usize) -> gguf::Vocabulary {
    let printable = (33u8..=126).map(|byte| char::from(byte).to_string());
    let tokens = printable.chain((0..size).map(|id| format!("t{id}t"))).take(size);
    gguf::Vocabulary {
        tokens: tokens.collect(),
        is_control: vec![false; size],
        merges: vec!["a b".to_owned()],
        end: None,
    }
}
