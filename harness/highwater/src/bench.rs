//! A suite in the hands of a bench: it runs single samples of its scenarios in fresh children, whenever it is asked to. How many,
//! and what they come to, is the bench's.

use std::fs::File;
use std::path::{Path, PathBuf};

use highwater_model::{Engine, Failure, Measurement, Sample};

use crate::BaselineStore;
use crate::parent::{Run, Services, Surroundings, check, folder, no_samples, take_sample, take_turn};
use crate::scenario::Declared;
use crate::suite::Entry;

/// The scenarios of a suite, to be run by a bench: see [`Suite::bench`](crate::Suite::bench).
#[derive(Debug)]
pub struct Bench {
    pub(crate) around: Surroundings,
    pub(crate) entries: Vec<Entry>,
}

impl Bench {
    /// The names of the scenarios, in the order of their declaration.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.declared.name.as_str())
    }

    /// Starts the services of this scenario, when it is this process's turn: measured children run one at a time in a target
    /// directory.
    ///
    /// # Errors
    /// When the declaration is wrong, or a service is not to be had.
    ///
    /// # Panics
    /// When the suite has no scenario of this name.
    pub fn start(&self, scenario: &str) -> Result<Sampler<'_>, Failure> {
        let entry = self.entries.iter().find(|entry| entry.declared.name == scenario);
        let declared = &entry.unwrap_or_else(|| panic!("there is no scenario `{scenario}`")).declared;
        check(declared)?;
        let folder = folder(&self.around, declared)?;
        let turn = take_turn(&self.around.place.results)?;
        let services = Services::start(&self.around, &declared.services)?;
        let measurement = no_samples(&self.around, declared, &services, Engine::Counting);
        Ok(Sampler { around: &self.around, declared, folder, services, measurement, _turn: turn })
    }

    /// The workspace's root.
    pub fn root(&self) -> &Path {
        &self.around.place.root
    }

    /// The folder of results: `highwater` in the target directory.
    pub fn results(&self) -> &Path {
        &self.around.place.results
    }

    /// What is accepted.
    pub fn baselines(&self) -> BaselineStore {
        BaselineStore::new(self.around.place.root.join(&self.around.place.baselines))
    }
}

/// A scenario whose services are running. Dropped, they stop.
pub struct Sampler<'a> {
    around: &'a Surroundings,
    declared: &'a Declared,
    folder: PathBuf,
    services: Services,
    measurement: Measurement,
    _turn: File,
}

impl std::fmt::Debug for Sampler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler").field("scenario", &self.declared.name).finish_non_exhaustive()
    }
}

impl Sampler<'_> {
    /// Runs the scenario once in a fresh child, with services made as new.
    ///
    /// # Errors
    /// When the run yields no numbers.
    pub fn sample(&mut self) -> Result<&Sample, Failure> {
        let number = self.measurement.samples.len() + 1;
        let run = Run::counting(self.around, Engine::Counting, number, number);
        let sample = take_sample(self.around, self.declared, &mut self.services, &self.folder, run)?;
        self.measurement.samples.push(sample);
        Ok(&self.measurement.samples[number - 1])
    }

    /// What was measured so far.
    pub fn measurement(&self) -> &Measurement {
        &self.measurement
    }
}
