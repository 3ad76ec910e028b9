//! Runs one program in a container, with its input, output and limits.

use std::io::ErrorKind;
use std::pin::pin;
use std::time::Duration;

use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use futures_util::StreamExt;
use futures_util::future::{Either, select};
use ssr_core::{Exit, SandboxError};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use crate::harness::TESTBED;

use super::capture::Capture;
use super::failed;
use super::image::Container;

/// Runs a program and then ends what it left running. Everything but PID 1 is killed.
const SUPERVISE: &str = r#""$@"; status=$?; kill -9 -1 2>/dev/null; exit $status"#;

/// What a shell says of a program that SIGKILL ended.
const KILLED: i64 = 128 + 9;

/// One program to run in a container.
pub(super) struct Exec<'a> {
    pub(super) argv: Vec<String>,
    /// `NAME=value`.
    pub(super) env: Vec<String>,
    pub(super) stdin: &'a [u8],
    /// `Limits::cpu`. The engine tells processor time only of the whole container, and nothing of
    /// programs that sleep, so the clock on the wall is taken.
    pub(super) time: Duration,
}

impl Container {
    /// Runs a program to its end or its limits; afterwards nothing of it runs any more.
    pub(super) fn run(&mut self, exec: &Exec, output: &mut Capture) -> Result<Exit, SandboxError> {
        let code = self
            .engine
            .wait(self.supervised(exec, output))
            .map_err(failed("running a command in a container"))?;
        Ok(match code {
            None => {
                self.restart()?;
                Exit::Timeout
            }
            Some(KILLED) => {
                // Perhaps it was the supervisor that was killed.
                let exit =
                    if self.ran_out_of_memory()? { Exit::OutOfMemory } else { Exit::Code(137) };
                self.restart()?;
                exit
            }
            Some(code) => Exit::Code(i32::try_from(code).unwrap_or(-1)),
        })
    }

    /// The exit code, or nothing when time ran out.
    async fn supervised(
        &self,
        exec: &Exec<'_>,
        output: &mut Capture,
    ) -> Result<Option<i64>, Error> {
        let supervisor = ["/bin/sh", "-c", SUPERVISE, "sh"].map(str::to_owned);
        let options = CreateExecOptions {
            attach_stdin: Some(!exec.stdin.is_empty()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            env: Some(exec.env.clone()),
            cmd: Some(supervisor.into_iter().chain(exec.argv.iter().cloned()).collect()),
            working_dir: Some(TESTBED.to_owned()),
            ..CreateExecOptions::default()
        };
        let docker = &self.engine.docker;
        let id = docker.create_exec(&self.id, options).await?.id;
        let started = StartExecOptions { output_capacity: Some(64 << 10), ..Default::default() };
        let StartExecResults::Attached { output: mut stream, mut input } =
            docker.start_exec(&id, Some(started)).await?
        else {
            return Err(Error::RequestTimeoutError);
        };
        let feed = async {
            // A program need not read what it is given.
            if !exec.stdin.is_empty() && input.write_all(exec.stdin).await.is_ok() {
                let _ = input.shutdown().await;
            }
        };
        let collect = async {
            while let Some(piece) = stream.next().await {
                match piece {
                    Ok(piece) => output.take(piece),
                    // The program ended before it read all of its input.
                    Err(Error::IOError { err }) if err.kind() == ErrorKind::ConnectionReset => {
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        };
        let (feed, collect) = (pin!(feed), pin!(collect));
        let both = async {
            match select(collect, feed).await {
                Either::Left((collected, _)) => collected,
                Either::Right(((), collect)) => collect.await,
            }
        };
        match timeout(exec.time, both).await {
            Err(_) => return Ok(None),
            Ok(collected) => collected?,
        }
        loop {
            let seen = docker.inspect_exec(&id).await?;
            match seen.exit_code {
                Some(code) if seen.running != Some(true) => return Ok(Some(code)),
                // Neither running nor ended: whoever ended it left no status.
                None if seen.running == Some(false) => return Ok(Some(KILLED)),
                _ => sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Whether the kernel ended a process for lack of memory since this was last asked.
    fn ran_out_of_memory(&mut self) -> Result<bool, SandboxError> {
        // The second is version 1 of control groups.
        let counters = "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control";
        let exec = Exec {
            argv: ["/bin/sh", "-c", counters].map(str::to_owned).to_vec(),
            env: Vec::new(),
            stdin: &[],
            time: Duration::from_secs(30),
        };
        let mut output = Capture::new(4096);
        self.engine
            .wait(self.supervised(&exec, &mut output))
            .map_err(failed("reading the memory counters of a container"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        let count = count.and_then(|count| count.trim().parse().ok()).unwrap_or(0);
        Ok(std::mem::replace(&mut self.out_of_memory, count) < count)
    }

    /// Unpacks an archive at `/`.
    pub(super) fn upload(&self, archive: Vec<u8>) -> Result<(), SandboxError> {
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let body = bollard::body_full(archive.into());
        self.engine
            .wait(self.engine.docker.upload_to_container(&self.id, Some(options), body))
            .map_err(failed("writing into a container"))
    }

    /// The archive of `path`, or nothing when it is not there; at most `limit` bytes.
    pub(super) fn download(
        &self,
        path: &str,
        limit: usize,
    ) -> Result<Option<Vec<u8>>, SandboxError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let read = async {
            let mut pieces =
                pin!(self.engine.docker.download_from_container(&self.id, Some(options)));
            let mut archive = Vec::new();
            while let Some(piece) = pieces.next().await {
                archive.extend_from_slice(&piece?);
                if archive.len() > limit {
                    archive.truncate(limit);
                    break;
                }
            }
            Ok(archive)
        };
        match self.engine.wait(read) {
            Ok(archive) => Ok(Some(archive)),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(failed("reading from a container")(error)),
        }
    }
}
