//! `ats-sync`: one sync of one account into one database, configured by environment variables. The work is the library's.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use ats_sync::{Config, Worker};
use program::{Exposition, explain, stop};
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    // Logs go to stderr and nothing goes to stdout.
    tracing_subscriber::fmt().with_writer(io::stderr).with_target(false).with_ansi(false).init();
    match sync().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn sync() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    let worker = Worker::connect(&config).await?;
    let _exposition = match config.metrics_addr {
        Some(address) => {
            let exposition = Exposition::serve(address, worker.metrics().registry()).await?;
            info!("metrics at http://{}/metrics", exposition.address());
            Some(exposition)
        }
        None => None,
    };
    let report = tokio::select! {
        report = worker.sync(config.strategy) => report?,
        stopped = stop() => {
            stopped?;
            return Err("stopped by a signal; the rows written so far stay, and the next sync completes them".into());
        }
    };
    info!("{} sync: {}", report.strategy, report.total());
    worker.close().await;
    Ok(())
}
