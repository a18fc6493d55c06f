//! A digest of what a replay answers: two runs whose digests differ measured other workloads.

use std::collections::BTreeMap;
use std::fmt::Debug;

use sha2::{Digest, Sha256};

use crate::pacing::Pacing;
use crate::recording::Exchange;
use crate::scale::Scale;

/// Bytes of the digest that are shown.
const SHOWN_BYTES: usize = 8;

/// The digest so far. Nothing of the machine goes in: no path, no port, no time.
pub(crate) struct Identity(Sha256);

impl Identity {
    pub(crate) fn new(profile: &str) -> Self {
        let mut identity = Self(Sha256::new());
        identity.say("profile", &profile);
        identity
    }

    /// Everything of an exchange that a replay uses.
    pub(crate) fn exchange(&mut self, exchange: &Exchange) {
        self.say("request", &(&exchange.method, exchange.url.as_str(), &exchange.body));
        match &exchange.response {
            Ok(response) => {
                self.say("response", &(response.status, &response.headers));
                self.bytes(&response.body);
            }
            Err(unplayable) => self.say("unplayable", unplayable),
        }
    }

    /// What the author said of sizes and pacing.
    pub(crate) fn settings(&mut self, scales: &BTreeMap<String, Scale>, pacing: &Pacing) {
        self.say("scales", scales);
        self.say("pacing", pacing);
    }

    /// A setting. The derived `Debug` form names every field, so a new one cannot be forgotten here.
    pub(crate) fn say(&mut self, name: &str, value: &dyn Debug) {
        self.bytes(name.as_bytes());
        self.bytes(format!("{value:?}").as_bytes());
    }

    /// Sixteen hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect()
    }

    /// With the length ahead, so that neighbours cannot be taken for one another.
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}
