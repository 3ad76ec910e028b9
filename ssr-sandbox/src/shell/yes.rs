//! `yes` as in coreutils.

use bashkit::{CommandContext, CommandStatus, async_trait};

/// How much `yes` writes at once.
const CHUNK: usize = 4096;

/// `yes` that goes on until nobody reads or the time is over; the shell's own stops at 10,000 lines.
pub(super) struct Yes;

#[async_trait]
impl bashkit::Command for Yes {
    async fn execute(&self, ctx: CommandContext<'_>) -> bashkit::Result<CommandStatus> {
        let line = if ctx.args.is_empty() { "y".to_owned() } else { ctx.args.join(" ") } + "\n";
        let chunk = line.repeat((CHUNK / line.len()).max(1));
        loop {
            ctx.stdout.write_all(chunk.as_bytes()).await?;
            // Nothing else here waits, and the script has to notice the end of its time.
            tokio::task::yield_now().await;
        }
    }
}
