//! Lists the sites of the Python files below a folder and says how long it took.
//!
//! ```text
//! cargo run -p ssr-mutate --example sites -- path/to/package            # a table by operator
//! cargo run -p ssr-mutate --example sites -- path/to/package --list     # one line a site
//! cargo run -p ssr-mutate --example sites -- path/to/package --edits    # path, range, new text in hex
//! cargo run -p ssr-mutate --example sites -- path/to/package --sample 9 # nine of them, as edits
//! ```

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use ssr_core::{EditRenderer, LineIndex, RepoPath, Seed};
use ssr_mutate::{Mutator, Site, is_source_file, sites};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give the folder to look into")?;
    let mode = arguments.next().unwrap_or_default();
    let mut files = Vec::new();
    read(Path::new(&folder), "", &mut files)?;

    let mut out = BufWriter::new(io::stdout().lock());
    if mode == "--sample" {
        let count = arguments.next().ok_or("give the size of the sample")?.parse()?;
        let mutator = Mutator::new();
        let all: Vec<_> =
            files.iter().flat_map(|(path, text)| mutator.sites_in(path, text)).collect();
        let drawn = mutator.sample(&all, count, Seed::new(0));
        return Ok(drawn.iter().try_for_each(|site| write_edit(&mut out, site))?);
    }
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut bytes, mut lines, mut patches, mut search, mut render) = (0, 0, 0, 0.0, 0.0);
    for (path, text) in &files {
        let start = Instant::now();
        let found = sites(path, text);
        search += start.elapsed().as_secs_f64();
        let start = Instant::now();
        patches += render_all(path, text, &found)?;
        render += start.elapsed().as_secs_f64();
        (bytes, lines) = (bytes + text.len(), lines + text.lines().count());
        for site in &found {
            *operators.entry(site.operator().id).or_default() += 1;
            match mode.as_str() {
                "--list" => writeln!(out, "{}", site.describe())?,
                "--edits" => write_edit(&mut out, site)?,
                _ => {}
            }
        }
    }
    if mode.is_empty() {
        let total: usize = operators.values().sum();
        for (operator, count) in operators {
            writeln!(out, "{operator:>4} {count:>8}")?;
        }
        writeln!(out, "{} files, {lines} lines, {bytes} bytes, {total} sites", files.len())?;
        let rate = total as f64 / search;
        writeln!(out, "parse and search {search:.2} s, {rate:.0} sites/s")?;
        writeln!(out, "render {render:.2} s, {:.0} patches/s", patches as f64 / render)?;
    }
    Ok(())
}

fn render_all(path: &RepoPath, text: &str, found: &[Site]) -> ssr_core::Result<usize> {
    let index = LineIndex::new(text.as_bytes());
    let mut renderer = EditRenderer::new(path, text.as_bytes(), &index);
    let mut patch = Vec::new();
    for site in found {
        patch.clear();
        renderer.render(&[site.edit()], &mut patch)?;
    }
    Ok(found.len())
}

fn write_edit(out: &mut impl Write, site: &Site) -> io::Result<()> {
    let range = site.range();
    write!(out, "{} {} {} {} ", site.operator(), site.path(), range.start, range.end)?;
    site.replacement().bytes().try_for_each(|byte| write!(out, "{byte:02x}"))?;
    writeln!(out)
}

fn read(folder: &Path, prefix: &str, files: &mut Vec<(RepoPath, String)>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let (path, name) = (entry.path(), format!("{prefix}{name}"));
        if entry.file_type()?.is_dir() {
            read(&path, &format!("{name}/"), files)?;
        } else if let Ok(name) = RepoPath::new(&name)
            && is_source_file(&name)
            && let Ok(text) = std::fs::read_to_string(&path)
        {
            files.push((name, text));
        }
    }
    Ok(())
}
