//! Rows of measurements against a peer, as tables and as JSON.

use std::fmt::Write;

use serde::Serialize;

/// One measurement against a peer in the same run.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What was measured, in plain words.
    pub name: String,
    /// The unit of the figures.
    pub unit: &'static str,
    /// Our median.
    pub ours: f64,
    /// The name of the peer.
    pub peer: &'static str,
    /// The peer's median.
    pub theirs: f64,
    /// How many times better ours is. Above 1 ours is better.
    pub ratio: f64,
    /// The best possible figure, if it is known.
    pub limit: Option<f64>,
}

impl Row {
    /// A row for durations, where less is better.
    pub fn duration(name: &str, ours: f64, peer: &'static str, theirs: f64) -> Self {
        Self::less(name, "ms", ours, peer, theirs)
    }

    /// A row for a figure where less is better.
    pub fn less(
        name: &str,
        unit: &'static str,
        ours: f64,
        peer: &'static str,
        theirs: f64,
    ) -> Self {
        let (name, ratio) = (name.to_owned(), theirs / ours);
        Self { name, unit, ours, peer, theirs, ratio, limit: None }
    }

    /// A row for a figure where more is better.
    pub fn more(
        name: &str,
        unit: &'static str,
        ours: f64,
        peer: &'static str,
        theirs: f64,
    ) -> Self {
        Self { ratio: ours / theirs, ..Self::less(name, unit, ours, peer, theirs) }
    }

    /// The same row with a limit.
    pub fn with_limit(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }
}

/// The rows as a table of text.
pub fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<42} {:>8} {:>10} {:>10} {:>7} {:>10}  peer\n",
        "measurement", "unit", "ours", "theirs", "ratio", "limit"
    );
    for row in rows {
        let limit = row.limit.map_or("–".to_owned(), |limit| format!("{limit:.2}"));
        let Row { name, unit, ours, peer, theirs, ratio, .. } = row;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{name:<42} {unit:>8} {ours:>10.2} {theirs:>10.2} {ratio:>6.2}× {limit:>10}  {peer}"
        );
    }
    text
}

/// The rows as one line of JSON, the output of `--json`.
pub fn json(rows: &[Row]) -> String {
    serde_json::json!({ "rows": rows }).to_string()
}

/// The median; 0 for no values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(Vec::new()), 0.0);
    }

    #[test]
    fn rows_are_one_line_of_json() {
        let row = Row::duration("a cycle", 2.0, "native", 8.0).with_limit(1.0);
        let text = json(&[row]);
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["rows"][0]["ratio"], 4.0);
    }
}
