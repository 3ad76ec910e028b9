//! `timeout` as in coreutils, which also bounds Python programs.

use std::sync::Arc;
use std::time::Duration;

use bashkit::{Builtin, BuiltinContext, ExecResult, ExecutionPlan, SubCommand, async_trait};

use super::session::Session;

/// Tells Python commands below a `timeout`, also those of a nested script, when they have to end:
/// milliseconds since the start of the session. Never seen by Python programs.
pub(super) const DEADLINE: &str = "__SSR_DEADLINE";

/// `timeout` as in coreutils. The shell's own cannot interrupt Python, which blocks the shell.
pub(super) struct Timeout(pub(super) Arc<Session>);

#[async_trait]
impl Builtin for Timeout {
    async fn execute(&self, ctx: BuiltinContext<'_>) -> bashkit::Result<ExecResult> {
        let problem = parse(ctx.args).err().unwrap_or_default();
        Ok(ExecResult::err(format!("timeout: {problem}\n"), 125))
    }

    async fn execution_plan(
        &self,
        ctx: &BuiltinContext<'_>,
    ) -> bashkit::Result<Option<ExecutionPlan>> {
        let Ok((duration, command)) = parse(ctx.args) else { return Ok(None) };
        let Some((name, args)) = command.split_first() else { return Ok(None) };
        let duration = duration.unwrap_or(self.0.left());
        let deadline = (self.0.elapsed() + duration).as_millis();
        Ok(Some(ExecutionPlan::Timeout {
            duration,
            preserve_status: false,
            command: SubCommand {
                name: name.clone(),
                args: args.to_vec(),
                stdin: ctx.stdin.cloned(),
                assignments: vec![(DEADLINE.to_owned(), deadline.to_string())],
            },
        }))
    }
}

/// The duration, `None` when it is 0 and means none, and the command.
fn parse(args: &[String]) -> Result<(Option<Duration>, &[String]), String> {
    let mut rest = args;
    while let Some((arg, after)) = rest.split_first() {
        match arg.as_str() {
            "-k" | "-s" | "--kill-after" | "--signal" => rest = after.get(1..).unwrap_or_default(),
            "--" => {
                rest = after;
                break;
            }
            option if option.starts_with('-') => rest = after,
            _ => break,
        }
    }
    let (text, command) = rest.split_first().ok_or("missing operand")?;
    if command.is_empty() {
        return Err("missing operand".to_owned());
    }
    let unit = |suffix| text.strip_suffix(suffix);
    let (number, seconds) = unit('s')
        .map(|number| (number, 1.0))
        .or_else(|| unit('m').map(|number| (number, 60.0)))
        .or_else(|| unit('h').map(|number| (number, 3600.0)))
        .or_else(|| unit('d').map(|number| (number, 86_400.0)))
        .unwrap_or((text, 1.0));
    let invalid = || format!("invalid time interval '{text}'");
    let number: f64 = number.parse().ok().filter(|n: &f64| !n.is_nan()).ok_or_else(invalid)?;
    let duration =
        Duration::try_from_secs_f64((number * seconds).min(1e9)).map_err(|_| invalid())?;
    Ok(((!duration.is_zero()).then_some(duration), command))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<(Option<Duration>, String), String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        parse(&args).map(|(duration, command)| (duration, command.join(" ")))
    }

    #[test]
    fn durations_have_units_and_options_are_passed_over() {
        let seconds = |n| Some(Duration::from_secs(n));
        assert_eq!(parsed("-k 5 2m a -b"), Ok((seconds(120), "a -b".to_owned())));
        assert_eq!(parsed("--signal=KILL 90 a"), Ok((seconds(90), "a".to_owned())));
        assert_eq!(parsed("0 a"), Ok((None, "a".to_owned())));
        assert_eq!(parsed("x a"), Err("invalid time interval 'x'".to_owned()));
        assert_eq!(parsed("nan a"), Err("invalid time interval 'nan'".to_owned()));
        assert_eq!(parsed("-- -1 a"), Err("invalid time interval '-1'".to_owned()));
        assert_eq!(parsed("5"), Err("missing operand".to_owned()));
    }
}
