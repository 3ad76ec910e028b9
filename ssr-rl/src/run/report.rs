//! `report.html`.

use std::fmt::Write;

use super::{StepMetrics, Summary};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#222}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;\
text-align:left;border-bottom:1px solid #ddd}td:last-child{text-align:right}\
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem}\
figure{margin:0}svg{width:100%;background:#f8f8f8}polyline{fill:none;stroke:#2563eb;\
stroke-width:1.5}circle{fill:#2563eb}figcaption{font-size:13px;color:#555}";

/// A curve: its title and what it shows of a step.
type Curve = (&'static str, fn(&StepMetrics) -> Option<f64>);

const CURVES: [Curve; 8] = [
    ("solve rate", |m| m.solve_rate),
    ("mean reward, injector", |m| m.mean_reward_injector),
    ("mean reward, solver", |m| m.mean_reward_solver),
    ("valid bugs", |m| Some(m.bugs_valid as f64)),
    ("policy loss", |m| m.update.updated.then_some(m.update.policy_loss)),
    ("entropy (nats)", |m| m.update.updated.then_some(m.update.entropy)),
    ("gradient norm", |m| m.update.updated.then_some(m.update.grad_norm)),
    ("test cycles / s", |m| Some(m.test_cycles_per_second)),
];

/// `report.html`: the summary and a curve for each of the main numbers, in one file without any
/// outside reference.
pub fn report_html(summary: &Summary, lines: &[StepMetrics]) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{0}</title>\
         <style>{STYLE}</style><h1>Self-play on {0}</h1>",
        escape(&summary.package)
    );
    if summary.solver != "policy" {
        let solver = escape(&summary.solver);
        let _ = write!(
            html,
            "<p><strong>Solver: {solver}.</strong> Solve rates are not the policy's.</p>"
        );
    }
    html.push_str("<table>");
    for (name, value) in rows(summary) {
        let _ = write!(html, "<tr><td>{}<td>{}</tr>", escape(&name), escape(&value));
    }
    html.push_str("</table><div class=\"charts\">");
    for (title, value) in CURVES {
        let points = lines.iter().filter_map(|line| Some((line.step as f64, value(line)?)));
        html.push_str(&chart(title, &points.collect::<Vec<_>>()));
    }
    html.push_str("</div></html>\n");
    html
}

fn rows(summary: &Summary) -> Vec<(String, String)> {
    let optional =
        |value: Option<f64>| value.map_or("–".to_owned(), |value| format!("{value:.3}"));
    let mut rows = vec![
        ("steps", summary.steps.to_string()),
        ("seed", summary.seed.to_string()),
        ("solver", summary.solver.clone()),
        ("bugs proposed", summary.bugs_proposed.to_string()),
        ("bugs valid", summary.bugs_valid.to_string()),
        ("attempts", summary.attempts.to_string()),
        ("solved", summary.solved.to_string()),
        ("solve rate", optional(summary.solve_rate)),
        ("higher-order attempts", summary.higher_order_attempts.to_string()),
        ("mean reward, injector", optional(summary.mean_reward_injector)),
        ("mean reward, solver", optional(summary.mean_reward_solver)),
        ("dropped episodes", summary.dropped_episodes.to_string()),
        ("test cycles", summary.test_cycles.to_string()),
        ("test cycles / s", format!("{:.2}", summary.test_cycles_per_second)),
        ("tokens generated", summary.tokens_generated.to_string()),
        ("seconds", format!("{:.1}", summary.seconds)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect::<Vec<_>>();
    let rejected =
        |(reason, count): (&String, &u64)| (format!("rejected: {reason}"), count.to_string());
    rows.extend(summary.rejections.iter().map(rejected));
    rows
}

fn chart(title: &str, points: &[(f64, f64)]) -> String {
    const WIDTH: f64 = 300.0;
    const HEIGHT: f64 = 120.0;
    const MARGIN: f64 = 8.0;
    let points: Vec<_> = points.iter().filter(|(_, y)| y.is_finite()).collect();
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (left, right) = range(&mut points.iter().map(|p| p.0));
    let (low, high) = range(&mut points.iter().map(|p| p.1));
    let place = |value: f64, from: f64, to: f64, size: f64| {
        let share = if to > from { (value - from) / (to - from) } else { 0.5 };
        MARGIN + share * (size - 2.0 * MARGIN)
    };
    let (mut line, mut dots) = (String::new(), String::new());
    for (x, y) in points.iter().map(|point| **point) {
        let (x, y) = (place(x, left, right, WIDTH), HEIGHT - place(y, low, high, HEIGHT));
        let _ = write!(line, "{x:.1},{y:.1} ");
        let _ = write!(dots, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>");
    }
    let caption = match points.last() {
        Some((_, last)) => format!("{title}: {last:.4} (from {low:.4} to {high:.4})"),
        None => format!("{title}: no value"),
    };
    format!(
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\"><polyline points=\"{}\"/>{dots}</svg>\
         <figcaption>{}</figcaption></figure>",
        line.trim_end(),
        escape(&caption)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_stands_alone_and_escapes_what_it_shows() {
        let line = |step: u64, rate: f64| StepMetrics {
            step,
            solve_rate: Some(rate),
            rejections: [("bug_<validity>".to_owned(), 2)].into(),
            ..StepMetrics::default()
        };
        let lines = [line(1, 0.25), line(2, 0.75)];
        let summary =
            Summary { package: "<b>&x".into(), solver: "oracle".into(), ..Summary::of(&lines) };
        let html = report_html(&summary, &lines);
        assert!(html.contains("&lt;b&gt;&amp;x") && !html.contains("<b>"));
        assert!(html.contains("bug_&lt;validity&gt;"));
        assert!(html.contains("Solver: oracle"));
        assert!(!html.contains("http") && !html.contains("<script"));
        assert!(html.contains("solve rate: 0.7500 (from 0.2500 to 0.7500)"));
        assert!(!html.contains("NaN"));
    }
}
