//! Starts the Postgres that the environment chooses, prints the URL of an empty database on it, and holds both until standard
//! input ends: something to point a client at.

use std::error::Error;
use std::io::Read;

use highwater::Service;
use highwater_services::Postgres;

fn main() -> Result<(), Box<dyn Error>> {
    let postgres = Postgres::new("postgres");
    let mut running = postgres.start()?;
    println!("{}", running.begin_sample()?);
    if let Some(remark) = running.remark() {
        eprintln!("{remark}");
    }
    eprintln!("{} server; end the input to stop it", postgres.kind()?);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    running.end_sample()?;
    Ok(())
}
