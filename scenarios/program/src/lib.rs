//! What the programs among the scenarios share, beside their work: `/metrics` for Prometheus, an error with its causes on one line,
//! the signals that end a program, configuration by environment variables.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let registry = prometheus::Registry::new();
//! let exposition = program::Exposition::serve(([127, 0, 0, 1], 0).into(), &registry).await?;
//! println!("metrics at http://{}/metrics", exposition.address());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod explain;
mod exposition;
mod stop;
mod variables;

pub use explain::explain;
pub use exposition::{Exposition, ExpositionError};
pub use stop::stop;
pub use variables::{VariableError, Variables, address, whole};
