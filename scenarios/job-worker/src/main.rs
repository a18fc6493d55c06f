//! `job-worker`: works until SIGTERM or SIGINT ends it, configured by environment variables. The work is the library's.

use std::error::Error;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use job_worker::{Config, Nobody, Observer, Statsd, Worker};
use program::{Exposition, explain, stop};
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    // Logs go to stderr and nothing goes to stdout.
    tracing_subscriber::fmt().with_writer(io::stderr).with_target(false).with_ansi(false).init();
    match work().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn work() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    let observer: Arc<dyn Observer> = match config.statsd_addr {
        Some(agent) => Arc::new(Statsd::to(agent, &config)?),
        None => Arc::new(Nobody),
    };
    let mut worker = Worker::start(&config, observer).await?;
    let _exposition = match config.metrics_addr {
        Some(address) => {
            let exposition = Exposition::serve(address, worker.metrics().registry()).await?;
            info!("metrics at http://{}/metrics", exposition.address());
            Some(exposition)
        }
        None => None,
    };
    tokio::select! {
        stopped = stop() => stopped?,
        failed = worker.failed() => return Err(failed.into()),
    }
    info!("stopping: jobs under way have {:?} to finish", config.drain);
    worker.stop().await?;
    Ok(())
}
