//! An account of any size, replayed from a few hundred recorded records: what scenarios and examples sync.

// Each target uses a part of this.
#![allow(dead_code)]

use highwater_replay::{Ids, Replay, Scale};

const RECORDINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/greenhouse");
pub(crate) const API_KEY: &str = "recorded";

/// Applications that are gone on the next day, and as many that are new.
pub(crate) const GONE: u64 = 500;
/// Of the applications and candidates that stay, each tenth has changed on the next day.
const REVISED: u64 = 10;

/// The number of applications of an account, and what else it has in proportion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size(pub(crate) u64);

impl Size {
    pub(crate) fn applications(self) -> u64 {
        self.0
    }

    pub(crate) fn candidates(self) -> u64 {
        self.0 * 2 / 5
    }

    pub(crate) fn jobs(self) -> u64 {
        self.0 / 50
    }
}

/// Which state of the account.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Day {
    First,
    Next,
}

/// The account as it is on that day.
pub(crate) fn greenhouse(name: &str, day: Day, size: Size) -> Replay {
    let on_that_day = |scale: Scale, gone| match day {
        Day::First => scale,
        Day::Next => scale.skip(gone).revise_every(REVISED),
    };
    let applications = Scale::to(size.applications())
        .ids_from(19_214_950_003)
        .field("candidate_id", Ids::of("/v1/candidates"))
        .field("jobs[].id", Ids::spread_over("/v1/jobs"));
    let candidates = Scale::to(size.candidates()).ids_from(17_480_221_001);
    Replay::harvest(name, RECORDINGS)
        .api_key(API_KEY)
        .collection("/v1/applications", on_that_day(applications, GONE))
        .collection("/v1/candidates", on_that_day(candidates, 0))
        .collection("/v1/jobs", Scale::to(size.jobs()).ids_from(4_311_874_003))
}
