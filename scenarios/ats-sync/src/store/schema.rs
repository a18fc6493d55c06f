//! Brings the database to the schema that the statements expect.
//!
//! refinery's runner, with its plain table of applied versions: it notices a migration that was edited after it had been
//! applied, which a hand-written list of versions would not. Each migration and its entry are one transaction.

use refinery_core::{Error, Migration, Runner};
use tokio_postgres::Client;

/// Every migration in order. A new one is a new file; the old ones stay as they are.
const MIGRATIONS: [(&str, &str); 1] = [("V1__collections", include_str!("../../migrations/V1__collections.sql"))];

pub(super) async fn migrate(client: &mut Client) -> Result<(), Error> {
    let migrations =
        MIGRATIONS.iter().map(|(name, sql)| Migration::unapplied(name, sql)).collect::<Result<Vec<_>, _>>()?;
    Runner::new(&migrations).run_async(client).await?;
    Ok(())
}
